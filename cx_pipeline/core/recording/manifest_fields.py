"""The fields of a manifest: under which names they come, and what their words mean.

Names are those of guide 19.6.1 (camelCase), of our own scripts (snake_case), and older ones that recorders still write.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cx_pipeline.core.recording.file_names import NameFacts
from cx_pipeline.core.recording.manifest_values import (
    ManifestRefusedError,
    first_of,
    told_moment,
    told_text,
    wrong_type,
)
from cx_pipeline.core.recording.schema import BIB, BOTH, EFSWITCH, FAR, NEAR, SCREEN, SIPREC

Names = tuple[str, ...]

TENANT: Names = ("tenant_id", "tenantId", "tenant")
CALL_ID: Names = ("call_id", "callId")
GLOBAL_CALL_ID: Names = ("global_call_id", "globalCallId", "gcid", "GCID", "x-cisco-global-call-id")
JTAPI_ID: Names = ("jtapi_call_id", "jtapiCallId", "jtapi_id", "jtapiId", "x-cisco-jtapi-call-id")
REFCI: Names = ("refci", "x_refci", "xRefci", "x-refci", "xrefciId")
DIALOG_ID: Names = ("dialog_id", "dialogId")
CHANNEL: Names = ("channel_uuid", "channelUuid", "uuid")
AGENT_EXTENSION: Names = ("agent_extension", "agentExtension", "agent_dn", "agentDn", "extension")
AGENT_DEVICE: Names = ("agent_device", "agentDevice", "device", "x-nearenddevice")
CALLING_NUMBER: Names = ("calling_number", "callingNumber", "ani", "ANI", "x-cisco-calling-number")
CALLED_NUMBER: Names = ("called_number", "calledNumber", "dnis", "DNIS", "dn", "x-cisco-called-number")
CUSTOMER_NUMBER: Names = ("customer_number", "customerNumber", "mdn")
START_TIME: Names = ("start_time", "startTime", "start_epoch", "startEpoch")
END_TIME: Names = ("end_time", "endTime", "end_epoch", "endEpoch")
RECORDER_ID: Names = ("recorder_id", "recorderId", "recorder", "hostname", "host")
COMPLETION_CAUSE: Names = ("completion_cause", "completionCause", "Record-Completion-Cause")
FILE_PATH: Names = ("file_path", "filePath", "recording_file", "recordingFile")
FILE_SIZE: Names = ("file_size", "fileSize", "file_size_bytes")
SAMPLE_RATE: Names = ("sample_rate", "sampleRate", "sample_rate_hz")
_DIRECTION: Names = ("direction", "call_direction", "callDirection")
_RECORDING_TYPE: Names = ("recording_type", "recordingType")
_SIDE: Names = ("side", "stream_side", "streamSide")
_MASKED: Names = ("masked", "masks", "maskedSpans")

LONGEST_PATH = 4096
_MOST_MASKS = 1000
_LONGEST_WORD = 64
_NOT_IN_WORDS = re.compile(r"[^A-Z0-9]")
_TYPES = {
    "BIB": BIB,
    "AGENTBIB": BIB,
    "BUILTINBRIDGE": BIB,
    "SIPREC": SIPREC,
    "EFSWITCH": EFSWITCH,
    "FREESWITCH": EFSWITCH,
    "SCREEN": SCREEN,
    "SCREENRECORDING": SCREEN,
}
_SIDES = {
    "NEAR": NEAR,
    "NEAREND": NEAR,
    "XNEAREND": NEAR,
    "AGENT": NEAR,
    "FAR": FAR,
    "FAREND": FAR,
    "XFAREND": FAR,
    "CUSTOMER": FAR,
    "BOTH": BOTH,
    "MIXED": BOTH,
    "STEREO": BOTH,
}
_DIRECTIONS = {
    "IN": "INBOUND",
    "INBOUND": "INBOUND",
    "INCOMING": "INBOUND",
    "OUT": "OUTBOUND",
    "OUTBOUND": "OUTBOUND",
    "OUTGOING": "OUTBOUND",
    "LOCAL": "INTERNAL",
    "INTERNAL": "INTERNAL",
    "CONSULT": "CONSULT",
}


@dataclass(frozen=True, slots=True)
class Mask:
    """A span that must not be heard. Without an end it lasts to the end of its file."""

    start_time: datetime
    end_time: datetime | None
    masked_by: str | None
    reason: str | None


def file_path_of(payload: Mapping[str, object], manifest_path: str | None) -> str:
    """Where the file is: an absolute path; a relative one is beside the manifest.

    Raises:
        ManifestRefusedError: there is none, or it can be none.
    """
    found = first_of(payload, FILE_PATH)
    if found is None:
        raise ManifestRefusedError("NO_FILE: there is no file_path")
    name, path = found
    if not isinstance(path, str):
        raise wrong_type(name, "a text", path)
    if not _is_path(path):
        raise ManifestRefusedError(f"WRONG_VALUE: {name} is no path")
    if not path.startswith("/"):
        if manifest_path is None:
            raise ManifestRefusedError(f"WRONG_VALUE: {name} is not absolute")
        path = f"{manifest_path.rpartition('/')[0]}/{path}"
    return path


def type_of(payload: Mapping[str, object], name: NameFacts) -> str:
    """The recording type. Where none is told: EFSWITCH for a file named as EFSwitch does, else BIB.

    Raises:
        ManifestRefusedError: it is told, and not known.
    """
    if (word := _word(payload, _RECORDING_TYPE, _TYPES)) is not None:
        return word
    return EFSWITCH if name.form in ("DIALOG", "UUID") else BIB


def side_of(payload: Mapping[str, object], name: NameFacts) -> str:
    """Whose voice the file holds. Where neither manifest nor name tell, it is taken as it is: `both`.

    Raises:
        ManifestRefusedError: it is told, and not known.
    """
    return _word(payload, _SIDE, _SIDES) or name.side or BOTH


def dialog_of(payload: Mapping[str, object], recording_type: str, name: NameFacts) -> str | None:
    """The dialog of the CX platform. FreeSWITCH's channel is one only where FreeSWITCH bridged the call itself."""
    told = told_text(payload, DIALOG_ID)
    if told is not None or recording_type != EFSWITCH:
        return told
    return name.dialog_id or told_text(payload, CHANNEL)


def direction_of(payload: Mapping[str, object]) -> str | None:
    """INBOUND, OUTBOUND, INTERNAL or CONSULT; what is none of these is kept in capitals."""
    text = told_text(payload, _DIRECTION)
    return None if text is None else _DIRECTIONS.get(_NOT_IN_WORDS.sub("", text.upper()), text.upper())


def numbers_of(
    payload: Mapping[str, object], direction: str | None, name: NameFacts
) -> tuple[str | None, str | None]:
    """Calling and called number. The customer's stands for the one of them that the direction says."""
    calling, called = told_text(payload, CALLING_NUMBER), told_text(payload, CALLED_NUMBER)
    customer = told_text(payload, CUSTOMER_NUMBER) or name.customer_number
    if direction == "OUTBOUND":
        return calling, called or customer
    return calling or customer, called


def masks_of(payload: Mapping[str, object]) -> tuple[Mask, ...]:
    """The masked spans. One that cannot be read refuses the whole manifest: what it hides must not be heard.

    Raises:
        ManifestRefusedError: one of them cannot be read.
    """
    found = first_of(payload, _MASKED)
    if found is None or found[1] == {}:  # Lua's empty table may be written either way
        return ()
    name, spans = found
    if not isinstance(spans, list):
        raise wrong_type(name, "a list", spans)
    if len(spans) > _MOST_MASKS:
        raise ManifestRefusedError(f"TOO_LONG: {name} has {len(spans)} spans")
    return tuple(_mask(span, f"{name}[{number}]") for number, span in enumerate(spans))


def _mask(span: object, name: str) -> Mask:
    if not isinstance(span, dict):
        raise wrong_type(name, "an object", span)
    try:
        start = told_moment(span, ("from", "start_time", "startTime", "start"))
        end = told_moment(span, ("to", "end_time", "endTime", "end"))
        masked_by, reason = told_text(span, ("by", "masked_by", "agent")), told_text(span, ("reason", "why"))
    except ManifestRefusedError as refused:
        raise ManifestRefusedError(f"{refused.reason} (in {name})") from None
    if start is None:
        raise ManifestRefusedError(f"WRONG_VALUE: {name} has no beginning")
    if end is not None and end < start:
        raise ManifestRefusedError(f"WRONG_VALUE: {name} ends before it begins")
    return Mask(start, end, masked_by, reason)


def _word(payload: Mapping[str, object], names: Names, known: Mapping[str, str]) -> str | None:
    text = told_text(payload, names)
    if text is None:
        return None
    word = known.get(_NOT_IN_WORDS.sub("", text.upper()))
    if word is None:
        raise ManifestRefusedError(f"WRONG_VALUE: {names[0]} is {text[:_LONGEST_WORD]!r}, which is not known")
    return word


def _is_path(text: str) -> bool:
    try:
        return 0 < len(text.encode()) <= LONGEST_PATH and "\0" not in text
    except UnicodeEncodeError:
        return False
