"""The schedule and the sensors, given a clock, a store and what runs already."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from cx_pipeline.orchestration import waiting
from cx_pipeline.orchestration.build import build_definitions
from cx_pipeline.settings import load_settings
from cx_pipeline_tests.orchestration.deployment import HOUR, TEN, Deployment, call, event

MINUTE = timedelta(minutes=1)
NINE_KEY, TEN_KEY, ELEVEN_KEY = "2026-03-02-09:00", "2026-03-02-10:00", "2026-03-02-11:00"


@pytest.fixture
def scheduled(deployment: Deployment, tmp_path: Path) -> Iterator[Callable[[datetime], list[str]]]:
    """What the schedule asks for at a time. Its context knows only instances that are stored."""
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        deployment.instance = instance
        schedule = deployment.definitions.resolve_schedule_def("open_window_schedule")

        def at(moment: datetime) -> list[str]:
            context = dg.build_schedule_context(
                instance=instance,
                scheduled_execution_time=moment,
                repository_def=deployment.definitions.get_repository_def(),
            )
            requests = schedule.evaluate_tick(context).run_requests or []
            assert len({request.run_key for request in requests}) == len(requests)
            return [request.partition_key for request in requests]

        yield at


def tick(deployment: Deployment, name: str, cursor: str | None = None):
    """A tick of a sensor: what it asks for (window and run key), and its cursor."""
    sensor = deployment.definitions.resolve_sensor_def(name)
    context = dg.build_sensor_context(
        instance=deployment.instance,
        cursor=cursor,
        resources=deployment.definitions.resources,
        definitions=deployment.definitions,
        sensor_name=name,
    )
    data = sensor.evaluate_tick(context)
    return {request.partition_key: request.run_key for request in data.run_requests or []}, data.cursor


def pretend_run(deployment: Deployment, status: dg.DagsterRunStatus, **tags: str) -> None:
    location = RegisteredCodeLocationOrigin("cx-pipeline")
    deployment.instance.add_run(
        dg.DagsterRun(
            job_name="window_job",
            status=status,
            tags={name.replace("__", "/"): value for name, value in tags.items()},
            remote_job_origin=RemoteJobOrigin(
                RemoteRepositoryOrigin(location, "__repository__"), "window_job"
            ),
        )
    )


def test_each_minute_asks_for_the_open_window_and_for_the_one_before_until_it_settled(scheduled):
    assert scheduled(TEN + 14 * MINUTE) == [NINE_KEY, TEN_KEY]
    assert scheduled(TEN + 15 * MINUTE) == [TEN_KEY]


def test_the_minute_does_not_ask_before_the_first_window(scheduled):
    assert scheduled(datetime(2026, 2, 28, 23, 59, tzinfo=UTC)) == []
    assert scheduled(datetime(2026, 3, 1, 0, 0, tzinfo=UTC)) == ["2026-03-01-00:00"]


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTED])
def test_the_minute_holds_back_while_a_run_of_the_window_is_queued_or_running(
    deployment: Deployment, scheduled, status
):
    pretend_run(deployment, status, dagster__partition=TEN_KEY)
    assert scheduled(TEN + 5 * MINUTE) == [NINE_KEY]


def test_the_minute_holds_back_while_a_range_with_the_window_is_computed(deployment: Deployment, scheduled):
    pretend_run(
        deployment,
        dg.DagsterRunStatus.STARTED,
        dagster__asset_partition_range_start="2026-03-02-00:00",
        dagster__asset_partition_range_end=TEN_KEY,
    )
    assert scheduled(TEN + 5 * MINUTE) == []


def test_a_run_that_is_over_holds_nothing_back(deployment: Deployment, scheduled):
    pretend_run(deployment, dg.DagsterRunStatus.FAILURE, dagster__partition=TEN_KEY)
    assert scheduled(TEN + 20 * MINUTE) == [TEN_KEY]


def test_a_call_that_ended_asks_for_the_open_window_at_once_and_once(deployment: Deployment, clock):
    clock(TEN + 10 * MINUTE)
    mark = deployment.store(*call("1_1", TEN, lasts=9 * MINUTE))
    asked, cursor = tick(deployment, "listener_sensor")
    assert asked == {TEN_KEY: f"{TEN_KEY}:{mark}"}
    assert tick(deployment, "listener_sensor", cursor) == ({}, cursor)


def test_a_call_that_ends_while_the_tick_waits_is_asked_for_by_it(
    deployment: Deployment, clock, monkeypatch: pytest.MonkeyPatch
):
    clock(TEN + 10 * MINUTE)
    monkeypatch.setattr(waiting, "PATIENCE_S", 60.0)
    naps = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            deployment.store(*call("1_1", TEN, lasts=9 * MINUTE))

    monkeypatch.setattr(waiting.time, "sleep", nap)
    assert list(tick(deployment, "listener_sensor")[0]) == [TEN_KEY]
    assert naps == [waiting.STEP_S] * 3


def test_a_leg_that_ended_a_moment_ago_is_looked_at_again_for_its_record(
    deployment: Deployment, clock, monkeypatch: pytest.MonkeyPatch
):
    clock(TEN + 10 * MINUTE)
    deployment.store(*call("1_1", TEN, lasts=9 * MINUTE))
    asked, cursor = tick(deployment, "listener_sensor")
    deployment.run(TEN_KEY)
    assert tick(deployment, "listener_sensor", cursor)[0] == {}, "there is nobody to have a record"
    source = '[{"name": "hds", "flavour": "ucce", "connection": "embedded"}]'
    monkeypatch.setenv("CX_CISCO_SOURCES", source)
    deployment.definitions = build_definitions(load_settings())
    asked, _ = tick(deployment, "listener_sensor", cursor)
    assert list(asked) == [TEN_KEY]
    assert "records@" in asked[TEN_KEY]
    clock(TEN + 13 * MINUTE)
    assert tick(deployment, "listener_sensor", cursor)[0] == {}, "the minute does"


def test_a_call_that_goes_on_or_ended_in_another_hour_asks_for_nothing(deployment: Deployment, clock):
    clock(TEN + 10 * MINUTE)
    deployment.store(*call("1_1", TEN, lasts=9 * MINUTE, ends=False), *call("1_2", TEN - HOUR, lasts=MINUTE))
    assert tick(deployment, "listener_sensor")[0] == {}


def test_the_listener_sensor_asks_after_the_run_that_held_it_back(deployment: Deployment, clock):
    clock(TEN + 10 * MINUTE)
    deployment.store(*call("1_1", TEN, lasts=9 * MINUTE))
    pretend_run(deployment, dg.DagsterRunStatus.STARTED, dagster__partition=TEN_KEY)
    asked, cursor = tick(deployment, "listener_sensor")
    assert asked == {}
    for run in deployment.instance.get_runs():
        deployment.instance.delete_run(run.run_id)
    assert list(tick(deployment, "listener_sensor", cursor)[0]) == [TEN_KEY]


def test_a_late_event_asks_for_the_windows_that_its_call_touches_and_no_others_once(
    deployment: Deployment, clock
):
    clock(TEN + 5 * HOUR)
    deployment.store(
        *call("1_1", TEN - 2 * MINUTE, lasts=4 * MINUTE, ends=False),  # from nine to ten
        *call("1_2", TEN + HOUR, lasts=MINUTE),  # at eleven
    )
    for key in (NINE_KEY, TEN_KEY, ELEVEN_KEY):
        deployment.run(key)
    asked, cursor = tick(deployment, "late_data_sensor")
    assert asked == {}

    mark = deployment.store(event("1_1", "CallCtlTermConnDroppedEv", TEN + 3 * MINUTE, "1001"))
    asked, cursor = tick(deployment, "late_data_sensor", cursor)
    assert asked == {NINE_KEY: f"{NINE_KEY}:{mark}", TEN_KEY: f"{TEN_KEY}:{mark}"}

    for key in asked:
        deployment.run(key)
    assert deployment.rows("SELECT window_start FROM call_leg WHERE root_call_key = '1_1'") == [(TEN,)]
    asked, cursor = tick(deployment, "late_data_sensor", cursor)
    assert asked == {}
    assert json.loads(cursor or "")["pending"] == {}


def test_a_late_event_moves_a_call_to_another_window_and_its_legs_with_it(deployment: Deployment, clock):
    clock(TEN + 5 * HOUR)
    deployment.store(*call("1_1", TEN - 5 * MINUTE, lasts=4 * MINUTE))
    deployment.run(NINE_KEY)
    assert deployment.rows("SELECT window_start FROM call") == [(TEN - HOUR,)]
    # The consult call that this one led to, reported an hour late.
    late = call("1_9", TEN - 3 * MINUTE, lasts=20 * MINUTE, agent="1002")
    deployment.store(*({**each, "previous_global_call_id": "1_1"} for each in late))
    asked, _ = tick(deployment, "late_data_sensor")
    assert set(asked) == {NINE_KEY, TEN_KEY}
    for key in asked:
        deployment.run(key)
    assert deployment.rows("SELECT window_start, leg_count FROM call") == [(TEN, 2)]


def test_events_of_windows_that_the_minute_computes_are_left_to_it_but_not_forgotten(
    deployment: Deployment, clock
):
    clock(TEN + 5 * MINUTE)
    mark = deployment.store(*call("1_1", TEN - MINUTE, lasts=3 * MINUTE))
    asked, cursor = tick(deployment, "late_data_sensor")
    assert asked == {}
    clock(TEN + 3 * HOUR)  # and then the daemon was down
    asked, cursor = tick(deployment, "late_data_sensor", cursor)
    assert asked[NINE_KEY] == f"{NINE_KEY}:{mark - 2}"
    assert set(asked) == {NINE_KEY, TEN_KEY}


def test_a_long_call_does_not_have_the_hours_behind_it_computed_for_each_of_its_events(
    deployment: Deployment, clock
):
    clock(TEN + 30 * MINUTE)
    deployment.store(*call("1_1", TEN - 3 * HOUR, lasts=MINUTE, ends=False))
    deployment.run("2026-03-02-07:00")
    _, cursor = tick(deployment, "late_data_sensor")
    deployment.store(event("1_1", "CallCtlTermConnHeldEv", TEN + 20 * MINUTE, "1001"))
    asked, cursor = tick(deployment, "late_data_sensor", cursor)
    assert asked == {}
    assert list(json.loads(cursor or "")["pending"]) == [TEN_KEY]


def test_a_call_that_ended_in_a_settled_hour_and_goes_on_now_has_that_hour_computed_again(
    deployment: Deployment, clock
):
    clock(TEN + 30 * MINUTE)
    deployment.store(
        *call("1_1", TEN - 2 * HOUR, lasts=MINUTE)[:-1]
    )  # all hung up, and no end of the call reported
    deployment.run("2026-03-02-08:00")
    _, cursor = tick(deployment, "late_data_sensor")
    deployment.store(event("1_1", "CallCtlTermConnTalkingEv", TEN + 20 * MINUTE, "1001"))
    assert "2026-03-02-08:00" in tick(deployment, "late_data_sensor", cursor)[0]


def test_a_late_event_before_the_first_window_waits_and_breaks_nothing(deployment: Deployment, clock):
    clock(TEN)
    deployment.store(*call("1_1", datetime(2026, 2, 20, 8, tzinfo=UTC), lasts=MINUTE))
    assert tick(deployment, "late_data_sensor")[0] == {}


def test_a_window_with_calls_left_open_is_asked_for_when_their_silence_ran_out(deployment: Deployment, clock):
    clock(TEN + 80 * MINUTE)
    deployment.store(*call("1_1", TEN, lasts=MINUTE, ends=False))
    deployment.run(TEN_KEY)
    assert deployment.rows("SELECT call_key FROM open_call_key") == [("1_1",)]
    with deployment.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE window_computation SET computed_at = '2026-03-02 11:20+00'")
    clock(TEN + 11 * HOUR)
    asked, cursor = tick(deployment, "late_data_sensor")
    assert asked == {}
    clock(TEN + 13 * HOUR)
    asked, _ = tick(deployment, "late_data_sensor", cursor)
    assert asked == {TEN_KEY: f"{TEN_KEY}:silent:2026-03-02T23:00"}
    deployment.run(TEN_KEY)
    assert tick(deployment, "late_data_sensor", cursor)[0] == {}
    assert deployment.rows("SELECT status, end_reason FROM call_leg") == [("COMPLETED", "UNKNOWN")]


def test_a_call_that_goes_on_is_carried_by_the_open_window_from_hour_to_hour(deployment: Deployment, clock):
    clock(TEN + 30 * MINUTE)
    deployment.store(*call("1_1", TEN, lasts=MINUTE, ends=False))
    deployment.run(TEN_KEY)
    assert deployment.rows("SELECT status, window_start FROM call_leg") == [("IN_PROGRESS", TEN)]
    clock(TEN + HOUR + MINUTE)
    deployment.run(TEN_KEY)
    assert deployment.value("SELECT count(*) FROM call_leg") == 1
    deployment.run(ELEVEN_KEY)
    assert deployment.rows("SELECT status, window_start FROM call_leg") == [("IN_PROGRESS", TEN + HOUR)]
