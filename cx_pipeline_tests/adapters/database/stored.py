"""Makes what the tests of the stores store: events by SQL, and correlations of calls that need no engine."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import polars as pl
from sqlalchemy import Engine, text

from cx_pipeline.adapters.database.leg_store import OTHER_CALL_SCHEMA
from cx_pipeline.adapters.database.locks import INTAKE_LOCK
from cx_pipeline.adapters.database.partitions import ensure_partitions
from cx_pipeline.core.calls.correlate import Correlation, Counts
from cx_pipeline.core.calls.schema import CALL_SCHEMA, COMPLETED, IN_PROGRESS, LEG_SCHEMA, QUARANTINE_SCHEMA
from cx_pipeline.core.windows import Window, window_of

HOUR = timedelta(hours=1)
MIDNIGHT = datetime(2024, 1, 15, tzinfo=UTC)

_INSERT = text(
    "INSERT INTO jtapi_event (event_id, event_time, received_at, call_key, previous_call_key, link_id, tenant_id, "
    "source, listener_id, event_name, global_call_id, extension) "
    "SELECT jtapi_event_id('default', 'jtapi', '', :call_key, :event_name, :event_time, :extension, null, null), "
    ":event_time, :received_at, :call_key, :previous_call_key, :link_id, 'default', 'jtapi', '', :event_name, "
    ":call_key, :extension RETURNING arrival_sequence"
)


def at(clock: str, day: int = 15) -> datetime:
    """A moment of January 2024, `10:30` or `10:30:05`, in UTC."""
    return datetime.fromisoformat(f"2024-01-{day:02d}T{clock}+00:00")


def hour(clock: str, day: int = 15) -> Window:
    """The hour that begins at `10:00`."""
    return window_of(at(clock, day), HOUR)


def fact(key: str, moment: datetime, name: str = "CallCtlTermConnTalkingEv", **more: Any) -> dict[str, Any]:
    """An event's values, for `store`."""
    nothing = {"previous_call_key": None, "link_id": None, "extension": None, "received_at": moment}
    return {**nothing, "call_key": key, "event_time": moment, "event_name": name, **more}


def store(engine: Engine, *facts: Mapping[str, Any]) -> int:
    """Store events in this order of arrival; the newest arrival sequence."""
    with engine.connect() as connection:
        ensure_partitions(connection, {each["event_time"].date() for each in facts})
        with connection.begin():
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": INTAKE_LOCK})
            return max(int(connection.execute(_INSERT, dict(each)).scalar_one()) for each in facts)


def call_id(number: int) -> str:
    """The id of a call."""
    return str(UUID(int=number))


def leg_id(call: int, leg: int) -> str:
    """The id of a call's leg."""
    return str(UUID(int=(1 << 64) + call * 1000 + leg))


def a_call(number: int, end: datetime | None, *, keys: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    """A call's values, for `correlation_of`; without an end it is in progress."""
    keys = list(keys) or [f"1_{number}"]
    return {
        "call_id": call_id(number),
        "tenant_id": "default",
        "root_call_key": keys[0],
        "call_keys": keys,
        "status": IN_PROGRESS if end is None else COMPLETED,
        "start_time": MIDNIGHT,
        "end_time": end,
        "last_fact_time": end or MIDNIGHT,
        "participants": ["1001", 'a "quoted", {b\\raced} one'],
        **more,
    }


def a_leg(call: Mapping[str, Any], number: int = 1, **more: Any) -> dict[str, Any]:
    """A leg of a call."""
    return {
        "leg_id": leg_id(UUID(call["call_id"]).int, number),
        "leg_key": f"{call['call_id']}:1001::0",
        "call_id": call["call_id"],
        "tenant_id": call["tenant_id"],
        "leg_number": number,
        "status": call["status"],
        "start_time": MIDNIGHT,
        "end_time": call["end_time"],
        "hold_segments": [{"start_time": at("10:01"), "end_time": at("10:02")}],
        "participants": ["1001", ""],
        "other_party": "",
        "evidence": {"start": {"rule": "first talking", "event_time": at("10:01"), "extension": "1001"}},
        **more,
    }


def correlation_of(
    calls: Iterable[Mapping[str, Any]],
    legs: Iterable[Mapping[str, Any]] | None = None,
    quarantine: Iterable[Mapping[str, Any]] = (),
) -> Correlation:
    """A correlation of these calls; if no legs are given, each call has one."""
    calls = list(calls)
    legs = [a_leg(call) for call in calls] if legs is None else legs
    return Correlation(
        pl.DataFrame([_filled(each, CALL_SCHEMA) for each in calls], schema=CALL_SCHEMA),
        pl.DataFrame([_filled(each, LEG_SCHEMA) for each in legs], schema=LEG_SCHEMA),
        pl.DataFrame([_filled(each, QUARANTINE_SCHEMA) for each in quarantine], schema=QUARANTINE_SCHEMA),
        Counts(10, 7, 2, 1),
        pl.DataFrame(),
    )


def open_keys(*calls: Mapping[str, Any]) -> pl.DataFrame:
    """The open call keys of the calls that have not ended."""
    rows = [(each["tenant_id"], key) for each in calls for key in each["call_keys"] if not each["end_time"]]
    return pl.DataFrame(rows, schema={"tenant_id": pl.String, "call_key": pl.String}, orient="row")


def others(*calls: Mapping[str, Any]) -> pl.DataFrame:
    """Calls that a computation saw beside its own."""
    rows = [(each["call_id"], each["end_time"]) for each in calls]
    return pl.DataFrame(rows, schema=OTHER_CALL_SCHEMA, orient="row")


def _filled(row: Mapping[str, Any], schema: pl.Schema) -> dict[str, Any]:
    return {name: row.get(name) for name in schema}
