"""A Cisco clock that runs ahead or behind changes no match."""

from datetime import timedelta

import polars as pl
import pytest

from cx_pipeline_tests.core.enrichment.scenario import enriched, legs_of, records_of

LEGS = """
    leg | call | key   | ext  | start    | end
    A   | 1    | 1_101 | 1001 | 10:00:00 | 10:02:00
    B   | 2    | 1_102 | 1002 | 10:00:00 | 10:03:00
    C   | 3    | 1_103 | 1003 | 10:00:00 | 10:04:00
    D   | 4    | 1_104 | 1004 | 10:00:00 | 10:05:00
    E   | 5    | 1_105 | 1005 | 10:00:00 | 10:06:00
    F   | 6    | 1_106 | 1006 | 10:00:00 | 10:00:05
    G   | 6    | 1_106 | 1007 | 10:00:05 | 10:00:08
    H   | 7    | 1_107 | 1008 | 10:00:00 | 10:04:00
"""
RECORDS = """
    record | key   | ext  | end      | talk | work
    a      | 1_101 | 1001 | 10:02:00 | 120  | 0
    b      | 1_102 | 1002 | 10:03:01 | 180  | 0
    c      | 1_103 | 1003 | 10:04:00 | 240  | 0
    d      | 1_104 | 1004 | 10:05:00 | 300  | 0
    e      | 1_105 | 1005 | 10:07:40 | 360  | 0
    f      | 1_106 |      | 10:00:05 | 5    | 0
    g      | 1_106 |      | 10:00:08 | 3    | 0
    x      | 1_107 | 7777 | 10:04:04 | 240  | 0
"""
MATCHES = {"A": "a", "B": "b", "C": "c", "D": "d", "E": "e", "F": "f", "G": "g", "H": "x"}


def shifted(records: pl.DataFrame, **by: float) -> pl.DataFrame:
    return records.with_columns(pl.col("ended_at") + timedelta(**by))


@pytest.mark.parametrize("seconds", [0, 5, -5, 65, -65, 0.4])
def test_a_clock_that_is_off_is_measured_and_changes_no_match(seconds):
    records = shifted(records_of(RECORDS), seconds=seconds)
    outcome = enriched(legs_of(LEGS), records)
    assert outcome.records() == MATCHES
    assert outcome.enrichment.clock_offset_ms == {"uccx": seconds * 1000}
    assert outcome.row("H")["match_distance_ms"] == 4000


def test_each_source_has_its_clock():
    records = records_of(RECORDS)
    other = shifted(records, seconds=-30).with_columns(
        pl.col("record_id") + "2", source=pl.lit("ucce"), jtapi_id=pl.lit(None), call_key="2" + pl.col("call_key")
    )  # fmt: skip
    legs, calls = legs_of(LEGS)
    more = legs.with_columns(pl.col("leg_id") + "2", call_id=pl.lit("2") + pl.col("call_id"), root_call_key=pl.lit(None))  # fmt: skip
    of_more = calls.with_columns(
        call_id=pl.lit("2") + pl.col("call_id"), call_keys=pl.col("call_keys").list.eval("2" + pl.element())
    )
    outcome = enriched(
        (pl.concat([legs, more], how="vertical_relaxed"), pl.concat([calls, of_more])),
        pl.concat([records, other]),
    )
    assert outcome.enrichment.clock_offset_ms == {"ucce": -30_000, "uccx": 0}
    assert outcome.records() == MATCHES | {f"{leg}2": f"{record}2" for leg, record in MATCHES.items()}


def test_too_few_clear_pairs_tell_nothing_of_a_clock():
    records = shifted(records_of(RECORDS), seconds=5).filter(pl.col("record_id") != "d")
    outcome = enriched(legs_of(LEGS), records)
    assert outcome.enrichment.clock_offset_ms == {"uccx": 0}
    assert outcome.enrichment.clocks.row(0, named=True)["pair_count"] == 4


def test_wrap_up_work_is_no_skew():
    """Each record ends after the work: without those of no work, the differences that vary less are the clock's."""
    work = pl.Series("work_s", [10, 40, 90, 20, 150, 0, 0, 0])
    late = records_of(RECORDS).with_columns(
        pl.col("ended_at").sub(pl.lit(timedelta(seconds=3)) - pl.duration(seconds=work)), work
    )
    outcome = enriched(legs_of(LEGS), late)
    assert outcome.enrichment.clocks.row(0, named=True) == {
        "source": "uccx",
        "offset_ms": -3000,
        "pair_count": 5,
        "is_end_after_work": True,
    }
    assert outcome.records() == MATCHES
