"""When recordings are asked for: after the legs of their window, when files come, and when something is due again."""

from collections.abc import Callable
from datetime import datetime, timedelta

import dagster as dg
import pytest

from cx_pipeline_tests.orchestration.deployment import TEN, Deployment, call
from cx_pipeline_tests.orchestration.recorded_site import RecordedSite
from cx_pipeline_tests.orchestration.test_ticks import pretend_run
from cx_pipeline_tests.orchestration.test_ticks import tick as tick_of

Clock = Callable[[datetime], None]

KEY = "2026-03-02-10:00"
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
START, LASTS = TEN + MINUTE, 20 * SECOND
TALK, END = START + 6 * SECOND, START + LASTS


def tick(site: RecordedSite, cursor: str | None = None) -> tuple[dict[str, str], str | None]:
    """Run keys by window, and the cursor."""
    sensor = site.deployment.definitions.resolve_sensor_def("recording_sensor")
    context = dg.build_sensor_context(
        instance=site.deployment.instance,
        cursor=cursor,
        resources=site.deployment.definitions.resources,
        definitions=site.deployment.definitions,
        sensor_name="recording_sensor",
    )
    data = sensor.evaluate_tick(context)
    for request in data.run_requests or []:
        window = request.tags["cx/recording"]
        assert request.partition_key is None, "the queue would keep it from the run of its legs"
        assert request.tags["dagster/asset_partition_range_start"] == window
        assert request.tags["dagster/asset_partition_range_end"] == window
    return {request.tags["cx/recording"]: request.run_key for request in data.run_requests or []}, data.cursor


@pytest.fixture
def talked(recorded: RecordedSite, clock: Clock) -> RecordedSite:
    clock(END + 10 * SECOND)
    recorded.deployment.store(*call("1_100", START, lasts=LASTS))
    recorded.deployment.run(KEY)
    return recorded


def test_without_recorders_nothing_is_asked_for(deployment: Deployment, clock: Clock):
    clock(END)
    assert tick_of(deployment, "recording_sensor") == ({}, None)


def test_a_window_whose_legs_were_computed_is_asked_for_once_and_again_when_it_was_computed_again(
    talked: RecordedSite,
):
    asked, cursor = tick(talked)
    assert set(asked) == {KEY}
    assert tick(talked, cursor) == ({}, cursor)
    talked.deployment.run(KEY)
    again, _ = tick(talked, cursor)
    assert set(again) == {KEY}
    assert again != asked


def test_a_window_of_which_recordings_are_being_made_is_asked_for_when_that_is_over(talked: RecordedSite):
    pretend_run(talked.deployment, dg.DagsterRunStatus.STARTED, cx__recording=KEY)
    asked, cursor = tick(talked)
    assert asked == {}
    for run in talked.deployment.instance.get_runs(dg.RunsFilter(tags={"cx/recording": KEY})):
        talked.deployment.instance.delete_run(run.run_id)
    assert set(tick(talked, cursor)[0]) == {KEY}


def test_a_run_that_makes_recordings_does_not_hold_back_the_minute_of_its_window(talked: RecordedSite):
    from cx_pipeline.orchestration.running import windows_with_a_run

    pretend_run(
        talked.deployment,
        dg.DagsterRunStatus.STARTED,
        cx__recording=KEY,
        dagster__asset_partition_range_start=KEY,
        dagster__asset_partition_range_end=KEY,
    )
    assert windows_with_a_run(talked.deployment.instance, [KEY]) == set()


def test_files_that_come_late_ask_for_the_window_of_their_leg(talked: RecordedSite, clock: Clock):
    talked.record(KEY)
    _, cursor = tick(talked)
    talked.leave("1_100", "near", TALK, END - TALK)
    talked.deployment.run("2026-03-02-11:00")
    clock(END + 10 * 60 * SECOND)
    talked.record("2026-03-02-11:00")  # its scan of the folder finds the file
    asked, _ = tick(talked, cursor)
    assert KEY in asked
    assert asked[KEY].startswith(f"{KEY}:files:")


def test_what_is_waited_for_is_asked_for_when_its_time_has_come_once_a_minute(
    talked: RecordedSite, clock: Clock
):
    talked.leave("1_100", "near", TALK, END - TALK)
    talked.record(KEY)
    assert talked.states() == [("RULES_PASSED", None)]
    _, cursor = tick(talked)
    assert tick(talked, cursor)[0] == {}
    clock(END + 61 * SECOND)
    first, cursor = tick(talked, cursor)
    assert first == {KEY: f"{KEY}:due@2026-03-02T10:02"}
    assert tick(talked, cursor)[0] == first, "the same run key: Dagster asks for it once"
    clock(END + 61 * SECOND)
    talked.record(KEY)
    assert talked.states() == [("COMPLETED", None)]
    assert tick(talked, cursor)[0] == {}
