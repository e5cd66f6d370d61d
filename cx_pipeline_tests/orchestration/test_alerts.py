"""Runs that fail, and who hears of it: real runs, a real webhook on loopback."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from cx_pipeline.orchestration import alerts, run_failures
from cx_pipeline.settings import load_settings
from cx_pipeline_tests.adapters.notify.webhook_receiver import Receiver, running_receiver
from cx_pipeline_tests.orchestration.deployment import TEN, Deployment, call

KEY = "2026-03-02-10:00"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch):
    with running_receiver() as server:
        monkeypatch.setenv("CX_ALERT_WEBHOOK_URL", server.url.get_secret_value())
        monkeypatch.setenv("CX_PUBLIC_URL", "https://cx.example.org")
        yield server


class Alerts:
    """The sensor, tick after tick, as the daemon has it."""

    def __init__(self, deployment: Deployment, name: str = "run_failure_alerts") -> None:
        self.deployment = deployment
        self.name = name
        self.cursor: str | None = None

    def tick(self) -> str | None:
        sensor = self.deployment.definitions.resolve_sensor_def(self.name)
        context = dg.build_sensor_context(instance=self.deployment.instance, cursor=self.cursor)
        data = sensor.evaluate_tick(context)
        self.cursor = data.cursor
        return data.skip_message


def texts(receiver: Receiver) -> list[str]:
    return [str(message["text"]) for message in receiver.received]


def fail(deployment: Deployment, key: str = KEY) -> dg.ExecuteInProcessResult:
    """A run that fails as the frames' folder cannot be written."""
    root = deployment.settings.frames_root
    root.parent.mkdir(exist_ok=True)
    root.write_text("")
    result = deployment.run(key, ok=False)
    root.unlink()
    return result


def test_a_failure_tells_window_asset_first_error_line_and_run_once(
    deployment: Deployment, receiver: Receiver
):
    run_id = fail(deployment).run_id
    alerting = Alerts(deployment)
    alerting.tick()
    alerting.tick()
    assert len(receiver.received) == 1
    (text,) = texts(receiver)
    assert text.startswith(f"Failed: raw_jtapi_events, window {KEY}: ConfigurationError: cannot write ")
    assert text.endswith(f"https://cx.example.org/runs/{run_id}")


def test_a_try_that_is_repeated_is_not_told(deployment: Deployment, receiver: Receiver):
    run_id = fail(deployment).run_id
    deployment.instance.add_run_tags(run_id, {run_failures.WILL_RETRY_TAG: "true"})
    alerting = Alerts(deployment)
    alerting.tick()
    deployment.instance.add_run_tags(run_id, {run_failures.RETRY_TAG: "another run"})
    alerting.tick()
    assert not looked_at(deployment, minutes_later=30).waiting
    assert receiver.received == []


def test_a_try_that_was_to_be_repeated_and_is_not_is_told(deployment: Deployment, receiver: Receiver):
    """Dagster repeats no run of a backfill that it took for over between the failure and its own decision."""
    deployment.instance.add_run_tags(fail(deployment).run_id, {run_failures.WILL_RETRY_TAG: "true"})
    assert not looked_at(deployment).waiting
    (waiting,) = looked_at(deployment, minutes_later=2).waiting
    assert (str(waiting.message.occasion), waiting.message.count) == ("FAILED", 1)


def looked_at(deployment: Deployment, *, minutes_later: int = 0) -> alerts.AlertState:
    """What is to be told at a first look, some minutes from now."""
    now = datetime.now(UTC) + timedelta(minutes=minutes_later)
    return alerts.take_notice(deployment.instance, alerts.AlertState(), {"webhook": None}, now)


def test_a_failure_of_which_dagster_has_not_said_whether_it_retries_waits(
    deployment: Deployment, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    run_id = fail(deployment).run_id
    monkeypatch.setattr(type(deployment.instance), "run_retries_enabled", property(lambda _self: True))
    alerting = Alerts(deployment)
    alerting.tick()
    assert receiver.received == []
    deployment.instance.add_run_tags(run_id, {run_failures.WILL_RETRY_TAG: "false"})
    alerting.tick()
    assert len(receiver.received) == 1


def test_a_webhook_that_is_down_delays_an_alert_and_breaks_no_tick(
    deployment: Deployment, receiver: Receiver
):
    fail(deployment)
    receiver.codes = [500]
    alerting = Alerts(deployment)
    assert alerting.tick() == "1 messages wait for a channel that does not answer"
    refused = len(receiver.received)
    receiver.codes = [200]
    alerting.tick()
    alerting.tick()
    assert len(receiver.received) == refused + 1


def test_the_same_failure_of_many_windows_is_one_message(deployment: Deployment, receiver: Receiver):
    for hour in range(3):
        fail(deployment, f"2026-03-02-0{hour}:00")
    Alerts(deployment).tick()
    assert len(receiver.received) == 1


def test_a_recovery_is_told_when_the_window_succeeds(deployment: Deployment, receiver: Receiver):
    fail(deployment)
    alerting = Alerts(deployment)
    alerting.tick()
    deployment.run(KEY)
    alerting.tick()
    alerting.tick()
    assert [text.split(":")[0] for text in texts(receiver)] == ["Failed", "Recovered"]


def test_what_goes_on_is_told_again_with_a_count(deployment: Deployment, receiver: Receiver):
    for _ in range(3):
        fail(deployment)
    channels = {"webhook": None}
    now = datetime.now(UTC)
    state = alerts.take_notice(deployment.instance, alerts.AlertState(), channels, now)
    later = alerts.take_notice(deployment.instance, state, channels, now + timedelta(minutes=31))
    assert [(str(each.message.occasion), each.message.count) for each in later.waiting] == [
        ("FAILED", 1),
        ("AGAIN", 2),
    ]


def test_a_broken_check_is_told_by_its_own_words(
    deployment: Deployment, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    from cx_pipeline.core import window_computation
    from cx_pipeline.core.window_checks import Verdict

    monkeypatch.setattr(
        window_computation, "overlap_verdict", lambda _legs: Verdict(False, "two legs overlap")
    )
    deployment.store(*call("1_1", TEN, lasts=timedelta(minutes=1)))
    deployment.run(KEY, ok=False)
    Alerts(deployment).tick()
    assert f"Failed: call_legs, window {KEY}: check no_overlapping_legs failed" in texts(receiver)[0]
    assert "two legs overlap" in texts(receiver)[0]


def test_without_a_channel_nothing_is_told_and_nothing_piles_up(deployment: Deployment):
    fail(deployment)
    alerting = Alerts(deployment)
    assert "no channel is set" in (alerting.tick() or "")
    assert alerts._state_of(alerting.cursor).waiting == []


def test_a_failure_of_long_ago_is_not_told_after_an_upgrade(deployment: Deployment, receiver: Receiver):
    fail(deployment)
    much_later = datetime.now(UTC) + timedelta(days=2)
    state = alerts.take_notice(deployment.instance, alerts.AlertState(), {"webhook": None}, much_later)
    assert list(state.waiting) == []


def test_the_webhook_s_address_is_in_no_cursor(deployment: Deployment, receiver: Receiver):
    fail(deployment)
    receiver.codes = [500]
    alerting = Alerts(deployment)
    alerting.tick()
    assert load_settings().alert_webhook_url == receiver.url
    assert "s3cret" not in (alerting.cursor or "")


def skewed(key: str) -> list[dict[str, object]]:
    """A call whose listener's clock runs three seconds ahead: the check warns, the run succeeds."""
    return [
        {**row, "received_at": row["event_time"] - timedelta(seconds=3)}  # type: ignore[operator]
        for row in call(key, TEN, lasts=timedelta(minutes=1))
    ]


def test_a_failed_check_is_told_though_its_run_succeeds(deployment: Deployment, receiver: Receiver):
    deployment.store(*skewed("1_1"))
    run_id = deployment.run(KEY).run_id
    runs, checks = Alerts(deployment), Alerts(deployment, "check_failure_alerts")
    for alerting in (runs, checks, runs, checks):
        alerting.tick()
    (text,) = texts(receiver)
    assert text.startswith("Failed: call_legs, check clock_skew, ")
    assert "clocks run ahead of ours: jtapi by 3000 ms" in text
    assert text.endswith(f"https://cx.example.org/runs/{run_id}")


def test_a_check_is_over_when_it_passes_and_has_not_failed_for_a_while(deployment: Deployment):
    deployment.store(*skewed("1_1"))
    deployment.run(KEY)
    now, channels = datetime.now(UTC), {"webhook": None}
    begun = alerts.take_notice(deployment.instance, alerts.AlertState(), channels, now, alerts.CHECKS)
    deployment.run("2026-03-02-11:00")  # another window, whose clocks agree
    soon = alerts.take_notice(deployment.instance, begun, channels, now + timedelta(minutes=1), alerts.CHECKS)
    later = alerts.take_notice(
        deployment.instance, soon, channels, now + timedelta(minutes=11), alerts.CHECKS
    )
    said = [[item.message.occasion for item in state.waiting] for state in (begun, soon, later)]
    assert said == [["FAILED"], ["FAILED"], ["FAILED", "RECOVERED"]]
