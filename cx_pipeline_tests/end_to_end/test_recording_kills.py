"""A run that makes recordings is killed with all its processes: nothing half stands anywhere, the next run completes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from random import Random

import polars as pl
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from cx_pipeline.adapters.database.embedded import ensure_databases
from cx_pipeline.adapters.database.postmaster import Postmaster
from cx_pipeline.adapters.intake.ingestion import Ingestion
from cx_pipeline.core.job_names import RECORDING_JOB, WINDOW_JOB
from cx_pipeline.simulator.audio.plan import AudioPlan
from cx_pipeline.simulator.audio.simulation import simulate_audio
from cx_pipeline.simulator.files import write_events
from cx_pipeline_tests.end_to_end.simulated_site import DAY, simulated_site

KILLS = int(os.environ.get("CX_STRESS_KILLS", "1"))
KEY = "2026-03-02-09:00"
LONGEST_LEG_MS = 200_000


@pytest.fixture
def environment(
    engine: Engine, database_url: SecretStr, database_server: Postmaster, tmp_path: Path
) -> dict[str, str]:
    """A site whose events are stored and whose recorders left their files."""
    site = simulated_site(
        tmp_path, noise="none", calls=60, start=DAY.replace(hour=9), hours=0.5, seed=5, let_calls_finish=True
    )
    file = tmp_path / "events.ndjson"
    write_events(site.events, file)
    Ingestion(engine, site.directory).ingest(file)
    short = site.legs.filter(pl.col("duration_ms") < LONGEST_LEG_MS)
    simulate_audio(site.legs, AudioPlan(seed=5), tmp_path / "streams", recorded=short)
    ensure_databases(database_server.url("postgres"), "dagster_of_recording_kills")
    others = {name: value for name, value in os.environ.items() if not name.startswith(("CX_", "DAGSTER_"))}
    return {
        **others,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "CX_HOME": str(tmp_path / "home"),
        "CX_DATABASE_URL": database_url.get_secret_value(),
        "CX_DAGSTER_DATABASE_URL": database_server.url("dagster_of_recording_kills"),
        "CX_FIRST_WINDOW": "2026-03-02T00:00:00Z",
        "CX_DIRECTORY_FILE": str(site.directory_file),
        "CX_STREAM_ROOTS": json.dumps([str(tmp_path / "streams")]),
    }


def launch(environment: dict[str, str], folder: Path) -> "subprocess.Popen[bytes]":
    with (folder / "launch.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "cx_pipeline.orchestration.launch", f"{WINDOW_JOB},{RECORDING_JOB}", KEY],
            env=environment,
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def recordings(home: Path) -> dict[str, str]:
    """Hash of each file under a final name, by its path."""
    root = home / "recordings"
    return {
        path.relative_to(root).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*_mixed.*")
        if path.suffix == ".wav"
    }


def rows(engine: Engine) -> list[tuple[object, ...]]:
    query = (
        "SELECT recording_id::text, state, failure, path, sha256 FROM recording WHERE is_current ORDER BY 1"
    )
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def states(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        counted = connection.execute(text("SELECT state, count(*) FROM recording GROUP BY state"))
        return {str(state): int(number) for state, number in counted}


@pytest.mark.stress
@pytest.mark.timeout(240 + 60 * KILLS)
def test_a_run_that_is_killed_while_it_mixes_is_made_good_by_the_next(
    engine: Engine, environment: dict[str, str], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    assert launch(environment, tmp_path).wait(120) == 0, (tmp_path / "launch.log").read_text()[-2000:]
    wanted, files = rows(engine), recordings(home)
    assert len(files) > 10
    random = Random(KILLS)
    interrupted = 0
    for _ in range(KILLS):
        with engine.begin() as connection:
            connection.execute(text("TRUNCATE recording, recording_leg"))
        shutil.rmtree(home / "recordings")
        run = launch(environment, tmp_path)
        enough = random.randrange(len(files) - 1)
        while run.poll() is None and states(engine).get("COMPLETED", 0) < enough + 1:
            time.sleep(0.01)
        time.sleep(random.uniform(0, 0.1))
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        interrupted += states(engine).get("COMPLETED", 0) < len(files)
        for path, digest in recordings(home).items():
            assert files[path] == digest, "what stands under its name is whole"

        assert launch(environment, tmp_path).wait(120) == 0, (tmp_path / "launch.log").read_text()[-2000:]
        assert rows(engine) == wanted
        assert recordings(home) == files
    assert interrupted > 0, "no kill came in time: the test shows nothing"
