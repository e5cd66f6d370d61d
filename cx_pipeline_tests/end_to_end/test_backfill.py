"""A backfill as the web UI starts it: its GraphQL, the daemon's loops, a code server and a process for each run."""

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import dagster as dg
import psutil
import pytest
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget
from dagster._daemon.auto_run_reexecution.event_log_consumer import EventLogConsumerDaemon
from dagster._daemon.backfill import execute_backfill_iteration
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster_graphql.schema import create_schema
from pydantic import SecretStr
from sqlalchemy import Engine

from cx_pipeline.adapters.database.embedded import ensure_databases
from cx_pipeline.adapters.database.postmaster import Postmaster
from cx_pipeline.adapters.intake.ingestion import Ingestion
from cx_pipeline.adapters.processes.dagster_home import DEFINITIONS, LOCATION
from cx_pipeline.core.calls.correlate import correlate
from cx_pipeline.core.calls.rules import DEFAULT_RULES
from cx_pipeline.orchestration.jobs import WINDOW_ASSETS
from cx_pipeline.orchestration.launch import dagster_instance
from cx_pipeline.orchestration.run_failures import WILL_RETRY_TAG, what_failed
from cx_pipeline.settings import load_settings
from cx_pipeline.simulator.files import write_events
from cx_pipeline_tests.end_to_end.simulated_site import DAY, SimulatedSite, simulated_site
from cx_pipeline_tests.end_to_end.tables import assert_same, rows_of, stored_calls, stored_events, stored_legs
from cx_pipeline_tests.end_to_end.windows import HOUR, hours

COUNT = int(os.environ.get("CX_STRESS_WINDOWS", "2"))
START = DAY + timedelta(hours=9)
WINDOWS = hours(START, START + COUNT * HOUR)
PATIENCE_S = 120 + 60 * COUNT
LAUNCH = """
mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message }
  }
}
"""


@pytest.fixture
def site(
    tmp_path: Path,
    database_url: SecretStr,
    database_server: Postmaster,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> SimulatedSite:
    """A site whose events are stored, and the settings for it in the environment; no window is computed."""
    site = simulated_site(
        tmp_path,
        noise="duplicates=0.02,late=0.02",
        calls=60 * COUNT,
        start=START,
        hours=COUNT - 0.5,
        seed=23,
        let_calls_finish=True,
    )
    write_events(site.events, tmp_path / "events.parquet")
    assert Ingestion(engine, site.directory).ingest(tmp_path / "events.parquet").error is None
    ensure_databases(database_server.url("postgres"), "dagster_of_backfills")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setenv("CX_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CX_DATABASE_URL", database_url.get_secret_value())
    monkeypatch.setenv("CX_DAGSTER_DATABASE_URL", database_server.url("dagster_of_backfills"))
    monkeypatch.setenv("CX_FIRST_WINDOW", START.isoformat())
    monkeypatch.setenv("CX_DIRECTORY_FILE", str(site.directory_file))
    return site


@pytest.fixture
def workspace(site: SimulatedSite) -> Iterator[WorkspaceProcessContext]:
    """A code server in a process of its own, and Dagster's storage in PostgreSQL."""
    target = ModuleTarget(DEFINITIONS, attribute=None, working_directory=None, location_name=LOCATION)
    with dagster_instance(load_settings()) as instance:
        with create_test_daemon_workspace_context(target, instance) as workspace:
            yield workspace
        # It was asked to end; with a killed run behind it, it may go on asking for the database for minutes.
        left = psutil.Process().children(recursive=True)
        for process in psutil.wait_procs(left, timeout=5)[1]:
            with suppress(psutil.NoSuchProcess):  # it ended after all
                if "dagster" in process.cmdline():
                    process.kill()


@pytest.fixture
def daemon(workspace: WorkspaceProcessContext) -> Iterator[Callable[[], None]]:
    """One turn of the loops of the daemon that a backfill needs."""
    logger = logging.getLogger("daemon")
    with QueuedRunCoordinatorDaemon(interval_seconds=1) as queue, EventLogConsumerDaemon() as retries:

        def turn() -> None:
            list(execute_backfill_iteration(workspace, logger))
            list(queue.run_iteration(workspace))
            list(retries.run_iteration(workspace))

        turn()  # what happened before the first turn is not looked at
        yield turn


def ask(workspace: WorkspaceProcessContext, query: str, **variables: Any) -> dict[str, Any]:
    answer = asyncio.run(
        create_schema().execute_async(
            query, context_value=workspace.create_request_context(), variable_values=variables
        )
    )
    assert not answer.errors, answer.errors
    found: dict[str, Any] = next(iter(answer.data.values()))
    return found


def what_failed_in(
    instance: dg.DagsterInstance, runs: Sequence[dg.DagsterRun]
) -> list[tuple[str | None, str]]:
    return [what_failed(instance, run.run_id) for run in runs if run.is_failure]


def process_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> int | None:
    """The process that executes a run, once it says so."""
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
        event = entry.dagster_event
        pid = event.engine_event_data.metadata.get("pid") if event else None
        if pid is not None:
            return int(str(pid.value))
    return None


def kill_one(instance: dg.DagsterInstance, runs: Sequence[dg.DagsterRun]) -> str | None:
    """Kill the process of a run that has begun, if there is one; which."""
    for run in runs:
        if run.status == dg.DagsterRunStatus.STARTED and (pid := process_of(instance, run)):
            os.kill(pid, signal.SIGKILL)
            return run.run_id
    return None


def wait_for_the_decision(instance: dg.DagsterInstance, run_id: str, deadline: float) -> None:
    """Dagster says that a run failed, and then whether it tries again: a daemon that looks in between takes the
    backfill for over, and the run is not repeated. That is told (run_failures), and no matter of this test."""
    while (run := instance.get_run_by_id(run_id)) and WILL_RETRY_TAG not in run.tags:
        assert time.monotonic() < deadline, "Dagster did not notice that the run was killed"
        time.sleep(0.1)


@pytest.mark.stress
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # by Dagster's web server and daemon, of themselves
@pytest.mark.timeout(60 + PATIENCE_S)
def test_a_backfill_whose_run_is_killed_leaves_every_window_as_the_day_at_once_has_it(
    site: SimulatedSite, workspace: WorkspaceProcessContext, daemon: Callable[[], None], engine: Engine
) -> None:
    instance = workspace.instance
    keys = Random(1).sample([window.key for window in WINDOWS], COUNT)
    params = {
        "partitionNames": keys,
        "assetSelection": [{"path": [asset]} for asset in WINDOW_ASSETS],
        "tags": [],
    }
    launched = ask(workspace, LAUNCH, params=params)
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    of_backfill = dg.RunsFilter(tags={"dagster/backfill": launched["backfillId"]})

    killed: str | None = None
    deadline = time.monotonic() + PATIENCE_S
    runs: Sequence[dg.DagsterRun] = []
    while sum(run.is_success for run in runs) < COUNT:
        assert time.monotonic() < deadline, "the backfill did not end"
        daemon()
        runs = instance.get_runs(of_backfill)
        if killed is None and (killed := kill_one(instance, runs)):
            wait_for_the_decision(instance, killed, deadline)
        failed = [run.run_id for run in runs if run.is_failure]
        assert failed in ([], [killed]), what_failed_in(instance, runs)
        time.sleep(0.1)

    assert killed is not None
    assert len(runs) == COUNT + 1
    for asset in WINDOW_ASSETS:
        assert instance.get_materialized_partitions(dg.AssetKey(asset)) == set(keys)
    at_once = correlate(stored_events(engine), DEFAULT_RULES, site.directory, WINDOWS[-1].end + HOUR)
    assert_same(stored_legs(engine), rows_of(at_once.legs))
    assert_same(stored_calls(engine), rows_of(at_once.calls))
