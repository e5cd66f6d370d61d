"""How a window's calls and legs become rows: staged first, then merged by statements over whole sets.

The unit of ownership is the call: its legs always bear the window of their call. All of `merge` runs under
`LEG_WRITE_LOCK`, so that what one statement saw still holds at the next, and no two writers wait for each other.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Index,
    Interval,
    MetaData,
    Table,
    any_,
    cast,
    delete,
    exists,
    func,
    literal,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import UUID, insert
from sqlalchemy.schema import CreateIndex
from sqlalchemy.sql.dml import Delete, UpdateBase

from cx_pipeline.adapters.database.message_tables import vanished_leg
from cx_pipeline.adapters.database.row_text import for_table
from cx_pipeline.adapters.database.staging import stage, staging_table
from cx_pipeline.adapters.database.tables import call, call_leg, open_call_key, window_computation
from cx_pipeline.core.calls.schema import CALL_SCHEMA, LEG_SCHEMA
from cx_pipeline.core.windows import Window

_NEW_CALL = staging_table("new_call", call, CALL_SCHEMA)
_NEW_LEG = staging_table("new_leg", call_leg, LEG_SCHEMA)
NEW_OPEN_KEY = staging_table("new_open_key", open_call_key, ("tenant_id", "call_key"))
_OTHER_CALL = Table(
    "other_call",
    MetaData(),
    Column("call_id", UUID(as_uuid=False)),
    Column("end_time", DateTime(timezone=True)),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DELETE ROWS",
)
_STAGED_INDEXES = (
    Index("new_call_by_id", _NEW_CALL.c.call_id),
    Index("new_leg_by_id", _NEW_LEG.c.leg_id),
    Index("other_call_by_id", _OTHER_CALL.c.call_id),
    Index("new_open_key_by_key", NEW_OPEN_KEY.c.call_key),
)
_MIDNIGHT = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class WriteCounts:
    """What a window's write did to legs; and to calls, where they are named.

    `refused` calls belong to a newer computation of another window and were left to it; `handed_over` calls ended in
    another window and were given to it.
    """

    inserted: int
    updated: int
    unchanged: int
    deleted: int
    refused: int = 0
    handed_over: int = 0


def stage_calls(
    connection: Connection,
    *,
    calls: pl.DataFrame,
    legs: pl.DataFrame,
    other_calls: pl.DataFrame,
    open_call_keys: pl.DataFrame,
) -> None:
    """Bring the frames into temporary tables, for the rest of the transaction; no lock is needed for it."""
    stage(connection, _NEW_CALL, for_table(calls, call, CALL_SCHEMA))
    stage(connection, _NEW_LEG, for_table(legs, call_leg, LEG_SCHEMA))
    stage(connection, _OTHER_CALL, other_calls)
    stage(connection, NEW_OPEN_KEY, open_call_keys)
    # Without an index on either side, a plan made of statistics from before the first load runs for hours.
    for index in _STAGED_INDEXES:
        connection.execute(CreateIndex(index, if_not_exists=True))
    for table in (_NEW_CALL, _NEW_LEG, _OTHER_CALL, NEW_OPEN_KEY):
        connection.execute(text(f"ANALYZE {table.name}"))


def merge(connection: Connection, window: Window, high_water: int, *, knows_other_calls: bool) -> WriteCounts:
    """Make the window's rows what was staged; under the lock.

    `knows_other_calls`: the other calls were staged, so that a call that went elsewhere is known from one that is
    no more. Otherwise only the keys of those that have not ended are known.
    """
    refused = _drop_refused(connection, window, high_water)
    deleted = _delete_legs_gone_from_calls(connection)
    handed_over = _hand_over(connection, window, high_water)
    _delete_gone_calls(connection, window, _is_other_open_call() if knows_other_calls else _has_open_key())
    _write(connection, call, _NEW_CALL, "call_id", window, high_water)
    deleted += _delete_legs_without_call(connection, window)
    updated, inserted = _write(connection, call_leg, _NEW_LEG, "leg_id", window, high_water)
    _keep_legs_that_came_back(connection)
    staged = connection.execute(select(func.count()).select_from(_NEW_LEG)).scalar_one()
    unchanged = staged - inserted - updated
    return WriteCounts(inserted, updated, unchanged, deleted, refused, handed_over)


def _rows(connection: Connection, statement: UpdateBase) -> int:
    return connection.execute(statement.execution_options(preserve_rowcount=True)).rowcount


def _drop_refused(connection: Connection, window: Window, high_water: int) -> int:
    """Leave alone the calls that another window owns and whose owner has seen more than this run.

    The owner's own mark counts too: rows that did not change keep the mark of their first writing.
    """
    owner = window_computation
    seen = func.greatest(call.c.high_water, func.coalesce(owner.c.high_water, 0))
    newer = (
        select(call.c.call_id)
        .join_from(call, owner, owner.c.window_start == call.c.window_start, isouter=True)
        .where(call.c.call_id == _NEW_CALL.c.call_id, call.c.window_start != window.start, seen > high_water)
    )
    refused = _rows(connection, delete(_NEW_CALL).where(exists(newer)))
    if refused:
        left = exists().where(_NEW_CALL.c.call_id == _NEW_LEG.c.call_id)
        connection.execute(delete(_NEW_LEG).where(~left))
    return refused


def _delete_legs_gone_from_calls(connection: Connection) -> int:
    """Delete legs of the window's calls that these calls have no more, whoever owned the calls before."""
    still_there = exists().where(_NEW_LEG.c.leg_id == call_leg.c.leg_id)
    gone = delete(call_leg).where(call_leg.c.call_id == _NEW_CALL.c.call_id, ~still_there)
    return _delete_legs(connection, gone)


def _hand_over(connection: Connection, window: Window, high_water: int) -> int:
    """Give calls that ended in another window to that one, as they are: it replaces them when it is computed next.

    So a call whose end moved never vanishes, whichever window is computed first. Not where the other window was
    computed from more than this run saw: it knows the call, and did not want it.
    """
    owner = window_computation
    next_owner = func.date_bin(
        cast(literal(window.length), Interval), _OTHER_CALL.c.end_time, literal(_MIDNIGHT)
    )
    knows_better = exists().where(owner.c.window_start == next_owner, owner.c.high_water > high_water)
    given = (
        update(call)
        .values(window_start=next_owner, high_water=high_water, written_at=func.now())
        .where(call.c.call_id == _OTHER_CALL.c.call_id, call.c.window_start == window.start)
        .where(_OTHER_CALL.c.end_time.is_not(None), next_owner != window.start, ~knows_better)
    )
    handed_over = _rows(connection, given)
    if handed_over:
        connection.execute(
            update(call_leg)
            .values(window_start=call.c.window_start, high_water=high_water, written_at=func.now())
            .where(call_leg.c.call_id == call.c.call_id, call_leg.c.window_start == window.start)
            .where(call.c.window_start != window.start)
        )
    return handed_over


def _is_other_open_call() -> ColumnElement[bool]:
    return exists().where(_OTHER_CALL.c.call_id == call.c.call_id, _OTHER_CALL.c.end_time.is_(None))


def _has_open_key() -> ColumnElement[bool]:
    is_one_of_its_keys = NEW_OPEN_KEY.c.call_key == any_(call.c.call_keys)
    return exists().where(NEW_OPEN_KEY.c.tenant_id == call.c.tenant_id, is_one_of_its_keys)


def _delete_gone_calls(connection: Connection, window: Window, is_open: ColumnElement[bool]) -> None:
    """Delete calls that the window owns and has no more. Those that have not ended stay for the open window to take."""
    is_ours = exists().where(_NEW_CALL.c.call_id == call.c.call_id)
    connection.execute(delete(call).where(call.c.window_start == window.start, ~is_ours, ~is_open))


def _delete_legs_without_call(connection: Connection, window: Window) -> int:
    has_call = exists().where(call.c.call_id == call_leg.c.call_id)
    return _delete_legs(
        connection, delete(call_leg).where(call_leg.c.window_start == window.start, ~has_call)
    )


def _delete_legs(connection: Connection, statement: Delete) -> int:
    """Delete legs, and keep their ids until their messages are taken back; how many."""
    deleted = statement.returning(call_leg.c.leg_id).cte("deleted")
    kept = insert(vanished_leg).from_select(["leg_id"], select(deleted.c.leg_id), include_defaults=False)
    again = kept.on_conflict_do_update(index_elements=["leg_id"], set_={"vanished_at": func.now()})
    return _rows(connection, again)


def _keep_legs_that_came_back(connection: Connection) -> None:
    """A leg that is there has not vanished."""
    connection.execute(delete(vanished_leg).where(vanished_leg.c.leg_id == _NEW_LEG.c.leg_id))


def _write(
    connection: Connection, table: Table, staged: Table, key: str, window: Window, high_water: int
) -> tuple[int, int]:
    """Update the rows that differ, insert those that are missing; how many of each. Equal rows are not touched."""
    ownership = {"window_start": literal(window.start), "high_water": literal(high_water)}
    compared = [column.name for column in staged.c if column.name != key]
    before = tuple_(*(table.c[name] for name in compared), table.c.window_start)
    after = tuple_(*(staged.c[name] for name in compared), ownership["window_start"])
    updated = _rows(
        connection,
        update(table)
        .values({name: staged.c[name] for name in compared} | ownership | {"written_at": func.now()})
        .where(table.c[key] == staged.c[key], before.is_distinct_from(after)),
    )
    # Not "where it is not there": planned for an empty table, that would scan what it inserts, row after row.
    rows = select(*staged.c, *ownership.values())
    names = [*(column.name for column in staged.c), *ownership]
    missing = (
        insert(table)
        .from_select(names, rows, include_defaults=False)
        .on_conflict_do_nothing(index_elements=[key])
    )
    return updated, _rows(connection, missing)
