"""What of Cisco's records is read for a window, and when again."""

import itertools
from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from cx_pipeline.core.enrichment.reading import (
    judged_at,
    keys_in_all_forms,
    may_go_on,
    only_since,
    spans_to_read,
)
from cx_pipeline.core.events.schema import UTC_MICROSECONDS
from cx_pipeline.core.windows import Window

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)
WINDOW = Window(TEN, TEN + HOUR)
SLACK, LAG = 10 * MINUTE, 5 * MINUTE
NEXT_DAY = TEN + timedelta(days=1)

minutes = st.integers(-600, 120).map(lambda minute: TEN + minute * MINUTE)


def ends(*moments: datetime | None) -> pl.Series:
    return pl.Series(moments, dtype=UTC_MICROSECONDS)


def test_a_window_asks_for_itself_and_the_slack_on_both_sides():
    assert spans_to_read(WINDOW, ends(TEN + MINUTE, None), SLACK, NEXT_DAY) == [
        (TEN - SLACK, TEN + HOUR + SLACK)
    ]


def test_nothing_is_asked_for_that_has_not_happened():
    now = TEN + 20 * MINUTE
    assert spans_to_read(WINDOW, ends(), SLACK, now) == [(TEN - SLACK, now)]


def test_a_leg_that_ended_hours_before_its_call_asks_for_its_own_time_too():
    early = TEN - 3 * HOUR
    assert spans_to_read(WINDOW, ends(early, TEN + MINUTE), SLACK, NEXT_DAY) == [
        (early - SLACK, early + SLACK),
        (TEN - SLACK, TEN + HOUR + SLACK),
    ]


@given(st.lists(minutes, max_size=80), st.integers(0, 300))
def test_every_leg_lies_in_a_span_with_its_slack_and_spans_are_few_sorted_and_apart(leg_ends, now_minute):
    now = TEN + now_minute * MINUTE
    spans = spans_to_read(WINDOW, ends(*leg_ends), SLACK, now)
    assert len(spans) <= 24
    assert all(before[1] < after[0] for before, after in itertools.pairwise(spans))
    for end in leg_ends:
        if end <= WINDOW.end and end - SLACK < now:
            assert any(start <= end - SLACK and min(end + SLACK, now) <= to for start, to in spans)


def test_within_the_lag_only_what_may_have_been_missing_is_read_again():
    assert may_go_on(TEN + MINUTE, TEN + 2 * MINUTE, LAG)
    assert only_since([(TEN - HOUR, TEN - SLACK), (TEN, TEN + HOUR)], TEN + MINUTE) == [
        (TEN + MINUTE, TEN + HOUR)
    ]


def test_once_in_each_lag_all_is_read_again_so_that_a_record_that_came_later_is_found():
    assert not may_go_on(TEN + 4 * MINUTE, TEN + 5 * MINUTE, LAG)
    assert not may_go_on(TEN + MINUTE, TEN + 61 * MINUTE, LAG)
    assert not may_go_on(TEN + 2 * MINUTE, TEN + MINUTE, LAG)
    assert not may_go_on(TEN, TEN, timedelta(0))


def test_a_window_computed_again_long_after_looks_from_the_moment_of_its_last_try():
    assert judged_at(WINDOW, TEN + 30 * MINUTE, HOUR) == TEN + 30 * MINUTE
    assert judged_at(WINDOW, NEXT_DAY, HOUR) == judged_at(WINDOW, NEXT_DAY + HOUR, HOUR) == WINDOW.end + HOUR


def test_events_of_a_call_may_bear_its_key_without_the_node():
    records = pl.DataFrame({"call_key": ["1_500", "700", None, "1_500", "other-vendor"]})
    assert keys_in_all_forms(records) == ["1_500", "500", "700", "other-vendor"]
