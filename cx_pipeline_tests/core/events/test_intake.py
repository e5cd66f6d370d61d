from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from cx_pipeline.core.directory import EMPTY_DIRECTORY
from cx_pipeline.core.events.intake import Prepared, prepare
from cx_pipeline.core.events.schema import EVENT_SCHEMA, UTC_MICROSECONDS
from cx_pipeline_tests.core.directories import directory

NOON = datetime(2024, 1, 16, 12, tzinfo=UTC)
EVENT = {"event_time": NOON, "event_name": "CallActiveEv", "global_call_id": "100/1"}


def prepared(*rows: dict[str, Any]) -> Prepared:
    schema = {name: dtype for name, dtype in EVENT_SCHEMA.items() if any(name in row for row in rows)}
    extra = {"row_number": pl.Int64} if any("row_number" in row for row in rows) else {}
    return prepare(pl.DataFrame(list(rows), schema={**schema, **extra}), EMPTY_DIRECTORY)


def test_what_is_missing_is_filled() -> None:
    (event,) = prepared(EVENT).usable.to_dicts()
    filled = {name: value for name, value in event.items() if value is not None}
    assert filled == {
        "call_key": "1_100",
        "tenant_id": "default",
        "source": "jtapi",
        "listener_id": "",
        "event_time": NOON,
        "received_at": NOON,
        "event_name": "CallActiveEv",
        "global_call_id": "100/1",
    }


def test_usable_events_have_every_column_and_their_keys_first() -> None:
    usable = prepared(EVENT).usable
    assert usable.columns == ["call_key", "previous_call_key", *EVENT_SCHEMA]
    assert [usable.schema[name] for name in EVENT_SCHEMA] == list(EVENT_SCHEMA.values())


def test_what_was_given_stays() -> None:
    given = {
        **EVENT,
        "tenant_id": "red",
        "source": "genesys",
        "listener_id": "b",
        "received_at": NOON + timedelta(seconds=1),
        "previous_global_call_id": "16777316",
    }
    (event,) = prepared(given).usable.to_dicts()
    assert {name: event[name] for name in given} == given
    assert event["previous_call_key"] == "1_100"


def test_the_source_is_told_by_the_name() -> None:
    rows = [
        {**EVENT, "event_name": name, "source": source} for name, source in [("CALL_HELD", None), ("X", "  ")]
    ]
    assert prepared(*rows).usable["source"].to_list() == ["jtapi_table", "jtapi"]


def test_a_number_stands_for_the_name() -> None:
    rows = [{**EVENT, "event_name": None, "event_code": code} for code in (101, 99999)]
    assert prepared(*rows).usable["event_name"].to_list() == ["CallActiveEv", "#99999"]


def test_what_cannot_be_used_is_rejected_with_its_reason_as_it_came() -> None:
    given = prepared(
        {**EVENT, "row_number": 1},
        {**EVENT, "global_call_id": None, "row_number": 2},
        {**EVENT, "global_call_id": "  ", "extension": "1005", "row_number": 3},
        {**EVENT, "event_time": None, "row_number": 4},
        {**EVENT, "event_name": " ", "row_number": 5},
    )
    assert given.usable["row_number"].to_list() == [1]
    assert given.rejected.select("row_number", "reason").rows() == [
        (2, "NO_CALL_ID"),
        (3, "NO_CALL_ID"),
        (4, "NO_EVENT_TIME"),
        (5, "NO_EVENT_NAME"),
    ]
    assert given.rejected["extension"].to_list() == [None, "1005", None, None]
    assert set(given.rejected.columns) == {*EVENT_SCHEMA, "row_number", "reason"}


def test_unknown_columns_are_dropped_and_missing_ones_read_as_null() -> None:
    events = pl.DataFrame(
        {"event_time": [NOON], "event_name": ["CallActiveEv"], "global_call_id": ["1_1"], "colour": ["red"]},
        schema_overrides={"event_time": UTC_MICROSECONDS},
    )
    usable = prepare(events, EMPTY_DIRECTORY).usable
    assert "colour" not in usable.columns
    assert usable["extension"].to_list() == [None]


def test_no_events_are_prepared_to_none() -> None:
    nothing = prepare(EVENT_SCHEMA.to_frame(), EMPTY_DIRECTORY)
    assert len(nothing.usable) == len(nothing.rejected) == 0
    assert nothing.usable.columns == ["call_key", "previous_call_key", *EVENT_SCHEMA]


def test_the_tenant_is_looked_up() -> None:
    site = directory(clusters=[{"cluster": "1", "tenant_id": "red"}])
    usable = prepare(pl.DataFrame([EVENT], schema_overrides={"event_time": UTC_MICROSECONDS}), site).usable
    assert usable["tenant_id"].to_list() == ["red"]
