"""What the tables hold, in a form that can be compared with frames, all fields included."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import Engine, Table, select, text

from cx_pipeline.adapters.database.tables import call, call_leg, jtapi_event
from cx_pipeline.core.calls.schema import CALL_SCHEMA, LEG_SCHEMA
from cx_pipeline.core.events.schema import STORED_EVENT_SCHEMA

Row = Mapping[str, Any]

SHOWN = 10
"""So many differences are told."""

WRITTEN = {
    "call": "SELECT call_id::text, xmin::text FROM call",
    "call_leg": "SELECT leg_id::text, xmin::text FROM call_leg",
    "open_call_key": "SELECT window_start::text || tenant_id || call_key, xmin::text FROM open_call_key",
    "quarantined_event": "SELECT window_start::text || row_text, xmin::text FROM quarantined_event",
}


def stored_events(engine: Engine) -> pl.DataFrame:
    """Every event of the store."""
    columns = [jtapi_event.c[name] for name in STORED_EVENT_SCHEMA]
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(select(*columns))]
    return pl.DataFrame(rows, schema=STORED_EVENT_SCHEMA, orient="row")


def stored_calls(engine: Engine) -> list[Row]:
    """Every call of the table, by id."""
    return _stored(engine, call, CALL_SCHEMA, "call_id")


def stored_legs(engine: Engine) -> list[Row]:
    """Every leg of the table, by id."""
    return _stored(engine, call_leg, LEG_SCHEMA, "leg_id")


def rows_of(frame: pl.DataFrame) -> list[Row]:
    """The rows of a frame of calls or legs, by id."""
    key = "leg_id" if "leg_id" in frame.columns else "call_id"
    return list(frame.sort(key).iter_rows(named=True))


def assert_same(found: list[Row], wanted: list[Row]) -> None:
    """Fail with what differs, in words, unless all rows and fields agree."""
    different = list(_differences(found, wanted))
    assert not different, "\n".join([f"{len(different)} differences", *different[:SHOWN]])


def _differences(found: list[Row], wanted: list[Row]) -> Iterator[str]:
    found_by_id, wanted_by_id = ({_id(row): row for row in rows} for rows in (found, wanted))
    assert (len(found_by_id), len(wanted_by_id)) == (len(found), len(wanted)), "an id came twice"
    yield from (f"missing: {row}" for key, row in wanted_by_id.items() if key not in found_by_id)
    yield from (f"unwanted: {row}" for key, row in found_by_id.items() if key not in wanted_by_id)
    for key in sorted(found_by_id.keys() & wanted_by_id.keys()):
        for name, value in wanted_by_id[key].items():
            if found_by_id[key][name] != value:
                yield f"{key}: {name} is {found_by_id[key][name]!r}, not {value!r}"


def versions(engine: Engine) -> dict[str, dict[str, str]]:
    """By which transaction each row was written, by table and row: an untouched row keeps it."""
    with engine.connect() as connection:
        return {
            table: {key: version for key, version in connection.execute(text(query))}  # noqa: C416
            for table, query in WRITTEN.items()
        }


def _stored(engine: Engine, table: Table, schema: pl.Schema, key: str) -> list[Row]:
    columns = [table.c[name] for name in schema]
    with engine.connect() as connection:
        rows = connection.execute(select(*columns).order_by(table.c[key])).mappings().all()
    return [{name: _value(name, value) for name, value in row.items()} for row in rows]


def _value(name: str, value: Any) -> Any:
    """A value as a frame has it: JSON writes times as text."""
    if isinstance(value, dict):
        return {key: _value(key, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_value(name, inner) for inner in value]
    if isinstance(value, str) and name.endswith("_time"):
        return datetime.fromisoformat(value)
    return value


def _id(row: Row) -> str:
    return str(row.get("leg_id", row["call_id"]))
