"""Day partitions of the events: made on demand, dropped when they are too old."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection, Engine, text

from cx_pipeline.adapters.database.locks import PARTITION_LOCK

PARENT = "jtapi_event"
_NAME = re.compile(rf"{PARENT}_(\d{{8}})")

_ATTACHED = text(
    "SELECT inhrelid::regclass::text AS name, inhdetachpending AS is_half_detached "
    "FROM pg_inherits WHERE inhparent = cast(:parent AS regclass)"
)
_LEFT_BEHIND = text(
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND NOT relispartition "
    "AND relnamespace = current_schema()::regnamespace AND relname ~ :pattern"
)

_RECORD = text(
    "INSERT INTO event_retention AS kept (dropped_before) VALUES (:moment) ON CONFLICT (is_the_only_row) "
    "DO UPDATE SET dropped_before = greatest(kept.dropped_before, excluded.dropped_before)"
)
"""Written before anything goes: a window whose events may be gone is not computed again."""


def partition_name(day: date) -> str:
    """The table that holds a UTC day's events."""
    return f"{PARENT}_{day:%Y%m%d}"


def ensure_partitions(connection: Connection, days: Iterable[date]) -> list[date]:
    """Make the partitions of the UTC `days` that are missing; the days that this call made.

    Runs in a transaction of its own, ended on return: call it before the transaction that inserts, on a connection
    that is in none. Inserts and reads that go on are not held up (a finished table is attached, which shares the
    parent), and where nothing is missing no lock is taken at all.

    Raises:
        ValueError: the connection is in a transaction; its locks and ours could wait for each other.
    """
    if connection.in_transaction():
        raise ValueError("partitions are made before a transaction begins, not within one")
    wanted = sorted(set(days))
    with connection.begin():
        if not _missing(connection, wanted):
            return []
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": PARTITION_LOCK})
        made = _missing(connection, wanted)
        for day in made:
            _make(connection, day)
    return made


def drop_partitions_before(engine: Engine, day: date) -> list[date]:
    """Drop the partitions of the days before `day`, events and all; the days that went.

    A partition is detached first, which waits for those who read it and holds up nobody; what a killed call left
    half done is finished by the next one.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": PARTITION_LOCK})
        try:
            return _drop_before(connection, day)
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": PARTITION_LOCK})


def drop_partitions_older_than(engine: Engine, *, keep_days: int, now: datetime) -> list[date]:
    """Drop the partitions of days that ended more than `keep_days` days before `now`; the days that went."""
    return drop_partitions_before(engine, (now.astimezone(UTC) - timedelta(days=keep_days)).date())


def _missing(connection: Connection, days: list[date]) -> list[date]:
    attached = dict(_attached(connection))
    return [day for day in days if attached.get(partition_name(day), True)]


def _attached(connection: Connection) -> list[tuple[str, bool]]:
    rows = connection.execute(_ATTACHED, {"parent": PARENT})
    return [(row.name, row.is_half_detached) for row in rows]


def _make(connection: Connection, day: date) -> None:
    # CREATE TABLE … PARTITION OF would lock the parent against everybody; ATTACH shares it with inserts.
    name, next_day = partition_name(day), day + timedelta(days=1)
    if dict(_attached(connection)).get(name):
        connection.execute(text(f"ALTER TABLE {PARENT} DETACH PARTITION {name} FINALIZE"))
    connection.execute(
        text(f"DROP TABLE IF EXISTS {name}")
    )  # what a killed retention left: its events were to go
    connection.execute(text(f"CREATE TABLE {name} (LIKE {PARENT} INCLUDING DEFAULTS INCLUDING INDEXES)"))
    span = f"FROM ('{day} 00:00:00+00') TO ('{next_day} 00:00:00+00')"
    connection.execute(text(f"ALTER TABLE {PARENT} ATTACH PARTITION {name} FOR VALUES {span}"))


def _drop_before(connection: Connection, day: date) -> list[date]:
    gone = []
    old = [
        (name, is_half_detached) for name, is_half_detached in _attached(connection) if _day_of(name) < day
    ]
    if old:
        connection.execute(_RECORD, {"moment": datetime(day.year, day.month, day.day, tzinfo=UTC)})
    for name, is_half_detached in old:
        how = "FINALIZE" if is_half_detached else "CONCURRENTLY"
        connection.execute(text(f"ALTER TABLE {PARENT} DETACH PARTITION {name} {how}"))
    for name in list(connection.execute(_LEFT_BEHIND, {"pattern": f"^{_NAME.pattern}$"}).scalars()):
        if _day_of(name) < day:
            connection.execute(text(f"DROP TABLE {name}"))
            gone.append(_day_of(name))
    return sorted(gone)


def _day_of(name: str) -> date:
    match = _NAME.fullmatch(name)
    return datetime.strptime(match[1], "%Y%m%d").date() if match else date.max  # noqa: DTZ007 - a date has no zone
