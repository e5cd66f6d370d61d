"""A day of two tenants, badly reported: its windows, however computed, are the day computed at once."""

import os
from datetime import timedelta
from pathlib import Path
from random import Random

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sqlalchemy import Engine

from cx_pipeline.adapters.intake.ingestion import Ingestion
from cx_pipeline.core.calls.correlate import Correlation, correlate
from cx_pipeline.core.calls.rules import DEFAULT_RULES
from cx_pipeline.core.events.intake import prepare
from cx_pipeline.core.events.schema import IDENTITY_COLUMNS
from cx_pipeline.simulator.comparison import compare
from cx_pipeline.simulator.files import write_events
from cx_pipeline_tests.end_to_end.simulated_site import DAY, SimulatedSite, simulated_site
from cx_pipeline_tests.end_to_end.tables import (
    assert_same,
    rows_of,
    stored_calls,
    stored_events,
    stored_legs,
    versions,
)
from cx_pipeline_tests.end_to_end.windows import Windows, hours

CALLS = int(os.environ.get("CX_STRESS_CALLS", "800"))
START, HOURS = DAY - timedelta(hours=9), 23.5
NOW = START + timedelta(hours=HOURS)
"""Half past two in the afternoon: calls are in progress."""
WINDOWS = hours(START, NOW)


def site_of(folder: Path, *, calls: int, noise: str = "") -> SimulatedSite:
    """Two tenants in both dialects, whose few call keys come again and again; calls are in progress at the end."""
    noise = f"realistic,lost=0.001,second_listener=yes,{noise}"
    return simulated_site(
        folder,
        noise=noise,
        calls=calls,
        start=START,
        hours=HOURS,
        seed=11,
        tenants=2,
        dialect="both",
        call_keys_per_tenant=200,
    )


def ingest(engine: Engine, site: SimulatedSite, events: pl.DataFrame, file: Path) -> None:
    write_events(events, file)
    report = Ingestion(engine, site.directory).ingest(file)
    assert report.error is None
    assert (report.rows, report.quarantined) == (events.height, 0)


def day_at_once(engine: Engine, site: SimulatedSite) -> Correlation:
    return correlate(stored_events(engine), DEFAULT_RULES, site.directory, WINDOWS[-1].start)


def assert_tables_hold(engine: Engine, wanted: Correlation) -> None:
    assert_same(stored_legs(engine), rows_of(wanted.legs))
    assert_same(stored_calls(engine), rows_of(wanted.calls))


@pytest.mark.stress
@pytest.mark.timeout(120 + CALLS // 5)
def test_windows_in_any_order_in_parallel_and_twice_are_the_day_at_once(
    engine: Engine, tmp_path: Path
) -> None:
    site = site_of(tmp_path, calls=CALLS)
    windows = Windows(engine, tmp_path / "frames", site.directory)
    random = Random(5)
    ingest(engine, site, site.events, tmp_path / "events.ndjson")

    windows.compute_all(random.sample(WINDOWS, len(WINDOWS)), NOW)

    at_once = day_at_once(engine, site)
    assert_tables_hold(engine, at_once)
    assert compare(site.legs, at_once.legs).is_equal
    assert at_once.calls.filter(pl.col("status") == "IN_PROGRESS").height > 0
    over_an_end = pl.col("start_time").dt.truncate("1h") < pl.col("end_time").dt.truncate("1h")
    assert at_once.calls.filter(over_an_end).height > 0
    assert at_once.legs.filter(pl.col("end_reason") == "UNKNOWN").height > 0

    # Before the windows before it were computed, the open one had to read more to find what is in progress.
    windows.compute(WINDOWS[-1], NOW)
    rows, frames = versions(engine), windows.frame_bytes()
    windows.compute_all(random.sample(WINDOWS, len(WINDOWS)), NOW)
    assert versions(engine) == rows
    assert sorted(path for path, content in windows.frame_bytes().items() if content != frames[path]) == []


@pytest.mark.stress
@pytest.mark.timeout(120 + CALLS // 5)
def test_a_day_that_is_computed_while_it_comes_in_ends_as_the_day_at_once(
    engine: Engine, tmp_path: Path
) -> None:
    """Each tick sees what arrived by then; calls in progress go from window to window, late facts move others."""
    site = site_of(tmp_path, calls=CALLS // 3, noise="late=0.05")
    windows = Windows(engine, tmp_path / "frames", site.directory)
    random = Random(6)
    come = START
    for tick in (START + timedelta(hours=after) for after in (3.5, 3.9, 4.1, 17.2, 19.7)):
        arrived = pl.col("received_at").is_between(come, tick, closed="left")
        ingest(engine, site, site.events.filter(arrived), tmp_path / f"{tick:%H%M}.ndjson")
        seen = [window for window in WINDOWS if window.start <= tick]
        windows.compute_all(random.sample(seen, 4) + seen[-1:], tick)
        come = tick
    ingest(engine, site, site.events.filter(pl.col("received_at") >= come), tmp_path / "rest.ndjson")

    windows.compute_all(random.sample(WINDOWS, len(WINDOWS)), NOW)
    # The next minute: calls that late events left open in an hour before are known since that was computed anew.
    windows.compute(WINDOWS[-1], NOW)

    assert_tables_hold(engine, day_at_once(engine, site))


def test_the_store_keeps_of_a_file_each_fact_once_and_no_other_legs_come_of_it(
    engine: Engine, tmp_path: Path
) -> None:
    site = site_of(tmp_path, calls=300, noise="duplicates=0.3,shuffled=0.3")
    ingest(engine, site, site.events, tmp_path / "events.csv")
    usable = prepare(site.events, site.directory).usable
    assert stored_events(engine).height == usable.unique(IDENTITY_COLUMNS).height
    of_the_file = correlate(site.events, DEFAULT_RULES, site.directory, WINDOWS[-1].start)
    of_the_store = day_at_once(engine, site)
    assert_frame_equal(of_the_store.legs.drop("evidence"), of_the_file.legs.drop("evidence"))
    assert_frame_equal(of_the_store.calls, of_the_file.calls)
