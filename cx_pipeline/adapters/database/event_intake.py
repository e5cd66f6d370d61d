"""Events into the event store: one COPY into a temporary table and one insert, however many there are."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import polars as pl
import stamina
from sqlalchemy import (
    Column,
    Computed,
    Connection,
    Engine,
    Integer,
    column,
    func,
    literal_column,
    select,
    table,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.locks import INTAKE_LOCK
from cx_pipeline.adapters.database.partitions import ensure_partitions, partition_name
from cx_pipeline.adapters.database.staging import stage, staging_table
from cx_pipeline.adapters.database.tables import arrival, jtapi_event
from cx_pipeline.core.errors import DatabaseUnavailableError
from cx_pipeline.core.events.schema import EVENT_SCHEMA, IDENTITY_COLUMNS

STORED_COLUMNS = ("call_key", "previous_call_key", *EVENT_SCHEMA)
BATCH = "batch"
"""Passenger column: the number of the batch in which an event came."""
ATTEMPTS = 6

MAX_DAYS = 64
"""So many day partitions are written in one transaction at most: each costs locks, of which a server has few."""

# Worked out while the rows are copied in, where others may do the same, and not while the lock is held.
_EVENT_ID = Computed(func.jtapi_event_id(*map(literal_column, IDENTITY_COLUMNS)), persisted=True)
_STAGED = staging_table(
    "jtapi_event_staging",
    jtapi_event,
    STORED_COLUMNS,
    Column(BATCH, Integer, nullable=False),
    Column("event_id", jtapi_event.c.event_id.type, _EVENT_ID),
)

_LOCK = select(func.pg_advisory_xact_lock(INTAKE_LOCK))
_INSERT = (
    insert(jtapi_event)
    .from_select(
        ["event_id", *STORED_COLUMNS],
        select(_STAGED.c.event_id, *(_STAGED.c[column] for column in STORED_COLUMNS)),
        include_defaults=False,  # the database numbers them
    )
    .on_conflict_do_nothing()
    .execution_options(preserve_rowcount=True)
)
# Each event is looked up by its id, whatever the planner thinks of tables that it has no statistics of: a new
# partition, a temporary table. Left alone it went by the time, and compared all events of an instant with each other.
_BY_ID = tuple(
    text(f"SET LOCAL enable_{method} = off") for method in ("hashjoin", "mergejoin", "material", "seqscan")
)
_STORED_BY_BATCH = text(
    "SELECT staged.batch, count(*) AS stored FROM jtapi_event_staging AS staged JOIN jtapi_event AS stored "
    "USING (event_id, event_time) WHERE stored.xmin = pg_current_xact_id()::xid GROUP BY staged.batch"
)


@dataclass(frozen=True, slots=True)
class InsertCounts:
    """What became of a batch: `read` = `stored` + `duplicates`."""

    read: int
    stored: int
    duplicates: int

    def __add__(self, other: "InsertCounts") -> "InsertCounts":
        return InsertCounts(
            self.read + other.read, self.stored + other.stored, self.duplicates + other.duplicates
        )


class EventIntake:
    """Writes events into the event store. Safe to call twice with the same events, and from several threads."""

    def __init__(self, engine: Engine, *, attempts: int = ATTEMPTS) -> None:
        """`attempts`: how often a database that is not there is tried."""
        self._engine = engine
        self._attempts = attempts

    def insert(self, usable: pl.DataFrame) -> InsertCounts:
        """Store the events that are not there yet.

        Of several reports of the same fact the one received first counts, in whatever order they come: a stored
        event whose double has an earlier `received_at` takes that over. It matters, because an event's time is
        judged by it (clock skew), so that without it legs would depend on the order of arrival. Such an event also
        gets a new `arrival_sequence`, so that those who look for what is new since their last reading see it.

        Args:
            usable: as `core.events.intake.prepare` gives it; other columns are ignored.

        Returns:
            The counts. Should the connection be lost just as the server commits, the next try finds its own events
            there and counts them as duplicates.

        Raises:
            DatabaseUnavailableError: the database was not there, and not after several tries either.
            ConfigurationError: the database has not been migrated.
            PermanentError: the database refuses the events.
        """
        by_batch = self.insert_batches(usable.with_columns(pl.lit(0).alias(BATCH)))
        return by_batch.get(0, InsertCounts(0, 0, 0))

    def insert_batches(self, usable: pl.DataFrame) -> dict[int, InsertCounts]:
        """As `insert`, for several batches in one transaction: the counts of each.

        Args:
            usable: likewise, and `batch`. Of an event that is in two batches, one of them has stored it.

        Raises:
            As `insert`.
        """
        counts: dict[int, InsertCounts] = {}
        for part in _parts_of_few_days(usable):
            for attempt in stamina.retry_context(
                on=DatabaseUnavailableError, attempts=self._attempts, timeout=60
            ):
                with attempt:
                    inserted = self._insert(part)
            for batch, of_batch in inserted.items():
                counts[batch] = counts.get(batch, InsertCounts(0, 0, 0)) + of_batch
        return counts

    def _insert(self, events: pl.DataFrame) -> dict[int, InsertCounts]:
        different = first_received(events.select(*STORED_COLUMNS, BATCH))
        with database_errors(f"to store {events.height} events"), self._engine.connect() as connection:
            ensure_partitions(connection, _days(different))
            with connection.begin():
                stage(connection, _STAGED, different)
                stored = _insert_staged(connection)
                by_batch = _by_batch(different)
                if stored < different.height:
                    by_batch = _keep_first_received(connection, _days(different))
        return {
            batch: InsertCounts(read, by_batch.get(batch, 0), read - by_batch.get(batch, 0))
            for batch, read in _by_batch(events).items()
        }


def first_received(events: pl.DataFrame) -> pl.DataFrame:
    """Of each event that is there more than once, the one with the earliest `received_at`; the order is kept."""
    is_repeated = events.select(pl.struct(IDENTITY_COLUMNS).is_duplicated()).to_series()
    if not is_repeated.any():
        return events
    numbered = events.with_row_index("position")
    return (
        numbered.sort("received_at", "position")
        .unique(IDENTITY_COLUMNS, keep="first", maintain_order=True)
        .sort("position")
        .drop("position")
    )


def _insert_staged(connection: Connection) -> int:
    # From here to the commit, nobody else numbers events: a reader that saw one number has seen all below it.
    connection.execute(_LOCK)
    return connection.execute(_INSERT).rowcount


def _by_batch(events: pl.DataFrame) -> dict[int, int]:
    return dict(events.group_by(BATCH).len().iter_rows())


def _keep_first_received(connection: Connection, days: list[date]) -> dict[int, int]:
    """Give stored events the earlier times of arrival of their doubles; how many of each batch were new."""
    for setting in _BY_ID:
        connection.execute(setting)
    stored_by_batch = {row.batch: row.stored for row in connection.execute(_STORED_BY_BATCH)}
    for day in days:
        # The partition by its name (the insert holds it): of years of them, the parent would lock all.
        stored = table(partition_name(day), *map(column, ("event_id", "received_at", "arrival_sequence")))
        connection.execute(
            update(stored)
            .values(received_at=_STAGED.c.received_at, arrival_sequence=arrival.next_value())
            .where(stored.c.event_id == _STAGED.c.event_id, _STAGED.c.received_at < stored.c.received_at)
        )
    return stored_by_batch


def _days(events: pl.DataFrame) -> list[date]:
    return events["event_time"].dt.date().unique().sort().to_list()


def _parts_of_few_days(events: pl.DataFrame) -> Iterator[pl.DataFrame]:
    days = _days(events)
    if len(days) <= MAX_DAYS:
        if not events.is_empty():
            yield events
        return
    day = events["event_time"].dt.date()
    for start in range(0, len(days), MAX_DAYS):
        yield events.filter(day.is_in(days[start : start + MAX_DAYS]))
