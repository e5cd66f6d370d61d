from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cx_pipeline.core.windows import (
    Window,
    as_mark,
    moment_of_mark,
    window_from_key,
    window_of,
    windows_between,
)

STABLE = settings(derandomize=True, database=None, deadline=None)
DIVISORS = [timedelta(minutes=minutes) for minutes in range(1, 1441) if 1440 % minutes == 0]
MOMENTS = st.integers(0, 4_000_000_000_000_000).map(
    lambda microseconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
)
LENGTHS = st.sampled_from(DIVISORS)
HOUR = timedelta(hours=1)


@given(MOMENTS, LENGTHS)
@STABLE
def test_a_moment_lies_in_exactly_its_window(moment: datetime, length: timedelta) -> None:
    window = window_of(moment, length)
    assert window.start <= moment < window.end
    assert moment in window
    assert window.is_open(moment)
    assert window.length == length
    assert window.start - timedelta(microseconds=1) not in window
    assert window.end not in window
    assert window_of(window.start, length) == window
    assert window_of(window.end - timedelta(microseconds=1), length) == window


@given(MOMENTS, LENGTHS)
@STABLE
def test_windows_begin_at_midnight_of_each_day(moment: datetime, length: timedelta) -> None:
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    assert window_of(midnight, length).start == midnight
    assert (window_of(moment, length).start - midnight) % length == timedelta(0)


@given(MOMENTS, LENGTHS)
@STABLE
def test_a_key_names_its_window(moment: datetime, length: timedelta) -> None:
    window = window_of(moment, length)
    assert window_from_key(window.key, length) == window


@given(
    MOMENTS,
    st.timedeltas(timedelta(0), timedelta(days=2)),
    LENGTHS.filter(lambda length: length >= timedelta(minutes=10)),
)
@STABLE
def test_windows_between_two_moments_touch_and_cover(
    start: datetime, span: timedelta, length: timedelta
) -> None:
    end = start + span
    windows = list(windows_between(start, end, length))
    assert all(before.end == after.start for before, after in pairwise(windows))
    if windows:
        assert start in windows[0]
        assert windows[-1].start < end <= windows[-1].end
    else:
        assert window_of(start, length).start == start == end


@given(
    MOMENTS,
    LENGTHS,
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
)
@STABLE
def test_the_zone_in_which_a_moment_is_written_does_not_matter(
    moment: datetime, length: timedelta, zone: str
) -> None:
    local = moment.astimezone(ZoneInfo(zone))
    assert window_of(local, length) == window_of(moment, length)
    assert local in window_of(moment, length)


@pytest.mark.parametrize("day", [datetime(2024, 3, 31, tzinfo=UTC), datetime(2024, 10, 27, tzinfo=UTC)])
def test_a_day_on_which_clocks_change_has_twenty_four_hours(day: datetime) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    windows = list(
        windows_between(day.astimezone(berlin), (day + timedelta(days=1)).astimezone(berlin), HOUR)
    )
    assert len({window.key for window in windows}) == len(windows) == 24


def test_a_window_is_named_by_its_start() -> None:
    assert window_of(datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC), HOUR).key == "2026-01-31-23:00"


def test_windows_are_ordered_by_time() -> None:
    first = window_of(datetime(2026, 1, 31, 23, tzinfo=UTC), HOUR)
    assert first < window_of(first.end, HOUR)


@pytest.mark.parametrize("key", ["", "2026-01-31", "2026-01-31-25:00", "2026-01-31T23:00"])
def test_what_is_no_key_names_no_window(key: str) -> None:
    with pytest.raises(ValueError, match=r"time data|unconverted"):
        window_from_key(key, HOUR)


def test_a_window_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Window(datetime(2026, 1, 1), datetime(2026, 1, 2, tzinfo=UTC))  # noqa: DTZ001


@pytest.mark.parametrize("length", [timedelta(0), -HOUR])
def test_a_window_that_does_not_end_after_its_start_is_refused(length: timedelta) -> None:
    start = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    with pytest.raises(ValueError, match="ends after it starts"):
        Window(start, start + length)


def test_a_moment_survives_its_mark():
    moment = datetime(2026, 3, 2, 10, 59, 59, 999_999, tzinfo=UTC)
    assert moment_of_mark(as_mark(moment)) == moment
