"""Planning: what the outbox has, compared with what the legs call for, and written once."""

import threading
from collections.abc import Callable, Sequence

import polars as pl
import pytest
from sqlalchemy import Engine, text

from cx_pipeline.adapters.database.outbox import LEG_DIGEST_SCHEMA, Outbox, PlanCounts, PlanState
from cx_pipeline.core.errors import DatabaseUnavailableError
from cx_pipeline.core.identity import uuid_of
from cx_pipeline.core.messages.outbox_row import OutboxRow

INTENTS = ("CALL_LEG_STARTED", "CALL_LEG_ENDED")


def an_id(name: str) -> str:
    return str(uuid_of(pl.Series([name]))[0])


def leg_id(leg: str) -> str:
    return an_id(f"leg {leg}")


def frame_of(digests: dict[str, str]) -> pl.DataFrame:
    """Legs with their digests; the call of the leg `1b` is `1`."""
    rows = [(leg_id(leg), an_id(f"call {leg[0]}"), digest) for leg, digest in digests.items()]
    return pl.DataFrame(rows, schema=LEG_DIGEST_SCHEMA, orient="row")


def a_row(leg: str, intent: str, revision: int = 0, says: str = "a") -> OutboxRow:
    return OutboxRow(
        an_id(f"{leg} {intent} {revision}"), an_id(f"call {leg[0]}"), leg_id(leg), intent, 0, revision,
        f'{{"says": "{says}, \\"quoted\\"\\n"}}', says, "voice",
    )  # fmt: skip


class Planner:
    """Plans both messages of each changed leg, at the next revision where they say something else."""

    def __init__(self, digests: dict[str, str]) -> None:
        self.legs = {leg_id(leg): (leg, digest) for leg, digest in digests.items()}
        self.states: list[PlanState] = []

    def __call__(self, state: PlanState) -> Sequence[OutboxRow]:
        self.states.append(state)
        newest = {(row.leg_id, row.intent): row for row in state.newest}
        rows = []
        for changed in sorted(state.changed):
            leg, digest = self.legs[changed]
            for intent in INTENTS:
                before = newest.get((changed, intent))
                if before is None or before.fingerprint != digest:
                    rows.append(a_row(leg, intent, before.revision + 1 if before else 0, digest))
        return rows


@pytest.fixture
def plan(engine: Engine) -> Callable[..., tuple[PlanCounts, PlanState | None]]:
    def plan(
        digests: dict[str, str], *, withdrawn: Sequence[str] = ()
    ) -> tuple[PlanCounts, PlanState | None]:
        planner = Planner(digests)
        counts = Outbox(engine).plan(frame_of(digests), planner, withdrawn=map(leg_id, withdrawn))
        return counts, planner.states[0] if planner.states else None

    return plan


def messages(engine: Engine) -> list[tuple[str, str, int]]:
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT leg_id::text, intent, revision FROM outbox_message ORDER BY sequence")
        )
        return [tuple(row) for row in rows]


def vanish(engine: Engine, *legs: str) -> None:
    with engine.begin() as connection:
        for leg in legs:
            connection.execute(text("INSERT INTO vanished_leg (leg_id) VALUES (:id)"), {"id": leg_id(leg)})


def column(engine: Engine, query: str) -> set[str]:
    with engine.connect() as connection:
        return set(connection.execute(text(query)).scalars())


def test_messages_are_written_in_the_order_of_the_plan_as_they_are(engine: Engine) -> None:
    rows = [a_row("1a", intent, says=f"ü {n}") for n, intent in enumerate(["B", "A", "D", "C"])]
    counts = Outbox(engine).plan(frame_of({"1a": "x"}), lambda state: rows)
    assert counts == PlanCounts(1, 0, 4)
    assert [intent for _, intent, _ in messages(engine)] == ["B", "A", "D", "C"]
    with engine.connect() as connection:
        stored = connection.execute(text("SELECT * FROM outbox_message ORDER BY sequence")).all()
    assert [each.payload for each in stored] == [row.payload for row in rows]
    assert {(each.status, each.attempts, each.first_attempt_at) for each in stored} == {("WAITING", 0, None)}


def test_legs_that_did_not_change_are_not_compared_again(plan, engine: Engine) -> None:  # type: ignore[no-untyped-def]
    assert plan({"1a": "x", "1b": "x"})[0] == PlanCounts(2, 0, 4)
    assert plan({"1a": "x", "1b": "x"}) == (PlanCounts(0, 0, 0), None)
    counts, state = plan({"1a": "x", "1b": "y", "2a": "x"})
    assert counts == PlanCounts(2, 0, 4)
    assert state.changed == {leg_id("1b"), leg_id("2a")}
    assert {(row.leg_id, row.intent, row.revision) for row in state.newest} == {
        (leg_id("1b"), intent, 0) for intent in INTENTS
    }


def test_the_planner_sees_the_newest_revision_with_its_payload(plan) -> None:  # type: ignore[no-untyped-def]
    for digest in "xyz":
        plan({"1a": digest})
    _, state = plan({"1a": "x"})
    assert state.newest == tuple(a_row("1a", intent, 2, "z") for intent in INTENTS)


def test_a_leg_that_changed_without_another_message_is_noted(plan, engine: Engine) -> None:  # type: ignore[no-untyped-def]
    plan({"1a": "x"})
    assert Outbox(engine).plan(frame_of({"1a": "y"}), lambda state: []) == PlanCounts(1, 0, 0)
    assert plan({"1a": "y"})[0] == PlanCounts(0, 0, 0)


def test_a_message_that_is_there_stays_as_it_is(engine: Engine) -> None:
    Outbox(engine).plan(frame_of({"1a": "x"}), lambda state: [a_row("1a", "A", says="first")])
    with engine.begin() as connection:
        connection.execute(text("UPDATE outbox_message SET status = 'DELIVERED'"))
    counts = Outbox(engine).plan(frame_of({"1a": "y"}), lambda state: [a_row("1a", "A", says="second")])
    assert counts.written == 0
    assert column(engine, "SELECT status || fingerprint FROM outbox_message") == {"DELIVEREDfirst"}


def test_a_vanished_leg_with_messages_is_told_once(plan, engine: Engine) -> None:  # type: ignore[no-untyped-def]
    plan({"1a": "x", "1b": "x"})
    vanish(engine, "1b", "9z")
    counts, state = plan({"1a": "x"})
    assert counts == PlanCounts(0, 1, 0)
    assert state.vanished == (leg_id("1b"),)
    assert [row.leg_id for row in state.newest] == [leg_id("1b")] * 2
    assert column(engine, "SELECT leg_id::text FROM vanished_leg") == set()
    assert plan({"1a": "x"}) == (PlanCounts(0, 0, 0), None)


def test_a_vanished_leg_that_a_stale_frame_still_has_is_passed_over(plan, engine: Engine) -> None:  # type: ignore[no-untyped-def]
    plan({"1a": "x"})
    vanish(engine, "1a")
    counts, state = plan({"1a": "y"})
    assert counts == PlanCounts(0, 1, 0)
    assert (state.changed, state.vanished) == (frozenset(), (leg_id("1a"),))


def test_a_leg_that_comes_back_is_compared_with_what_was_taken_back(plan, engine: Engine) -> None:  # type: ignore[no-untyped-def]
    plan({"1a": "x"})
    vanish(engine, "1a")
    plan({})
    counts, state = plan({"1a": "x"})
    assert counts.changed == 1
    assert len(state.newest) == 2


def test_a_leg_that_may_have_no_messages_any_more_is_taken_back_once(plan, engine: Engine) -> None:  # type: ignore[no-untyped-def]
    plan({"1a": "x", "1b": "x"})
    counts, state = plan({"1b": "x"}, withdrawn=["1a", "9z"])
    assert counts == PlanCounts(0, 1, 0)
    assert state.vanished == (leg_id("1a"),)
    assert plan({"1b": "x"}, withdrawn=["1a"])[0] == PlanCounts(0, 0, 0)


def test_a_planner_that_fails_leaves_everything_as_it_was(plan, engine: Engine) -> None:  # type: ignore[no-untyped-def]
    def broken(state: PlanState) -> Sequence[OutboxRow]:
        raise ZeroDivisionError

    plan({"1a": "x"})
    vanish(engine, "1a")
    with pytest.raises(ZeroDivisionError):
        Outbox(engine).plan(frame_of({"1b": "x"}), broken)
    assert len(messages(engine)) == 2
    assert column(engine, "SELECT leg_id::text FROM vanished_leg") == {leg_id("1a")}
    assert column(engine, "SELECT leg_id::text FROM message_leg") == {leg_id("1a")}


def test_two_plans_at_once_write_each_message_once_and_one_after_the_other(engine: Engine) -> None:
    """Each sees what the other wrote; and no sequence is handed out while an earlier one is not committed."""
    digests = {f"{call}{leg}": "x" for call in range(8) for leg in "ab"}
    counts: list[PlanCounts] = []
    going, most = [0], [0]

    def planner(state: PlanState) -> Sequence[OutboxRow]:
        going[0] += 1
        most[0] = max(most[0], going[0])
        rows = Planner(digests)(state)
        going[0] -= 1
        return rows

    def run() -> None:
        counts.append(Outbox(engine).plan(frame_of(digests), planner))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.written for each in counts) == [0, 0, 0, 32]
    assert most == [1]


def test_tens_of_thousands_of_messages_are_one_plan(engine: Engine) -> None:
    count = 6_000
    ids = uuid_of(pl.Series([f"leg {n}" for n in range(count)]))
    frame = pl.DataFrame({"leg_id": ids, "call_id": ids, "digest": ["x"] * count})
    names = uuid_of(pl.Series([f"{leg} {n}" for leg in ids for n in range(4)]))

    def planner(state: PlanState) -> list[OutboxRow]:
        return [
            OutboxRow(name, leg, leg, f"I{n % 4}", 0, 0, "{}", "f", "voice")
            for n, (name, leg) in enumerate(zip(names, ids.repeat_by(4).explode(), strict=True))
        ]

    assert Outbox(engine).plan(frame, planner) == PlanCounts(count, 0, 4 * count)
    with engine.connect() as connection:
        stored = connection.execute(text("SELECT message_id::text FROM outbox_message ORDER BY sequence"))
        assert stored.scalars().all() == names.to_list()
    assert Outbox(engine).plan(frame, planner) == PlanCounts(0, 0, 0)


def test_a_database_that_is_away_is_a_transient_error(engine: Engine) -> None:
    from sqlalchemy import create_engine

    away = create_engine(engine.url.set(database="nowhere"))
    with pytest.raises(DatabaseUnavailableError):
        Outbox(away).plan(frame_of({"1a": "x"}), lambda state: [])
