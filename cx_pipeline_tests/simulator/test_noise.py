"""Each kind of noise does what it says, says whom it hit, and leaves the rest alone."""

from datetime import timedelta

import polars as pl
import pytest

from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.core.events.call_keys import call_key
from cx_pipeline.core.events.vocabulary import JTAPI_KINDS
from cx_pipeline.simulator.plan import QUIET, REALISTIC, Noise, noise_from_text
from cx_pipeline.simulator.traffic import Traffic, simulate_traffic
from cx_pipeline_tests.simulator.stage import plan

IDENTITY = ["tenant_id", "source", "listener_id", "global_call_id", "event_name", "event_time", "extension"]
IDENTITY += ["terminal", "connection_id"]
MOST_LATENCY = timedelta(milliseconds=60)


def made(**noise: float | bool) -> Traffic:
    return simulate_traffic(plan(calls=1000, noise=Noise(**noise)))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def quiet() -> Traffic:
    return made()


def latency(events: pl.DataFrame) -> pl.Series:
    return events["received_at"] - events["event_time"]


def test_without_noise_every_event_comes_once_and_at_once(quiet: Traffic) -> None:
    assert not quiet.events.select(IDENTITY).is_duplicated().any()
    assert latency(quiet.events).max() < MOST_LATENCY  # type: ignore[operator]
    assert not quiet.legs["has_lost_event"].any()
    assert not quiet.legs["has_skew"].any()
    assert set(quiet.events["event_name"]) - set(JTAPI_KINDS) == {
        "CallCtlConnNetworkReachedEv",
        "CallCtlConnNetworkAlertingEv",
    }


def test_duplicates_share_the_identity_and_come_at_the_same_time_or_later(quiet: Traffic) -> None:
    events = made(duplicates=0.2).events
    doubled = events.filter(events.select(IDENTITY).is_duplicated())
    assert events.height - quiet.events.height == pytest.approx(0.2 * quiet.events.height, rel=0.1)
    assert doubled.height == 2 * (events.height - quiet.events.height)
    spread = doubled.group_by(IDENTITY).agg(spread=pl.col("received_at").max() - pl.col("received_at").min())
    exact = spread.filter(pl.col("spread") == timedelta(0)).height
    assert exact == pytest.approx(spread.height / 2, rel=0.15)
    assert events.unique(IDENTITY).height == quiet.events.height


def test_late_events_come_late_and_bear_the_right_time(quiet: Traffic) -> None:
    events = made(late=0.1).events
    late = latency(events).to_frame("latency").filter(pl.col("latency") > timedelta(seconds=9)).height
    assert late == pytest.approx(0.1 * events.height, rel=0.15)
    assert events.select(IDENTITY).sort(IDENTITY).equals(quiet.events.select(IDENTITY).sort(IDENTITY))


def test_shuffled_events_stand_out_of_the_order_of_their_arrival() -> None:
    events = made(shuffled=0.1).events
    assert not events["received_at"].is_sorted()
    back = (events["received_at"].cum_max() - events["received_at"]).max()
    assert timedelta(seconds=60) < back < timedelta(seconds=121)  # type: ignore[operator]


def test_lost_events_are_gone_and_their_calls_are_known(quiet: Traffic) -> None:
    noisy = made(lost=0.01)
    lost = quiet.events.height - noisy.events.height
    assert lost == pytest.approx(0.01 * quiet.events.height, rel=0.3)
    hit = noisy.legs.filter("has_lost_event").unique("call_number").height
    assert 0 < hit <= lost
    # Whatever call is whole in the truth is whole in the events.
    counts = [facts_by_call(traffic) for traffic in (quiet, noisy)]
    unhit = noisy.legs.filter(~pl.col("has_lost_event")).select("call_number").unique()
    both = counts[0].join(counts[1], on="call_number", how="left").join(unhit, on="call_number", how="semi")
    assert both.height > 500
    assert both.filter(pl.col("facts").ne_missing(pl.col("facts_right"))).is_empty()


def facts_by_call(traffic: Traffic) -> pl.DataFrame:
    """How many facts each call has: the number of its connections is in their ids."""
    numbered = traffic.events.drop_nulls("connection_id").with_columns(
        call_number=(pl.col("connection_id").cast(pl.Int64) - 38_000_000) // 64
    )
    return numbered.group_by("call_number").len("facts")


def test_a_damaged_call_s_key_does_not_come_again_that_day() -> None:
    legs = made(lost=0.02).legs.unique(["tenant_id", "call_number"]).explode("call_keys")
    later = legs.sort("first_fact_time").with_columns(
        after_damage=pl.col("has_lost_event").cum_sum().over("call_keys")
        - pl.col("has_lost_event").cast(pl.Int64)
    )
    assert legs["has_lost_event"].sum() > 50
    assert later.filter(pl.col("after_damage") > 0).is_empty()


def test_skewed_calls_are_ahead_of_their_arrival_and_known() -> None:
    noisy = simulate_traffic(plan(calls=1000, let_calls_finish=True, noise=Noise(skewed=0.1)))
    ahead = noisy.events.filter(pl.col("event_time") > pl.col("received_at"))
    assert (ahead["event_time"] - ahead["received_at"]).min() > timedelta(seconds=5)  # type: ignore[operator]
    keys = ahead.select(key=call_key(pl.col("global_call_id"))).to_series().unique()
    skewed = noisy.legs.filter("has_skew").explode("call_keys")["call_keys"].unique()
    assert 0.05 < noisy.legs.filter("has_skew").unique("call_number").height / 1000 < 0.15
    assert set(skewed) == set(keys)


def test_other_events_add_to_a_call_and_take_nothing_away(quiet: Traffic) -> None:
    events = made(other_events=1.0).events
    kept = events.filter(
        ~pl.col("event_name").is_in(["TermConnCreatedEv", "TermConnActiveEv", "ConnCreatedEv"])
    )
    assert events.height > 1.2 * quiet.events.height
    assert kept.select(IDENTITY).sort(IDENTITY).equals(quiet.events.select(IDENTITY).sort(IDENTITY))


def test_a_second_listener_stamps_every_fact_a_little_later(quiet: Traffic) -> None:
    events = simulate_traffic(plan(calls=1000, tenants=3, noise=Noise(second_listener=True))).events
    fact = [name for name in IDENTITY if name not in ("listener_id", "event_time")]
    first, second = (
        events.filter(listener_id=name).sort(*fact, "event_time") for name in ("listener-a", "listener-b")
    )
    assert first.select(fact).equals(second.select(fact))
    offsets = (second["event_time"] - first["event_time"]).to_frame("offset").with_columns(first["tenant_id"])
    assert offsets.unique().height == 3
    assert offsets["offset"].min() > timedelta(0)  # type: ignore[operator]
    assert offsets["offset"].max() < timedelta(seconds=2)  # type: ignore[operator]


def test_with_two_listeners_only_the_second_clock_is_wrong() -> None:
    events = made(second_listener=True, skewed=0.2).events
    ahead = events.filter(pl.col("event_time") > pl.col("received_at"))
    assert set(ahead["listener_id"]) == {"listener-b"}


def test_noise_is_named_by_preset_and_by_part() -> None:
    assert noise_from_text("none") == QUIET
    assert noise_from_text("realistic") == REALISTIC
    assert noise_from_text("realistic,lost=0").lost == 0.0
    assert noise_from_text("lost=0.5", REALISTIC).late == REALISTIC.late
    assert noise_from_text("second_listener=yes").second_listener


@pytest.mark.parametrize(
    "text", ["loud", "lost=much", "lost=2", "lost=-1", "lost", "second_listener=0.5", "lost=nan"]
)
def test_unknown_noise_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="noise"):
        noise_from_text(text)
