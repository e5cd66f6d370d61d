"""Killed at any moment: the next run makes it right, with nothing double and nothing lost."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from random import Random

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from pydantic import SecretStr
from sqlalchemy import Engine, text

from cx_pipeline.adapters.database.connection import engine_for
from cx_pipeline.adapters.database.embedded import ensure_databases
from cx_pipeline.adapters.database.embedded_server import EmbeddedServer
from cx_pipeline.adapters.database.migrate import migrate
from cx_pipeline.adapters.database.postmaster import Postmaster
from cx_pipeline.adapters.intake.ingestion import Ingestion
from cx_pipeline.adapters.storage.frame_store import FrameStore
from cx_pipeline.core.calls.correlate import Correlation, correlate
from cx_pipeline.core.calls.rules import DEFAULT_RULES
from cx_pipeline.core.errors import DatabaseUnavailableError
from cx_pipeline.core.events.intake import prepare
from cx_pipeline.core.events.schema import IDENTITY_COLUMNS
from cx_pipeline.core.frames import CALL_LEGS
from cx_pipeline.core.job_names import WINDOW_JOB
from cx_pipeline.simulator.files import write_events
from cx_pipeline_tests.end_to_end.simulated_site import DAY, SimulatedSite, simulated_site
from cx_pipeline_tests.end_to_end.tables import assert_same, rows_of, stored_calls, stored_events, stored_legs
from cx_pipeline_tests.end_to_end.windows import HOUR, Windows, hours

KILLS = int(os.environ.get("CX_STRESS_KILLS", "1"))
START = DAY + timedelta(hours=9)
NOW = START + 8 * HOUR
WINDOWS = hours(START, START + 4 * HOUR)
FILES = 12
RESULTS = "call, call_leg, window_computation, open_call_key, quarantined_event"


@pytest.fixture
def site(tmp_path: Path) -> SimulatedSite:
    return simulated_site(
        tmp_path,
        noise="duplicates=0.05,shuffled=0.05,late=0.02",
        calls=150,
        start=START,
        hours=3,
        seed=17,
        tenants=2,
        dialect="both",
        let_calls_finish=True,
    )


@pytest.fixture
def files(site: SimulatedSite, tmp_path: Path) -> list[Path]:
    """The site's events in the order of their arrival, some in each file."""
    rows = -(-site.events.height // FILES)
    paths = [tmp_path / f"{number:02}.ndjson" for number in range(FILES)]
    for number, path in enumerate(paths):
        write_events(site.events.slice(number * rows, rows), path)
    return paths


@pytest.fixture
def dagster_url(database_server: Postmaster) -> str:
    ensure_databases(database_server.url("postgres"), "dagster_of_kills")
    return database_server.url("dagster_of_kills")


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    """A server with the settings of a deployment. Not below pytest's folder, which its account may not enter."""
    folder = Path(tempfile.mkdtemp(prefix="cx-tests-kills-"))
    server = EmbeddedServer(folder / "postgres")
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def truth(engine: Engine, site: SimulatedSite) -> Correlation:
    """What the events of the files make, given that each is stored exactly once."""
    of_the_files = prepare(site.events, site.directory).usable.unique(IDENTITY_COLUMNS)
    stored = stored_events(engine)
    assert stored.height == stored.unique(IDENTITY_COLUMNS).height == of_the_files.height
    assert stored.join(of_the_files, on=IDENTITY_COLUMNS, how="anti", nulls_equal=True).is_empty()
    return correlate(stored, DEFAULT_RULES, site.directory, NOW)


def assert_all_is_right(engine: Engine, wanted: Correlation) -> None:
    assert_same(stored_legs(engine), rows_of(wanted.legs))
    assert_same(stored_calls(engine), rows_of(wanted.calls))


def frames_of_legs(root: Path) -> pl.DataFrame:
    """The legs of all windows, as the frames have them."""
    frames = FrameStore(root)
    return pl.concat(frames.read(CALL_LEGS, window).frame for window in WINDOWS).sort("leg_id")


def count(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def clear(engine: Engine, tables: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {tables}"))


@pytest.mark.stress
@pytest.mark.timeout(180 + 60 * KILLS)
def test_a_run_of_dagster_that_is_killed_is_made_good_by_the_next(
    engine: Engine,
    database_url: SecretStr,
    dagster_url: str,
    site: SimulatedSite,
    files: list[Path],
    tmp_path: Path,
) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "CX_HOME": str(tmp_path / "home"),
        "CX_DATABASE_URL": database_url.get_secret_value(),
        "CX_DAGSTER_DATABASE_URL": dagster_url,
        "CX_FIRST_WINDOW": WINDOWS[0].start.isoformat(),
        "CX_DIRECTORY_FILE": str(site.directory_file),
    }
    keys = [WINDOWS[0].key, WINDOWS[-1].key]
    command = [sys.executable, "-m", "cx_pipeline.orchestration.launch", WINDOW_JOB, *keys]
    for file in files:
        Ingestion(engine, site.directory).ingest(file)
    wanted = truth(engine, site)
    random = Random(KILLS)
    left_undone = 0

    for _ in range(KILLS):
        clear(engine, RESULTS)
        shutil.rmtree(tmp_path / "home" / "storage", ignore_errors=True)
        enough = random.randrange(len(WINDOWS) - 1)
        with subprocess.Popen(
            command, env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as run:
            while run.poll() is None and count(engine, "window_computation") < enough:
                time.sleep(0.005)
            time.sleep(random.uniform(0, 0.7))
            run.kill()
        left_undone += count(engine, "window_computation") < len(WINDOWS)

        again = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )

        assert again.returncode == 0, again.stderr[-2000:]
        assert_all_is_right(engine, wanted)
        assert_frame_equal(frames_of_legs(tmp_path / "home" / "storage"), wanted.legs.sort("leg_id"))

    assert left_undone > 0, "no kill came in time: the test shows nothing"


@pytest.mark.stress
@pytest.mark.timeout(180 + 60 * KILLS)
def test_when_the_database_s_server_is_killed_all_goes_on_where_it_was(
    server: EmbeddedServer, site: SimulatedSite, files: list[Path], tmp_path: Path
) -> None:
    random = Random(KILLS)
    interrupted = 0
    for _ in range(KILLS):
        postmaster = server.start()
        ensure_databases(postmaster.url("postgres"), "cx")
        engine = engine_for(SecretStr(postmaster.url("cx")))
        migrate(engine)
        clear(engine, f"jtapi_event, {RESULTS}")
        work = Work(engine, site, files, tmp_path / "frames")

        with ThreadPoolExecutor(1) as worker:
            done = worker.submit(work.all_of_it, Random(random.random()))
            enough = random.randrange(2 * FILES)
            while work.steps < enough and not done.done():
                time.sleep(0.002)
            time.sleep(random.uniform(0, 0.2))
            os.kill(postmaster.pid, signal.SIGKILL)
            error = done.exception()
        interrupted += error is not None
        assert error is None or isinstance(error, DatabaseUnavailableError), repr(error)
        engine.dispose()

        postmaster = server.start()
        engine = engine_for(SecretStr(postmaster.url("cx")))
        Work(engine, site, files, tmp_path / "frames").all_of_it(Random(random.random()))
        assert_all_is_right(engine, truth(engine, site))
        engine.dispose()

    assert interrupted > 0, "no kill came in time: the test shows nothing"


class Work:
    """Files that are taken in, and windows that are computed meanwhile."""

    def __init__(self, engine: Engine, site: SimulatedSite, files: list[Path], frames_root: Path) -> None:
        self.steps = 0
        self._ingestion = Ingestion(engine, site.directory)
        self._windows = Windows(engine, frames_root, site.directory)
        self._files = files

    def all_of_it(self, random: Random) -> None:
        """Take each file in, computing some window after it; then compute all windows."""
        for file in self._files:
            error = self._ingestion.ingest(file).error
            if error is not None:
                raise error
            self.steps += 1
            self._windows.compute(random.choice(WINDOWS), NOW)
            self.steps += 1
        self._windows.compute_all(random.sample(WINDOWS, len(WINDOWS)), NOW, at_once=2)
