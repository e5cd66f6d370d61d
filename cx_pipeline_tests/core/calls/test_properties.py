"""What must hold for every call graph (specification of correlation, section 7)."""

import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from cx_pipeline.core.calls import correlate as engine
from cx_pipeline.core.calls.correlate import Correlation, correlate
from cx_pipeline.core.calls.rules import DEFAULT_RULES
from cx_pipeline.core.calls.schema import IN_PROGRESS
from cx_pipeline.core.calls.windowing import belonging_to, facts_for
from cx_pipeline.core.directory import EMPTY_DIRECTORY
from cx_pipeline.core.events.schema import IDENTITY_COLUMNS
from cx_pipeline.core.windows import windows_between
from cx_pipeline_tests.core.calls.call_graphs import BEGIN, Fact, Graph, events_of, graphs, own_keys
from cx_pipeline_tests.core.calls.scenario import KIND_EVENTS, balance

EXPLORE = int(os.environ.get("CX_TEST_EXPLORE", "0"))
"""So many times as many examples, and others at each run; the seed is printed. 0: half as many, the same ones each time."""


def examples(count: int) -> settings:
    return settings(
        max_examples=count * EXPLORE or -(-count // 2),
        derandomize=not EXPLORE,
        database=None,
        deadline=None,
        print_blob=True,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.large_base_example,
        ],
    )


def correlated(events: pl.DataFrame, as_of: datetime | None = None) -> Correlation:
    return correlate(events, DEFAULT_RULES, EMPTY_DIRECTORY, as_of or shortly_after(events))


def shortly_after(events: pl.DataFrame) -> datetime:
    last: Any = events["event_time"].max()
    return (last or BEGIN) + timedelta(minutes=1)


def with_event_ids(events: pl.DataFrame) -> pl.DataFrame:
    """What the event store adds: an id of what duplicates share."""
    identity = ["global_call_id" if name == "call_key" else name for name in IDENTITY_COLUMNS]
    parts = pl.col(identity).cast(pl.String).fill_null("-")
    return events.with_columns(event_id=pl.concat_str(parts, separator="|"))


def same_legs(one: pl.DataFrame, other: pl.DataFrame) -> None:
    """The legs are the same; in what order the calls stand is the correlation's own affair."""
    by = ["tenant_id", "call_id", "leg_number"]
    assert_frame_equal(one.sort(by), other.sort(by))


def same_calls(one: pl.DataFrame, other: pl.DataFrame) -> None:
    """The calls are the same."""
    assert_frame_equal(one.sort("tenant_id", "call_id"), other.sort("tenant_id", "call_id"))


def legs_of(result: Correlation, graph: Graph) -> pl.DataFrame:
    """The legs of the calls that begin in the graph."""
    keys = own_keys(graph)
    mine = [
        (tenant, root) in keys
        for tenant, root in result.legs.select("tenant_id", "root_call_key").iter_rows()
    ]
    return result.legs.filter(pl.Series(mine, dtype=pl.Boolean))


@given(graphs(), st.integers(0, 2**16), st.integers(1, 3))
@examples(20)
def test_shuffling_and_repeating_change_nothing(given_graphs: list[Graph], seed: int, times: int) -> None:
    events = with_event_ids(events_of(given_graphs))
    once = correlated(events)
    repeated = pl.concat([events] * times).sample(fraction=1.0, shuffle=True, seed=seed)
    again = correlated(repeated)
    assert_frame_equal(again.calls, once.calls)
    assert_frame_equal(again.legs, once.legs)
    assert again.counts.used == once.counts.used


@given(graphs(at_most=3, actions=10), st.sampled_from([1, 5, 15, 60, 1440]), st.sampled_from([0, 2, 20]))
@examples(25)
def test_re_tiling_changes_nothing(given_graphs: list[Graph], minutes: int, hours_later: int) -> None:
    events = events_of(given_graphs)
    as_of = shortly_after(events) + timedelta(hours=hours_later)
    whole = correlated(events, as_of)
    tiles = list(_tiles(events, timedelta(minutes=minutes), as_of))
    calls = pl.concat([whole.calls.clear(), *(tile.calls for tile in tiles)])
    legs = pl.concat([whole.legs.clear(), *(tile.legs for tile in tiles)])
    same_calls(calls, whole.calls)
    same_legs(legs, whole.legs)


def _tiles(events: pl.DataFrame, length: timedelta, as_of: datetime) -> Iterator[Correlation]:
    times = (
        events.select(pl.min_horizontal("event_time", "received_at")).to_series().append(events["event_time"])
    )
    for window in windows_between(BEGIN, as_of + timedelta(microseconds=1), length):
        is_open = window.is_open(as_of)
        if is_open or times.is_between(window.start, window.end, closed="left").any():
            facts = facts_for(
                events, window, is_open=is_open, max_silence=DEFAULT_RULES.max_silence, as_of=as_of
            )
            yield belonging_to(correlated(facts, as_of), window, is_open=is_open)


@given(graphs())
@examples(15)
def test_every_event_is_in_one_call_a_duplicate_or_in_quarantine(given_graphs: list[Graph]) -> None:
    events = events_of(given_graphs)
    result = correlated(events)
    assert result.counts.input == len(events)
    balance(result)
    assert result.calls["call_id"].n_unique() == len(result.calls)
    assert result.legs["leg_id"].n_unique() == len(result.legs)
    counted = dict(result.legs.group_by("call_id").len().iter_rows())
    told = {call: count for call, count in result.calls.select("call_id", "leg_count").iter_rows() if count}
    assert told == counted


@given(graphs())
@examples(15)
def test_legs_of_one_extension_in_one_call_do_not_overlap(given_graphs: list[Graph]) -> None:
    result = correlated(events_of(given_graphs))
    last: dict[tuple[str, str], datetime | None] = {}
    for leg in result.legs.sort("call_id", "agent_extension", "start_time", "leg_number").to_dicts():
        of = (leg["call_id"], leg["agent_extension"])
        if of in last:
            before = last[of]
            assert before is not None, "a leg follows one that has not ended"
            assert before <= leg["start_time"]
        last[of] = leg["end_time"]
        _is_sound(leg)


def _is_sound(leg: dict[str, Any]) -> None:
    start, end = leg["start_time"], leg["end_time"]
    assert (end is None) == (leg["status"] == IN_PROGRESS) == (leg["end_reason"] is None)
    assert leg["duration_ms"] == (None if end is None else (end - start) // timedelta(milliseconds=1))
    assert end is None or start <= end
    at = start
    for hold in leg["hold_segments"]:
        assert at <= hold["start_time"]
        assert hold["end_time"] is not None or leg["status"] == IN_PROGRESS
        at = hold["end_time"] or datetime.max.replace(tzinfo=start.tzinfo)
        assert hold["start_time"] < at
        assert end is None or at <= end
    assert leg["is_answered"] or not leg["is_reportable"]
    assert leg["leg_number"] >= 1


@given(graphs())
@examples(12)
def test_no_call_mixes_tenants(given_graphs: list[Graph]) -> None:
    result = correlated(events_of(given_graphs))
    alone = [
        correlated(events_of([g for g in given_graphs if g.tenant == tenant]), _latest(given_graphs))
        for tenant in ("blue", "red")
    ]
    same_calls(result.calls, pl.concat(each.calls for each in alone))
    same_legs(result.legs, pl.concat(each.legs for each in alone))


def _latest(given_graphs: Sequence[Graph]) -> datetime:
    return shortly_after(events_of(given_graphs))


@given(graphs(at_most=6))
@examples(12)
def test_interleaved_calls_give_the_legs_of_each_alone(given_graphs: list[Graph]) -> None:
    as_of = _latest(given_graphs)
    together = correlated(events_of(given_graphs), as_of)
    assert len(together.legs) == sum(len(legs_of(together, graph)) for graph in given_graphs)
    for graph in given_graphs:
        same_legs(legs_of(together, graph), correlated(events_of([graph]), as_of).legs)


@given(graphs())
@examples(12)
def test_without_other_facts_the_legs_are_the_same(given_graphs: list[Graph]) -> None:
    as_of = _latest(given_graphs)
    silent = [graph.without_kind(KIND_EVENTS["OTHER"]) for graph in given_graphs]
    same_legs(correlated(events_of(silent), as_of).legs, correlated(events_of(given_graphs), as_of).legs)


@given(graphs(), st.integers(0, 2**16))
@examples(15)
def test_lost_facts_change_only_legs_of_calls_that_lost_one(given_graphs: list[Graph], seed: int) -> None:
    as_of = _latest(given_graphs)
    chance = random.Random(seed)
    lossy = [
        graph.without({i for i in range(len(graph.facts)) if chance.random() < 0.01})
        for graph in given_graphs
    ]
    before, after = correlated(events_of(given_graphs), as_of), correlated(events_of(lossy), as_of)
    balance(after)
    for graph, left in zip(given_graphs, lossy, strict=True):
        if graph.facts == left.facts:
            same_legs(legs_of(after, graph), legs_of(before, graph))


TALKS_MS = st.lists(st.integers(1, 600_000), min_size=4, max_size=9)


@given(st.lists(TALKS_MS, min_size=1, max_size=6))
@examples(10)
def test_a_leg_that_lost_its_beginning_or_end_is_flagged_or_in_progress(spans: list[list[int]]) -> None:
    """Of each call every one of its facts is lost once; whatever that moves, the leg says that it was estimated."""
    facts = [_plain_call(each) for each in spans]
    whole = [Graph(number, "whole", each, 1) for number, each in enumerate(facts)]
    lossy = [
        Graph(number, f"without {lost}", each[:lost] + each[lost + 1 :], 1)
        for number, each in enumerate(facts)
        for lost in range(len(each))
    ]
    result = correlated(events_of([*whole, *lossy]))
    true_times: dict[str, tuple[datetime, datetime | None]] = {}
    for leg in result.legs.sort(pl.col("tenant_id") != "whole").to_dicts():
        times = (leg["start_time"], leg["end_time"])
        expected = true_times.setdefault(leg["root_call_key"], times)
        flagged = leg["is_start_estimated"] or leg["is_end_estimated"] or leg["status"] == IN_PROGRESS
        assert times == expected or flagged, leg
        if leg["tenant_id"] == "whole":
            assert not flagged
    assert len(result.legs) == len(whole) + len(lossy)


def _plain_call(spans: list[int]) -> tuple[Fact, ...]:
    """A call that comes in, is answered, held and resumed as often as there are spans, and ends."""
    agent = {"extension": "1001"}
    middle = [("TALKING", agent) if i % 2 == 0 else ("HELD", agent) for i in range(len(spans))]
    told = [
        ("STARTED", {}),
        ("RINGING", agent),
        ("ESTABLISHED", agent),
        *middle,
        ("DROPPED", agent),
        ("ENDED", {}),
    ]
    at = accumulate([0, 5, 5, 5, *spans, 5])
    return tuple(
        Fact(time, KIND_EVENTS[kind], 1, columns) for time, (kind, columns) in zip(at, told, strict=True)
    )


@given(graphs(), st.integers(1, 40))
@examples(10)
def test_working_in_small_parts_changes_nothing(given_graphs: list[Graph], rows: int) -> None:
    events = events_of(given_graphs)
    whole = correlated(events)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "PART_ROWS", rows)
        parts = correlated(events)
    same_calls(parts.calls, whole.calls)
    same_legs(parts.legs, whole.legs)
    assert parts.counts == whole.counts


def test_the_generator_makes_what_the_properties_are_about() -> None:
    """Hypothesis would not say so if all graphs were empty: half a hundred of them together have everything."""
    seen: Counter[str] = Counter()

    @given(graphs())
    @examples(30)
    def collect(given_graphs: list[Graph]) -> None:
        result = correlated(events_of(given_graphs))
        seen["graphs"] += len(given_graphs)
        seen.update(result.legs["call_type"].to_list())
        seen.update(result.legs["status"].to_list())
        seen.update(result.quarantine["reason"].to_list())
        seen["several keys"] += int((result.calls["call_keys"].list.len() > 1).sum())
        seen["duplicates"] += result.counts.duplicates

    collect()
    assert seen["graphs"] >= 40
    wanted = ["SIMPLE", "RONA", "CONFERENCE", "CONSULT", "CONSULT_TRANSFER", "DIRECT_TRANSFER", "OUTBOUND"]
    wanted += ["IN_PROGRESS", "several keys", "duplicates", "ENDING_WITHOUT_CALL"]
    assert not [name for name in wanted if not seen[name]], seen
