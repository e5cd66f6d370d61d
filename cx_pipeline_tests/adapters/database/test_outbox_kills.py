"""kill -9 while messages are planned: before the commit nothing is there, after it all, and a plan made again adds none."""

import os
import signal
import subprocess
import sys

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from cx_pipeline.adapters.database.connection import engine_for
from cx_pipeline.adapters.database.outbox import Outbox, PlanCounts
from cx_pipeline.core.messages.digests import digests, legs_without_messages
from cx_pipeline.core.messages.outbox_row import OutboxRow
from cx_pipeline.core.messages.planning import plan
from cx_pipeline_tests.core.messages.enriched_legs import hold, leg, legs

KILLS = int(os.environ.get("CX_STRESS_KILLS", "1"))
KEPT, GONE, LATE = (f"00000000-0000-8000-8000-00000000000{number}" for number in range(1, 4))
POINTS = ("before the plan", "before commit", "after commit")


def write_plan(engine: Engine, *, at: str | None = None) -> PlanCounts:
    """Plan the messages of two legs, one of them with a hold, while a third has vanished; killed at a point."""
    frame = legs(leg(leg_id=KEPT, hold_segments=[hold(1, 2)], agent_name="Ada"), leg(leg_id=LATE))

    def planner(state) -> list[OutboxRow]:  # type: ignore[no-untyped-def]
        die_at("before the plan", at)
        rows = plan(
            frame.filter(frame["leg_id"].is_in(list(state.changed))), state.newest, state.vanished, {}
        )
        die_at("before commit", at)
        return rows

    counts = Outbox(engine).plan(digests(frame), planner, withdrawn=legs_without_messages(frame))
    die_at("after commit", at)
    return counts


def die_at(point: str, wanted: str | None) -> None:
    if point == wanted:
        os.kill(os.getpid(), signal.SIGKILL)


def told_before(engine: Engine) -> None:
    """What was planned when the kept leg had no hold and another name, and the vanished one was there."""
    before = legs(leg(leg_id=KEPT), leg(leg_id=GONE))
    Outbox(engine).plan(digests(before), lambda state: plan(before, state.newest, (), {}))
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO vanished_leg (leg_id) VALUES (CAST(:leg AS uuid))"), {"leg": GONE}
        )


def rows(engine: Engine) -> list[tuple[object, ...]]:
    query = "SELECT leg_id::text, intent, ordinal, revision FROM outbox_message ORDER BY sequence"
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


@pytest.mark.stress
@pytest.mark.parametrize("point", POINTS)
def test_a_planner_killed_at_a_point_leaves_all_or_nothing_and_the_next_one_adds_what_is_missing(
    point: str, engine: Engine, database_url: SecretStr
) -> None:
    told_before(engine)
    begun = rows(engine)
    for _ in range(KILLS):
        killed = subprocess.run(
            [sys.executable, "-m", __name__, point],
            env={**os.environ, "PLANNED_IN": database_url.get_secret_value()},
            check=False,
            timeout=60,
        )
        assert killed.returncode == -signal.SIGKILL
        assert (rows(engine) == begun) is (point != "after commit")
    write_plan(engine)
    assert rows(engine)[len(begun) :] == [
        (GONE, "CALL_LEG_ENDED", 0, 1),
        (KEPT, "CALL_LEG_STARTED", 0, 1),
        (KEPT, "CALL_HOLD", 0, 0),
        (KEPT, "CALL_RESUME", 0, 0),
        (KEPT, "CALL_LEG_ENDED", 0, 1),
        *((LATE, intent, 0, 0) for intent in ("CALL_LEG_STARTED", "CALL_LEG_ENDED", "WRAPUP")),
    ]
    assert write_plan(engine) == PlanCounts(0, 0, 0)


if __name__ == "__main__":
    write_plan(engine_for(SecretStr(os.environ["PLANNED_IN"])), at=sys.argv[1])
