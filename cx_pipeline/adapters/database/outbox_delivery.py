"""The outbox as a deliverer sees it: which calls have something due, take it, and write down what came of it.

A claim is a lease: taken under `FOR UPDATE SKIP LOCKED` and committed before anything is sent, it counts the attempt
and puts the next one beyond the longest time that sending may take. Who dies leaves a message that is due again when
its lease is over. No transaction is open while something is sent.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import stamina
from sqlalchemy import Connection, Engine, RowMapping, text

from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.core.errors import DatabaseUnavailableError
from cx_pipeline.core.messages.delivery import Claim, Mark

StepHook = Callable[[str], None]
"""Called with the name of each step; tests end the process there."""

_ATTEMPTS = 3

# In the order of the queue, asking of each message whether an earlier one of its call waits, until there are enough.
# Left to itself the planner, which has no statistics of a queue that was filled just now, joins all of it with itself.
# For the same reason a call's other messages are asked for by NOT IN: it must go by their call, not through the queue.
_ONE_BY_ONE = tuple(
    text(f"SET LOCAL enable_{method} = off")
    for method in ("seqscan", "bitmapscan", "sort", "hashjoin", "mergejoin", "material")
)
_DUE_CALLS = text("""
    SELECT message.ordering_key
    FROM outbox_message AS message
    WHERE message.status = 'WAITING'
      AND message.next_attempt_at <= :now
      AND NOT EXISTS (
          SELECT FROM outbox_message AS earlier
          WHERE earlier.status NOT IN ('DELIVERED', 'DEAD')
            AND earlier.ordering_key = message.ordering_key
            AND earlier.sequence < message.sequence
          OFFSET 0
      )
    ORDER BY message.sequence
    LIMIT :limit
""")

# Of each call its earliest waiting message, if it is due and nobody else takes it just now. Its time is asked again
# where it is locked: a message that was claimed since this statement began has another.
_CLAIM = text("""
    WITH head AS MATERIALIZED (
        SELECT earliest.message_id
        FROM unnest(CAST(:calls AS text[])) AS wanted (ordering_key)
        CROSS JOIN LATERAL (
            SELECT message.message_id
            FROM outbox_message AS message
            WHERE message.ordering_key = wanted.ordering_key AND message.status NOT IN ('DELIVERED', 'DEAD')
            ORDER BY message.sequence
            LIMIT 1
        ) AS earliest
    ), taken AS MATERIALIZED (
        SELECT message.message_id
        FROM outbox_message AS message
        JOIN head ON head.message_id = message.message_id
        WHERE message.status = 'WAITING' AND message.next_attempt_at <= :now
        FOR UPDATE OF message SKIP LOCKED
    )
    UPDATE outbox_message AS message
    SET attempts = message.attempts + 1,
        first_attempt_at = coalesce(message.first_attempt_at, :now),
        next_attempt_at = :lease_end
    FROM taken
    WHERE message.message_id = taken.message_id
    RETURNING message.message_id::text, message.ordering_key, message.destination, message.payload,
        message.sequence, message.attempts, message.first_attempt_at
""")

# A mark of a claim that somebody else has taken over meanwhile says nothing new, unless the message got through.
_MARK = text("""
    UPDATE outbox_message AS message
    SET status = mark.status,
        next_attempt_at = mark.next_attempt_at,
        last_status_code = mark.status_code,
        last_error = mark.error,
        delivered_at = CASE WHEN mark.status = 'DELIVERED' THEN mark.next_attempt_at END,
        died_at = CASE WHEN mark.status = 'DEAD' THEN mark.next_attempt_at END
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:attempts AS integer[]), CAST(:statuses AS text[]),
        CAST(:moments AS timestamptz[]), CAST(:codes AS integer[]), CAST(:errors AS text[])
    ) AS mark (message_id, attempts, status, next_attempt_at, status_code, error)
    WHERE message.message_id = mark.message_id
      AND message.status = 'WAITING'
      AND (message.attempts = mark.attempts OR mark.status = 'DELIVERED')
""")


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit to the outbox: what came of earlier claims, and of which calls the next message is wanted."""

    marks: Sequence[Mark]
    calls: Sequence[str]
    now: datetime
    lease: timedelta


class DeliveryLedger:
    """Claims messages and marks them. Any number of deliverers may work at once.

    All methods raise DatabaseUnavailableError, once several tries were in vain.
    """

    def __init__(self, engine: Engine, on_step: StepHook | None = None) -> None:
        self._engine = engine
        self._on_step = on_step or (lambda _: None)

    def now(self) -> datetime:
        """The database's clock: that of all deliverers, whatever their machines think."""
        for attempt in _tries():
            with attempt, database_errors("to read its clock"), self._engine.connect() as connection:
                moment: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        return moment.astimezone(UTC)

    def due_calls(self, now: datetime, limit: int) -> list[str]:
        """The ordering keys of calls whose next message is due, the oldest first."""
        for attempt in _tries():
            with attempt, database_errors("to look for messages"), self._engine.connect() as connection:
                for setting in _ONE_BY_ONE:
                    connection.execute(setting)
                calls = connection.execute(_DUE_CALLS, {"now": now, "limit": limit}).scalars().all()
        return list(calls)

    def visit(self, visit: Visit) -> list[Claim]:
        """Write the marks and claim the next message of each call, where it is due; durable when it returns.

        Should the connection be lost just as the server commits, claims are lost until their lease is over.
        """
        for attempt in _tries():
            with attempt:
                claims = self._visit(visit)
        return claims

    def _visit(self, visit: Visit) -> list[Claim]:
        with database_errors("to deliver messages"), self._engine.connect() as connection:
            if visit.marks:
                self._on_step("before mark")
                connection.execute(_MARK, _columns(visit.marks))
                self._on_step("after mark")
            claims = []
            if visit.calls:
                self._on_step("before claim")
                claims = _claimed(connection, visit)
                self._on_step("after claim")
            self._on_step("before commit")
            connection.commit()
            self._on_step("after commit")
        return claims


def _tries() -> Iterable[stamina.Attempt]:
    return stamina.retry_context(
        on=DatabaseUnavailableError, attempts=_ATTEMPTS, timeout=None, wait_initial=0.1, wait_max=1.0
    )


def _columns(marks: Sequence[Mark]) -> dict[str, list[Any]]:
    return {
        "ids": [mark.message_id for mark in marks],
        "attempts": [mark.attempts for mark in marks],
        "statuses": [mark.status for mark in marks],
        "moments": [mark.next_attempt_at for mark in marks],
        "codes": [mark.status_code for mark in marks],
        "errors": [mark.error for mark in marks],
    }


def _claimed(connection: Connection, visit: Visit) -> list[Claim]:
    values = {"now": visit.now, "lease_end": visit.now + visit.lease, "calls": list(visit.calls)}
    rows = connection.execute(_CLAIM, values).mappings()
    return sorted(map(_claim, rows), key=lambda claim: claim.sequence)


def _claim(row: RowMapping) -> Claim:
    return Claim(**(dict(row) | {"first_attempt_at": row["first_attempt_at"].astimezone(UTC)}))
