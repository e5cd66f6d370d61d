"""The embedded server under kills, at once, in odd folders: real processes, real files."""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import adbc_driver_postgresql.dbapi as adbc
import psutil
import psycopg
import psycopg2
import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, text

from cx_pipeline.adapters.database.connection import (
    bulk_uri,
    dagster_database_url,
    database_url,
    engine_for,
    open_engine,
)
from cx_pipeline.adapters.database.embedded import find_embedded, start_embedded, stop_embedded
from cx_pipeline.adapters.database.embedded_server import EmbeddedServer
from cx_pipeline.adapters.database.postmaster import read_postmaster
from cx_pipeline.core.errors import ConfigurationError, DatabaseUnavailableError
from cx_pipeline.settings import Settings

KILLS = int(os.environ.get("CX_STRESS_KILLS", "3"))
START = """
import sys
from pathlib import Path
from cx_pipeline.adapters.database.embedded import start_embedded
from cx_pipeline.settings import Settings
print(start_embedded(Settings(home=Path(sys.argv[1]))).pid)
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A home of this test's own. Not below pytest's folder, which the server's account may not enter."""
    folder = Path(tempfile.mkdtemp(prefix="cx-home-"))
    yield folder
    stop_embedded(Settings(home=folder))
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def settings(home: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in ("CX_DATABASE_URL", "CX_DAGSTER_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return Settings(home=home)


def starter(home: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", START, str(home)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def answers(settings: Settings) -> bool:
    engine = open_engine(settings)
    try:
        with engine.connect() as connection:
            return bool(connection.execute(text("SELECT 1")).scalar_one() == 1)
    finally:
        engine.dispose()


def data_of(settings: Settings) -> Path:
    return settings.home / "postgres" / "data"


def test_a_server_is_made_found_stopped_and_started_again_with_its_data(settings: Settings) -> None:
    assert find_embedded(settings) is None
    first = start_embedded(settings)
    assert start_embedded(settings) == first == find_embedded(settings)
    with psycopg.connect(database_url(settings).get_secret_value()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
    assert stop_embedded(settings)
    assert find_embedded(settings) is None
    assert not stop_embedded(settings)
    with psycopg.connect(database_url(settings).get_secret_value()) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (7,)


def test_every_driver_reads_the_same_url(settings: Settings) -> None:
    url = database_url(settings).get_secret_value()
    with psycopg.connect(url) as modern:
        assert modern.execute("SELECT current_database()").fetchone() == ("cx",)
    older = psycopg2.connect(url)
    with older, older.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        assert cursor.fetchone() == ("cx",)
    older.close()
    with adbc.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        assert cursor.fetchone() == ("cx",)
    engine = open_engine(settings)
    with adbc.connect(bulk_uri(engine)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('statement_timeout'), current_setting('application_name')")
        assert cursor.fetchone() == ("5min", "cx-pipeline")
    engine.dispose()


def test_dagster_has_a_database_of_its_own_and_its_own_driver(settings: Settings) -> None:
    engine = create_engine(dagster_database_url(settings).get_secret_value())
    assert engine.driver == "psycopg2"
    with engine.connect() as connection:
        assert connection.execute(text("SELECT current_database()")).scalar_one() == "dagster"
    engine.dispose()


def test_the_server_takes_the_connections_that_dagster_wants(settings: Settings) -> None:
    with psycopg.connect(database_url(settings).get_secret_value()) as connection:
        row = connection.execute(
            "SELECT current_setting('max_connections')::int, current_setting('fsync')"
        ).fetchone()
    assert row is not None
    assert row[0] >= 100
    assert row[1] == "on"


@pytest.mark.parametrize("name", ["with blank 'quote' $HOME `x` ü, and comma", "long-" * 30])
def test_odd_and_long_homes_work(home: Path, name: str) -> None:
    settings = Settings(home=home / name)
    try:
        assert answers(settings)
        socket = Path(start_embedded(settings).socket_folder)
        assert socket.stat().st_mode & 0o077 == 0  # whoever can reach the socket is let in
        assert socket != data_of(settings)
    finally:
        assert stop_embedded(settings)
    shutil.rmtree(socket)


def test_four_processes_that_start_it_at_once_find_the_same_server(settings: Settings) -> None:
    processes = [starter(settings.home) for _ in range(4)]
    results = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, results
    assert {out.strip() for out, _ in results} == {str(start_embedded(settings).pid)}
    assert answers(settings)


def test_it_recovers_from_a_killed_server(settings: Settings) -> None:
    killed = start_embedded(settings)
    with psycopg.connect(database_url(settings).get_secret_value()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
    os.kill(killed.pid, signal.SIGKILL)
    assert answers(settings)
    assert start_embedded(settings).pid != killed.pid
    with psycopg.connect(database_url(settings).get_secret_value()) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (7,)


def test_it_recovers_from_a_killed_server_whose_busy_session_lives_on(settings: Settings) -> None:
    """A session that computes does not see that the server died: it would keep the next one from starting."""
    killed = start_embedded(settings)
    url = database_url(settings).get_secret_value()
    busy = subprocess.Popen(
        [sys.executable, "-c", f"import psycopg; psycopg.connect({url!r}).execute('{_BUSY}')"],
        stderr=subprocess.DEVNULL,
    )
    with psycopg.connect(url) as connection:
        while not connection.execute("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'DO%'").fetchone():
            time.sleep(0.05)
            connection.rollback()
    os.kill(killed.pid, signal.SIGKILL)
    assert answers(settings)
    busy.wait(timeout=60)


_BUSY = "DO $$ BEGIN LOOP PERFORM 1; END LOOP; END $$"


def test_a_stale_pid_file_whose_number_is_another_programs_is_seen_through(settings: Settings) -> None:
    killed = start_embedded(settings)
    pid_file = data_of(settings) / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    os.kill(killed.pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(killed.pid)] if psutil.pid_exists(killed.pid) else [], timeout=10)
    bystander = subprocess.Popen(
        ["/bin/sleep", "600"],
        user=pid_file.stat().st_uid
        if os.geteuid() == 0
        else None,  # of the server's account: the hardest case
    )
    try:
        pid_file.write_text("\n".join([str(bystander.pid), *lines[1:]]) + "\n")
        assert find_embedded(settings) is None
        assert answers(settings)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


@pytest.mark.parametrize("remains", ["", "123", "not a number\n"])
def test_a_pid_file_that_a_crash_cut_short_is_seen_through(settings: Settings, remains: str) -> None:
    start_embedded(settings)
    stop_embedded(settings)
    (data_of(settings) / "postmaster.pid").write_text(remains)
    assert answers(settings)


def test_a_data_folder_that_was_half_made_is_made_anew(settings: Settings) -> None:
    abandoned = settings.home / "postgres" / "data.new-abandoned"
    abandoned.mkdir(parents=True)
    (abandoned / "PG_VERSION").write_text("18\n")
    assert answers(settings)
    assert not abandoned.exists()


def test_a_server_whose_socket_was_cleaned_away_is_started_again(settings: Settings) -> None:
    server = start_embedded(settings)
    (Path(server.socket_folder) / f".s.PGSQL.{server.port}").unlink()
    assert answers(settings)


@pytest.mark.stress
def test_killing_whoever_starts_it_or_the_server_at_any_moment_never_needs_help(settings: Settings) -> None:
    """`CX_STRESS_KILLS` rounds; the first ones also hit the making of the data folder."""
    moments = random.Random(7)
    for number in range(KILLS):
        process = starter(settings.home)
        try:
            process.wait(timeout=moments.uniform(0.2, 1.6))
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
        server = read_postmaster(data_of(settings))
        if server is not None and number % 2:
            os.kill(server.pid, signal.SIGKILL)
        assert answers(settings)
        with psycopg.connect(database_url(settings).get_secret_value()) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept (number int)")
            rows = connection.execute("SELECT count(*) FROM kept").fetchone()
            assert rows == (number,)
            connection.execute("INSERT INTO kept VALUES (%s)", [number])
        os.kill(start_embedded(settings).pid, signal.SIGKILL)
    assert answers(settings)


def test_a_home_that_cannot_be_written_is_one_clear_error(home: Path) -> None:
    (home / "file").write_text("in the way")
    with pytest.raises(ConfigurationError, match=r"file/postgres cannot be written .*: set CX_HOME"):
        start_embedded(Settings(home=home / "file"))


def test_data_of_another_version_is_one_clear_error(settings: Settings) -> None:
    start_embedded(settings)
    stop_embedded(settings)
    (data_of(settings) / "PG_VERSION").write_text("16\n")
    with pytest.raises(ConfigurationError, match="made by PostgreSQL 16, this is 18"):
        start_embedded(settings)


def test_a_server_that_refuses_to_start_is_one_clear_error_with_its_reason(home: Path) -> None:
    server = EmbeddedServer(home / "postgres", tuning={"listen_addresses": "", "max_connections": "0"})
    with pytest.raises(
        DatabaseUnavailableError, match=r"did not start: .*max_connections.*see .*server\.log"
    ) as raised:
        server.start()
    assert "\n" not in str(raised.value)


def test_a_given_database_is_used_and_its_driver_is_ours_to_choose() -> None:
    url = "postgresql+asyncpg://someone:a%2Bb c+d@db.example:5433/x?options=-c%20lock_timeout%3D1s"
    settings = Settings(
        database_url=SecretStr(url), dagster_database_url=SecretStr("postgres://d@db/dagster")
    )
    given = database_url(settings)
    assert psycopg.conninfo.conninfo_to_dict(given.get_secret_value()) == {
        "user": "someone",
        "password": "a+b c+d",
        "host": "db.example",
        "port": "5433",
        "dbname": "x",
        "options": "-c lock_timeout=1s",
    }
    assert dagster_database_url(settings).get_secret_value() == "postgresql+psycopg2://d@db/dagster"
    assert engine_for(given).url.password == "a+b c+d"
    assert "a+b" not in repr(given) + repr(engine_for(given))


@pytest.mark.parametrize("url", ["geheim", "mysql://u:geheim@h/d", "postgresql://u:geheim@h:port/d"])
def test_a_url_that_is_none_is_named_by_its_variable_without_its_secret(url: str) -> None:
    with pytest.raises(ConfigurationError, match="CX_DATABASE_URL") as raised:
        database_url(Settings(database_url=SecretStr(url)))
    assert "geheim" not in str(raised.value)


def test_dagster_is_not_put_into_the_given_database_by_itself() -> None:
    with pytest.raises(ConfigurationError, match="CX_DAGSTER_DATABASE_URL"):
        dagster_database_url(Settings(database_url=SecretStr("postgresql://u@h/d")))
