"""What the name of a recorder's file tells: recorders put facts there that they tell nowhere else.

| form | who writes it |
| --- | --- |
| `dialogId:agent:number:time.wav` | EFSwitch (guide 10.1, 18.6.4) |
| `uuid.wav`, `customer_leg_uuid.wav`, `uuid_n.wav` | EFSwitch: a consultation, a call out, a name that was taken |
| `key_yyyymmddThhmmss.mmm_side.wav` | `record.lua` |
| `gcid_yyyymmddhhmmss.wav` | recorders that follow guide 19.4.1 |

Names are read from the right: ids of dialogs may hold colons, times as well.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from cx_pipeline.core.recording.manifest_values import moment_of

NameForm = Literal["DIALOG", "UUID", "STREAM"]

_LONGEST_NAME = 1024
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}$")
_TAKEN = re.compile(r"_[0-9]{1,4}$", re.ASCII)
_UUID = re.compile(
    r"(?P<prefix>customer_leg_)?(?P<uuid>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:_[0-9]{1,6})?",
    re.IGNORECASE | re.ASCII,
)
DIALOG_NAME = re.compile(
    r"(?P<dialog>.+):(?P<agent>[^:]*):(?P<number>[^:]*):"
    r"(?P<time>[0-9]{9,17}(?:\.[0-9]{1,9})?"
    r"|[0-9]{4}-?[0-9]{2}-?[0-9]{2}[Tt ][0-9]{2}:?[0-9]{2}(?::?[0-9]{2}(?:[.,][0-9]{1,9})?)?"
    r"(?:[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?))",
    re.ASCII,
)
"""`dialogId:agent:number:time`, without a suffix: the shape of EFSwitch's names and of the keys in links."""
_STREAM = re.compile(
    r"(?P<key>.+?)_(?P<time>[0-9]{8}T?[0-9]{6}(?:\.[0-9]{1,6})?)Z?(?:_(?P<side>near|far|both))?", re.ASCII
)
_SIDE = re.compile(r".*_(?P<side>near|far|both)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class NameFacts:
    """What a name tells; null what it does not."""

    form: NameForm | None = None
    dialog_id: str | None = None
    """Of the EFSwitch dialog, or the FreeSWITCH channel."""
    call_key: str | None = None
    """What stands first in the name of a stream: a call's id, or the refci; never a channel's UUID."""
    agent_extension: str | None = None
    customer_number: str | None = None
    start_time: datetime | None = None
    side: str | None = None


def facts_of_name(file_path: str) -> NameFacts:
    """What the last part of a path tells."""
    name = file_path.rpartition("/")[2]
    if len(name) > _LONGEST_NAME:
        return NameFacts()
    stem = _SUFFIX.sub("", name)
    if found := _UUID.fullmatch(stem):
        return NameFacts(form="UUID", dialog_id=found["uuid"].lower())
    return _of_dialog(stem) or _of_stream(stem) or NameFacts(side=_side_of(stem))


def _of_dialog(stem: str) -> NameFacts | None:
    for text in (stem, _TAKEN.sub("", stem)):
        if (found := DIALOG_NAME.fullmatch(text)) and (start := moment_of(found["time"])):
            return NameFacts(
                form="DIALOG",
                dialog_id=found["dialog"],
                agent_extension=found["agent"].strip() or None,
                customer_number=found["number"].strip() or None,
                start_time=start,
                side="both",
            )
    return None


def _of_stream(stem: str) -> NameFacts | None:
    for text in (stem, _TAKEN.sub("", stem)):
        if (found := _STREAM.fullmatch(text)) and (start := _compact_time(found["time"])):
            key = None if _UUID.fullmatch(found["key"]) else found["key"]
            return NameFacts(form="STREAM", call_key=key, start_time=start, side=found["side"])
    return None


def _side_of(stem: str) -> str | None:
    found = _SIDE.fullmatch(_TAKEN.sub("", stem))
    return found["side"] if found else None


def _compact_time(text: str) -> datetime | None:
    """`20260608T100000.123`, with or without the T and the fraction; UTC."""
    plain = text.replace("T", "")
    try:
        whole = datetime.strptime(plain[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return whole.replace(microsecond=int(plain[15:].ljust(6, "0")[:6] or 0))
