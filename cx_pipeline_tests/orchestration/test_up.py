"""`cx-pipeline up` as a user has it: embedded database, web UI, daemon and code server, in processes of their own."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from cx_pipeline.adapters.crypto.key_ring_file import change_ring_file
from cx_pipeline.adapters.crypto.ring_keys import DEFAULT_TENANT, new_key
from cx_pipeline.adapters.database.connection import engine_for
from cx_pipeline.adapters.database.embedded_server import EmbeddedServer
from cx_pipeline.cli.demo_keys import RING_FILE, demo_folder
from cx_pipeline_tests.orchestration.deployment import HOUR, TEN, call, rows_of, store_events

PATIENCE_S = 240.0
"""The daemon looks for backfills every half minute, and a busy machine starts a run in a quarter of one."""
KEYS = ["2026-03-02-10:00", "2026-03-02-11:00"]

LAUNCH = """
mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) { __typename ... on LaunchBackfillSuccess { backfillId } }
}
"""
RUNS = """
query ($id: String!) {
  runsOrError(filter: {tags: [{key: "dagster/backfill", value: $id}]}) {
    ... on Runs { results { status tags { key value } } }
  }
}
"""


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    # Not below pytest's folder, which the server's account may not enter.
    folder = Path(tempfile.mkdtemp(prefix="cx-tests-up-"))
    try:
        yield folder
    finally:
        EmbeddedServer(folder / "postgres").stop()
        shutil.rmtree(folder, ignore_errors=True)


def command(*arguments: str) -> list[str]:
    return [
        sys.executable,
        "-c",
        "from cx_pipeline.cli.main import main; main()",
        "up",
        "--port",
        "0",
        *arguments,
    ]


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CX_", "DAGSTER_"))}
    return {
        **kept,
        "CX_HOME": str(home),
        "CX_FIRST_WINDOW": "2026-03-01T00:00:00Z",
        "CX_GATEWAY_PORT": "0",
        **more,
    }


@contextmanager
def running(home: Path, **more: str) -> Iterator[tuple["subprocess.Popen[str]", httpx.Client]]:
    """The command, ready, and a client of its web UI."""
    with subprocess.Popen(command(), env=environment(home, **more), stdout=subprocess.PIPE, text=True) as up:
        try:
            assert up.stdout is not None
            ready = next((line for line in up.stdout if line.startswith("Ready: ")), None)
            assert ready, f"not ready, exit code {up.wait(10)}"
            with httpx.Client(base_url=ready.split()[1], timeout=30, trust_env=False) as client:
                yield up, client
        finally:
            up.send_signal(signal.SIGINT)
            if up.stdout is not None:
                up.stdout.read()  # until it closed it: its last word wants a reader


def ask(client: httpx.Client, query: str, **variables: Any) -> dict[str, Any]:
    answer = client.post("/graphql", json={"query": query, "variables": variables}).json()
    assert "errors" not in answer, answer
    found: dict[str, Any] = next(iter(answer["data"].values()))
    return found


def backfill(client: httpx.Client, runs: int) -> list[dict[str, str]]:
    """A backfill as the web UI launches it; the tags of its runs, once all of them succeeded."""
    assets = ["raw_jtapi_events", "call_legs", "calls", "quarantined_events"]
    params = {"partitionNames": KEYS, "assetSelection": [{"path": [name]} for name in assets], "tags": []}
    launched = ask(client, LAUNCH, params=params)
    assert launched["__typename"] == "LaunchBackfillSuccess"
    found: list[dict[str, Any]] = []

    def is_done() -> bool:
        found[:] = ask(client, RUNS, id=launched["backfillId"])["results"]
        assert not {run["status"] for run in found} & {"FAILURE", "CANCELED"}
        return len(found) == runs and {run["status"] for run in found} == {"SUCCESS"}

    until(is_done)
    return [{tag["key"]: tag["value"] for tag in run["tags"]} for run in found]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "this never happened"
        time.sleep(0.2)


def processes_of(home: Path) -> list[str]:
    """The command lines of all processes that work for this home folder."""
    found = []
    for process in psutil.process_iter():
        try:
            is_ours = process.environ().get("CX_HOME") == str(home) or process.cwd().startswith(str(home))
            if is_ours and process.status() != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
                found.append(" ".join(process.cmdline()))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def who_has(ring: Path) -> list[str]:
    """The modules whose processes are given these keys."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("CX_KEY_RING_FILE") == str(ring):
                found.append(process.cmdline()[-1])
        except psutil.Error:
            continue
    return found


@contextmanager
def database(home: Path) -> Iterator[Engine]:
    server = EmbeddedServer(home / "postgres").find()
    assert server is not None
    engine = engine_for(SecretStr(server.url("cx")))
    try:
        yield engine
    finally:
        engine.dispose()


@pytest.mark.timeout(900)
def test_a_backfill_from_the_web_ui_computes_its_windows_and_nothing_outlives_a_kill(home: Path):
    ring = demo_folder(home) / RING_FILE
    ring.parent.mkdir()
    key_id, key = new_key(TEN)
    change_ring_file(ring, lambda keys: keys.with_key(DEFAULT_TENANT, key_id, key))
    with running(home) as (up, client):
        assert who_has(ring) == ["cx_pipeline.gateway"]
        with database(home) as engine:
            for number in range(len(KEYS)):
                store_events(engine, *call(f"1_{number}", TEN + number * HOUR, lasts=timedelta(minutes=50)))
            tags = backfill(client, runs=len(KEYS))
            assert sorted(tag["dagster/partition"] for tag in tags) == KEYS
            legs = rows_of(engine, "SELECT window_start, status FROM call_leg ORDER BY window_start")
            assert legs == [(TEN + number * HOUR, "COMPLETED") for number in range(len(KEYS))]
        assert len(processes_of(home)) > 4
        up.kill()
        up.wait()
        until(lambda: not processes_of(home))

    # What was killed starts again, and a backfill may also be a single run.
    with running(home, CX_BACKFILL_WINDOWS_PER_RUN="0") as (up, client):
        (tag,) = backfill(client, runs=1)
        assert (tag["dagster/asset_partition_range_start"], tag["dagster/asset_partition_range_end"]) == (
            KEYS[0],
            KEYS[-1],
        )
    assert up.returncode == 0
    assert processes_of(home) == []


def test_a_command_runs_once_all_is_up_and_its_exit_code_is_ours(home: Path):
    script = f"{sys.executable} -c \"import os; assert os.environ['CX_UP_URL'].startswith('http')\" && exit 7"
    done = subprocess.run(
        command("--once-ready", script), env=environment(home), capture_output=True, text=True, check=False
    )
    assert done.returncode == 7, done.stderr
    assert processes_of(home) == []


def test_a_port_that_is_taken_is_told_with_what_to_do(home: Path):
    with (
        httpx.Client() as _,
        subprocess.Popen(
            [sys.executable, "-m", "http.server", "0", "--bind", "127.0.0.1"],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        ) as taken,
    ):
        assert taken.stdout is not None
        port = taken.stdout.readline().split("port ")[1].split()[0]
        done = subprocess.run(
            [*command()[:-1], port], env=environment(home), capture_output=True, text=True, check=False
        )
        taken.kill()
    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr
    assert "--port" in done.stderr
    assert processes_of(home) == []
