import os
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from cx_pipeline.core.frames import CALLS, frame_path
from cx_pipeline.core.windows import Window
from cx_pipeline.orchestration import maintenance
from cx_pipeline_tests.orchestration.deployment import TEN, Deployment, call

KEY, OTHER_KEY = "2026-03-02-10:00", "2026-03-02-11:00"


@pytest.fixture
def two_days_later(monkeypatch: pytest.MonkeyPatch):
    later = datetime.now(UTC) + timedelta(days=2)

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return later

    monkeypatch.setattr(maintenance, "datetime", Clock)


def prune(deployment: Deployment) -> dg.ExecuteInProcessResult:
    job = deployment.definitions.resolve_job_def("prune_job")
    return job.execute_in_process(instance=deployment.instance)


def runs_of_windows(deployment: Deployment) -> set[str]:
    return {run.run_id for run in deployment.instance.get_runs() if run.job_name != "prune_job"}


def test_superseded_runs_go_and_the_newest_of_each_window_stays(deployment: Deployment, two_days_later):
    deployment.store(*call("1_1", TEN, lasts=timedelta(minutes=1)))
    old = {deployment.run(KEY).run_id, deployment.run(KEY).run_id}
    newest = {deployment.run(KEY).run_id, deployment.run(OTHER_KEY).run_id}
    assert prune(deployment).success
    assert runs_of_windows(deployment) == newest
    materialised = deployment.instance.get_materialized_partitions(dg.AssetKey("call_legs"))
    assert materialised == {KEY, OTHER_KEY}
    assert not old & runs_of_windows(deployment)


def test_pages_of_runs_are_seen_to_the_end(
    deployment: Deployment, two_days_later, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(maintenance, "_PAGE", 1)
    for _ in range(3):
        newest = deployment.run(KEY).run_id
    prune(deployment)
    assert runs_of_windows(deployment) == {newest}


def test_runs_of_today_stay(deployment: Deployment):
    kept = {deployment.run(KEY).run_id, deployment.run(KEY).run_id}
    prune(deployment)
    assert runs_of_windows(deployment) == kept


def test_a_failure_that_nothing_replaced_stays(deployment: Deployment, two_days_later):
    good = deployment.run(KEY).run_id
    root = deployment.settings.frames_root
    aside = root.rename(root.with_name("aside"))
    root.write_text("")
    failed = deployment.run(KEY, ok=False).run_id
    root.unlink()
    aside.rename(root)
    prune(deployment)
    assert runs_of_windows(deployment) == {good, failed}


def test_frames_of_materialised_windows_stay_and_those_of_another_grid_go(deployment: Deployment):
    deployment.run(KEY)
    half_hour = Window(TEN, TEN + timedelta(minutes=30))
    stored = deployment.frames.read(CALLS, deployment.window(KEY))
    deployment.frames.write(stored.frame, CALLS, half_hour, stored.mark)
    before = set(deployment.frame_bytes())
    long_ago = (datetime.now(UTC) - timedelta(days=3)).timestamp()
    for path in deployment.frames.paths():
        os.utime(path, (long_ago, long_ago))
    prune(deployment)
    assert before - set(deployment.frame_bytes()) == {frame_path("calls", half_hour)}
