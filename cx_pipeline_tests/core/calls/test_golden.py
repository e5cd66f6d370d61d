"""Every golden call gives its legs, in whatever order and how often its events arrive."""

import json
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from cx_pipeline.core.calls.correlate import Correlation, correlate
from cx_pipeline.core.calls.rules import DEFAULT_RULES
from cx_pipeline.core.calls.schema import CALL_SCHEMA, LEG_SCHEMA, QUARANTINE_SCHEMA
from cx_pipeline.core.directory import EMPTY_DIRECTORY
from cx_pipeline.core.events.schema import EVENT_SCHEMA
from cx_pipeline_tests.core.calls.scenario import balance

GOLDEN = Path(__file__).parents[2] / "golden"
NAMES = sorted(file.stem for file in GOLDEN.glob("*.json"))
MILLISECOND = timedelta(milliseconds=1)


@cache
def golden(name: str) -> dict[str, Any]:
    call: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    return call


def events_of(name: str) -> pl.DataFrame:
    rows = [
        {
            column: _time(value) if column in ("event_time", "received_at") else value
            for column, value in event.items()
        }
        for event in golden(name)["events"]
    ]
    return pl.DataFrame(rows, schema=EVENT_SCHEMA)


def correlated(events: pl.DataFrame) -> Correlation:
    as_of = max(events["event_time"]) + timedelta(minutes=5)
    return correlate(events, DEFAULT_RULES, EMPTY_DIRECTORY, as_of)


@cache
def result_of(name: str) -> Correlation:
    """What is made of the call by itself."""
    return correlated(events_of(name))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _comparable(leg: dict[str, Any]) -> dict[str, Any]:
    """A leg as the golden files write it, times cut to the millisecond."""
    row = dict(leg)
    row["hold_segments"] = [
        [_cut(hold["start_time"]), _cut(hold["end_time"])] for hold in row["hold_segments"]
    ]
    return {name: _cut(value) for name, value in row.items()}


def _wanted(leg: dict[str, Any]) -> dict[str, Any]:
    row = dict(leg)
    if "hold_segments" in row:
        row["hold_segments"] = [[_cut(_time(end)) for end in hold] for hold in row["hold_segments"]]
    times = {name: _cut(_time(value)) for name, value in row.items() if name.endswith("_time") and value}
    return {**row, **times}


def _cut(value: Any) -> Any:
    return (
        value - value % MILLISECOND
        if isinstance(value, timedelta)
        else (
            value.replace(microsecond=value.microsecond // 1000 * 1000)
            if isinstance(value, datetime)
            else value
        )
    )


def _in_order(legs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(legs, key=lambda leg: (leg["start_time"], leg["agent_extension"]))


def test_there_are_golden_calls() -> None:
    assert NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_call_gives_its_legs(name: str) -> None:
    result = result_of(name)
    found = _in_order([_comparable(leg) for leg in result.legs.to_dicts()])
    wanted = _in_order([_wanted(leg) for leg in golden(name)["legs"]])
    assert len(found) == len(wanted)
    assert [
        {column: leg[column] for column in given} for leg, given in zip(found, wanted, strict=True)
    ] == wanted


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_call_leaves_no_event_out_and_keeps_its_schemas(name: str) -> None:
    result = result_of(name)
    balance(result)
    assert result.counts.quarantined == 0
    assert result.calls.schema == CALL_SCHEMA
    assert result.legs.schema == LEG_SCHEMA
    assert result.quarantine.schema == QUARANTINE_SCHEMA


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_arrival_and_repetition_change_nothing_in_a_golden_call(name: str, seed: int) -> None:
    events = events_of(name)
    once = result_of(name)
    doubled = pl.concat([events, events]).sample(fraction=1.0, shuffle=True, seed=seed)
    again = correlated(doubled)
    assert_frame_equal(again.calls, once.calls)
    assert_frame_equal(again.legs, once.legs)
    assert again.counts.used == once.counts.used
    assert again.counts.duplicates == once.counts.duplicates + len(events)
    balance(again)


def test_all_golden_calls_at_once_give_the_legs_of_each_alone() -> None:
    together = correlated(pl.concat(_of_own_tenant(name) for name in NAMES))
    # Only what follows from the tenant differs, and what silence closed because the others came a day later.
    columns = [
        "tenant_id",
        "leg_number",
        "agent_extension",
        "start_time",
        "call_type",
        "start_reason",
        "hold_segments",
    ]
    alone = pl.concat(correlated(_of_own_tenant(name)).legs for name in NAMES)
    assert_frame_equal(
        together.legs.select(columns).sort("tenant_id", "start_time", "agent_extension"),
        alone.select(columns).sort("tenant_id", "start_time", "agent_extension"),
    )


def _of_own_tenant(name: str) -> pl.DataFrame:
    tenant = pl.concat_str(pl.lit(f"{name}/"), pl.col("tenant_id").fill_null("-"))
    return events_of(name).with_columns(tenant_id=tenant)
