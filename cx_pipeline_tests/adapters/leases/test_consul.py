"""The lease in Consul, beside a stand-in with its session rules, at a tenth of its times or less."""

import os
import time
from collections.abc import Iterator

import httpx
import pytest
from pydantic import SecretStr

from cx_pipeline.adapters.leases.consul import ConsulLease
from cx_pipeline.simulator.consul.agent import AgentOptions, RunningAgent, running_consul
from cx_pipeline_tests.adapters.leases.holders import holder
from cx_pipeline_tests.waiting import PATIENCE_S, eventually

PACE = float(os.environ.get("CX_STRESS_CONSUL_PACE", "0.1"))
"""1: Consul's own times. Then a take-over takes 21 seconds."""
TAKE_OVER_S = 25.0 if PACE >= 1 else PATIENCE_S
"""At a faster pace only Consul's and our own times are shorter, and not those of this machine."""
KEY = "cx-pipeline/leases/jtapi"


@pytest.fixture(scope="module")
def consul() -> Iterator[RunningAgent]:
    with running_consul(AgentOptions(pace=PACE)) as running:
        yield running


@pytest.mark.stress
def test_of_two_processes_one_holds_it_and_the_other_within_twenty_five_seconds_of_its_kill(
    consul: RunningAgent,
):
    arguments = ("consul", consul.url, "killed", str(PACE))
    with holder(*arguments) as first:
        first.wait_until("held")
        with holder(*arguments) as second:
            assert second.said() == "free"
            assert second.says_nothing(5.0 * PACE)
            first.process.kill()
            assert second.said(TAKE_OVER_S) == "held"


def test_who_ends_in_order_is_followed_at_once(consul: RunningAgent):
    with ConsulLease(consul.url, "jtapi", pace=PACE) as one:
        assert eventually(lambda: one.is_held)
        waiting = ConsulLease(consul.url, "jtapi", pace=PACE)
        with waiting:
            time.sleep(0.1)
            assert not waiting.is_held
            one.__exit__(None, None, None)
            assert eventually(lambda: waiting.is_held)
            assert not one.is_held


@pytest.mark.parametrize("loss", ["session", "key"])
def test_a_holder_that_lost_its_session_or_its_key_steps_down_and_comes_again(
    consul: RunningAgent, loss: str
):
    with ConsulLease(consul.url, "jtapi", pace=PACE) as lease:
        assert eventually(lambda: lease.is_held)
        state = consul.agent.state
        session = state.entries[KEY].session_id
        assert session is not None
        if loss == "session":
            httpx.put(f"{consul.url}/v1/session/destroy/{session}")
        else:
            httpx.delete(f"{consul.url}/v1/kv/{KEY}")
        assert eventually(lambda: not lease.is_held)
        assert eventually(lambda: lease.is_held)
        assert state.entries[KEY].session_id != session


def test_a_holder_that_reaches_consul_no_more_steps_down_before_its_session_can_end():
    with running_consul(AgentOptions(pace=PACE)) as going:
        lease = ConsulLease(going.url, "jtapi", pace=PACE)
        lease.__enter__()
        assert eventually(lambda: lease.is_held)
    try:
        assert eventually(lambda: not lease.is_held)
        assert eventually(lambda: "Consul" in lease.trouble)
    finally:
        lease.__exit__(None, None, None)


def test_a_token_is_sent_and_a_wrong_one_told_but_never_printed():
    with running_consul(AgentOptions(pace=PACE, token="right")) as guarded:
        with ConsulLease(guarded.url, "jtapi", SecretStr("right"), pace=PACE) as lease:
            assert eventually(lambda: lease.is_held)
        with ConsulLease(guarded.url, "jtapi", SecretStr("wrong-one"), pace=PACE) as refused:
            assert eventually(lambda: "CX_CONSUL_TOKEN" in refused.trouble)
            assert "wrong-one" not in refused.trouble
            assert not refused.is_held
