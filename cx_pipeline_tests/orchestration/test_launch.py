import os

import dagster as dg
import pytest
from pydantic import SecretStr

from cx_pipeline.core.job_names import WINDOW_JOB
from cx_pipeline.core.windows import window_from_key
from cx_pipeline.orchestration.launch import compute_windows, dagster_instance
from cx_pipeline.orchestration.prepare import GRPC_TAG, fail_abandoned_runs
from cx_pipeline.settings import load_settings
from cx_pipeline_tests.orchestration.deployment import HOUR, TEN, Deployment, call

KEY = "2026-03-02-10:00"


@pytest.fixture
def stored(deployment: Deployment, database_url: SecretStr, monkeypatch: pytest.MonkeyPatch):
    """Dagster's storage in PostgreSQL: a schema of the test's own database."""
    url = database_url.get_secret_value().replace("postgresql://", "postgresql+psycopg2://")
    with deployment.engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA dagster")
    monkeypatch.setenv("CX_DAGSTER_DATABASE_URL", f"{url}&options=-csearch_path%3Ddagster")
    return deployment


def test_windows_are_computed_as_runs_that_dagster_keeps(stored: Deployment):
    stored.store(*call("1_1", TEN, lasts=HOUR / 2))
    windows = [stored.window("2026-03-02-09:00"), stored.window(KEY)]
    runs = list(compute_windows(load_settings(), windows, [WINDOW_JOB]))
    assert [(run.window, run.is_success) for run in runs] == [("2026-03-02-09:00", True), (KEY, True)]
    assert stored.value("SELECT count(*) FROM call_leg") == 1
    with dagster_instance(load_settings()) as instance:
        assert {run.run_id for run in instance.get_runs()} == {run.run_id for run in runs}
        assert KEY in instance.get_materialized_partitions(dg.AssetKey("call_legs"))
        assert instance.run_retries_enabled
        assert not instance.telemetry_enabled


def test_a_window_that_fails_does_not_end_the_others(stored: Deployment):
    root = stored.settings.frames_root
    (root / "raw_jtapi_events").mkdir(parents=True)
    (root / "raw_jtapi_events" / "2026-03-02").write_text("")
    windows = [window_from_key(key, HOUR) for key in (KEY, "2026-03-03-10:00")]
    failed, fine = compute_windows(load_settings(), windows, [WINDOW_JOB])
    assert not failed.is_success
    assert "cannot write" in (failed.error or "")
    assert fine.is_success


def test_runs_of_a_killed_code_server_are_told_to_have_failed_and_no_others(stored: Deployment):
    with dagster_instance(load_settings()) as instance:
        abandoned, of_a_command, over = (
            dg.DagsterRun(job_name="window_job", status=status, tags=tags)
            for status, tags in (
                (dg.DagsterRunStatus.STARTED, {GRPC_TAG: "{}"}),
                (dg.DagsterRunStatus.STARTED, {}),
                (dg.DagsterRunStatus.SUCCESS, {GRPC_TAG: "{}"}),
            )
        )
        for run in (abandoned, of_a_command, over):
            instance.add_run(run)
        assert fail_abandoned_runs(instance) == [abandoned.run_id]
        assert instance.get_run_by_id(abandoned.run_id).status is dg.DagsterRunStatus.FAILURE
        assert instance.get_run_by_id(of_a_command.run_id).status is dg.DagsterRunStatus.STARTED
    assert "DAGSTER_HOME" not in os.environ
