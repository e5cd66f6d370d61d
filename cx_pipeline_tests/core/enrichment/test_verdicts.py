"""What is said of a window's enriched legs."""

from dataclasses import replace

import polars as pl
import pytest

from cx_pipeline.core.enrichment.verdicts import (
    clock_verdict,
    enrichment_verdicts,
    every_leg_once_verdict,
    one_record_one_leg_verdict,
)
from cx_pipeline_tests.core.enrichment.scenario import enriched, legs_of, records_of

COUNT = 40
LEGS = "leg | call | key | ext | start | end\n" + "\n".join(
    f"L{n} | {n} | 1_{n} | {1000 + n} | 10:00:00 | 10:02:00" for n in range(COUNT)
)
RECORDS = "record | key | ext | end | talk\n" + "\n".join(
    f"r{n} | 1_{n} | {1000 + n} | 10:02:00 | 120" for n in range(COUNT)
)


def verdicts(records=RECORDS, *, legs=LEGS, **how):
    given = legs_of(legs)
    frame = records_of(records) if isinstance(records, str) else records
    return enrichment_verdicts(enriched(given, frame, **how).enrichment, given[0])


def test_a_window_of_legs_that_have_their_records_is_well():
    assert all(verdict.passed for verdict in verdicts().values())
    assert all(verdict.passed for verdict in verdicts("record", legs="leg | key").values())


def test_a_leg_that_is_missing_or_double_is_found():
    legs, calls = legs_of(LEGS)
    found = enriched((legs, calls), RECORDS).enrichment.legs
    assert every_leg_once_verdict(legs, found).passed
    assert not every_leg_once_verdict(legs, found.head(-1)).passed
    assert not every_leg_once_verdict(legs.head(-1), found).passed
    assert not every_leg_once_verdict(legs, pl.concat([found, found.head(1)])).passed


def test_a_leg_of_an_outage_is_no_strange_one():
    legs, calls = legs_of(LEGS)
    found = enriched((legs, calls), RECORDS).enrichment.legs
    more = found.head(1).with_columns(leg_id=pl.lit("new"), origin=pl.lit("cisco_record"))
    assert every_leg_once_verdict(legs, pl.concat([found, more])).passed


def test_a_record_of_two_legs_is_found_and_named():
    found = enriched(LEGS, RECORDS).enrichment.legs
    assert one_record_one_leg_verdict(found).passed
    wrong = one_record_one_leg_verdict(found.with_columns(record_id=pl.lit("r7")))
    assert (wrong.passed, wrong.is_grave) == (False, True)
    assert "r7" in wrong.description


@pytest.mark.parametrize(
    ("read_at", "failed"),
    [("10:10:00", set()), ("10:20:00", {"pending_rate"}), ("11:10:00", {"partial_rate"})],
)
def test_records_that_are_missing_are_told_when_they_should_be_there(read_at, failed):
    found = verdicts("record", read_at=read_at)
    assert {name for name, verdict in found.items() if not verdict.passed} == failed
    assert not any(found[name].is_grave for name in failed)


def test_without_a_source_nothing_is_missed():
    assert all(verdict.passed for verdict in verdicts("record", has_source=False).values())


def test_ambiguous_legs_are_told():
    twice = pl.concat([records_of(RECORDS), records_of(RECORDS).with_columns(pl.col("record_id") + "b")])
    found = verdicts(twice)
    assert {name for name, verdict in found.items() if not verdict.passed} == {"ambiguous_rate"}
    assert found["ambiguous_rate"].figures["legs"] == COUNT


def test_a_clock_warns_above_a_second_either_way_and_is_grave_above_five():
    assert clock_verdict({"hds": 1000, "uccx": -1000}).passed
    assert (clock_verdict({"hds": -1001}).passed, clock_verdict({"hds": -5000}).is_grave) == (False, False)
    grave = clock_verdict({"hds": 5001, "uccx": 20})
    assert grave.is_grave
    assert "hds by 5001 ms" in grave.description


def test_a_wrong_frame_may_not_be_written():
    given = legs_of(LEGS)
    good = enriched(given, RECORDS).enrichment
    bad = replace(good, legs=good.legs.with_columns(origin=pl.lit(None, pl.String)))
    assert not enrichment_verdicts(bad, given[0])["schema"].passed
