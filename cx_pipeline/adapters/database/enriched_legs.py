"""The table of enriched legs, as computations of windows write it and the commands read it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import polars as pl
from sqlalchemy import ColumnElement, Connection, Engine, delete, exists, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from cx_pipeline.adapters.database.call_tables import read_table
from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.locks import ENRICHED_WRITE_LOCK
from cx_pipeline.adapters.database.message_tables import enriched_leg
from cx_pipeline.adapters.database.row_text import for_table
from cx_pipeline.adapters.database.snapshot import open_snapshot
from cx_pipeline.adapters.database.staging import stage, staging_table
from cx_pipeline.adapters.database.tables import call_leg
from cx_pipeline.core.enrichment.schema import COMPLETE, ENRICHED_LEG_SCHEMA, FROM_EVENTS, FROM_RECORD
from cx_pipeline.core.windows import Window

_HASH = "row_hash"
_HERE = staging_table("enriched_leg_here", enriched_leg, ("leg_id", "origin", _HASH))
"""All legs of the computation, in short: what is compared first."""
_NEW = staging_table("new_enriched_leg", enriched_leg, (*ENRICHED_LEG_SCHEMA, _HASH))
"""Those of them that are new or changed, whole."""
_NAMES = [column.name for column in _NEW.c]


@dataclass(frozen=True, slots=True)
class EnrichedCounts:
    """What a window's write did. `elsewhere`: legs that another window owns by now, and that were left to it."""

    inserted: int
    updated: int
    unchanged: int
    deleted: int
    elsewhere: int


class EnrichedLegs:
    """Writes and reads enriched legs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def write_window(self, window: Window, legs: pl.DataFrame, *, high_water: int) -> EnrichedCounts:
        """Make the table say what a computation of the window found; in one transaction, all or nothing.

        Rows that did not change are not written. A leg that the table of legs has no more, or that another window
        owns by now, is not written; rows of legs that are no more go.

        Args:
            window: what was computed.
            legs: `ENRICHED_LEG_SCHEMA`.
            high_water: grows with what the computation had seen; rows of a higher one are left alone.

        Raises:
            DatabaseUnavailableError: the database did not answer.
            ConfigurationError: the database has not been migrated.
        """
        task = f"to write the enriched legs of the window {window.key}"
        with database_errors(task), self._engine.begin() as connection:
            hashed = legs.with_columns(legs.hash_rows(seed=0).reinterpret(signed=True).alias(_HASH))
            stage(connection, _HERE, hashed.select("leg_id", "origin", _HASH))
            connection.execute(text(f"ANALYZE {_HERE.name}"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": ENRICHED_WRITE_LOCK})
            elsewhere = _drop_legs_of_others(connection, window)
            deleted = _delete_gone(connection, window)
            wanted = _new_or_changed(connection, window, high_water)
            changed = hashed.filter(pl.col("leg_id").is_in(wanted))
            schema = pl.Schema({**ENRICHED_LEG_SCHEMA, _HASH: pl.Int64()})
            stage(connection, _NEW, for_table(changed, enriched_leg, schema))
            connection.execute(text(f"ANALYZE {_NEW.name}"))
            updated, inserted = _write(connection, window, high_water)
            staged = connection.execute(select(func.count()).select_from(_HERE)).scalar_one()
        return EnrichedCounts(inserted, updated, staged - inserted - updated, deleted, elsewhere)

    def of_tenants(self, tenants: Collection[str]) -> pl.DataFrame:
        """The legs of some tenants, `ENRICHED_LEG_SCHEMA`, sorted by tenant, call id and leg number.

        Raises:
            DatabaseUnavailableError: the database does not answer, or not in time.
        """
        order = ("tenant_id", "call_id", "leg_number")
        return read_table(self._engine, enriched_leg.name, ENRICHED_LEG_SCHEMA, order, "tenant_id", tenants)

    def ids_of(self, window: Window) -> pl.Series:
        """The ids of the legs that a window owns now.

        Raises:
            DatabaseUnavailableError: the database does not answer, or not in time.
        """
        with open_snapshot(self._engine) as snapshot:
            rows = snapshot.frame(
                "SELECT leg_id::text AS leg_id FROM enriched_leg WHERE window_start = {start}",
                start=window.start,
            )
        return rows["leg_id"].cast(pl.String)

    def of_call(self, call_id: str) -> pl.DataFrame:
        """The legs of a call, `ENRICHED_LEG_SCHEMA`, in the order of their numbers.

        Raises:
            DatabaseUnavailableError: the database does not answer, or not in time.
        """
        return read_table(
            self._engine, enriched_leg.name, ENRICHED_LEG_SCHEMA, ("leg_number",), "call_id::text", [call_id]
        )

    def windows_without_records(self, after: datetime, before: datetime) -> dict[datetime, datetime]:
        """The windows with reportable legs that ended in `[after, before)` and have no record, by their start.

        With the end of the last such leg of each.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        table = enriched_leg
        query = (
            select(table.c.window_start, func.max(table.c.end_time))
            .where(table.c.is_reportable, table.c.enrichment_status != COMPLETE)
            .where(table.c.end_time >= after, table.c.end_time < before)
            .group_by(table.c.window_start)
        )
        with database_errors("to read enriched legs"), self._engine.connect() as connection:
            return {start: last for start, last in connection.execute(query)}  # noqa: C416


def _drop_legs_of_others(connection: Connection, window: Window) -> int:
    """Leave alone the legs that the window has lost since they were read: their call moved, or is no more."""
    ours = exists().where(call_leg.c.leg_id == _HERE.c.leg_id, call_leg.c.window_start == window.start)
    statement = delete(_HERE).where(_HERE.c.origin == FROM_EVENTS, ~ours)
    return connection.execute(statement.execution_options(preserve_rowcount=True)).rowcount


def _delete_gone(connection: Connection, window: Window) -> int:
    table = enriched_leg
    is_staged = exists().where(_HERE.c.leg_id == table.c.leg_id)
    is_leg = exists().where(call_leg.c.leg_id == table.c.leg_id)
    gone = delete(table).where(
        table.c.window_start == window.start, ~is_staged, (table.c.origin == FROM_RECORD) | ~is_leg
    )
    return connection.execute(gone.execution_options(preserve_rowcount=True)).rowcount


def _new_or_changed(connection: Connection, window: Window, high_water: int) -> list[str]:
    """Ids of the legs that the table has not, or has otherwise, and that no better informed writer wrote."""
    table = enriched_leg
    differs = table.c.row_hash.is_distinct_from(_HERE.c.row_hash) | (table.c.window_start != window.start)
    query = (
        select(_HERE.c.leg_id)
        .join_from(_HERE, table, table.c.leg_id == _HERE.c.leg_id, isouter=True)
        .where(differs, ~_knows_more(window, high_water) | table.c.leg_id.is_(None))
    )
    return list(connection.execute(query).scalars())


def _knows_more(window: Window, high_water: int) -> ColumnElement[bool]:
    return (enriched_leg.c.window_start == window.start) & (enriched_leg.c.high_water > high_water)


def _write(connection: Connection, window: Window, high_water: int) -> tuple[int, int]:
    """Update the rows that differ, insert those that are missing; how many of each."""
    table = enriched_leg
    ownership = {"window_start": literal(window.start), "high_water": literal(high_water)}
    changes = {name: _NEW.c[name] for name in _NAMES if name != "leg_id"}
    changed = (
        update(table)
        .values(changes | ownership | {"written_at": func.now()})
        .where(table.c.leg_id == _NEW.c.leg_id)
    )
    updated = connection.execute(changed.execution_options(preserve_rowcount=True)).rowcount
    rows = select(*(_NEW.c[name] for name in _NAMES), *ownership.values())
    missing = upsert(table).from_select([*_NAMES, *ownership], rows, include_defaults=False)
    added = missing.on_conflict_do_nothing(index_elements=["leg_id"])
    inserted = connection.execute(added.execution_options(preserve_rowcount=True)).rowcount
    return updated, inserted
