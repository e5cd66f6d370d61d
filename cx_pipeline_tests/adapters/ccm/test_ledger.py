"""Thousands of messages, all that can go wrong, and the reference manager's own count of what came."""

import os
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import polars as pl
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from cx_pipeline.adapters.database.outbox import Outbox
from cx_pipeline.core.messages.digests import digests
from cx_pipeline.core.messages.outbox_row import OutboxRow
from cx_pipeline.core.messages.planning import plan
from cx_pipeline.simulator.ccm.authorisation import TOKEN_PATH, ClientCredentials
from cx_pipeline.simulator.ccm.failures import Failures
from cx_pipeline.simulator.ccm.manager import ManagerOptions
from cx_pipeline.simulator.ccm.running import RunningManager, running_ccm
from cx_pipeline_tests.adapters.ccm.deliverers import KILLED, Deliverers
from cx_pipeline_tests.adapters.ccm.outbox_content import statuses
from cx_pipeline_tests.core.messages.enriched_legs import START, hold, leg, legs

MESSAGES = int(os.environ.get("CX_STRESS_MESSAGES", "200"))
MESSAGES_OF_A_LEG = 5
"""Started, held, resumed, ended, wrap-up."""
RUNS = 40
"""By then all is delivered, or something is lost."""


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[RunningManager]:
    """It asks for tokens of a second, loses answers, and fails in all other ways."""
    options = ManagerOptions(
        journal=tmp_path / "journal.ndjson",
        duplicates="conflict",
        access=ClientCredentials("cx", SecretStr("client-s3cret"), lifetime_s=1),
        failures=Failures(
            drop_rate=0.05,
            error_rate=0.03,
            throttle_rate=0.02,
            refuse_rate=0.01,
            hang_rate=0.005,
            hang_s=30,
            token_error_rate=0.05,
            seed=7,
        ),
    )
    with running_ccm(options) as manager:
        yield manager


def some_legs(count: int) -> pl.DataFrame:
    """Legs with a hold and a wrap-up, two in each call."""
    rows = []
    for number in range(count):
        call_id = str(UUID(int=(8 << 76) + number // 2))
        begun = timedelta(seconds=number)
        rows.append(
            leg(
                leg_id=str(UUID(int=(8 << 76) + (1 << 32) + number)),
                call_id=call_id,
                cx_call_id=call_id,
                start_time=START + begun,
                end_time=START + begun + timedelta(minutes=5),
                hold_segments=[hold(number + 30, number + 60)],
            )
        )
    return legs(*rows)


def planned(engine: Engine, frame: pl.DataFrame) -> dict[str, list[str]]:
    """Plan the messages of the legs; their ids by call, in order."""
    due = digests(frame)
    by_call: dict[str, list[str]] = defaultdict(list)

    def planner(state) -> list[OutboxRow]:  # type: ignore[no-untyped-def]
        changed = frame.filter(pl.col("leg_id").is_in(list(state.changed)))
        rows = plan(changed, state.newest, state.vanished, {})
        for row in rows:
            by_call[row.ordering_key].append(row.message_id)
        return rows

    counts = Outbox(engine).plan(due, planner)
    assert counts.written == frame.height * MESSAGES_OF_A_LEG
    return dict(by_call)


@pytest.mark.stress
@pytest.mark.timeout(300 + MESSAGES // 20)
def test_each_message_is_there_once_and_in_order_whatever_fails(
    engine: Engine, database_url: SecretStr, manager: RunningManager, tmp_path: Path
) -> None:
    wanted = planned(engine, some_legs(MESSAGES // MESSAGES_OF_A_LEG))
    options = {
        "ccm_url": manager.url,
        "ccm_read_timeout_s": 1,
        "ccm_total_timeout_s": 4,
        "ccm_oauth_token_url": manager.url + TOKEN_PATH,
        "ccm_oauth_client_id": "cx",
        "ccm_oauth_client_secret": "client-s3cret",
    }
    deliverers = Deliverers(tmp_path, options, database_url, minutes=11)
    for step in ("after send", "after answer", "after mark"):
        nth = MESSAGES // 200 if step == "after mark" else MESSAGES // 5
        assert deliverers.run(step, nth, budget_s=120) == KILLED
    for _ in range(RUNS):
        deliverers.run(budget_s=120)
        if "WAITING" not in statuses(engine):
            break
    assert statuses(engine) == {"DELIVERED": sum(map(len, wanted.values()))}
    count = manager.ledger()
    assert count["by_call"] == wanted
    assert (count["rejected"], count["order_violations"]) == ({}, [])
    assert set(count["failed"]) == {"dropped", "error", "hung", "refused", "throttled"}
    assert count["tokens"] > 1, "tokens ran out on the way"
    assert count["duplicates"] >= count["failed"]["dropped"] > 0


def test_what_was_not_answered_was_sent_again_and_no_attempt_is_forgotten(
    engine: Engine, database_url: SecretStr, tmp_path: Path
) -> None:
    """The outbox's attempts are those that the manager saw."""
    with running_ccm(ManagerOptions(failures=Failures(drop_rate=0.2, seed=3))) as manager:
        planned(engine, some_legs(20))
        deliverers = Deliverers(tmp_path, {"ccm_url": manager.url}, database_url, minutes=11)
        while "WAITING" in statuses(engine):
            deliverers.run()
        by_message = manager.ledger()["by_message"]
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT message_id::text, attempts FROM outbox_message")).all()
    assert dict(map(tuple, rows)) == by_message
    assert max(by_message.values()) > 1
