"""The outbox: what it has is compared with what the legs call for, and the difference written, in one transaction.

Delivery takes it from there (`outbox_delivery`); what people ask of it is in `outbox_reading`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

import polars as pl
from sqlalchemy import Connection, Engine, bindparam, delete, exists, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY, UUID, distinct_on, insert
from sqlalchemy.sql import Select
from sqlalchemy.sql.dml import UpdateBase

from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.locks import OUTBOX_PLAN_LOCK
from cx_pipeline.adapters.database.message_tables import message_leg, outbox_message, vanished_leg
from cx_pipeline.adapters.database.staging import stage, staging_table
from cx_pipeline.core.messages.outbox_row import OutboxRow

LEG_DIGEST_SCHEMA = pl.Schema({"leg_id": pl.String(), "call_id": pl.String(), "digest": pl.String()})
"""Legs whose messages may leave, and of what these are made: equal digest, nothing to compare."""

OUTBOX_ROW_SCHEMA = pl.Schema(
    {
        "message_id": pl.String(),
        "ordering_key": pl.String(),
        "leg_id": pl.String(),
        "intent": pl.String(),
        "ordinal": pl.Int32(),
        "revision": pl.Int32(),
        "payload": pl.String(),
        "fingerprint": pl.String(),
        "destination": pl.String(),
    }
)
"""`OutboxRow`s as a frame."""

VANISHED_AT_ONCE = 10_000
"""So many vanished legs are taken back by one plan; the next one takes the next."""


@dataclass(frozen=True, slots=True)
class PlanState:
    """What the outbox has, for the planner to compare."""

    changed: frozenset[str]
    """Legs of those asked for whose digest is new or another than their messages were made of."""
    vanished: tuple[str, ...]
    """Legs that have messages and are no more, or may have none any more: to be taken back."""
    newest: tuple[OutboxRow, ...]
    """The newest revision of each message of the changed and the vanished legs, in the order of their writing."""


@dataclass(frozen=True, slots=True)
class PlanCounts:
    """What a plan did: legs compared, taken back, and messages written."""

    changed: int
    vanished: int
    written: int


Planner = Callable[[PlanState], Sequence[OutboxRow]]

_NEW_LEG = staging_table("new_message_leg", message_leg, LEG_DIGEST_SCHEMA)
_NEW_MESSAGE = staging_table("new_outbox_message", outbox_message, (*OUTBOX_ROW_SCHEMA, "sequence"))
_IDS = bindparam("ids", type_=ARRAY(UUID(as_uuid=False)))


class Outbox:
    """Writes messages. Safe to call from several runs at once, and again with the same legs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def plan(self, legs: pl.DataFrame, planner: Planner, *, withdrawn: Iterable[str] = ()) -> PlanCounts:
        """Compare, let the planner say what is missing, and write it; one transaction, one plan at a time.

        Args:
            legs: `LEG_DIGEST_SCHEMA`, each leg once. Those that have vanished meanwhile are passed over.
            planner: pure: the messages that are to leave, in the order in which they are to leave.
            withdrawn: ids of legs that are there and may have no messages (any more), none of them in `legs`. Those
                that had some are taken back as the vanished are.

        Raises:
            DatabaseUnavailableError: the database did not answer; nothing is written.
            ConfigurationError: the database has not been migrated.
        """
        with database_errors("to plan messages"), self._engine.begin() as connection:
            stage(connection, _NEW_LEG, legs)
            connection.execute(text(f"ANALYZE {_NEW_LEG.name}"))
            connection.execute(select(func.pg_advisory_xact_lock(OUTBOX_PLAN_LOCK)))
            state, without_messages = _state(connection, list(withdrawn))
            rows = planner(state) if state.changed or state.vanished else ()
            written = write_messages(connection, rows)
            _note_legs(connection)
            _forget(connection, [*state.vanished, *without_messages])
        return PlanCounts(len(state.changed), len(state.vanished), written)


def _state(connection: Connection, withdrawn: list[str]) -> tuple[PlanState, list[str]]:
    """What the outbox has of the staged legs; and the vanished legs of which it has nothing."""
    connection.execute(
        delete(_NEW_LEG).where(
            exists().where(vanished_leg.c.leg_id == _NEW_LEG.c.leg_id)
            | exists().where(
                message_leg.c.leg_id == _NEW_LEG.c.leg_id, message_leg.c.digest == _NEW_LEG.c.digest
            )
        )
    )
    changed = frozenset(connection.execute(select(_NEW_LEG.c.leg_id)).scalars())
    has_messages = exists().where(outbox_message.c.leg_id == vanished_leg.c.leg_id)
    gone = connection.execute(
        select(vanished_leg.c.leg_id, has_messages.label("has_messages"))
        .order_by(vanished_leg.c.vanished_at, vanished_leg.c.leg_id)
        .limit(VANISHED_AT_ONCE)
    ).all()
    vanished = tuple(
        {row.leg_id: None for row in gone if row.has_messages} | _with_messages(connection, withdrawn)
    )
    newest = _newest(connection, [*changed, *vanished])
    return PlanState(changed, vanished, newest), [row.leg_id for row in gone if not row.has_messages]


def _with_messages(connection: Connection, leg_ids: list[str]) -> dict[str, None]:
    """Those of the legs of which the outbox has messages that were not taken back."""
    if not leg_ids:
        return {}
    known = select(message_leg.c.leg_id).where(message_leg.c.leg_id == func.any(_IDS))
    return dict.fromkeys(connection.execute(known.order_by(message_leg.c.leg_id), {"ids": leg_ids}).scalars())


def _newest(connection: Connection, leg_ids: list[str]) -> tuple[OutboxRow, ...]:
    if not leg_ids:
        return ()
    rows = connection.execute(_newest_query(), {"ids": leg_ids})
    return tuple(OutboxRow(**row) for row in rows.mappings())


def _newest_query() -> Select[tuple[object, ...]]:
    table = outbox_message
    identity = (table.c.leg_id, table.c.intent, table.c.ordinal)
    newest = (
        select(*(table.c[name] for name in OUTBOX_ROW_SCHEMA), table.c.sequence)
        .where(table.c.leg_id == func.any(_IDS))
        .ext(distinct_on(*identity))
        .order_by(*identity, table.c.revision.desc())
        .subquery()
    )
    return select(*(newest.c[name] for name in OUTBOX_ROW_SCHEMA)).order_by(newest.c.sequence)


def write_messages(connection: Connection, rows: Sequence[OutboxRow]) -> int:
    """Insert the messages in their order; those that are there already stay as they are."""
    if not rows:
        return 0
    frame = pl.DataFrame([asdict(row) for row in rows], schema=OUTBOX_ROW_SCHEMA)
    stage(connection, _NEW_MESSAGE, frame.with_columns(sequence=pl.int_range(pl.len(), dtype=pl.Int64)))
    names = list(OUTBOX_ROW_SCHEMA)
    in_order = select(*(_NEW_MESSAGE.c[name] for name in names)).order_by(_NEW_MESSAGE.c.sequence)
    return _rows(
        connection,
        insert(outbox_message).from_select(names, in_order, include_defaults=False).on_conflict_do_nothing(),
    )


def _note_legs(connection: Connection) -> None:
    """Remember of what the messages of the changed legs are made."""
    statement = insert(message_leg).from_select(list(LEG_DIGEST_SCHEMA), select(*_NEW_LEG.c))
    changes = {name: statement.excluded[name] for name in ("call_id", "digest")}
    connection.execute(
        statement.on_conflict_do_update(index_elements=["leg_id"], set_=changes | {"planned_at": func.now()})
    )


def _forget(connection: Connection, leg_ids: Sequence[str]) -> None:
    """The vanished legs are done with; should one come back, its messages are compared anew."""
    if leg_ids:
        for table in (vanished_leg, message_leg):
            connection.execute(delete(table).where(table.c.leg_id == func.any(_IDS)), {"ids": list(leg_ids)})


def _rows(connection: Connection, statement: UpdateBase) -> int:
    return connection.execute(statement.execution_options(preserve_rowcount=True)).rowcount
