from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from cx_pipeline.core.errors import SchemaError
from cx_pipeline.core.frames import CALL_LEGS, CALLS, ENRICHED_CALL_LEGS, FRAMES, RAW_JTAPI_EVENTS, frame_path
from cx_pipeline.core.windows import Window

START = datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.mark.parametrize("contract", FRAMES.values(), ids=FRAMES)
def test_every_column_of_every_frame_is_described_and_no_other(contract):
    assert set(contract.descriptions) == set(contract.schema)


@pytest.mark.parametrize("contract", FRAMES.values(), ids=FRAMES)
def test_sort_keys_required_columns_and_lineage_name_columns_that_exist(contract):
    assert {*contract.sort_by, *contract.required, *contract.sources} <= set(contract.schema)
    upstreams = {"enriched_call_legs": CALL_LEGS, "recording_decisions": ENRICHED_CALL_LEGS}
    upstream = upstreams.get(contract.name, RAW_JTAPI_EVENTS)
    assert {source for sources in contract.sources.values() for source in sources} <= set(upstream.schema)


def test_a_frame_is_brought_into_the_order_of_its_contract():
    frame = (
        CALLS.schema.to_frame(eager=True).with_columns(pl.lit("x").alias("extra")).select(pl.all().reverse())
    )
    assert CALLS.conform(frame).schema == CALLS.schema


def test_a_wrong_or_missing_column_is_named():
    frame = CALLS.schema.to_frame(eager=True).drop("status").cast({"leg_count": pl.Int64})
    with pytest.raises(
        SchemaError, match=r"calls.*column status is missing; column leg_count is Int64, not Int32"
    ):
        CALLS.conform(frame)


def test_nulls_where_there_must_be_none_are_counted():
    frame = pl.DataFrame({"reason": ["X", None], "row": ["{}", "{}"]}).with_columns(
        pl.lit(None, FRAMES["quarantined_events"].schema["event_time"]).alias("event_time"),
        pl.lit(None, pl.String()).alias("global_call_id"),
    )
    assert FRAMES["quarantined_events"].problems(frame) == ["1 nulls in reason"]


def test_windows_of_another_length_have_another_file():
    hour, half = (Window(START, START + timedelta(minutes=minutes)) for minutes in (60, 30))
    assert frame_path("calls", hour) == "calls/2026-03-02/2026-03-02T10-00Z_60min.parquet"
    assert frame_path("calls", hour) != frame_path("calls", half)
