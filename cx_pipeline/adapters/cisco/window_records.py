"""The records that a window's legs ask for, read from every source, as little as will do."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import polars as pl

from cx_pipeline.core.enrichment.reading import distinct, joined, may_go_on, only_since, spans_to_read
from cx_pipeline.core.windows import Window


class RecordSource(Protocol):
    """Something that records are read from."""

    def read(self, ended_from: datetime, ended_to: datetime) -> Iterator[pl.DataFrame]:
        """Records, `CISCO_RECORD_SCHEMA`, that ended in `[ended_from, ended_to)`."""


@dataclass(frozen=True, slots=True)
class EarlierRead:
    """What was read for a window before, and when."""

    records: pl.DataFrame
    read_at: datetime


@dataclass(frozen=True, slots=True)
class WindowRecords:
    """A window's records, `CISCO_RECORD_SCHEMA`. `is_whole`: all were read anew, not only the newest."""

    records: pl.DataFrame
    is_whole: bool


def read_window_records(
    sources: Sequence[RecordSource],
    window: Window,
    leg_ends: pl.Series,
    *,
    now: datetime,
    slack: timedelta,
    lag: timedelta,
    earlier: EarlierRead | None,
) -> WindowRecords:
    """Read what the window's legs ask for. Any source that fails fails all: "could not read" is never "empty".

    Where a read went before in the same span of `lag`, only what may have been missing then is read again.

    Args:
        sources: where to read.
        window: the window.
        leg_ends: when its legs ended, null for those that have not.
        now: when this is.
        slack: how far from a leg its record may lie.
        lag: how late records may reach the source.
        earlier: the read before, if there was one.

    Raises:
        SourceUnavailableError: a source does not answer; nothing is known.
        SourceRefusedError: a source refuses, or is set wrongly.
    """
    spans = spans_to_read(window, leg_ends, slack, now)
    goes_on = earlier is not None and may_go_on(earlier.read_at, now, lag)
    since = earlier.read_at - lag if earlier is not None and goes_on else None
    wanted = spans if since is None else only_since(spans, since)
    read = distinct(chunk for source in sources for start, end in wanted for chunk in source.read(start, end))
    if earlier is None or since is None:
        return WindowRecords(read, is_whole=True)
    return WindowRecords(joined(earlier.records, read, since), is_whole=False)
