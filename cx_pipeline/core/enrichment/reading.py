"""Which records a window's legs ask for, and as of when their matches are judged."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import polars as pl

from cx_pipeline.core.enrichment.schema import CISCO_RECORD_SCHEMA
from cx_pipeline.core.windows import Window

Span = tuple[datetime, datetime]
"""From, to (exclusive), in UTC."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_SPANS = 24


def judged_at(window: Window, now: datetime, last_try: timedelta) -> datetime:
    """The moment at which a read at `now` looks at the age of the window's legs.

    Never later than the last try of the window's last leg: by then all is decided, so that a window computed again
    in a year gives what it gave after an hour.
    """
    return min(now, window.end + last_try)


def spans_to_read(window: Window, leg_ends: pl.Series, slack: timedelta, now: datetime) -> list[Span]:
    """The spans of time in which records of the window's legs may have ended, oldest first, apart from each other.

    The window with `slack` on both sides, and as much around each leg that ended before it: a call belongs to the
    window in which it ended, its first legs may have ended hours earlier. Nothing later than `now`.

    Args:
        window: the window.
        leg_ends: when its legs ended (UTC), null for those that have not.
        slack: how far from a leg its record may lie.
        now: when it is read.
    """
    earlier = leg_ends.drop_nulls().filter(leg_ends.drop_nulls() < window.start).unique().sort()
    wanted = [(end - slack, end + slack) for end in earlier]
    wanted.append((window.start - slack, window.end + slack))
    spans = _merged((start, min(end, now)) for start, end in wanted if start < now)
    while (
        len(spans) > _MOST_SPANS
    ):  # many small queries cost a database more than one that reads a little too much
        gap = min(range(1, len(spans)), key=lambda i: spans[i][0] - spans[i - 1][1])
        spans[gap - 1 : gap + 1] = [(spans[gap - 1][0], spans[gap][1])]
    return spans


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def may_go_on(read_before: datetime, now: datetime, lag: timedelta) -> bool:
    """Whether a read may go on from an earlier one, reading only what `lag` allows to have been missing then.

    The first read in each span of `lag` reads all again: a record that came later than `lag` is found by it.
    """
    if not lag or now < read_before:
        return False
    return (read_before - _EPOCH) // lag == (now - _EPOCH) // lag


def only_since(spans: Iterable[Span], since: datetime) -> list[Span]:
    """What lies in the spans from `since` on."""
    return [(max(start, since), end) for start, end in spans if end > since]


def joined(before: pl.DataFrame, newly_read: pl.DataFrame, since: datetime) -> pl.DataFrame:
    """The records of an earlier read with those of a new one, which read everything from `since` on."""
    kept = before.filter(pl.col("ended_at") < since) if len(before) else CISCO_RECORD_SCHEMA.to_frame()
    return pl.concat([kept, newly_read]).unique("record_id", keep="last", maintain_order=True)


def distinct(chunks: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """One frame of all chunks, each record once."""
    frames = list(chunks)
    if not frames:
        return CISCO_RECORD_SCHEMA.to_frame()
    return pl.concat(frames).unique("record_id", keep="last", maintain_order=True)


def keys_in_all_forms(records: pl.DataFrame) -> list[str]:
    """The records' call keys, sorted, each also without its node: so a listener may have written it."""
    keys = records["call_key"].drop_nulls().unique()
    return sorted({*keys, *keys.str.split("_").list.last()})
