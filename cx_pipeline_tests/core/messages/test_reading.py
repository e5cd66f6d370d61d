from datetime import UTC, datetime, timedelta

import polars as pl

from cx_pipeline.core.events.schema import UTC_MICROSECONDS
from cx_pipeline.core.messages.reading import span_of_activities
from cx_pipeline.core.windows import Window

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)
WINDOW = Window(TEN, TEN + HOUR)


def legs(*starts: datetime) -> pl.DataFrame:
    return pl.DataFrame({"start_time": pl.Series(starts, dtype=UTC_MICROSECONDS)})


def test_a_window_asks_for_itself_and_a_minute_on_both_sides():
    assert span_of_activities(WINDOW, legs(), TEN + 9 * HOUR) == (TEN - MINUTE, TEN + HOUR + MINUTE)
    assert span_of_activities(WINDOW, legs(TEN + MINUTE), TEN + 9 * HOUR)[0] == TEN - MINUTE


def test_legs_that_began_before_the_window_are_asked_for_too():
    assert span_of_activities(WINDOW, legs(TEN - 3 * HOUR, TEN), TEN + 9 * HOUR)[0] == TEN - 3 * HOUR - MINUTE


def test_no_more_than_a_day_and_nothing_to_come_is_asked_for():
    now = TEN + 5 * MINUTE
    assert span_of_activities(WINDOW, legs(TEN - 90 * HOUR), now) == (TEN - 24 * HOUR, now + MINUTE)
