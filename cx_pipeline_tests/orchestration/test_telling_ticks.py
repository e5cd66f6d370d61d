"""The sensors that ask for windows whose legs wait for records, and for messages that a run left behind."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import dagster as dg
import pytest
import stamina

from cx_pipeline.orchestration import attempts
from cx_pipeline.orchestration.outbox import OUTBOX_JOB
from cx_pipeline.simulator.ccm.failures import Failures
from cx_pipeline_tests.orchestration.deployment import HOUR, TEN, call
from cx_pipeline_tests.orchestration.telling_site import TellingSite
from cx_pipeline_tests.orchestration.test_ticks import pretend_run, tick

MINUTE = timedelta(minutes=1)
KEY = "2026-03-02-10:00"
END = TEN + 50 * MINUTE
Clock = Callable[[datetime], None]


@pytest.fixture(autouse=True)
def no_step_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(attempts, "MAX_RETRIES", 0)
    with stamina.set_testing(True, attempts=1):
        yield


@pytest.fixture
def waiting(site: TellingSite, clock: Clock) -> TellingSite:
    """A window with a leg that waits for its record."""
    site.deployment.store(*call("1_100", END - 5 * MINUTE, lasts=5 * MINUTE))
    clock(END + MINUTE)
    site.deployment.run(KEY)
    return site


def test_a_window_of_which_legs_wait_is_asked_for_each_minute_once_the_schedule_leaves_it(
    waiting: TellingSite, clock: Clock
):
    clock(TEN + HOUR + 14 * MINUTE)
    assert tick(waiting.deployment, "record_sensor")[0] == {}  # the schedule still computes it
    clock(TEN + HOUR + 16 * MINUTE)
    assert tick(waiting.deployment, "record_sensor")[0] == {KEY: f"{KEY}:records@2026-03-02T11:16"}


def test_a_window_whose_legs_all_have_their_record_is_not_asked_for(waiting: TellingSite, clock: Clock):
    waiting.record(100, END)
    waiting.deployment.run(KEY)
    clock(TEN + HOUR + 16 * MINUTE)
    assert tick(waiting.deployment, "record_sensor")[0] == {}


def test_after_the_last_try_it_is_asked_for_a_few_times_within_a_day(waiting: TellingSite, clock: Clock):
    clock(TEN + 2 * HOUR)
    waiting.deployment.run(KEY)
    assert waiting.states() == [("PARTIAL", "NO_RECORD", None)]
    asked = []
    for hours in range(1, 30):
        clock(TEN + HOUR + hours * HOUR)
        asked += tick(waiting.deployment, "record_sensor")[0].values()
    assert list(dict.fromkeys(asked)) == [f"{KEY}:records+{hours}h" for hours in (2, 4, 8, 16, 24)]


def test_it_is_not_asked_for_while_a_run_is_at_it(waiting: TellingSite, clock: Clock):
    clock(TEN + HOUR + 16 * MINUTE)
    pretend_run(waiting.deployment, dg.DagsterRunStatus.STARTED, dagster__partition=KEY)
    assert tick(waiting.deployment, "record_sensor")[0] == {}


def requests_of(site: TellingSite) -> int:
    sensor = site.deployment.definitions.resolve_sensor_def("outbox_sensor")
    context = dg.build_sensor_context(
        instance=site.deployment.instance, resources=site.deployment.definitions.resources
    )
    return len(sensor.evaluate_tick(context).run_requests or [])


def overdue(site: TellingSite) -> None:
    with site.deployment.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE outbox_message SET next_attempt_at = now() - interval '1 minute' WHERE status = 'WAITING'"
        )


def test_messages_that_a_run_could_not_send_are_sent_beside_the_windows(site: TellingSite):
    """Also when no window can be computed any more, as their Cisco source is away."""
    site.deployment.store(*call("1_100", END - 5 * MINUTE, lasts=5 * MINUTE))
    site.record(100, END)
    assert requests_of(site) == 0
    site.manager.fail(Failures(error_rate=1))
    site.deployment.run(
        KEY, ok=False
    )  # the list of activities cannot be read: that is an error, not an empty list
    assert site.messages()[0] == ("CALL_LEG_STARTED", 0, "WAITING")
    overdue(site)
    assert requests_of(site) == 1
    site.manager.fail(Failures())
    job = site.deployment.definitions.resolve_job_def(OUTBOX_JOB)
    assert job.execute_in_process(
        instance=site.deployment.instance, resources=site.deployment.definitions.resources
    ).success
    assert {status for _, _, status in site.messages()} == {"DELIVERED"}
    assert requests_of(site) == 0


def test_the_check_is_red_while_the_conversation_manager_is_away_and_green_again_afterwards(
    site: TellingSite,
):
    for number in range(12):
        site.deployment.store(
            *call(f"1_{100 + number}", TEN + number * MINUTE, lasts=5 * MINUTE, agent=f"10{number:02d}")
        )
        site.record(100 + number, TEN + (number + 5) * MINUTE, extension=f"10{number:02d}")
    site.manager.fail(Failures(refuse_rate=1))

    def outbox_age(*, is_there: bool) -> tuple[bool, str | None]:
        evaluations = site.deployment.run(KEY, ok=is_there).get_asset_check_evaluations()
        (check,) = [check for check in evaluations if check.check_name == "outbox_age"]
        return check.passed, check.description

    passed, described = outbox_age(is_there=False)
    assert not passed
    assert "delivery stopped for this run; 36 messages wait, the oldest for" in (described or "")
    assert site.ledger()["receptions"] == 0
    site.manager.fail(Failures())
    overdue(site)
    assert outbox_age(is_there=True) == (True, "no message waits")
    assert site.ledger()["messages"] == site.ledger()["receptions"] == 36
