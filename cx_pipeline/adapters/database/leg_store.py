"""The tables of calls and legs, as computations of windows write them."""

import polars as pl
from sqlalchemy import Connection, Engine, delete, exists, func, insert, literal, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.leg_merge import NEW_OPEN_KEY, WriteCounts, merge, stage_calls
from cx_pipeline.adapters.database.locks import LEG_WRITE_LOCK
from cx_pipeline.adapters.database.staging import stage, staging_table
from cx_pipeline.adapters.database.tables import open_call_key, quarantined_event, window_computation
from cx_pipeline.core.calls.correlate import Correlation
from cx_pipeline.core.errors import StaleWriterError
from cx_pipeline.core.events.schema import UTC_MICROSECONDS
from cx_pipeline.core.windows import Window

OTHER_CALL_SCHEMA = pl.Schema({"call_id": pl.String(), "end_time": UTC_MICROSECONDS})
"""Calls that a computation saw and that are not its window's own; no end: the call has not ended."""

__all__ = ["OTHER_CALL_SCHEMA", "LegStore", "WriteCounts"]

_NEW_QUARANTINE = staging_table(
    "new_quarantine", quarantined_event, ("reason", "event_time", "global_call_id", "row_text")
)


class LegStore:
    """Writes what windows computed. Any number of windows may be written at once, in any order, and again."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def write_window(
        self,
        window: Window,
        correlation: Correlation,
        open_call_keys: pl.DataFrame,
        *,
        high_water: int,
        is_open: bool,
        run_id: str,
        other_calls: pl.DataFrame | None = None,
    ) -> WriteCounts:
        """Make the tables say what a computation of the window found; in one transaction, all or nothing.

        Rows that did not change are not written. Calls of the window that another window owns are taken over, unless
        that was computed from more than this run saw. Calls that the window owned and has no more are deleted, except
        those that have not ended, which stay until the open window takes them over, and those that ended in another
        window, which are given to that one: so a call that moves is in the tables exactly once, in whatever order
        the two windows are written.

        Args:
            window: what was computed.
            correlation: the calls that belong to the window, their legs, its quarantine, and the counts.
            open_call_keys: `tenant_id`, `call_key` of the calls that the computation saw and that had not ended.
            high_water: what had arrived when the events were read.
            is_open: whether the window's calls include those that have not ended.
            run_id: who computed it.
            other_calls: `OTHER_CALL_SCHEMA`: the calls that the computation saw beside its own. Without it, calls that
                have not ended are known by their keys, and those that ended elsewhere are deleted here until the
                other window is computed.

        Raises:
            StaleWriterError: a computation that had seen more was already written for this window; nothing is written.
            DatabaseUnavailableError: the database did not answer.
            ConfigurationError: the database has not been migrated.
        """
        with database_errors(f"to write the window {window.key}"), self._engine.begin() as connection:
            stage_calls(
                connection,
                calls=correlation.calls,
                legs=correlation.legs,
                other_calls=OTHER_CALL_SCHEMA.to_frame() if other_calls is None else other_calls,
                open_call_keys=open_call_keys,
            )
            stage(connection, _NEW_QUARANTINE, correlation.quarantine.rename({"row": "row_text"}))
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LEG_WRITE_LOCK})
            _refuse_stale(connection, window, high_water)
            written = merge(
                connection, window, high_water, knows_other_calls=is_open or other_calls is not None
            )
            _replace_open_keys(connection, window)
            _replace_quarantine(connection, window, high_water)
            _record(connection, window, correlation, high_water, run_id)
        return written


def _refuse_stale(connection: Connection, window: Window, high_water: int) -> None:
    written = connection.execute(
        select(window_computation.c.high_water).where(window_computation.c.window_start == window.start)
    ).scalar_one_or_none()
    if written is not None and written > high_water:
        message = (
            f"window {window.key}: a computation that had seen arrivals up to {written} is written already, "
            f"this one had seen {high_water}; nothing is lost, run the window again if in doubt"
        )
        raise StaleWriterError(message)


def _replace_open_keys(connection: Connection, window: Window) -> None:
    """Make the window's open keys those staged, touching only what differs."""
    staged = NEW_OPEN_KEY
    kept = exists().where(
        staged.c.tenant_id == open_call_key.c.tenant_id, staged.c.call_key == open_call_key.c.call_key
    )
    connection.execute(delete(open_call_key).where(open_call_key.c.window_start == window.start, ~kept))
    rows = select(literal(window.start), staged.c.tenant_id, staged.c.call_key).distinct()
    names = ["window_start", "tenant_id", "call_key"]
    connection.execute(upsert(open_call_key).from_select(names, rows).on_conflict_do_nothing())


def _replace_quarantine(connection: Connection, window: Window, high_water: int) -> None:
    """Replace the window's quarantined events by those staged, if they differ at all."""
    names = [column.name for column in _NEW_QUARANTINE.c]
    staged = select(*_NEW_QUARANTINE.c)
    written = select(*(quarantined_event.c[name] for name in names)).where(
        quarantined_event.c.window_start == window.start
    )
    differs = exists(staged.except_all(written).subquery().select()) | exists(
        written.except_all(staged).subquery().select()
    )
    if not connection.execute(select(differs)).scalar_one():
        return
    connection.execute(delete(quarantined_event).where(quarantined_event.c.window_start == window.start))
    rows = select(*_NEW_QUARANTINE.c, literal(window.start), literal(high_water))
    connection.execute(insert(quarantined_event).from_select([*names, "window_start", "high_water"], rows))


def _record(
    connection: Connection, window: Window, correlation: Correlation, high_water: int, run_id: str
) -> None:
    values = {
        "window_start": window.start,
        "window_end": window.end,
        "high_water": high_water,
        "run_id": run_id,
        "input_count": correlation.counts.input,
        "used_count": correlation.counts.used,
        "duplicate_count": correlation.counts.duplicates,
        "quarantined_count": correlation.counts.quarantined,
    }
    statement = upsert(window_computation).values(**values)
    changes = {name: statement.excluded[name] for name in values} | {"computed_at": func.now()}
    connection.execute(statement.on_conflict_do_update(index_elements=["window_start"], set_=changes))
