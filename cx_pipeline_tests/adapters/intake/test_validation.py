from datetime import UTC, datetime

import polars as pl
import pytest

from cx_pipeline.adapters.intake.chunk import NUMBERED_EVENT_SCHEMA, EventChunk, ReadChunk
from cx_pipeline.adapters.intake.validation import MAX_TEXT_BYTES, to_events


def checked(
    *rows: dict[str, str | None], source: str | None = None, tenant_id: str | None = None
) -> EventChunk:
    frame = pl.DataFrame(
        rows, schema_overrides=dict.fromkeys((name for row in rows for name in row), pl.String)
    )
    numbered = frame.with_row_index("row_number", offset=1).cast({"row_number": pl.Int64})
    chunk = ReadChunk(numbered, [], frozenset(), lambda number: f"row {number}")
    return to_events(chunk, source=source, tenant_id=tenant_id)


def test_events_have_every_column_in_its_type() -> None:
    result = checked({"event_time": "2024-01-15T10:23:45.5+01:00", "event_code": "107", "extension": "1005"})
    assert result.events.schema == NUMBERED_EVENT_SCHEMA
    assert result.events["event_time"].to_list() == [datetime(2024, 1, 15, 9, 23, 45, 500_000, tzinfo=UTC)]
    assert result.events["event_code"].to_list() == [107]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"event_time": "2024-01-15T09:23:45"}, "TIME_WITHOUT_ZONE: event_time"),
        ({"received_at": "2024-01-15T09:23:45"}, "TIME_WITHOUT_ZONE: received_at"),
        ({"createdAt": "2024-01-15 09:23:45.123"}, "TIME_WITHOUT_ZONE: event_time"),
        ({"event_time": "1705310625"}, "WRONG_TYPE: event_time is a number"),
        ({"event_time": "soon"}, "WRONG_TIME: event_time is no RFC 3339 time"),
        ({"event_time": "0001-01-01T00:00:00Z"}, "TIME_OUT_OF_RANGE: event_time is not in 2000 to 2099"),
        ({"event_time": "9999-12-31T23:59:59Z"}, "TIME_OUT_OF_RANGE: event_time is not in 2000 to 2099"),
        ({"event_time": "2100-01-01T00:00:00Z"}, "TIME_OUT_OF_RANGE: event_time is not in 2000 to 2099"),
        ({"event_time": "2099-12-31T23:59:59-00:01"}, "TIME_OUT_OF_RANGE: event_time is not in 2000 to 2099"),
        ({"received_at": "1999-12-31T23:59:59Z"}, "TIME_OUT_OF_RANGE: received_at is not in 2000 to 2099"),
        ({"event_code": "107.5"}, "WRONG_TYPE: event_code is no whole number"),
        ({"event_code": "x"}, "WRONG_TYPE: event_code is no whole number"),
        ({"event_code": "2147483648"}, "NUMBER_OUT_OF_RANGE: event_code"),
        ({"event_code": "9" * 40}, "NUMBER_OUT_OF_RANGE: event_code"),
        ({"extension": "10\x0005"}, "NUL_CHARACTER: extension"),
        ({"globalCallId": "\x00"}, "NUL_CHARACTER: global_call_id"),
        (
            {"global_call_id": "1" * 513},
            f"TEXT_TOO_LONG: global_call_id has more than {MAX_TEXT_BYTES} bytes",
        ),
        ({"cause": "é" * 300}, f"TEXT_TOO_LONG: cause has more than {MAX_TEXT_BYTES} bytes"),
    ],
)
def test_a_row_that_does_not_fit_is_quarantined_alone(row: dict[str, str | None], reason: str) -> None:
    good: dict[str, str | None] = {"event_time": "2024-01-15T09:23:45Z", "event_code": "-2147483648"}
    result = checked(good, row, good)
    assert result.quarantined.rows() == [(2, reason, "row 2")]
    assert result.events["row_number"].to_list() == [1, 3]


def test_a_row_with_several_faults_is_quarantined_once() -> None:
    result = checked({"event_time": "soon", "received_at": "later", "event_code": "x", "cause": "\x00"})
    assert result.quarantined.height == 1
    assert result.row_count == 1


def test_the_first_and_the_last_moment_of_the_sane_span_are_taken() -> None:
    result = checked({"event_time": "2000-01-01T00:00:00Z"}, {"event_time": "2099-12-31T23:59:59.999999Z"})
    assert result.events.height == 2


def test_the_persisted_table_reads_as_events_of_its_source() -> None:
    rows = {
        "id": "5e0d4a9e",
        "eventType": "CALL_CONNECTED",
        "globalCallId": "190001",
        "jtapiId": "16967217",
        "connectionId": "c1",
        "previousGlobalCallId": "",
        "callingTerminal": "SEP1",
        "calledTerminal": "SEP2",
        "callingExtension": "+18005550199",
        "calledExtension": "1005",
        "callDirection": "INBOUND",
        "createdAt": "2024-01-15T13:00:00Z",
    }
    snake = {
        "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name): value
        for name, value in rows.items()
    }
    for dialect in (rows, snake):
        event = checked(dict(dialect)).events.row(0, named=True)
        assert {name: value for name, value in event.items() if value is not None} == {
            "row_number": 1,
            "source": "jtapi_table",
            "event_time": datetime(2024, 1, 15, 13, tzinfo=UTC),
            "event_name": "CALL_CONNECTED",
            "global_call_id": "190001",
            "jtapi_id": "16967217",
            "connection_id": "c1",
            "calling_extension": "+18005550199",
            "called_extension": "1005",
            "calling_terminal": "SEP1",
            "called_terminal": "SEP2",
            "direction": "INBOUND",
        }


def test_an_option_fills_what_the_row_leaves_open_and_no_more() -> None:
    result = checked(
        {"source": "genesys", "tenant_id": "acme", "eventType": None},
        {"source": None, "tenant_id": "", "eventType": None},
        {"source": None, "tenant_id": None, "eventType": "CALL_HELD"},
        source="ccx_cti",
        tenant_id="north",
    )
    assert result.events["source"].to_list() == ["genesys", "ccx_cti", "ccx_cti"]
    assert result.events["tenant_id"].to_list() == ["acme", "north", "north"]


def test_without_an_option_only_rows_of_the_table_have_its_source() -> None:
    result = checked({"event_name": "A", "eventType": None}, {"event_name": None, "eventType": "CALL_HELD"})
    assert result.events["source"].to_list() == [None, "jtapi_table"]
    assert result.events["event_name"].to_list() == ["A", "CALL_HELD"]


def test_empty_text_is_nothing() -> None:
    result = checked({"extension": "", "event_code": "", "event_time": "", "terminal": "SEP1"})
    assert result.quarantined.is_empty()
    assert result.events.select("extension", "event_code", "event_time", "terminal").row(0) == (
        None,
        None,
        None,
        "SEP1",
    )
