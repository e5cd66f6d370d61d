"""What makes runs begin soon: a process that has loaded everything, and connections that are kept."""

import json
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
from pydantic import SecretStr
from sqlalchemy import Engine, text

from cx_pipeline.orchestration.code_server import WARM
from cx_pipeline.orchestration.pooled_storage import PooledPostgresStorage

FORKED = """
import json, multiprocessing, os, sys, time
from multiprocessing import forkserver

def told(pipe):
    threads = os.listdir("/proc/self/task")
    pipe.send([name for name in sys.modules if name.startswith(("cx_pipeline.adapters", "psycopg"))] + [len(threads)])

if __name__ == "__main__":
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(WARM)
    ours, theirs = context.Pipe()
    process = context.Process(target=told, args=(theirs,))
    process.start()
    theirs.close()
    *loaded, threads = ours.recv()
    process.join()
    print(json.dumps({"loaded": loaded, "threads": threads}))
"""


def test_a_run_begins_in_a_fork_that_has_loaded_what_its_assets_want(tmp_path: Path) -> None:
    # The fork server says nothing of a module that it cannot load: it begins cold.
    program = tmp_path / "program.py"
    program.write_text(FORKED.replace("WARM", repr(WARM)), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, check=True, env=environment
    )
    told = json.loads(done.stdout)
    assert {
        "psycopg2",
        "cx_pipeline.adapters.linking.window_links",
        "cx_pipeline.adapters.mixing.window_mixing",
        "cx_pipeline.adapters.database.outbox",
    } <= set(told["loaded"])
    assert told["threads"] == 1, "a fork takes one thread along: the others may not hold a lock that it wants"


def test_dagsters_storage_keeps_its_connections(engine: Engine, database_url: SecretStr) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA dagster"))
    url = database_url.get_secret_value().replace("postgresql://", "postgresql+psycopg2://")
    storage = PooledPostgresStorage.from_config_value(
        None, {"postgres_url": f"{url}&options=-csearch_path%3Ddagster&application_name=dagster"}
    )
    backends = "SELECT count(*), min(pid) FROM pg_stat_activity WHERE application_name = 'dagster'"
    storage.run_storage.get_runs(dg.RunsFilter())
    with engine.connect() as connection:
        first = connection.execute(text(backends)).one()
    for _ in range(5):
        storage.run_storage.get_runs(dg.RunsFilter())
    with engine.connect() as connection:
        assert connection.execute(text(backends)).one() == first
    assert first[0] > 0
    storage.run_storage.dispose()
    storage.event_log_storage.dispose()
    storage.schedule_storage.dispose()
