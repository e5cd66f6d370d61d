"""Heartbeats and ends of calls, as documents tell them: checked, in our names, in snake_case or camelCase."""

from dataclasses import dataclass
from datetime import datetime
from math import isfinite

from cx_pipeline.core.recording.manifest_values import (
    ManifestRefusedError,
    first_of,
    told_count,
    told_moment,
    told_text,
    wrong_type,
)
from cx_pipeline.gateway.access.principal import Principal

_MOST_COUNTED = 2**31 - 1
_DEEPEST = 32
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, slots=True)
class ListenerBeat:
    """A listener's sign of life, as `Heartbeats.beat` takes it."""

    source: str
    listener_id: str
    beat_at: datetime
    is_connected: bool
    failed_reconnections: int
    tenant_id: str


@dataclass(frozen=True, slots=True)
class RecorderBeat:
    """A recorder's sign of life, as `RecorderHeartbeats.beat` takes it."""

    recorder_id: str
    beat_at: datetime
    active_recordings: int | None


@dataclass(frozen=True, slots=True)
class CallEnd:
    """The end of a call, as FreeSWITCH's scripts tell it."""

    call_uuid: str
    tenant_id: str
    recorder_id: str | None
    ended_at: datetime | None
    details: dict[str, object]


def listener_beat_of(document: object, sender: Principal, received_at: datetime) -> ListenerBeat:
    """A listener's sign of life.

    Raises:
        ManifestRefusedError: it cannot be used; the reason names the field.
    """
    told = _object(document)
    return ListenerBeat(
        source=_text(told, "source"),
        listener_id=_text(told, "listener_id", "listenerId"),
        beat_at=_beat_at(told, received_at),
        is_connected=_flag(told, ("is_connected", "isConnected")),
        failed_reconnections=told_count(told, ("failed_reconnections", "failedReconnections"), _MOST_COUNTED)
        or 0,
        tenant_id=_tenant(told, sender, default=""),
    )


def recorder_beat_of(document: object, sender: Principal, received_at: datetime) -> RecorderBeat:
    """A recorder's sign of life (`lua/cx/heartbeat.lua`).

    Raises:
        ManifestRefusedError: it cannot be used; the reason names the field.
    """
    told = _object(document)
    return RecorderBeat(
        recorder_id=_text(told, "recorder_id", "recorderId"),
        beat_at=_beat_at(told, received_at),
        active_recordings=told_count(told, ("active_recordings", "activeRecordings"), _MOST_COUNTED),
    )


def call_end_of(document: object, sender: Principal, received_at: datetime) -> CallEnd:
    """The end of a call (`lua/cx/voice_connector.lua`).

    Raises:
        ManifestRefusedError: it cannot be used; the reason names the field.
    """
    told = _object(document)
    return CallEnd(
        call_uuid=_text(told, "uuid", "call_uuid", "callUuid", "callUid"),
        tenant_id=_tenant(told, sender, default="default"),
        recorder_id=told_text(told, ("recorder_id", "recorderId", "eslHost")),
        ended_at=told_moment(told, ("ended_at", "endedAt", "end_time", "endTime")),
        details={_storable_text(name): _storable(value, 0) for name, value in told.items()},
    )


def _object(document: object) -> dict[str, object]:
    if not isinstance(document, dict):
        raise wrong_type("the document", "an object", document)
    return document


def _text(told: dict[str, object], *names: str) -> str:
    text = told_text(told, names)
    if text is None:
        raise ManifestRefusedError(f"NO_VALUE: there is no {names[0]}")
    return text


def _beat_at(told: dict[str, object], received_at: datetime) -> datetime:
    """When it beat: not later than it came, as a clock that is ahead would hide a silence."""
    beat_at = told_moment(told, ("beat_at", "beatAt", "sent_time", "sentTime", "timestamp"))
    return received_at if beat_at is None else min(beat_at, received_at)


def _flag(told: dict[str, object], names: tuple[str, ...]) -> bool:
    found = first_of(told, names)
    if found is None:
        raise ManifestRefusedError(f"NO_VALUE: there is no {names[0]}")
    name, value = found
    if not isinstance(value, bool):
        raise wrong_type(name, "true or false", value)
    return value


def _tenant(told: dict[str, object], sender: Principal, *, default: str) -> str:
    tenant_id = told_text(told, ("tenant_id", "tenantId"))
    if tenant_id is None:
        return sender.tenant_id or default
    if not sender.sees(tenant_id):
        raise ManifestRefusedError("OTHER_TENANT: tenant_id is not the sender's")
    return tenant_id


def _storable(value: object, depth: int) -> object:
    """A value as jsonb can hold it."""
    if depth > _DEEPEST:
        raise ManifestRefusedError("WRONG_VALUE: the document is nested too deeply")
    if isinstance(value, str):
        return _storable_text(value)
    if isinstance(value, list):
        return [_storable(each, depth + 1) for each in value]
    if isinstance(value, dict):
        return {_storable_text(name): _storable(each, depth + 1) for name, each in value.items()}
    if isinstance(value, float) and not isfinite(value):  # 1e999 is JSON
        return str(value)
    return value


def _storable_text(text: str) -> str:
    return text.encode("utf-8", "replace").decode().replace("\0", _REPLACEMENT)
