"""From enriched legs to the reference manager's own count: plan, outbox, delivery and receiver in one."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pydantic import HttpUrl
from sqlalchemy import Engine, text

from cx_pipeline.adapters.ccm.activities import VoiceActivityList
from cx_pipeline.adapters.ccm.delivery import deliver
from cx_pipeline.adapters.database.conversations import Conversations
from cx_pipeline.adapters.database.outbox import Outbox, PlanCounts
from cx_pipeline.core.messages.digests import digests, legs_without_messages
from cx_pipeline.core.messages.planning import plan
from cx_pipeline.settings import Settings
from cx_pipeline.simulator.ccm.failures import Failures
from cx_pipeline.simulator.ccm.manager import ManagerOptions
from cx_pipeline.simulator.ccm.running import RunningManager, running_ccm
from cx_pipeline_tests.core.messages.enriched_legs import START, hold, leg, legs


def call(number, **otherwise):
    """Two legs of a call, one after the other."""
    call_id = f"7c1d2e3f-0000-8000-8000-{number:012x}"
    return [
        leg(
            leg_id=f"0b8a4f3e-0000-8000-8000-{number:06x}{share:06x}",
            call_id=call_id,
            cx_call_id=call_id,
            leg_number=share,
            start_time=START + timedelta(minutes=share),
            end_time=START + timedelta(minutes=share + 1),
            hold_segments=[hold(60 * share + 10, 60 * share + 20)],
            **otherwise,
        )
        for share in (1, 2)
    ]


class Site:
    """An outbox, a reference manager, and what goes from one to the other."""

    def __init__(self, engine: Engine, manager: RunningManager) -> None:
        self.engine, self.manager = engine, manager
        self.settings = Settings(_env_file=None, ccm_url=HttpUrl(manager.url), ccm_concurrency=8)
        self._now = datetime.now(UTC)

    def plan(self, *rows) -> PlanCounts:
        frame = legs(*rows)

        def planner(state):
            changed = frame.filter(frame["leg_id"].is_in(list(state.changed)))
            conversations = Conversations(self.engine).of_calls(changed["cx_call_id"].to_list())
            return plan(changed, state.newest, state.vanished, conversations)

        return Outbox(self.engine).plan(digests(frame), planner, withdrawn=legs_without_messages(frame))

    def deliver_all(self) -> None:
        """Deliver, an hour after an hour: no back-off is longer."""
        while "WAITING" in self.statuses():
            self.deliver_once()

    def deliver_once(self) -> None:
        self._now += timedelta(hours=1)
        deliver(self.settings, self.engine, budget_s=30, clock=lambda: self._now)

    def ids_by_call(self):
        query = "SELECT ordering_key, array_agg(message_id::text ORDER BY sequence) FROM outbox_message GROUP BY 1"
        with self.engine.connect() as connection:
            return dict(connection.execute(text(query)).all())

    def statuses(self):
        with self.engine.connect() as connection:
            return set(connection.execute(text("SELECT status FROM outbox_message")).scalars())


@pytest.fixture
def site(engine):
    with running_ccm(ManagerOptions()) as manager:
        yield Site(engine, manager)


def test_each_message_arrives_once_in_effect_and_in_order_whatever_fails(site):
    site.manager.fail(Failures(drop_rate=0.1, error_rate=0.1, seed=4))
    calls = [row for number in range(10) for row in call(number)]
    assert site.plan(*calls).written == 100
    site.deliver_all()
    ledger = site.manager.ledger()
    assert site.statuses() == {"DELIVERED"}
    assert (ledger["messages"], ledger["order_violations"], ledger["rejected"]) == (100, [], {})
    assert ledger["by_call"] == site.ids_by_call()
    assert ledger["duplicates"] == ledger["failed"]["dropped"] > 0


def test_corrections_arrive_after_what_they_supersede_and_nothing_else_goes_twice(site):
    site.plan(*call(1, wrap_up=None))
    site.deliver_all()
    later = call(1, wrap_up="Sale")
    later[1]["hold_segments"] = [*later[1]["hold_segments"], hold(150, 160)]
    assert site.plan(*later).written == 2 + 3
    assert site.plan(*later).written == 0
    site.deliver_all()
    ledger = site.manager.ledger()
    assert (ledger["corrections"], ledger["order_violations"], ledger["rejected"]) == (1, [], {})
    assert ledger["by_call"] == site.ids_by_call()


def test_a_leg_that_may_have_no_messages_any_more_leaves_the_list_and_comes_back(site):
    first, second = call(1)
    site.plan(first, second)
    site.deliver_all()
    assert site.plan(first, {**second, "is_reportable": False}).written == 1
    site.deliver_all()
    listed = VoiceActivityList(site.settings).read(START, START + timedelta(hours=1))
    assert listed["leg_id"].to_list() == [first["leg_id"]]
    assert site.plan(first, second).written == 5
    site.deliver_all()
    assert VoiceActivityList(site.settings).read(START, START + timedelta(hours=1)).height == 2
    assert site.manager.ledger()["order_violations"] == []


def test_conversations_that_were_learnt_are_named_as_the_manager_gave_them(site):
    site.plan(*call(1))
    site.deliver_all()
    listed = VoiceActivityList(site.settings).read(START, START + timedelta(hours=1))
    assert Conversations(site.engine).learn(listed) == 1
    assert site.plan(*call(1)).written == 0
    assert site.plan(*call(1, wrap_up="Other")).written == 2
    site.deliver_all()
    # The manager refuses a message that names another conversation than the call's own.
    assert site.manager.ledger()["rejected"] == {}
    with site.engine.connect() as connection:
        query = text(
            "SELECT payload::json -> 'header' ->> 'conversationId' FROM outbox_message WHERE revision = 1"
        )
        named = set(connection.execute(query).scalars())
    assert named == set(listed["conversation_id"])


def test_the_manager_answers_after_it_was_away(site):
    site.plan(*call(1))
    site.manager.fail(Failures(refuse_rate=1))
    site.deliver_once()
    assert site.statuses() == {"WAITING"}
    site.manager.fail(Failures())
    site.deliver_all()
    assert httpx.get(site.manager.url + "/ledger", trust_env=False).json()["messages"] == 10
