"""The benchmark's input is a day of traffic, repeated with other keys, people and times."""

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from cx_pipeline.core.events.schema import EVENT_SCHEMA

REPOSITORY = Path(__file__).parents[2]
EVENTS = 20_000


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    out = tmp_path_factory.mktemp("day") / "day.parquet"
    command = [sys.executable, "benchmarks/events_of_a_day.py", "--events", str(EVENTS), "--calls", "400"]
    subprocess.run(
        [*command, "--out", str(out)],
        cwd=REPOSITORY,
        env={"PYTHONPATH": str(REPOSITORY)},
        check=True,
        capture_output=True,
        timeout=120,
    )
    return pl.read_parquet(out)


def test_it_has_the_events_asked_for_in_the_schema_of_events(day: pl.DataFrame) -> None:
    assert day.schema == EVENT_SCHEMA
    assert EVENTS * 0.99 < day.height <= EVENTS


def test_copies_share_no_call_key_agent_phone_or_connection(day: pl.DataFrame) -> None:
    phones = day.drop_nulls("terminal")
    assert (phones.group_by("terminal").agg(pl.col("extension").n_unique())["extension"] == 1).all()
    agents = phones.with_columns(copy=pl.col("extension").cast(pl.Int64) // 10_000)
    assert agents["copy"].n_unique() >= 3
    assert (agents.group_by("global_call_id").agg(pl.col("copy").n_unique())["copy"] == 1).all()
    assert (agents.group_by("connection_id").agg(pl.col("copy").n_unique())["copy"] == 1).all()


def test_a_copy_s_calls_have_the_shape_of_the_simulated_ones(day: pl.DataFrame) -> None:
    shapes = (
        day.drop_nulls("terminal")
        .with_columns(copy=pl.col("extension").cast(pl.Int64) // 10_000)
        .sort("event_time", "event_name")
        .group_by("copy", "global_call_id")
        .agg(pl.col("event_name").str.join(","))
        .group_by("copy")
        .agg(pl.col("event_name").sort().str.join(";"), calls=pl.len())
        .sort("copy")
    )
    assert shapes["event_name"][0] == shapes["event_name"][1]
    assert shapes["calls"][0] > 300


def test_consults_refer_to_keys_of_their_own_copy(day: pl.DataFrame) -> None:
    referred = (
        day.select(key="previous_global_call_id").drop_nulls().filter(pl.col("key").str.starts_with("1_"))
    )
    known = day.select(key="global_call_id").unique()
    assert referred.height > 50
    assert referred.join(known, on="key", how="anti").is_empty()


def test_arrivals_are_in_order_but_for_a_few(day: pl.DataFrame) -> None:
    back = (day["received_at"].diff().dt.total_microseconds() < 0).mean()
    assert 0 < back < 0.4  # type: ignore[operator]
    behind = (day["received_at"].cum_max() - day["received_at"]).dt.total_seconds()
    assert behind.max() < 300  # type: ignore[operator]
