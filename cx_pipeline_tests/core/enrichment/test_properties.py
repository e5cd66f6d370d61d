"""What must hold for all legs and records."""

from __future__ import annotations

import os
import random
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from cx_pipeline.core.calls.schema import CALL_SCHEMA, COMPLETED, IN_PROGRESS, LEG_SCHEMA
from cx_pipeline.core.directory import EMPTY_DIRECTORY
from cx_pipeline.core.enrichment.enrich import Enrichment, enrich
from cx_pipeline.core.enrichment.rules import DEFAULT_ENRICHMENT_RULES
from cx_pipeline.core.enrichment.schema import (
    AMBIGUOUS,
    BY_TIME,
    CISCO_RECORD_SCHEMA,
    COMPLETE,
    PENDING,
)
from cx_pipeline.core.enrichment.verdicts import enrichment_verdicts
from cx_pipeline_tests.core.enrichment.scenario import time_of

EXPLORE = int(os.environ.get("CX_TEST_EXPLORE", "0"))
"""So many times as many examples, and others at each run; the seed is printed. 0: half as many, the same ones each time."""
BEGIN = time_of("10:00:00")
READ_AT = time_of("13:00:00")
EXTENSIONS = ("1001", "1002", "1003", None, "7777")
KEYS = ("1_100", "100", "1_101", "ab-cd")
MOMENTS_MS = (0, 400, 900, 1_000, 1_600, 5_000, 9_000, 31_000, 120_000, 121_000, 400_000, 900_000)
LENGTHS_S = (0, 1, 10, 60, 119, 600)
CLEAR_PAIRS = 5


def examples(count: int) -> settings:
    return settings(
        max_examples=count * EXPLORE or -(-count // 2),
        derandomize=not EXPLORE,
        database=None,
        deadline=None,
        print_blob=True,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


Window = tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]
"""Legs, calls and records."""


@st.composite
def windows(draw: st.DrawFn) -> Window:
    """Legs and records of a few keys, so near to each other that most rules have to speak.

    Beside them calls of which each has one leg and one record: enough to know the clock.
    """
    legs, calls, records = _clear()
    for number in range(draw(st.integers(1, 3))):
        keys = draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=2, unique=True))
        call = {"call_id": f"call {number}", "tenant_id": "t", "call_keys": keys, "root_call_key": keys[0]}
        calls.append(call)
        for place in range(draw(st.integers(1, 3))):
            begin = draw(st.sampled_from(MOMENTS_MS))
            end = None if draw(st.integers(0, 9)) == 0 else begin + draw(st.sampled_from(MOMENTS_MS))
            extension = draw(st.sampled_from(EXTENSIONS[:3]))
            legs.append(_leg(f"leg {number} {place}", call, place, extension, begin, end))
    for number in range(draw(st.integers(0, 6))):
        records.append(
            {
                "record_id": f"record {number}",
                "source": "s",
                "call_key": draw(st.sampled_from(KEYS)),
                "extension": draw(st.sampled_from(EXTENSIONS)),
                "ended_at": BEGIN + timedelta(milliseconds=draw(st.sampled_from(MOMENTS_MS))),
                "talk_s": draw(st.sampled_from(LENGTHS_S)),
                "work_s": draw(st.sampled_from((None, 0, 20))),
                "conversation_type": draw(st.sampled_from(("INBOUND", "INBOUND", "OUTBOUND", "RESERVATION"))),
            }
        )
    return pl.DataFrame(legs, LEG_SCHEMA), pl.DataFrame(calls, CALL_SCHEMA), _records(records)


def _clear() -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    calls = [
        {"call_id": f"clear {n}", "tenant_id": "t", "call_keys": [f"1_{n}"], "root_call_key": f"1_{n}"}
        for n in range(CLEAR_PAIRS)
    ]
    legs = [_leg(f"clear {n}", call, 0, "2000", 0, 60_000 + 1_000 * n) for n, call in enumerate(calls)]
    records = [
        {
            "record_id": f"of {leg['leg_id']}",
            "source": "s",
            "call_key": leg["root_call_key"],
            "extension": "2000",
            "ended_at": leg["end_time"],
            "talk_s": 60,
        }
        for leg in legs
    ]
    return legs, calls, records


def _leg(
    leg_id: str, call: dict[str, Any], place: int, extension: str, begin: int, end: int | None
) -> dict[str, Any]:
    return {
        "leg_id": leg_id,
        "leg_key": leg_id,
        "call_id": call["call_id"],
        "tenant_id": "t",
        "root_call_key": call["root_call_key"],
        "leg_number": place + 1,
        "agent_extension": extension,
        "status": IN_PROGRESS if end is None else COMPLETED,
        "call_type": "SIMPLE",
        "start_time": BEGIN + timedelta(milliseconds=begin),
        "end_time": None if end is None else BEGIN + timedelta(milliseconds=end),
        "duration_ms": None if end is None else end - begin,
        "hold_segments": [],
        "is_answered": True,
        "is_reportable": True,
        "is_artefact": False,
        "is_end_estimated": False,
    }


def _records(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, CISCO_RECORD_SCHEMA)


def enriched(window: Window, read_at: datetime = READ_AT) -> Enrichment:
    legs, calls, records = window
    return enrich(
        legs, calls, records, EMPTY_DIRECTORY, DEFAULT_ENRICHMENT_RULES, read_at=read_at, has_source=True
    )


def same(one: Enrichment, other: Enrichment) -> None:
    assert_frame_equal(one.legs.sort("leg_id"), other.legs.sort("leg_id"))


@examples(50)
@given(windows(), st.integers(0, 1_000_000))
def test_the_order_of_rows_changes_nothing(window: Window, seed: int) -> None:
    chance = random.Random(seed)
    legs, calls, records = (frame[chance.sample(range(len(frame)), len(frame))] for frame in window)
    same(enriched(window), enriched((legs, calls, records)))


@examples(50)
@given(windows())
def test_a_record_serves_one_leg_and_a_leg_takes_one_of_its_own_key(window: Window) -> None:
    found = enriched(window)
    verdicts = enrichment_verdicts(found, window[0])
    assert all(verdicts[name].passed for name in ("schema", "every_leg_once", "one_record_one_leg")), verdicts
    matched = found.legs.drop_nulls("record_id")
    assert set(matched["record_id"]) <= set(window[2]["record_id"])
    pairs = set(found.candidates().select("leg_id", "record_id").iter_rows())
    assert set(matched.select("leg_id", "record_id").iter_rows()) <= pairs
    assert (found.legs["enrichment_status"] == COMPLETE).eq(found.legs["record_id"].is_not_null()).all()


@examples(40)
@given(windows(), st.sampled_from((5, -5, 90, -0.25)))
def test_a_clock_that_is_off_changes_no_match(window: Window, seconds: float) -> None:
    legs, calls, records = window
    found = enriched(window)
    moved = enriched((legs, calls, records.with_columns(pl.col("ended_at") + timedelta(seconds=seconds))))
    same(found, moved)
    assert moved.clock_offset_ms["s"] - found.clock_offset_ms["s"] == seconds * 1000


@examples(40)
@given(windows())
def test_records_of_other_calls_change_nothing(window: Window) -> None:
    legs, calls, records = window
    others = records.with_columns(
        record_id=pl.lit("other ") + pl.col("record_id"),
        call_key=pl.concat_str(pl.lit("9_9"), pl.int_range(pl.len()).cast(pl.String)),
    )
    same(enriched(window), enriched((legs, calls, pl.concat([others, records]))))


@examples(40)
@given(windows())
def test_an_extension_alone_decides_where_one_leg_and_one_record_bear_it(window: Window) -> None:
    """Records without extension, or of other extensions, never take a leg from its own record."""
    legs, calls, records = window
    own = enriched((legs, calls, records.filter(pl.col("extension").is_in((*EXTENSIONS[:3], "2000")))))
    told = own.legs.filter(match_method="EXTENSION").select("leg_id", "record_id")
    also = enriched(window).legs.filter(match_method="EXTENSION").select("leg_id", "record_id")
    assert_frame_equal(told.sort("leg_id"), also.sort("leg_id"))


@examples(50)
@given(windows())
def test_what_lies_equally_near_is_never_guessed(window: Window) -> None:
    """A match by time has no candidate of another extension as near as it that nobody has a better right to."""
    found = enriched(window)
    candidates = found.candidates().filter(~pl.col("is_own_extension"))
    taken = found.legs.drop_nulls("record_id")["record_id"].implode()
    for leg in found.legs.filter(match_method=BY_TIME).iter_rows(named=True):
        rivals = candidates.filter(
            leg_id=leg["leg_id"],
        ).filter(
            pl.col("record_id") != leg["record_id"],
            (pl.col("distance_ms") - leg["match_distance_ms"]).abs() < 1000,
            ~pl.col("record_id").is_in(taken),
        )
        wanted = set(rivals["record_id"])
        # A free rival can only be one that two legs of its own extension contend for.
        contended = found.candidates().filter("is_own_extension", pl.col("record_id").is_in(wanted))
        assert wanted <= set(contended["record_id"])


@examples(30)
@given(windows(), st.integers(0, 200))
def test_nothing_is_pending_an_hour_after_its_end(window: Window, minutes: int) -> None:
    read_at = BEGIN + timedelta(minutes=minutes)
    found = enriched(window, read_at)
    old = found.legs.filter(pl.col("end_time") <= read_at - timedelta(hours=1))
    assert not (old["enrichment_status"] == PENDING).any()
    assert old["is_decided"].all()
    young = found.legs.filter(pl.col("end_time") > read_at - timedelta(hours=1))
    undecided = pl.col("enrichment_status").is_in([PENDING, AMBIGUOUS])
    assert young.filter(undecided)["is_decided"].sum() == 0
