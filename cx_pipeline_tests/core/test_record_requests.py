"""When a window of which legs wait for their records is computed again."""

from datetime import UTC, datetime, timedelta

from cx_pipeline.core.scheduling import RECORD_RECHECKS, record_request
from cx_pipeline.core.windows import Window

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)
WINDOW = Window(TEN, TEN + HOUR)
LAST_LEG = TEN + 50 * MINUTE


def asked(now: datetime) -> str | None:
    return record_request(WINDOW, LAST_LEG, now, HOUR)


def test_each_minute_while_a_try_is_left():
    assert asked(TEN + HOUR) == "2026-03-02-10:00:records@2026-03-02T11:00"
    assert asked(LAST_LEG + HOUR + MINUTE) == "2026-03-02-10:00:records@2026-03-02T11:51"


def test_not_between_the_last_try_and_the_first_time_that_it_is_looked_at_again():
    assert asked(LAST_LEG + HOUR + 2 * MINUTE) is None
    assert asked(WINDOW.end + 2 * HOUR - MINUTE) is None


def test_once_for_each_of_the_later_looks():
    keys = [asked(WINDOW.end + age + offset) for age in RECORD_RECHECKS for offset in (timedelta(0), MINUTE)]
    assert keys == [f"2026-03-02-10:00:records+{hours}h" for hours in (2, 4, 8, 16, 24) for _ in range(2)]
