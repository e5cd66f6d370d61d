from datetime import UTC, datetime, timedelta

import polars as pl

from cx_pipeline.core.frames import QUARANTINED_EVENTS
from cx_pipeline.core.window_checks import (
    Verdict,
    balance_verdict,
    overlap_verdict,
    quarantine_verdict,
    schema_verdict,
    skew_verdict,
    worst,
)

TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)


def legs(*spans):
    """Legs of extension 1001 in one call, given as start and end in seconds."""
    return pl.DataFrame(
        [
            {
                "leg_id": str(number),
                "call_id": "call",
                "agent_extension": "1001",
                "start_time": TEN + timedelta(seconds=start),
                "end_time": None if end is None else TEN + timedelta(seconds=end),
            }
            for number, (start, end) in enumerate(spans)
        ],
        schema_overrides={"end_time": pl.Datetime("us", "UTC")},
    )


def test_legs_that_touch_do_not_overlap():
    assert overlap_verdict(legs((0, 10), (10, 20), (25, None))).passed


def test_a_leg_that_begins_before_the_one_before_it_ended_is_found():
    verdict = overlap_verdict(legs((0, 10), (9, 20)))
    assert not verdict.passed
    assert "call call, extension 1001, leg 0" in verdict.description


def test_a_leg_after_one_that_never_ended_overlaps_it():
    assert not overlap_verdict(legs((0, None), (9, 20))).passed


def test_a_leg_that_ends_before_it_starts_is_found():
    assert not overlap_verdict(legs((10, 5))).passed


def test_legs_of_two_agents_may_overlap():
    two = legs((0, 10), (5, 20)).with_columns(agent_extension=pl.Series(["1001", "1002"]))
    assert overlap_verdict(two).passed


def test_an_event_that_is_nowhere_is_missed():
    assert balance_verdict(10, 7, 2, 1).passed
    verdict = balance_verdict(10, 7, 2, 0)
    assert not verdict.passed
    assert "1 of 10 events" in verdict.description


def test_an_empty_window_has_no_quarantine_rate():
    assert quarantine_verdict(0, 0).passed
    assert quarantine_verdict(100, 1).passed
    assert not quarantine_verdict(100, 2).passed
    assert not quarantine_verdict(100, 2).is_grave


def test_clock_skew_warns_above_a_second_and_is_grave_above_five():
    def skew(**ahead):
        return skew_verdict(pl.DataFrame({"source": list(ahead), "largest_skew_ms": list(ahead.values())}))

    assert skew(jtapi=1_000).passed
    assert skew(jtapi=1_001).passed is False
    assert not skew(jtapi=5_000, genesys=20).is_grave
    assert skew(jtapi=5_001, genesys=20).is_grave
    assert "jtapi by 5001 ms" in skew(jtapi=5_001, genesys=20).description


def test_a_wrong_frame_is_told_by_its_schema():
    assert schema_verdict(QUARANTINED_EVENTS, QUARANTINED_EVENTS.schema.to_frame(eager=True)).passed
    assert not schema_verdict(QUARANTINED_EVENTS, pl.DataFrame({"reason": ["X"]})).passed


def test_over_several_windows_the_gravest_failure_is_told_with_its_window():
    good, warning, grave = Verdict(True, "fine"), Verdict(False, "hm", is_grave=False), Verdict(False, "bad")
    assert worst([("a", good), ("b", good)]).passed
    told = worst([("a", good), ("b", warning), ("c", grave)])
    assert (told.passed, told.is_grave) == (False, True)
    assert told.description == "window c: bad (and 1 more windows)"
