"""What people and checks ask of the outbox: figures, lists, one message with its revisions; and to try again."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Engine,
    RowMapping,
    bindparam,
    false,
    func,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects import postgresql

from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.message_tables import outbox_message
from cx_pipeline.core.messages.outbox_row import DEAD, WAITING

_WAITING_AND_DEAD = text("""
    SELECT count(*) FILTER (WHERE status = 'WAITING') AS waiting,
        count(*) FILTER (WHERE status = 'WAITING' AND next_attempt_at <= :now) AS due,
        count(*) FILTER (WHERE status = 'WAITING' AND attempts > 0) AS backing_off,
        count(*) FILTER (WHERE status = 'DEAD') AS dead,
        min(created_at) FILTER (WHERE status = 'WAITING') AS oldest_waiting_at,
        max(died_at) FILTER (WHERE status = 'DEAD') AS newest_dead_at
    FROM outbox_message
    WHERE status IN ('WAITING', 'DEAD')
""")
_DELIVERED = text("""
    SELECT count(*) AS delivered, count(*) FILTER (WHERE attempts > 1) AS retried
    FROM outbox_message
    WHERE status = 'DELIVERED'
""")


@dataclass(frozen=True, slots=True)
class OutboxStanding:
    """What is in the outbox and has not been delivered; cheap to know, however much was."""

    waiting: int
    due: int
    """Of the waiting: those whose time has come, be it that an earlier one of their call has still to go."""
    backing_off: int
    """Of the waiting: those that were tried and failed, or are on their way."""
    dead: int
    oldest_waiting_at: datetime | None
    """When the oldest waiting message was written."""
    newest_dead_at: datetime | None


@dataclass(frozen=True, slots=True)
class OutboxFigures(OutboxStanding):
    """How the outbox stands, with what was delivered."""

    delivered: int
    retried: int
    """Of the delivered: those that took more than one attempt."""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message as it stands in the outbox; times in UTC."""

    message_id: str
    sequence: int
    ordering_key: str
    leg_id: str
    intent: str
    ordinal: int
    revision: int
    payload: str
    destination: str
    status: str
    attempts: int
    next_attempt_at: datetime
    last_status_code: int | None
    last_error: str | None
    created_at: datetime
    first_attempt_at: datetime | None
    delivered_at: datetime | None
    died_at: datetime | None


_LEG_IDS = bindparam("leg_ids", type_=postgresql.ARRAY(postgresql.UUID(as_uuid=False)))
_COLUMNS = [outbox_message.c[name] for name in StoredMessage.__dataclass_fields__]


class OutboxReading:
    """Reads the outbox, and puts dead messages back. All methods raise DatabaseUnavailableError, ConfigurationError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def standing(self, now: datetime) -> OutboxStanding:
        """What waits and what is dead, at `now`."""
        with database_errors("to read the outbox"), self._engine.connect() as connection:
            values = connection.execute(_WAITING_AND_DEAD, {"now": now}).mappings().one()
        return OutboxStanding(**{name: _in_utc(value) for name, value in values.items()})

    def figures(self, now: datetime) -> OutboxFigures:
        """How the outbox stands at `now`; counts all that was ever delivered."""
        with database_errors("to read the outbox"), self._engine.connect() as connection:
            values = dict(connection.execute(_WAITING_AND_DEAD, {"now": now}).mappings().one())
            values |= dict(connection.execute(_DELIVERED).mappings().one())
        return OutboxFigures(**{name: _in_utc(value) for name, value in values.items()})

    def messages(
        self,
        *,
        status: str | None = None,
        call: str | None = None,
        since: datetime | None = None,
        limit: int = 100,
    ) -> list[StoredMessage]:
        """The newest messages that fit, in the order in which they were written; `call`: a call id or a leg id."""
        query = select(*_COLUMNS)
        if status is not None:
            query = query.where(outbox_message.c.status == status)
        if call is not None:
            query = query.where(_is_of(call))
        if since is not None:
            query = query.where(outbox_message.c.created_at >= since)
        newest_first = query.order_by(outbox_message.c.sequence.desc()).limit(limit)
        with database_errors("to list messages"), self._engine.connect() as connection:
            return [_stored(row) for row in connection.execute(newest_first).mappings()][::-1]

    def of_legs(self, leg_ids: Sequence[str]) -> list[StoredMessage]:
        """All messages of some legs, in the order in which they were written."""
        query = select(*_COLUMNS).where(outbox_message.c.leg_id == func.any(_LEG_IDS))
        with database_errors("to list messages"), self._engine.connect() as connection:
            rows = connection.execute(query.order_by(outbox_message.c.sequence), {"leg_ids": list(leg_ids)})
            return [_stored(row) for row in rows.mappings()]

    def revisions(self, message_id: str) -> list[StoredMessage]:
        """The message and its other revisions, oldest first; none if it is not known."""
        named = outbox_message.alias("named")
        if not uuids([message_id]):
            return []
        query = (
            select(*_COLUMNS)
            .join(
                named,
                (named.c.leg_id == outbox_message.c.leg_id)
                & (named.c.intent == outbox_message.c.intent)
                & (named.c.ordinal == outbox_message.c.ordinal),
            )
            .where(named.c.message_id == message_id)
            .order_by(outbox_message.c.revision)
        )
        with database_errors("to show a message"), self._engine.connect() as connection:
            return [_stored(row) for row in connection.execute(query).mappings()]

    def retry(
        self,
        *,
        now: datetime,
        message_ids: Sequence[str] = (),
        call: str | None = None,
        all_dead: bool = False,
    ) -> int:
        """Put dead messages back, as if never tried; how many.

        They go at once, even where later messages of their call have gone already; among each other they keep order.
        """
        wanted = or_(
            true() if all_dead else outbox_message.c.message_id.in_(uuids(message_ids)),
            false() if call is None else _is_of(call),
        )
        statement = (
            update(outbox_message)
            .where(outbox_message.c.status == DEAD, wanted)
            .values(status=WAITING, attempts=0, next_attempt_at=now, first_attempt_at=None, died_at=None)
        )
        with database_errors("to put messages back"), self._engine.begin() as connection:
            return connection.execute(statement).rowcount


def uuids(given: Sequence[str]) -> list[str]:
    """Those of the texts that are UUIDs: others name no message and no leg."""
    found = []
    for each in given:
        with suppress(ValueError):
            found.append(str(UUID(each)))
    return found


def _is_of(call: str) -> ColumnElement[bool]:
    return or_(outbox_message.c.ordering_key == call, outbox_message.c.leg_id.in_(uuids([call])))


def _stored(row: RowMapping) -> StoredMessage:
    return StoredMessage(**{name: _in_utc(value) for name, value in row.items()})


def _in_utc(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) else value
