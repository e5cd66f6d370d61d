"""kill -9 at each step of a delivery: nothing is lost, the order of each call stays, and all is there once."""

import os
from pathlib import Path
from random import Random

import pytest
from pydantic import SecretStr

from cx_pipeline.adapters.ccm.delivery import STEPS
from cx_pipeline_tests.adapters.ccm.conftest import Site
from cx_pipeline_tests.adapters.ccm.deliverers import KILLED, Deliverers
from cx_pipeline_tests.adapters.ccm.outbox_content import fill_calls, message_id, statuses
from cx_pipeline_tests.adapters.ccm.receiver import DROPPED, OK, Post, Reply

KILLS = int(os.environ.get("CX_STRESS_KILLS", "1"))
"""How many deliverers are killed at each step."""
CALLS, MESSAGES = 12, 4


@pytest.fixture
def deliverers(tmp_path: Path, site: Site, database_url: SecretStr) -> Deliverers:
    return Deliverers(tmp_path, site.options, database_url)


def assert_all_there_once_and_in_order(site: Site) -> None:
    assert statuses(site.engine) == {"DELIVERED": CALLS * MESSAGES}
    assert site.receiver.calls() == {
        str(call): [message_id(call, n) for n in range(MESSAGES)] for call in range(CALLS)
    }
    assert site.receiver.overlaps == []


@pytest.mark.stress
@pytest.mark.timeout(60 + 30 * KILLS)
@pytest.mark.parametrize("step", STEPS)
def test_a_deliverer_killed_at_a_step_leaves_all_right_for_the_next(
    step: str, site: Site, deliverers: Deliverers
) -> None:
    fill_calls(site.engine, CALLS, MESSAGES)
    dice = Random(f"{step}")
    before = len(site.receiver.posts)
    for _ in range(KILLS):
        nth = dice.randint(1, 3)
        if deliverers.run(step, nth) == 0:  # so little was left that it did not come so far
            break
    assert deliverers.run() == 0
    assert_all_there_once_and_in_order(site)
    assert len(site.receiver.posts) - before <= CALLS * MESSAGES + KILLS * site.settings.ccm_concurrency


def test_a_kill_comes_at_every_step(site: Site, deliverers: Deliverers) -> None:
    """Else the loop above would show nothing."""
    fill_calls(site.engine, CALLS, MESSAGES)
    assert [deliverers.run(step, 1) for step in STEPS] == [KILLED] * len(STEPS)
    assert deliverers.run() == 0
    assert_all_there_once_and_in_order(site)


def test_a_kill_between_send_and_answer_sends_again_and_is_there_once(
    site: Site, deliverers: Deliverers
) -> None:
    fill_calls(site.engine, CALLS, MESSAGES)
    site.options |= {"ccm_concurrency": 1}
    site.receiver.script = lambda post: Reply(hangs_s=0.02)
    deliverers.run("after send", 3)
    deliverers.run()
    assert_all_there_once_and_in_order(site)
    assert sum(post.attempt > 1 for post in site.receiver.posts) == 1


@pytest.mark.stress
def test_kills_and_lost_answers_together(site: Site, deliverers: Deliverers) -> None:
    fill_calls(site.engine, CALLS, MESSAGES)
    dice = Random(5)

    def script(post: Post) -> Reply:
        return DROPPED if Random(f"{post.message_id}{post.attempt}").random() < 0.15 else OK

    site.receiver.script = script
    for step in dice.sample(STEPS, 3):
        deliverers.run(step, dice.randint(1, 4))
    for _ in range(20):
        deliverers.run()
        if "WAITING" not in statuses(site.engine):
            break
    assert_all_there_once_and_in_order(site)
