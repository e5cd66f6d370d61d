"""What arrived since a sequence number, as the sensors ask: what it is, and which windows it concerns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import polars as pl

from cx_pipeline.adapters.database import closure
from cx_pipeline.adapters.database.retention import retention_of
from cx_pipeline.adapters.database.snapshot import Snapshot
from cx_pipeline.core.windows import Window


@dataclass(frozen=True, slots=True)
class ArrivedFacts:
    """Facts of one kind that newly arrived in one window: what they are, how many, and the newest's sequence."""

    source: str
    event_name: str
    count: int
    newest: int


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What arrived after a sequence number, by the window in which it happened.

    `high_water` is the newest arrival looked at: go on from there. Where nothing arrived it is the number asked for.
    A window is there if any of its facts arrived; which of them end calls is for the core to say.
    """

    high_water: int
    windows: Mapping[Window, tuple[ArrivedFacts, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LateArrivals:
    """The windows that newly arrived facts concern: all in which the calls of these facts have any fact.

    `high_water` is the newest arrival looked at: go on from there. Where nothing arrived it is the number asked for.
    `windows` has, for each window, the newest arrival that concerns it: a computation must have seen that.
    `computed` has the mark of the newest computation of those windows that were computed at all.
    Windows whose events retention dropped are left out: they cannot be computed again.
    """

    high_water: int
    windows: Mapping[Window, int] = field(default_factory=dict)
    computed: Mapping[Window, int] = field(default_factory=dict)

    @property
    def due(self) -> dict[Window, int]:
        """The windows, oldest first, whose newest computation (or none) has not seen what concerns them."""
        return {w: mark for w, mark in sorted(self.windows.items()) if self.computed.get(w, -1) < mark}


def arrived_facts(snapshot: Snapshot, after: int, limit: int, length: timedelta) -> Arrivals:
    """The first `limit` facts after a sequence number, counted by window, source and name."""
    facts = snapshot.frame(
        "SELECT date_bin({length}, fact_time, {origin}) AS window_start, source, event_name, count(*) AS count, "
        "max(arrival_sequence) AS newest FROM (SELECT source, event_name, arrival_sequence, "
        # As the correlation has it: what claims to be later than its arrival counts at its arrival.
        "CASE WHEN event_time - received_at > interval '5 seconds' THEN received_at ELSE event_time END AS fact_time "
        "FROM jtapi_event WHERE arrival_sequence > {after} ORDER BY arrival_sequence LIMIT {limit}) AS arrived "
        "GROUP BY window_start, source, event_name ORDER BY window_start, source, event_name",
        length=length,
        origin=_MIDNIGHT,
        after=after,
        limit=limit,
    )
    windows: dict[Window, tuple[ArrivedFacts, ...]] = {}
    for start, source, name, count, newest in facts.iter_rows():
        window = _window(start, length)
        windows[window] = (*windows.get(window, ()), ArrivedFacts(source, name, count, newest))
    return Arrivals(max(facts["newest"], default=after), windows)


def late_arrivals(
    snapshot: Snapshot,
    after: int,
    limit: int,
    length: timedelta,
    max_silence: timedelta,
    settled_before: datetime | None = None,
) -> LateArrivals:
    """The windows in which the first `limit` facts after a sequence number happened, and those that their calls touch.

    With `settled_before`, calls are looked at only if the fact can change a window that ended before it.
    """
    arrived = arrived_facts(snapshot, after, limit, length)
    if not arrived.windows:
        return LateArrivals(after)
    spares = retention_of(snapshot, max_silence).spares
    own = {w: max(fact.newest for fact in facts) for w, facts in arrived.windows.items() if spares(w)}
    closure.begin(snapshot)
    closure.add_arrived(
        snapshot, after=after, limit=limit, max_silence=max_silence, settled_before=settled_before
    )
    if not snapshot.number("SELECT count(*) FROM touched_key"):
        return LateArrivals(arrived.high_water, own)
    closure.close(snapshot, max_silence=max_silence)
    touched, computed = _windows_of(_touched(snapshot, length), length)
    marks = {
        window: max(own.get(window, -1), touched.get(window, -1))
        for window in own | touched
        if spares(window)
    }
    return LateArrivals(arrived.high_water, marks, computed)


def _touched(snapshot: Snapshot, length: timedelta) -> pl.DataFrame:
    first, last = snapshot.frame("SELECT min(span_from), max(span_to) FROM touched_key").row(0)
    return snapshot.frame(
        """
        SELECT touched.*, w.high_water FROM (
            SELECT date_bin({length}, CASE WHEN e.event_time - e.received_at > interval '5 seconds'
                THEN e.received_at ELSE e.event_time END, {origin}) AS window_start, max(k.newest) AS newest
            FROM touched_key AS k JOIN jtapi_event AS e ON e.call_key = k.call_key
            WHERE e.event_time BETWEEN k.span_from AND k.span_to AND e.event_time BETWEEN {first} AND {last}
            GROUP BY 1
        ) AS touched LEFT JOIN window_computation AS w
            ON w.window_start = touched.window_start AND w.window_end = touched.window_start + {length}
        ORDER BY touched.window_start
        """,
        length=length,
        origin=_MIDNIGHT,
        first=first,
        last=last,
    )


def _windows_of(touched: pl.DataFrame, length: timedelta) -> tuple[dict[Window, int], dict[Window, int]]:
    windows, computed = {}, {}
    for start, newest, high_water in touched.iter_rows():
        window = _window(start, length)
        windows[window] = newest
        if high_water is not None:
            computed[window] = high_water
    return windows, computed


def _window(start: datetime, length: timedelta) -> Window:
    start = start.astimezone(UTC)
    return Window(start, start + length)


_MIDNIGHT = datetime(2000, 1, 1, tzinfo=UTC)
"""Windows begin at midnight UTC, and a window's length divides the day: any midnight is an origin of the grid."""
