"""The closure over call keys: from some keys to all keys of the same calls, and the span of time of their facts.

Keys are joined by `previous_call_key`, in both directions, and by equal `link_id`. Tenants are not looked at: a
superset does no harm, the correlation keeps tenants apart.

Each key has a span in which its facts are looked for. It begins as wide as the longest silence around what is
known, and grows with each fact found, so that a call that lasts longer than that is whole all the same. All is
done on whole sets in temporary tables of a snapshot, in rounds, until a round finds nothing new:

- `touched_key`  (call_key, span_from, span_to, newest, round): the keys; `newest` is the newest arrival that
  concerns the call, spread to all its keys;
- `window_link`  (call_key, previous_call_key, link_id): what the window's own facts refer to;
- `outside_key`  (call_key): keys with facts outside the window.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import LiteralString

from cx_pipeline.adapters.database.snapshot import Snapshot
from cx_pipeline.core.windows import Window

_INSTANT = timedelta(microseconds=1)


def begin(snapshot: Snapshot) -> None:
    """Make the temporary tables, empty."""
    # Look-ups by index are right for keys against days of events, and rows come sorted out of the index by time;
    # the planner, misled by young statistics, would at times read whole days, or sort an hour on its disk.
    for setting in ("enable_hashjoin", "enable_mergejoin", "enable_sort"):
        snapshot.run("SELECT set_config({setting}, 'off', true)", setting=setting)
    snapshot.run(
        "CREATE TEMP TABLE touched_key (call_key text PRIMARY KEY, span_from timestamptz NOT NULL, "
        "span_to timestamptz NOT NULL, newest bigint NOT NULL, round integer NOT NULL) ON COMMIT DROP"
    )
    snapshot.run("CREATE TEMP TABLE outside_key (call_key text PRIMARY KEY) ON COMMIT DROP")
    snapshot.run(
        "CREATE TEMP TABLE window_link (call_key text, previous_call_key text, link_id text) ON COMMIT DROP"
    )
    snapshot.run(
        "CREATE TEMP TABLE found (call_key text, previous_call_key text, link_id text, "
        "first_time timestamptz, last_time timestamptz) ON COMMIT DROP"
    )


def add_keys_with_facts_in(snapshot: Snapshot, window: Window, max_silence: timedelta) -> None:
    """Begin with every key that has a fact in the window."""
    snapshot.run(
        "INSERT INTO touched_key SELECT DISTINCT call_key, {start} - {silence}, {end} + {silence}, 0, 0 "
        "FROM jtapi_event WHERE event_time >= {start} AND event_time < {end} ON CONFLICT DO NOTHING",
        start=window.start,
        end=window.end,
        silence=max_silence,
    )
    # A fact that claims to be later than its arrival counts at its arrival: its call may end in this window, though
    # by its own time the fact lies in a later one.
    snapshot.run(
        "INSERT INTO touched_key AS t SELECT call_key, {start} - {silence}, "
        "greatest({end} + {silence}, max(event_time)), 0, 0 "
        "FROM jtapi_event WHERE event_time - received_at > interval '5 seconds' "
        "AND received_at >= {start} AND received_at < {end} "
        "AND event_time >= {start} AND event_time < {end} + {silence} GROUP BY call_key "
        "ON CONFLICT (call_key) DO UPDATE SET span_to = greatest(t.span_to, excluded.span_to)",
        start=window.start,
        end=window.end,
        silence=max_silence,
    )


def add_keys_left_open_in(
    snapshot: Snapshot, span: Window, window: Window, max_silence: timedelta, ending_names: Collection[str]
) -> None:
    """Begin also with the keys that have a fact in `span`, and none of the `ending_names` as their last there."""
    snapshot.run(
        "INSERT INTO touched_key SELECT call_key, {start} - {silence}, {end} + {silence}, 0, 0 "
        "FROM jtapi_event WHERE event_time >= {from_time} AND event_time < {to_time} GROUP BY call_key "
        "HAVING max(event_time) FILTER (WHERE event_name = ANY ({ending})) IS DISTINCT FROM max(event_time) "
        "ON CONFLICT DO NOTHING",
        start=window.start,
        end=window.end,
        silence=max_silence,
        from_time=span.start,
        to_time=span.end,
        ending=list(ending_names),
    )


def add_links_of(snapshot: Snapshot, window: Window) -> None:
    """Note what the window's own facts refer to, in one pass, so that its keys need not be looked up one by one."""
    snapshot.run(
        "INSERT INTO window_link SELECT DISTINCT call_key, previous_call_key, link_id FROM jtapi_event "
        "WHERE event_time >= {start} AND event_time < {end} "
        "AND (previous_call_key IS NOT NULL OR link_id IS NOT NULL)",
        start=window.start,
        end=window.end,
    )


def add_arrived(
    snapshot: Snapshot,
    *,
    after: int,
    limit: int,
    max_silence: timedelta,
    settled_before: datetime | None = None,
) -> None:
    """Begin with the keys of the first `limit` events that arrived after a sequence number.

    With `settled_before`, only of those that can change a window that was computed for good: their time is before it,
    a call that ended before it bears their keys, or they link two calls. The others go on with a call that is open.
    """
    snapshot.run(
        "INSERT INTO touched_key SELECT call_key, min(event_time) - {silence}, max(event_time) + {silence}, "
        "max(arrival_sequence), 0 "
        "FROM (SELECT call_key, previous_call_key, link_id, event_time, arrival_sequence FROM jtapi_event "
        "WHERE arrival_sequence > {after} ORDER BY arrival_sequence LIMIT {limit}) AS arrived "
        "WHERE {settled}::timestamptz IS NULL OR event_time < {settled} OR link_id IS NOT NULL OR EXISTS ("
        "SELECT FROM call AS c WHERE c.call_keys && ARRAY[arrived.call_key, arrived.previous_call_key] "
        "AND c.status = 'COMPLETED' AND c.window_start < {settled}) GROUP BY call_key",
        silence=max_silence,
        after=after,
        limit=limit,
        settled=settled_before,
    )


def close(snapshot: Snapshot, *, max_silence: timedelta, window: Window | None = None) -> None:
    """Grow `touched_key` and the spans until a round finds nothing new.

    With a `window`, its own facts are known already (`add_links_of`) and only those outside of it are looked up.
    """
    this_round = 0
    while snapshot.number("SELECT count(*) FROM touched_key WHERE round = {round}", round=this_round):
        snapshot.run("ANALYZE touched_key")
        span = _span_of(snapshot, this_round)
        _find_facts(snapshot, this_round, span, window)
        _add_neighbours(snapshot, this_round, span, max_silence)
        this_round += 1
    snapshot.run("ANALYZE touched_key")
    snapshot.run("ANALYZE outside_key")


def _span_of(snapshot: Snapshot, this_round: int) -> tuple[datetime, datetime]:
    """The outermost times of the round's spans: as constants in a query they keep partitions out of its plan."""
    query: LiteralString = "SELECT min(span_from), max(span_to) FROM touched_key WHERE round = {round}"
    first, last = snapshot.frame(query, round=this_round).row(0)
    return first, last


def _find_facts(
    snapshot: Snapshot, this_round: int, span: tuple[datetime, datetime], window: Window | None
) -> None:
    """Look up what the round's keys have outside of the window: references and times of facts."""
    snapshot.run("TRUNCATE found")
    first, last = span
    sides = [span] if window is None else [(first, window.start - _INSTANT), (window.end, last)]
    for from_time, to_time in sides:
        if from_time <= to_time:
            _find_facts_between(snapshot, this_round, from_time, to_time)
    snapshot.run("ANALYZE found")
    snapshot.run("INSERT INTO outside_key SELECT DISTINCT call_key FROM found ON CONFLICT DO NOTHING")


def _find_facts_between(snapshot: Snapshot, this_round: int, from_time: datetime, to_time: datetime) -> None:
    snapshot.run(
        "INSERT INTO found SELECT e.call_key, e.previous_call_key, e.link_id, min(e.event_time), max(e.event_time) "
        "FROM touched_key AS k JOIN jtapi_event AS e ON e.call_key = k.call_key "
        "WHERE k.round = {round} AND e.event_time >= k.span_from AND e.event_time <= k.span_to "
        "AND e.event_time >= {from_time} AND e.event_time <= {to_time} "
        "GROUP BY e.call_key, e.previous_call_key, e.link_id",
        round=this_round,
        from_time=from_time,
        to_time=to_time,
    )


def _add_neighbours(
    snapshot: Snapshot, this_round: int, span: tuple[datetime, datetime], max_silence: timedelta
) -> None:
    """Add the keys that the round's keys refer to, that refer to them and that share a link; widen the spans."""
    snapshot.run(
        """
        WITH reference AS (
            SELECT k.span_from, k.span_to, k.newest, f.previous_call_key, f.link_id
            FROM touched_key AS k JOIN (
                SELECT call_key, previous_call_key, link_id FROM found
                UNION ALL SELECT call_key, previous_call_key, link_id FROM window_link
            ) AS f USING (call_key)
            WHERE k.round = {round} AND (f.previous_call_key IS NOT NULL OR f.link_id IS NOT NULL)
        ), link AS (
            SELECT link_id, min(span_from) AS span_from, max(span_to) AS span_to, max(newest) AS newest
            FROM reference WHERE link_id IS NOT NULL GROUP BY link_id
        ), neighbour AS (
            SELECT previous_call_key AS call_key, span_from, span_to, newest
            FROM reference WHERE previous_call_key IS NOT NULL
            UNION ALL
            SELECT e.call_key, k.span_from, k.span_to, k.newest
            FROM touched_key AS k JOIN jtapi_event AS e ON e.previous_call_key = k.call_key
            WHERE k.round = {round} AND e.event_time BETWEEN k.span_from AND k.span_to AND e.event_time BETWEEN {first} AND {last}
            UNION ALL
            SELECT e.call_key, l.span_from, l.span_to, l.newest
            FROM link AS l JOIN jtapi_event AS e ON e.link_id = l.link_id
            WHERE e.event_time BETWEEN l.span_from AND l.span_to AND e.event_time BETWEEN {first} AND {last}
            UNION ALL
            SELECT call_key, f.first_time - {silence}, f.last_time + {silence}, k.newest
            FROM touched_key AS k JOIN found AS f USING (call_key)
            WHERE k.round = {round}
        )
        INSERT INTO touched_key AS t
        SELECT call_key, min(span_from), max(span_to), max(newest), {next_round} FROM neighbour GROUP BY call_key
        ON CONFLICT (call_key) DO UPDATE SET
            span_from = least(t.span_from, excluded.span_from),
            span_to = greatest(t.span_to, excluded.span_to),
            newest = greatest(t.newest, excluded.newest),
            round = excluded.round
        WHERE t.span_from > excluded.span_from OR t.span_to < excluded.span_to OR t.newest < excluded.newest
        """,
        round=this_round,
        next_round=this_round + 1,
        silence=max_silence,
        first=span[0],
        last=span[1],
    )
