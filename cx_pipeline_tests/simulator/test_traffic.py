"""Traffic as a whole: the same plan gives the same bytes, people do one thing at a time, keys come again."""

import hashlib
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from cx_pipeline.core.events.call_keys import call_key
from cx_pipeline.core.events.schema import EVENT_SCHEMA
from cx_pipeline.simulator.frames import TRUE_LEG_SCHEMA
from cx_pipeline.simulator.plan import REALISTIC, Noise
from cx_pipeline.simulator.scenarios import SCENARIOS, TABLE_SCENARIOS
from cx_pipeline.simulator.site import SERVICE_NUMBERS
from cx_pipeline.simulator.story import UNOBSERVED_NODE
from cx_pipeline.simulator.traffic import Traffic, simulate_traffic
from cx_pipeline_tests.simulator.stage import START, plan

REPOSITORY = Path(__file__).parents[2]
PRINTS_A_HASH = """
import hashlib, sys
from cx_pipeline.simulator.plan import REALISTIC
from cx_pipeline.simulator.traffic import simulate_traffic
from cx_pipeline_tests.simulator.stage import plan
traffic = simulate_traffic(plan(dialect="both", tenants=2, noise=REALISTIC))
text = traffic.events.write_csv() + traffic.legs.write_ndjson() + repr(traffic.directory)
print(hashlib.sha256(text.encode()).hexdigest())
"""


@pytest.fixture(scope="module")
def busy_day() -> Traffic:
    """Several tenants, both dialects, more than a day."""
    return simulate_traffic(plan(calls=3000, hours=26, tenants=2, dialect="both"))


def hash_in_another_process(hash_seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "POLARS_MAX_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PRINTS_A_HASH],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout.strip()


def test_the_same_plan_gives_the_same_bytes_in_every_process() -> None:
    assert hash_in_another_process("1") == hash_in_another_process("2")


def test_the_bytes_of_a_plan_do_not_change_unnoticed() -> None:
    """Pinned: whoever changes this changes every simulated file, which wants a line in the change log."""
    traffic = simulate_traffic(plan(calls=50, dialect="both", tenants=2, noise=REALISTIC))
    text = traffic.events.write_csv() + traffic.legs.write_ndjson()
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "10236635d6b2c0e1"


def test_another_seed_gives_other_calls() -> None:
    assert not simulate_traffic(plan(seed=1)).events.equals(simulate_traffic(plan(seed=2)).events)


def test_frames_have_their_schemas_and_events_stand_in_the_order_of_arrival(busy_day: Traffic) -> None:
    assert busy_day.events.schema == EVENT_SCHEMA
    assert busy_day.legs.schema == TRUE_LEG_SCHEMA
    assert busy_day.events["received_at"].is_sorted()
    assert (busy_day.events["received_at"] >= busy_day.events["event_time"]).all()


def test_no_agent_is_in_two_calls_at_once(busy_day: Traffic) -> None:
    end_of_span = START + timedelta(hours=26)
    presence = (
        busy_day.legs.with_columns(
            begin=pl.coalesce("ring_time", "start_time"), finish=pl.col("end_time").fill_null(end_of_span)
        )
        .sort("tenant_id", "agent_extension", "begin", "finish")
        .with_columns(before=pl.col("finish").shift().over("tenant_id", "agent_extension"))
    )
    assert presence.filter(pl.col("before") > pl.col("begin")).is_empty()


def test_legs_and_holds_lie_in_order(busy_day: Traffic) -> None:
    legs = busy_day.legs
    assert legs.filter(pl.col("start_time") > pl.col("end_time")).is_empty()
    assert legs.filter(pl.col("ring_time") > pl.col("start_time")).is_empty()
    assert legs.filter(pl.col("first_fact_time") > pl.col("start_time")).is_empty()
    length = (pl.col("end_time") - pl.col("start_time")).dt.total_milliseconds()
    assert legs.filter(pl.col("duration_ms").ne_missing(length)).is_empty()
    holds = legs.explode("hold_segments").drop_nulls("hold_segments").unnest("hold_segments", separator=".")
    begin, finish = pl.col("hold_segments.start_time"), pl.col("hold_segments.end_time")
    assert holds.height > 100
    assert holds.filter(begin >= finish).is_empty()
    assert holds.filter((begin < pl.col("start_time")) | (finish > pl.col("end_time"))).is_empty()
    leg = ("tenant_id", "call_number", "leg_number")
    assert holds.sort(*leg, begin).filter(finish.shift().over(leg) > begin).is_empty()


def test_a_leg_has_ended_if_and_only_if_it_has_an_end_and_a_reason(busy_day: Traffic) -> None:
    in_progress = busy_day.legs.filter(pl.col("status") == "IN_PROGRESS")
    completed = busy_day.legs.filter(pl.col("status") == "COMPLETED")
    assert in_progress.select(pl.col("end_time", "end_reason", "duration_ms").null_count()).row(0) == (
        (in_progress.height,) * 3
    )
    assert completed.select(pl.col("end_time", "end_reason", "duration_ms").null_count()).row(0) == (0, 0, 0)


def test_every_kind_of_call_is_made_in_both_dialects(busy_day: Traffic) -> None:
    made = {
        source: set(busy_day.legs.filter(pl.col("source") == source)["scenario"])
        for source in ("jtapi", "jtapi_table")
    }
    assert made["jtapi"] == {scenario.name for scenario in SCENARIOS}
    assert made["jtapi_table"] == {scenario.name for scenario in TABLE_SCENARIOS}


def test_the_service_number_of_an_inbound_call_is_told_and_no_other_call_has_one(busy_day: Traffic) -> None:
    is_told = pl.col("service_number").is_not_null()
    assert busy_day.legs.filter(is_told != (pl.col("direction") == "INBOUND")).is_empty()
    assert set(busy_day.legs["service_number"].drop_nulls()) == set(SERVICE_NUMBERS)


def test_about_fifteen_percent_of_the_calls_have_several_keys() -> None:
    legs = simulate_traffic(plan(calls=4000)).legs.unique(["tenant_id", "call_number"])
    assert 0.12 < legs.select((pl.col("call_keys").list.len() > 1).mean()).item() < 0.19


def test_tenants_have_equal_call_keys_and_extensions_at_one_time(busy_day: Traffic) -> None:
    spans = busy_day.legs.filter(source="jtapi").select(
        "tenant_id", "root_call_key", begin="start_time", finish=pl.col("end_time")
    )
    red, blue = (spans.filter(tenant_id=name) for name in ("red", "blue"))
    both = red.join(blue, on="root_call_key")
    assert both.filter(
        (pl.col("begin") < pl.col("finish_right")) & (pl.col("begin_right") < pl.col("finish"))
    ).height
    extensions = [set(busy_day.legs.filter(tenant_id=name)["agent_extension"]) for name in ("red", "blue")]
    assert extensions[0] & extensions[1]


def test_a_call_key_comes_again_only_when_its_call_is_over_and_settled(busy_day: Traffic) -> None:
    facts = busy_day.events.lazy().with_columns(key=call_key(pl.col("global_call_id")))
    calls = (
        busy_day.legs.lazy()
        .group_by("tenant_id", "call_number", "source")
        .agg(pl.col("call_keys").first(), first=pl.col("first_fact_time").min())
        .explode("call_keys")
        .sort("first")
        .collect()
    )
    again = calls.with_columns(following=pl.col("first").shift(-1).over("tenant_id", "call_keys")).drop_nulls(
        "following"
    )
    assert again.filter(source="jtapi").height > 100
    last = (
        again.lazy()
        .join(facts, left_on=["tenant_id", "call_keys"], right_on=["tenant_id", "key"])
        .filter(pl.col("event_time") >= pl.col("first"), pl.col("event_time") < pl.col("following"))
        .group_by("tenant_id", "call_keys", "first", "following", "source")
        .agg(last=pl.col("event_time").max())
        .with_columns(rest=pl.col("following") - pl.col("last"))
        .collect()
    )
    assert last.filter(source="jtapi")["rest"].min() >= timedelta(seconds=55)
    # The table reports no end of a call: only a silence of more than 12 hours separates two calls.
    assert last.filter(pl.col("source") == "jtapi_table", pl.col("rest") < timedelta(hours=12)).is_empty()


def test_calls_cross_the_hour_last_longer_than_one_and_are_in_progress_at_the_end(busy_day: Traffic) -> None:
    legs = busy_day.legs
    hour = legs.filter(pl.col("start_time").dt.truncate("1h") != pl.col("end_time").dt.truncate("1h"))
    assert hour.height > 50
    assert legs.filter(pl.col("duration_ms") > 3_600_000).height > 0
    assert legs.filter(status="IN_PROGRESS").height > 0
    assert busy_day.events["event_time"].max() < START + timedelta(hours=26, seconds=1)  # type: ignore[operator]


def test_calls_that_may_finish_are_not_in_progress() -> None:
    traffic = simulate_traffic(plan(let_calls_finish=True))
    assert set(traffic.legs["status"]) == {"COMPLETED"}
    assert traffic.legs["call_number"].n_unique() == 400


def test_more_calls_come_at_midday_than_at_night() -> None:
    traffic = simulate_traffic(plan(calls=2000, start=datetime(2024, 1, 15, tzinfo=UTC), hours=24))
    hours = traffic.legs.unique(["tenant_id", "call_number"])["first_fact_time"].dt.hour()
    assert (hours == 10).sum() > 10 * (hours == 3).sum()


def test_too_few_agents_make_callers_wait_rather_than_talk_to_two_at_once() -> None:
    traffic = simulate_traffic(plan(calls=300, agents_per_tenant=12, let_calls_finish=True))
    assert traffic.legs["agent_extension"].n_unique() == 12
    assert traffic.legs["call_number"].n_unique() == 300
    assert traffic.legs["first_fact_time"].max() > START + timedelta(hours=2)  # type: ignore[operator]


def test_the_directory_lists_every_agent_who_takes_part(busy_day: Traffic) -> None:
    listed = {(agent["tenant_id"], agent["extension"]) for agent in busy_day.directory["agents"]}
    assert set(busy_day.legs.select("tenant_id", "agent_extension").iter_rows()) <= listed
    phones = {agent["device"] for agent in busy_day.directory["agents"]}
    assert set(busy_day.events["terminal"].drop_nulls()) <= phones
    assert len(phones) == len(busy_day.directory["agents"]) > len(listed)


def test_noise_changes_no_truth() -> None:
    clean = simulate_traffic(plan()).legs
    noisy = simulate_traffic(plan(noise=Noise(duplicates=0.5, late=0.5, shuffled=0.5, other_events=1.0))).legs
    assert noisy.equals(clean)


def test_a_call_of_which_nobody_hears_is_named_by_one_other_call_only() -> None:
    """Its end is never reported: a key that came again would join two calls that have nothing in common."""
    traffic = simulate_traffic(plan(calls=4000, hours=8, call_keys_per_tenant=32))
    named = traffic.events.select(
        key=call_key(pl.col("global_call_id")), named=call_key(pl.col("previous_global_call_id"))
    ).filter(pl.col("named").str.starts_with(f"{UNOBSERVED_NODE}_"))
    assert named.height > 3
    assert named["named"].n_unique() == named.height
