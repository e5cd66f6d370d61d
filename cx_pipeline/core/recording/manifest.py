"""Manifests: what a recorder tells of one file that it left (spec: recording, 2; guide 19.6.1)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NoReturn

import polars as pl

from cx_pipeline.core.events.call_keys import call_key
from cx_pipeline.core.events.tenancy import DEFAULT_TENANT
from cx_pipeline.core.identity import name_of, uuid_of
from cx_pipeline.core.recording import manifest_fields as fields
from cx_pipeline.core.recording.file_names import NameFacts, facts_of_name
from cx_pipeline.core.recording.manifest_fields import Mask
from cx_pipeline.core.recording.manifest_values import (
    ManifestRefusedError,
    told_count,
    told_moment,
    told_text,
    wrong_type,
)
from cx_pipeline.core.recording.schema import FROM_FOLDER, RECORDING_MANIFEST_SCHEMA

__all__ = [
    "LARGEST_MANIFEST_BYTES",
    "Manifest",
    "ManifestRefusedError",
    "Mask",
    "decode_manifest",
    "identified",
    "manifest_frame",
    "parse_manifest",
    "read_manifest",
]

LARGEST_MANIFEST_BYTES = 1024 * 1024
_LARGEST_SIZE = 2**63 - 1
_HIGHEST_RATE_HZ = 2**31 - 1

_IDENTITY = ("tenant_id", "recorder_id", "file_path", "start_time", "side")
_PROBED = (
    "file_problem",
    "file_size_bytes",
    "encoding",
    "sample_rate_hz",
    "channels",
    "frames",
    "data_offset_bytes",
    "is_header_unfinished",
)
TOLD_MANIFEST_SCHEMA = pl.Schema(
    {
        **{name: dtype for name, dtype in RECORDING_MANIFEST_SCHEMA.items() if name not in _PROBED},
        "call_id": pl.String(),
    }
)
"""The columns of `RECORDING_MANIFEST_SCHEMA` that a manifest tells, and `call_id`: the call's id as it wrote it."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One file, as its recorder tells of it: the columns of `TOLD_MANIFEST_SCHEMA`, in their order."""

    manifest_id: str
    tenant_id: str
    source: str
    recording_type: str
    side: str
    call_key: str | None
    jtapi_id: str | None
    refci: str | None
    dialog_id: str | None
    agent_extension: str | None
    agent_device: str | None
    calling_number: str | None
    called_number: str | None
    direction: str | None
    start_time: datetime
    end_time: datetime | None
    recorder_id: str | None
    completion_cause: str | None
    is_finished: bool
    masks: tuple[Mask, ...]
    manifest_path: str | None
    file_path: str
    told_size_bytes: int | None
    told_sample_rate_hz: int | None
    call_id: str | None


def decode_manifest(content: bytes) -> object:
    """What the JSON text of a manifest holds.

    Raises:
        ManifestRefusedError: it is too large, no UTF-8, or no JSON that we read.
    """
    if len(content) > LARGEST_MANIFEST_BYTES:
        raise ManifestRefusedError(f"TOO_LONG: a manifest has at most {LARGEST_MANIFEST_BYTES} bytes")
    try:
        return json.loads(content.decode("utf-8-sig"), parse_constant=_no_number)
    except UnicodeDecodeError:
        raise ManifestRefusedError("NOT_UTF_8: the text is not UTF-8") from None
    except RecursionError:
        raise ManifestRefusedError("NOT_JSON: it is nested too deeply") from None
    except ManifestRefusedError:
        raise
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ManifestRefusedError(f"NOT_JSON: {error.msg} at {where}") from None
    except ValueError:  # a number of thousands of digits
        raise ManifestRefusedError("NOT_JSON: a number is too long") from None


def parse_manifest(
    payload: object,
    *,
    source: str = FROM_FOLDER,
    manifest_path: str | None = None,
    is_finished: bool = True,
    default_tenant: str = DEFAULT_TENANT,
) -> Manifest:
    """The manifest that a JSON object tells, with its id.

    Args:
        payload: what JSON gave: a mapping, or something that is refused.
        source: how it came, `FROM_FOLDER`, `FROM_GATEWAY` or `FROM_XML_CDR`.
        manifest_path: its own file; a relative path of the audio is beside it.
        is_finished: whether its recorder had come to an end with it.
        default_tenant: whose it is where it does not tell.

    Raises:
        ManifestRefusedError: it cannot be used; the reason says why.
    """
    told = read_manifest(
        payload,
        source=source,
        manifest_path=manifest_path,
        is_finished=is_finished,
        default_tenant=default_tenant,
    )
    return identified([told])[0]


def read_manifest(
    payload: object,
    *,
    source: str = FROM_FOLDER,
    manifest_path: str | None = None,
    is_finished: bool = True,
    default_tenant: str = DEFAULT_TENANT,
) -> Manifest:
    """As `parse_manifest`, but for `identified`: for many at once, to which that gives ids and call keys together."""
    if not isinstance(payload, dict):
        raise wrong_type("the manifest", "an object", payload)
    path = fields.file_path_of(payload, manifest_path)
    name = facts_of_name(path)
    direction = fields.direction_of(payload)
    calling, called = fields.numbers_of(payload, direction, name)
    start, end = _span(payload, name)
    call_id, refci = told_text(payload, fields.CALL_ID), told_text(payload, fields.REFCI)
    recording_type = fields.type_of(payload, name)
    return Manifest(
        manifest_id="",
        tenant_id=told_text(payload, fields.TENANT) or default_tenant,
        source=source,
        recording_type=recording_type,
        side=fields.side_of(payload, name),
        call_key=told_text(payload, fields.GLOBAL_CALL_ID) or call_id or (None if refci else name.call_key),
        jtapi_id=told_text(payload, fields.JTAPI_ID),
        refci=refci,
        dialog_id=fields.dialog_of(payload, recording_type, name),
        agent_extension=told_text(payload, fields.AGENT_EXTENSION) or name.agent_extension,
        agent_device=told_text(payload, fields.AGENT_DEVICE),
        calling_number=calling,
        called_number=called,
        direction=direction,
        start_time=start,
        end_time=end,
        recorder_id=told_text(payload, fields.RECORDER_ID),
        completion_cause=told_text(payload, fields.COMPLETION_CAUSE),
        is_finished=is_finished,
        masks=fields.masks_of(payload),
        manifest_path=manifest_path,
        file_path=path,
        told_size_bytes=told_count(payload, fields.FILE_SIZE, _LARGEST_SIZE),
        told_sample_rate_hz=told_count(payload, fields.SAMPLE_RATE, _HIGHEST_RATE_HZ) or None,
        call_id=call_id,
    )


def identified(manifests: Sequence[Manifest]) -> list[Manifest]:
    """The manifests with their ids, and their call keys in the form of the legs'.

    An id is made of tenant, recorder, file, start and side: a manifest that comes again, by whatever way, is the same.
    """
    frame = pl.DataFrame(
        {name: [getattr(manifest, name) for manifest in manifests] for name in (*_IDENTITY, "call_key")},
        schema={name: TOLD_MANIFEST_SCHEMA[name] for name in (*_IDENTITY, "call_key")},
    )
    start = pl.col("start_time").dt.epoch("us")
    name = name_of(*(start if part == "start_time" else pl.col(part) for part in _IDENTITY))
    ids = uuid_of(frame.select(name).to_series())
    keys = frame.select(call_key(pl.col("call_key"))).to_series()
    return [
        replace(manifest, manifest_id=manifest_id, call_key=key)
        for manifest, manifest_id, key in zip(manifests, ids, keys, strict=True)
    ]


def manifest_frame(manifests: Sequence[Manifest]) -> pl.DataFrame:
    """The manifests as a frame of `TOLD_MANIFEST_SCHEMA`."""
    rows = [
        {name: getattr(manifest, name) for name in TOLD_MANIFEST_SCHEMA if name != "masks"}
        | {"masks": [_of_mask(mask) for mask in manifest.masks]}
        for manifest in manifests
    ]
    return pl.DataFrame(rows, schema=TOLD_MANIFEST_SCHEMA, orient="row").select(TOLD_MANIFEST_SCHEMA.names())


def _of_mask(mask: Mask) -> dict[str, object]:
    return {name: getattr(mask, name) for name in ("start_time", "end_time", "masked_by", "reason")}


def _span(payload: dict[str, object], name: NameFacts) -> tuple[datetime, datetime | None]:
    start, end = told_moment(payload, fields.START_TIME), told_moment(payload, fields.END_TIME)
    start = start or name.start_time
    if start is None:
        raise ManifestRefusedError("NO_TIME: there is no start_time")
    if end is not None and end < start:
        raise ManifestRefusedError("WRONG_VALUE: end_time is before start_time")
    return start, end


def _no_number(text: str) -> NoReturn:
    raise ManifestRefusedError(f"NOT_JSON: {text} is no number of JSON")
