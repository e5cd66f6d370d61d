"""Calls and legs out of their tables are what went in."""

from datetime import UTC, datetime, timedelta

import polars as pl
from polars.testing import assert_frame_equal
from sqlalchemy import Engine

from cx_pipeline.adapters.database.call_tables import count_quarantined, read_calls, read_legs
from cx_pipeline.adapters.database.leg_store import LegStore
from cx_pipeline.core.calls.correlate import correlate
from cx_pipeline.core.calls.rules import DEFAULT_RULES
from cx_pipeline.core.directory import EMPTY_DIRECTORY
from cx_pipeline.core.windows import Window
from cx_pipeline.simulator.plan import TrafficPlan, noise_from_text
from cx_pipeline.simulator.traffic import simulate_traffic

START = datetime(2024, 1, 15, 9, tzinfo=UTC)
DAY = Window(START.replace(hour=0), START.replace(hour=0) + timedelta(days=1))


def test_every_column_of_calls_and_legs_comes_back_as_it_was_written(engine: Engine) -> None:
    plan = TrafficPlan(calls=120, start=START, tenants=2, dialect="both", noise=noise_from_text("realistic"))
    stray = {
        "tenant_id": ["red", "green"],
        "event_time": [START] * 2,
        "event_name": ["ConnDisconnectedEv"] * 2,
        "global_call_id": ["1_9"] * 2,
    }
    events = pl.concat([simulate_traffic(plan).events, pl.DataFrame(stray)], how="diagonal_relaxed")
    found = correlate(events, DEFAULT_RULES, EMPTY_DIRECTORY, START + timedelta(hours=1))
    keys = pl.DataFrame(schema={"tenant_id": pl.String, "call_key": pl.String})
    LegStore(engine).write_window(DAY, found, keys, high_water=1, is_open=True, run_id="test")
    both = ("red", "blue")
    assert found.legs.filter(pl.col("hold_segments").list.len() > 0).height > 0
    legs = found.legs.sort("tenant_id", "call_id", "leg_number")
    assert_frame_equal(read_legs(engine, both), legs)
    assert_frame_equal(read_calls(engine, both), found.calls.sort("tenant_id", "call_id"))
    assert_frame_equal(read_legs(engine, ["red"]), legs.filter(pl.col("tenant_id") == "red"))
    assert read_calls(engine, ["nobody"]).is_empty()
    assert read_calls(engine, ["nobody"]).schema == found.calls.schema
    assert count_quarantined(engine, ["green"]) == 1
    assert count_quarantined(engine, ["nobody"]) == 0
