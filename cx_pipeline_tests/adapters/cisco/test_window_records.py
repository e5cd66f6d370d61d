"""What is asked of the sources, and what is made of their answers."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from cx_pipeline.adapters.cisco.window_records import (
    EarlierRead,
    read_window_records,
)
from cx_pipeline.core.enrichment.schema import CISCO_RECORD_SCHEMA
from cx_pipeline.core.errors import SourceUnavailableError
from cx_pipeline.core.events.schema import UTC_MICROSECONDS
from cx_pipeline.core.windows import Window

MINUTE = timedelta(minutes=1)
TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)
WINDOW = Window(TEN, TEN + 60 * MINUTE)
NO_LEGS = pl.Series([], dtype=UTC_MICROSECONDS)


class Records:
    """A source that has records of these minutes, and notes what it is asked for."""

    def __init__(self, name: str, *ended: int) -> None:
        self.name = name
        self.ended = list(ended)
        self.asked: list[tuple[datetime, datetime]] = []

    def read(self, ended_from: datetime, ended_to: datetime) -> Iterator[pl.DataFrame]:
        self.asked.append((ended_from, ended_to))
        rows = [
            {"record_id": f"{self.name}:{minute}", "source": self.name, "ended_at": TEN + minute * MINUTE}
            for minute in self.ended
            if ended_from <= TEN + minute * MINUTE < ended_to
        ]
        for row in rows:
            yield pl.DataFrame([row], schema=CISCO_RECORD_SCHEMA)


class Down(Records):
    def read(self, ended_from: datetime, ended_to: datetime) -> Iterator[pl.DataFrame]:
        yield from super().read(ended_from, ended_to)
        raise SourceUnavailableError("the Cisco source down does not answer")


def read(*sources: Records, now: datetime, earlier: EarlierRead | None = None):
    return read_window_records(
        sources, WINDOW, NO_LEGS, now=now, slack=10 * MINUTE, lag=5 * MINUTE, earlier=earlier
    )


def ids(records: pl.DataFrame) -> list[str]:
    return sorted(records["record_id"])


def test_every_source_is_asked_for_the_window_and_its_slack():
    one, two = Records("one", 1, 5, 75), Records("two", -5)
    result = read(one, two, now=TEN + 600 * MINUTE)
    assert ids(result.records) == ["one:1", "one:5", "two:-5"]
    assert result.records.schema == CISCO_RECORD_SCHEMA
    assert one.asked == two.asked == [(TEN - 10 * MINUTE, TEN + 70 * MINUTE)]


def test_a_read_that_goes_on_asks_for_the_lag_only_and_keeps_the_rest():
    source = Records("one", 1, 9, 11)
    before = read(source, now=TEN + 11 * MINUTE)
    source.ended.append(10)  # came late, within the lag
    again = read(source, now=TEN + 12 * MINUTE, earlier=EarlierRead(before.records, TEN + 11 * MINUTE))
    assert (before.is_whole, again.is_whole) == (True, False)
    assert source.asked[1:] == [(TEN + 6 * MINUTE, TEN + 12 * MINUTE)]
    assert ids(again.records) == ["one:1", "one:10", "one:11", "one:9"]


def test_a_record_that_came_later_than_the_lag_is_found_by_the_next_whole_read():
    source = Records("one", 9)
    before = read(source, now=TEN + 14 * MINUTE)
    source.ended.append(1)
    again = read(source, now=TEN + 15 * MINUTE, earlier=EarlierRead(before.records, TEN + 14 * MINUTE))
    assert again.is_whole
    assert ids(again.records) == ["one:1", "one:9"]


def test_a_source_that_fails_in_mid_read_leaves_nothing_known():
    with pytest.raises(SourceUnavailableError, match="down"):
        read(Records("one", 1), Down("down", 2), now=TEN + 30 * MINUTE)
