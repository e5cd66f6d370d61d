"""The events of single calls, as somebody asks for them who looks at one: by id, by call key, or by extension and time."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString

import polars as pl
from psycopg import sql
from sqlalchemy import Engine

from cx_pipeline.adapters.database import closure
from cx_pipeline.adapters.database.snapshot import Snapshot, open_snapshot
from cx_pipeline.core.events.schema import STORED_EVENT_SCHEMA

AROUND_A_MOMENT = timedelta(hours=1)
"""So far around a moment events of an extension are looked for, if no leg was computed: there is no index for it."""

MOST_LIVES = 20
"""So many lives of a call key are looked at, the newest: a key comes again after days or weeks."""

_COLUMNS = sql.SQL(", ").join(
    sql.SQL("e.event_id::text AS event_id") if name == "event_id" else sql.Identifier("e", name)
    for name in STORED_EVENT_SCHEMA
)
_OF_ID: LiteralString = """
    SELECT root_call_key, start_time, last_fact_time FROM call
    WHERE call_id = {id}::uuid OR call_id IN (SELECT call_id FROM call_leg WHERE leg_id = {id}::uuid)
"""
_OF_KEY: LiteralString = """
    SELECT {key}, min(event_time), max(event_time) FROM (
        SELECT event_time, count(*) FILTER (WHERE is_new) OVER (ORDER BY event_time) AS life FROM (
            SELECT event_time, event_time - lag(event_time) OVER (ORDER BY event_time) > {silence} AS is_new
            FROM jtapi_event WHERE call_key = {key} AND event_time BETWEEN {first} AND {last}
        ) AS fact
    ) AS counted
    GROUP BY life ORDER BY min(event_time) DESC LIMIT {limit}
"""
_OF_LEGS: LiteralString = """
    SELECT c.root_call_key, c.start_time, c.last_fact_time FROM call_leg AS l JOIN call AS c USING (call_id)
    WHERE l.agent_extension = {extension} AND l.start_time >= {at} - {silence}
    AND least(l.ring_time, l.start_time) <= {at} AND (l.end_time IS NULL OR l.end_time >= {at})
"""
_OF_EXTENSION: LiteralString = """
    SELECT call_key, min(event_time), max(event_time) FROM jtapi_event
    WHERE event_time BETWEEN {first} AND {last}
    AND {extension} IN (extension, calling_extension, called_extension)
    GROUP BY call_key
"""
_BEGIN_WITH: LiteralString = """
    INSERT INTO touched_key AS k VALUES ({key}, {first}, {last}, 0, 0) ON CONFLICT (call_key) DO UPDATE SET
        span_from = least(k.span_from, excluded.span_from), span_to = greatest(k.span_to, excluded.span_to)
"""
_FACTS: LiteralString = """
    SELECT {columns} FROM touched_key AS k JOIN jtapi_event AS e USING (call_key)
    WHERE e.event_time >= k.span_from AND e.event_time <= k.span_to
    AND e.event_time >= {first} AND e.event_time <= {last}
    ORDER BY e.event_time, e.event_id
"""
_ALWAYS = (
    datetime.fromisoformat("0001-01-01T00:00:00+00:00"),
    datetime.fromisoformat("9999-01-01T00:00:00+00:00"),
)


@dataclass(frozen=True, slots=True)
class KeySpan:
    """A call key, and a span of time in which it has facts."""

    call_key: str
    first: datetime
    last: datetime


class CallEvents:
    """Reads the events of single calls, whole: all their keys, and all facts of these."""

    def __init__(self, engine: Engine, max_silence: timedelta) -> None:
        self._engine = engine
        self._max_silence = max_silence

    def of_id(self, uuid: str) -> pl.DataFrame:
        """Of the computed call that has this id, or a leg with it.

        Raises:
            DatabaseUnavailableError: the database does not answer, or not in time.
        """
        with open_snapshot(self._engine) as snapshot:
            return self._read(snapshot, _spans(snapshot.frame(_OF_ID, id=uuid)))

    def of_number(self, call_key: str, extension: str | None, at: datetime | None) -> pl.DataFrame:
        """Of the calls that had this key, at any time or around a moment; and of those of an extension then.

        Raises:
            DatabaseUnavailableError: the database does not answer, or not in time.
        """
        with open_snapshot(self._engine) as snapshot:
            spans = self._lives(snapshot, call_key, at)
            if extension is not None and at is not None:
                spans += self._calls_of(snapshot, extension, at)
            return self._read(snapshot, spans)

    def _lives(self, snapshot: Snapshot, call_key: str, at: datetime | None) -> list[KeySpan]:
        silence = self._max_silence
        first, last = _ALWAYS if at is None else (at - silence, at + silence)
        lives = snapshot.frame(
            _OF_KEY, key=call_key, silence=silence, first=first, last=last, limit=MOST_LIVES
        )
        return _spans(lives)

    def _calls_of(self, snapshot: Snapshot, extension: str, at: datetime) -> list[KeySpan]:
        computed = _spans(snapshot.frame(_OF_LEGS, extension=extension, at=at, silence=self._max_silence))
        if computed:
            return computed
        first, last = at - AROUND_A_MOMENT, at + AROUND_A_MOMENT
        return _spans(snapshot.frame(_OF_EXTENSION, extension=extension, first=first, last=last))

    def _read(self, snapshot: Snapshot, spans: Collection[KeySpan]) -> pl.DataFrame:
        closure.begin(snapshot)
        for span in spans:
            first, last = span.first - self._max_silence, span.last + self._max_silence
            snapshot.run(_BEGIN_WITH, key=span.call_key, first=first, last=last)
        closure.close(snapshot, max_silence=self._max_silence)
        first, last = snapshot.frame("SELECT min(span_from), max(span_to) FROM touched_key").row(0)
        if first is None:
            return STORED_EVENT_SCHEMA.to_frame()
        events = snapshot.frame(_FACTS, columns=_COLUMNS, first=first, last=last)
        return events.select(pl.col(name).cast(dtype) for name, dtype in STORED_EVENT_SCHEMA.items())


def _spans(rows: pl.DataFrame) -> list[KeySpan]:
    return [KeySpan(*row) for row in rows.iter_rows()]
