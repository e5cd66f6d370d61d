from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cx_pipeline.adapters.intake.rfc3339 import parse_times, time_fault


def parsed(text: str) -> datetime | None:
    moment = parse_times(pl.Series("event_time", [text]))[0]
    assert moment is None or isinstance(moment, datetime)
    return moment


def fault(text: str) -> str:
    return str(pl.DataFrame({"event_time": [text]}).select(time_fault("event_time")).item())


@pytest.mark.parametrize(
    ("text", "microsecond"),
    [
        ("2024-01-15T09:23:45Z", 0),
        ("2024-01-15T09:23:45.1Z", 100_000),
        ("2024-01-15T09:23:45.123Z", 123_000),
        ("2024-01-15T09:23:45.123456Z", 123_456),
        ("2024-01-15T09:23:45.123456789Z", 123_456),
        ("2024-01-15T09:23:45.123456999999Z", 123_456),
        ("2024-01-15t09:23:45z", 0),
        ("2024-01-15T10:23:45+01:00", 0),
        ("2024-01-15T09:23:45-00:00", 0),
        ("2024-01-15T14:53:45.5+05:30", 500_000),
        ("2024-01-15 09:23:45Z", 0),
        ("2024-01-15 10:23:45.25+01", 250_000),
        ("2024-01-15 09:23:45 +00:00", 0),
        ("2024-01-15T10:23:45+0100", 0),
        ("  2024-01-15T09:23:45Z ", 0),
    ],
)
def test_a_time_with_a_zone_is_read_in_every_usual_way_of_writing(text: str, microsecond: int) -> None:
    assert parsed(text) == datetime(2024, 1, 15, 9, 23, 45, microsecond, tzinfo=UTC)


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.datetimes(
        min_value=datetime.fromisoformat("2000-01-01"), max_value=datetime.fromisoformat("2099-12-31")
    ),
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_every_moment_comes_back_as_it_was_written(local: datetime, offset_minutes: int) -> None:
    moment = local.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
    assert parsed(moment.isoformat()) == moment


@pytest.mark.parametrize(
    "text", ["2024-01-15T09:23:45", "2024-01-15 09:23:45.123", "2024-01-15T09:23", "2024-01-15"]
)
def test_a_time_without_zone_is_not_guessed(text: str) -> None:
    assert parsed(text) is None
    assert fault(text) == "TIME_WITHOUT_ZONE: event_time"


@pytest.mark.parametrize("text", ["1705310625", "1705310625123", "1705310625.123", "-5", "1.7e9"])
def test_a_number_is_not_taken_for_a_time(text: str) -> None:
    assert parsed(text) is None
    assert fault(text) == "WRONG_TYPE: event_time is a number"


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "2024-02-30T09:23:45Z",
        "2024-01-15T24:00:00Z",
        "2024-01-15T09:60:00Z",
        "2024-13-01T00:00:00Z",
        "2024-01-15T09:23:45+25:00",
        "20240115T092345Z",
        "2024-01-15T09:23:45 Europe/Zurich",
        "12024-01-15T09:23:45Z",
        "15/01/2024 09:23:45Z",
    ],
)
def test_what_is_no_time_is_told_as_such(text: str) -> None:
    assert parsed(text) is None
    assert fault(text) == "WRONG_TIME: event_time is no RFC 3339 time"


def test_one_odd_time_does_not_change_how_the_others_are_read() -> None:
    times = ["2024-01-15T09:23:45Z", "never", None, "2024-01-15 10:23:45+01"]
    expected = datetime(2024, 1, 15, 9, 23, 45, tzinfo=UTC)
    assert parse_times(pl.Series("event_time", times)).to_list() == [expected, None, None, expected]
