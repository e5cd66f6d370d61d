"""The store of call events, as the computation of windows and the sensors read it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString

import polars as pl
from psycopg import sql
from sqlalchemy import Engine

from cx_pipeline.adapters.database import closure
from cx_pipeline.adapters.database.arrivals import Arrivals, LateArrivals, arrived_facts, late_arrivals
from cx_pipeline.adapters.database.retention import retention_of
from cx_pipeline.adapters.database.snapshot import Snapshot, open_snapshot
from cx_pipeline.core.events.schema import STORED_EVENT_SCHEMA
from cx_pipeline.core.windows import Window

_COLUMNS = sql.SQL(", ").join(
    sql.SQL("e.event_id::text AS event_id") if name == "event_id" else sql.Identifier("e", name)
    for name in STORED_EVENT_SCHEMA
)

_WITHIN: LiteralString = """
    SELECT {columns} FROM jtapi_event AS e WHERE e.event_time >= {start} AND e.event_time < {end}
    ORDER BY e.event_time, e.event_id
"""
_OUTSIDE: LiteralString = """
    SELECT {columns} FROM outside_key JOIN touched_key AS k USING (call_key) JOIN jtapi_event AS e USING (call_key)
    WHERE e.event_time >= k.span_from AND e.event_time <= k.span_to
    AND e.event_time >= {from_time} AND e.event_time < {to_time}
    ORDER BY e.event_time, e.event_id
"""


@dataclass(frozen=True, slots=True)
class RawWindow:
    """What a window is computed from.

    `events` is in `RAW_WINDOW_SCHEMA`, sorted by event time and event id: every fact of every call that has a fact
    in the window (`in_window` tells which facts those are). `high_water` is the newest arrival sequence when they
    were read: all that arrived up to it is in, nothing that arrived later is.
    """

    events: pl.DataFrame
    high_water: int


class EventStore:
    """Reads events out of PostgreSQL, in bulk and each time from one consistent moment."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def read_window(
        self, window: Window, *, max_silence: timedelta, is_open: bool, ending_names: Collection[str] = ()
    ) -> RawWindow:
        """The facts of a window's whole calls, with the high-water mark of the same moment.

        A call is whole: all its keys, joined in any direction, and their facts earlier and later than the window,
        as far as no silence longer than `max_silence` lies between. The open window (`is_open`) also gets the calls
        that had not ended in the windows before, and those of earlier windows that were never computed, back to
        `max_silence`. Of the latter, keys whose last fact is one of `ending_names` (event names after which
        nothing of a key is open) are left out; without these names all are read, which for a large site that
        starts with a full store is much.

        Raises:
            DatabaseUnavailableError: the database does not answer, or not in time.
            EventsDroppedError: retention dropped events that the window's calls may need.
        """
        with open_snapshot(self._engine) as snapshot:
            retention_of(snapshot, max_silence).require(window)
            high_water = _high_water(snapshot)
            closure.begin(snapshot)
            closure.add_keys_with_facts_in(snapshot, window, max_silence)
            if is_open:
                _add_earlier_open_calls(snapshot, window, max_silence, ending_names)
            closure.add_links_of(snapshot, window)
            closure.close(snapshot, max_silence=max_silence, window=window)
            return RawWindow(_whole_calls(snapshot, window), high_water)

    def arrived_after(self, sequence: int, limit: int, *, length: timedelta) -> Arrivals:
        """What the first `limit` facts are that arrived after `sequence`, by window (of `length`), source and name.

        For the listener sensor: it looks for the open window in the result, and whether a call ended there.

        Raises:
            DatabaseUnavailableError: the database does not answer, or not in time.
        """
        with open_snapshot(self._engine) as snapshot:
            return arrived_facts(snapshot, sequence, limit, length)

    def windows_touched(
        self,
        sequence: int,
        limit: int,
        *,
        length: timedelta,
        max_silence: timedelta,
        settled_before: datetime | None = None,
    ) -> LateArrivals:
        """Which windows (of `length`) the first `limit` facts that arrived after `sequence` concern.

        A fact concerns every window in which its call has a fact: the call as it is now, with all keys that are
        joined to it, back and forth over silences of at most `max_silence`. A late fact can move a call's end: so
        these are the windows that the call touched before, and those that it touches now.

        With `settled_before`, a fact of an open call, later than that, concerns its own window only: without this,
        every call that lasts long would have the hours behind it computed anew for each of its events.

        Raises:
            DatabaseUnavailableError: the database does not answer, or not in time.
        """
        with open_snapshot(self._engine) as snapshot:
            return late_arrivals(snapshot, sequence, limit, length, max_silence, settled_before)


def _high_water(snapshot: Snapshot) -> int:
    # Retention may have dropped the newest arrival (an old event that came late): the mark never goes back.
    return snapshot.number(
        "SELECT greatest((SELECT max(arrival_sequence) FROM jtapi_event), "
        "(SELECT max(high_water) FROM window_computation), 0)"
    )


def _add_earlier_open_calls(
    snapshot: Snapshot, window: Window, max_silence: timedelta, ending_names: Collection[str]
) -> None:
    first = window.start - -(-max_silence // window.length) * window.length
    snapshot.run(
        "INSERT INTO touched_key SELECT DISTINCT call_key, {start} - {silence}, {end} + {silence}, 0, 0 "
        "FROM open_call_key WHERE window_start >= {first} AND window_start < {start} ON CONFLICT DO NOTHING",
        start=window.start,
        end=window.end,
        silence=max_silence,
        first=first,
    )
    for span in _never_computed(snapshot, window, first):
        closure.add_keys_left_open_in(snapshot, span, window, max_silence, ending_names)


def _never_computed(snapshot: Snapshot, window: Window, first: datetime) -> list[Window]:
    """The spans from `first` to the window in which no window was computed, as long as they can be."""
    computed = snapshot.frame(
        "SELECT window_start, window_end FROM window_computation "
        "WHERE window_end > {first} AND window_start < {start} ORDER BY window_start",
        first=first,
        start=window.start,
    )
    spans, moment = [], first
    for start, end in computed.iter_rows():
        if moment < start:
            spans.append(Window(moment, start))
        moment = max(moment, end)
    if moment < window.start:
        spans.append(Window(moment, window.start))
    return spans


def _whole_calls(snapshot: Snapshot, window: Window) -> pl.DataFrame:
    first, last = snapshot.frame(
        "SELECT least(min(span_from), {start}), greatest(max(span_to), {end}) + {instant} "
        "FROM touched_key JOIN outside_key USING (call_key)",
        start=window.start,
        end=window.end,
        instant=timedelta(microseconds=1),
    ).row(0)
    earlier = snapshot.frame(_OUTSIDE, columns=_COLUMNS, from_time=first, to_time=window.start)
    within = snapshot.frame(_WITHIN, columns=_COLUMNS, start=window.start, end=window.end)
    later = snapshot.frame(_OUTSIDE, columns=_COLUMNS, from_time=window.end, to_time=last)
    # Each part is sorted, and so is the whole: no second copy of it is made for sorting.
    return pl.concat(
        part.select(
            *(pl.col(name).cast(dtype) for name, dtype in STORED_EVENT_SCHEMA.items()),
            in_window=pl.lit(part is within),
        )
        for part in (earlier, within, later)
    )
