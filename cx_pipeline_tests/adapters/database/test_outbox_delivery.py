"""Claims and marks: what a deliverer may take, and what it may write of it."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from cx_pipeline.adapters.database.outbox_delivery import DeliveryLedger, Visit
from cx_pipeline.adapters.database.outbox_reading import OutboxReading
from cx_pipeline.core.messages.delivery import Claim, Mark
from cx_pipeline_tests.adapters.ccm.outbox_content import fill_calls, message_id, statuses, stored

LEASE = timedelta(seconds=30)
NOW = datetime.now(UTC) + timedelta(days=1)
"""After all that is written here, however long the tests before took."""


@pytest.fixture
def ledger(engine: Engine) -> DeliveryLedger:
    return DeliveryLedger(engine)


def taken(ledger: DeliveryLedger, *marks: Mark, now: datetime = NOW, limit: int = 100) -> list[Claim]:
    """Claim what is due, after these marks."""
    calls = ledger.due_calls(now, limit)
    return ledger.visit(Visit(marks, calls, now, LEASE))


def a_mark(claim: Claim, status: str, at: datetime = NOW) -> Mark:
    return Mark(claim.message_id, claim.attempts, status, at, 200, None)


def ids(claims: list[Claim]) -> list[str]:
    return [claim.message_id for claim in claims]


def test_of_each_call_the_first_message_is_claimed_oldest_call_first(
    engine: Engine, ledger: DeliveryLedger
) -> None:
    fill_calls(engine, 4, 3)
    assert ids(taken(ledger, limit=3)) == [message_id(call, 0) for call in range(3)]
    assert ids(taken(ledger)) == [message_id(3, 0)]
    row = stored(engine, 0, 0)
    assert (row["attempts"], row["first_attempt_at"], row["next_attempt_at"]) == (1, NOW, NOW + LEASE)


def test_what_is_claimed_is_claimed_by_nobody_else_until_its_lease_is_over(
    engine: Engine, ledger: DeliveryLedger
) -> None:
    fill_calls(engine, 2, 2)
    assert len(taken(ledger)) == 2
    assert taken(ledger, now=NOW + LEASE - timedelta(seconds=1)) == []
    again = taken(ledger, now=NOW + LEASE)
    assert [(claim.message_id, claim.attempts) for claim in again] == [
        (message_id(0, 0), 2),
        (message_id(1, 0), 2),
    ]
    assert {claim.first_attempt_at for claim in again} == {NOW}


def test_a_mark_and_the_next_claim_of_its_call_are_one_visit(engine: Engine, ledger: DeliveryLedger) -> None:
    fill_calls(engine, 1, 3)
    (first,) = taken(ledger)
    (second,) = ledger.visit(Visit([a_mark(first, "DELIVERED")], [first.ordering_key], NOW, LEASE))
    assert second.message_id == message_id(0, 1)
    (third,) = ledger.visit(Visit([a_mark(second, "DEAD")], [first.ordering_key], NOW, LEASE))
    assert third.message_id == message_id(0, 2)
    assert statuses(engine) == {"DELIVERED": 1, "DEAD": 1, "WAITING": 1}


def test_who_lost_the_claim_may_not_mark_it_unless_it_got_through(
    engine: Engine, ledger: DeliveryLedger
) -> None:
    fill_calls(engine, 2, 1)
    late = taken(ledger)
    taken(ledger, now=NOW + LEASE)
    far = NOW + timedelta(days=1)
    ledger.visit(Visit([a_mark(late[0], "WAITING", far), a_mark(late[1], "DELIVERED")], [], NOW, LEASE))
    assert stored(engine, 0, 0)["next_attempt_at"] == NOW + 2 * LEASE
    assert stored(engine, 1, 0)["status"] == "DELIVERED"


def test_what_is_delivered_is_marked_once(engine: Engine, ledger: DeliveryLedger) -> None:
    fill_calls(engine, 1, 1)
    (claim,) = taken(ledger)
    ledger.visit(Visit([a_mark(claim, "DELIVERED")], [], NOW, LEASE))
    ledger.visit(Visit([a_mark(claim, "DEAD")], [], NOW, LEASE))
    assert statuses(engine) == {"DELIVERED": 1}


def test_a_row_that_somebody_else_locks_just_now_is_passed_over(
    engine: Engine, ledger: DeliveryLedger
) -> None:
    fill_calls(engine, 2, 2)
    with engine.begin() as connection:
        connection.execute(
            text("SELECT 1 FROM outbox_message WHERE message_id = :id FOR UPDATE"), {"id": message_id(0, 0)}
        )
        assert ids(taken(ledger)) == [message_id(1, 0)]
    assert ids(taken(ledger)) == [message_id(0, 0)]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.sampled_from(["WAITING", "DELIVERED", "DEAD"]), st.integers(-2, 2)),
        max_size=20,
    ),
    st.integers(1, 6),
)
def test_only_the_earliest_waiting_message_of_a_call_goes_and_only_when_it_is_due(
    engine: Engine, rows: list[tuple[int, str, int]], limit: int
) -> None:
    """The rule itself, in a few lines of Python, says what the statements must find."""
    _replace(engine, rows)
    first: dict[int, tuple[int, int]] = {}
    for sequence, (call, status, due_in) in enumerate(rows):
        if status == "WAITING":
            first.setdefault(call, (sequence, due_in))
    wanted = [
        str(call) for call, (_, due_in) in sorted(first.items(), key=lambda each: each[1][0]) if due_in <= 0
    ][:limit]
    ledger = DeliveryLedger(engine)
    assert ledger.due_calls(NOW, limit) == wanted
    claims = ledger.visit(Visit([], ["0", "1", "2", "3", "4"], NOW, LEASE))
    assert [(claim.ordering_key, claim.message_id) for claim in claims] == [
        (str(call), message_id(call, sequence))
        for call, (sequence, due_in) in sorted(first.items(), key=lambda each: each[1][0])
        if due_in <= 0
    ]


def _replace(engine: Engine, rows: list[tuple[int, str, int]]) -> None:
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE outbox_message"))
        for number, (call, status, due_in) in enumerate(rows):
            connection.execute(
                text(
                    "INSERT INTO outbox_message (message_id, ordering_key, leg_id, intent, ordinal, revision, "
                    "payload, fingerprint, destination, status, next_attempt_at) VALUES "
                    "(:id, :call, :id, 'A', 0, 0, '{}', 'f', 'voice', :status, :at)"
                ),
                {
                    "id": message_id(call, number),
                    "call": str(call),
                    "status": status,
                    "at": NOW + timedelta(seconds=due_in),
                },
            )


def test_figures_tell_how_the_outbox_stands(engine: Engine, ledger: DeliveryLedger) -> None:
    reading = OutboxReading(engine)
    empty = reading.figures(NOW)
    assert (empty.waiting, empty.delivered, empty.oldest_waiting_at, empty.newest_dead_at) == (
        0,
        0,
        None,
        None,
    )
    fill_calls(engine, 4, 2)
    claims = taken(ledger, limit=3)
    later = NOW + timedelta(hours=1)
    marks = [
        a_mark(claims[0], "DELIVERED"),
        a_mark(claims[1], "DEAD", NOW),
        a_mark(claims[2], "WAITING", later),
    ]
    ledger.visit(Visit(marks, [], NOW, LEASE))
    figures = reading.figures(NOW)
    assert (figures.waiting, figures.due, figures.backing_off) == (6, 5, 1)
    assert (figures.delivered, figures.retried, figures.dead) == (1, 0, 1)
    assert figures.newest_dead_at == NOW
    assert figures.oldest_waiting_at is not None
    assert reading.standing(later).due == 6


def test_messages_are_listed_by_what_they_are(engine: Engine, ledger: DeliveryLedger) -> None:
    fill_calls(engine, 3, 2)
    reading, by_call = OutboxReading(engine), defaultdict(list)
    for message in reading.messages():
        by_call[message.ordering_key].append(message.message_id)
    assert by_call == {str(call): [message_id(call, n) for n in range(2)] for call in range(3)}
    assert [each.message_id for each in reading.messages(limit=2)] == [message_id(1, 1), message_id(2, 1)]
    leg = reading.messages(call="1")[0].leg_id
    assert {each.ordering_key for each in reading.messages(call=leg)} == {"1"}
    assert reading.messages(call="nothing", status="DEAD", since=NOW) == []
    assert reading.revisions("no id") == reading.revisions(message_id(9, 9)) == []
