import os
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pydantic import SecretStr
from sqlalchemy import Engine, text

from cx_pipeline.adapters.intake.lines import read_blocks
from cx_pipeline.cli.ingest import ingest
from cx_pipeline.cli.main import main

GOOD = '{"event_time":"2024-01-15T12:00:00Z","event_name":"A","global_call_id":"1_7","extension":"%d"}'


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: SecretStr) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CX_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CX_DATABASE_URL", database_url.get_secret_value())
    monkeypatch.delenv("CX_DIRECTORY_FILE", raising=False)


def written(name: str, *lines: str) -> str:
    Path(name).write_text("".join(f"{line}\n" for line in lines))
    return name


def run(*arguments: str) -> Result:
    return CliRunner().invoke(ingest, arguments)


def query(engine: Engine, statement: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def test_a_good_file_is_stored_and_a_second_run_finds_it_double() -> None:
    file = written("a.ndjson", GOOD % 1, GOOD % 2)

    first, second = run(file), run(file)

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert first.stdout.splitlines() == [
        "a.ndjson: NDJSON, 2 rows read, 2 stored, 0 double, 0 quarantined",
        "1 file: 2 rows read, 2 stored, 0 double, 0 quarantined",
    ]
    assert "2 rows read, 0 stored, 2 double, 0 quarantined" in second.stdout


def test_quarantined_rows_are_told_by_file_line_and_reason() -> None:
    result = run(written("a.ndjson", GOOD % 1, "broken", '{"colour":"red"}'))

    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "a.ndjson: NDJSON, 3 rows read, 1 stored, 0 double, 2 quarantined",
        "a.ndjson:2: BROKEN_LINE: not JSON (JSONDecodeError)",
        "a.ndjson:3: NO_CALL_ID",
        "a.ndjson: ignored columns: colour",
        "1 file: 3 rows read, 1 stored, 0 double, 2 quarantined",
    ]


def test_names_of_columns_cannot_harm_a_terminal() -> None:
    columns = '"\\u001b[2J":1, "\\ud800":2, "a\\nb":3, "":4'
    result = run(written("a.ndjson", GOOD % 1, (GOOD % 2)[:-1] + f",{columns}}}"))
    assert r"ignored columns: '', '\x1b[2J', 'a\nb', '\ud800'" in result.stdout
    assert result.exit_code == 0


def test_what_is_not_told_one_by_one_is_counted() -> None:
    result = run(written("a.ndjson", *["broken"] * 30))
    assert "a.ndjson: … and 10 more rows in the table quarantined_input" in result.stdout


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary.ndjson").write_bytes(bytes(range(256)) * 10)
    files = ["missing.csv", "folder", "binary.ndjson", written("a.ndjson", GOOD % 1), written("empty.csv")]

    result = run(*files)

    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "missing.csv: failed: cannot be read: No such file or directory",
        "folder: failed: is a folder: name the files in it",
        "binary.ndjson: failed: is a binary file: NDJSON, CSV and Parquet are read, packed with gzip or not",
    ]
    assert result.stdout.splitlines() == [
        "a.ndjson: NDJSON, 1 rows read, 1 stored, 0 double, 0 quarantined",
        "empty.csv: 0 rows read, 0 stored, 0 double, 0 quarantined",
        "5 files (3 failed): 1 rows read, 1 stored, 0 double, 0 quarantined",
    ]


@pytest.mark.parametrize(
    "arguments", [[], ["--colour", "a.ndjson"], ["--directory", "missing.yaml", "a.ndjson"], ["--source"]]
)
def test_wrong_use_is_told(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_options_fill_what_the_rows_leave_open(engine: Engine) -> None:
    run("--source", "genesys", "--tenant", "north", written("a.ndjson", GOOD % 1))
    assert query(engine, "SELECT source, tenant_id FROM jtapi_event") == [("genesys", "north")]


@pytest.mark.parametrize("is_option", [True, False])
def test_the_directory_gives_the_tenant(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, is_option: bool
) -> None:
    written("d.yaml", "agents:", "  - {tenant_id: acme, extension: 1}")
    file = written("a.ndjson", GOOD % 1)
    if is_option:
        monkeypatch.setenv("CX_DIRECTORY_FILE", "other.yaml")
        run("--directory", "d.yaml", file)
    else:
        monkeypatch.setenv("CX_DIRECTORY_FILE", "d.yaml")
        run(file)
    assert query(engine, "SELECT tenant_id FROM jtapi_event") == [("acme",)]


def test_a_database_without_tables_is_told_in_one_line(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    monkeypatch.setattr(sys, "argv", ["cx-pipeline", "ingest", written("a.ndjson", GOOD % 1)])
    with pytest.raises(SystemExit) as raised:
        main()
    assert raised.value.code == 1
    assert capsys.readouterr().err.splitlines() == [
        "cx-pipeline: the database lacks the newest tables: run cx-pipeline migrate"
    ]


def test_a_database_that_refuses_for_good_stops_the_command(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("DROP FUNCTION jtapi_event_id"))
    result = run(written("a.ndjson", GOOD % 1), written("b.ndjson", GOOD % 2))
    assert result.exit_code == 1
    assert "a.ndjson: failed: the database lacks" in result.stderr
    assert "2 files (1 failed, 1 not tried): 0 rows read" in result.stdout


def test_a_terminal_sees_a_bar_and_a_pipe_sees_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cx_pipeline.cli.ingest.ROWS_BETWEEN_LINES", 10)
    monkeypatch.setattr(
        "cx_pipeline.adapters.intake.files.read_blocks",
        lambda stream: read_blocks(stream, max_lines=10),
    )
    file = written("a.ndjson", *(GOOD % number for number in range(100)))
    plain = run(file)
    monkeypatch.setenv("FORCE_COLOR", "1")
    coloured = run(file)
    assert "\x1b[" not in plain.stderr
    assert "\x1b[" in coloured.stderr
    assert "100 rows read" in coloured.stdout


KILLS = int(os.environ.get("CX_STRESS_KILLS", "2"))
FILES, ROWS_OF_A_FILE = 8, 6_000


def write_many(folder: Path) -> list[str]:
    """Files of different events, one in a hundred of them twice, and one line in a thousand broken."""
    names = []
    for file in range(FILES):
        names.append(str(folder / f"{file}.ndjson"))
        with Path(names[-1]).open("w") as stream:
            for number in range(file * ROWS_OF_A_FILE, (file + 1) * ROWS_OF_A_FILE):
                stream.write((GOOD % number + "\n") * (1 + (number % 100 == 0)))
                stream.write(f"broken {number}\n" * (number % 1000 == 0))
    return names


def stored_and_different(engine: Engine) -> tuple[int, int]:
    ((stored, different),) = query(engine, "SELECT count(*), count(DISTINCT extension) FROM jtapi_event")
    return stored, different


def numbered(engine: Engine) -> int:
    """How many events have been given a number of arrival so far, stored or not."""
    ((number,),) = query(engine, "SELECT last_value FROM jtapi_event_arrival")
    assert isinstance(number, int)
    return number


@pytest.mark.stress
@pytest.mark.timeout(120 + 30 * KILLS)
def test_a_run_that_is_killed_at_any_moment_is_made_good_by_the_next(engine: Engine, tmp_path: Path) -> None:
    """A real process, killed once so many events are stored and a moment more has gone by, then run again."""
    command = [sys.executable, "-c", "from cx_pipeline.cli.main import main; main()", "ingest"]
    command += write_many(tmp_path)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    random = Random(7)
    events = FILES * ROWS_OF_A_FILE
    left_undone = 0

    for _ in range(KILLS):
        with engine.begin() as connection:
            connection.execute(text("TRUNCATE jtapi_event, quarantined_input"))
        enough, numbered_before = random.randrange(0, events - ROWS_OF_A_FILE), numbered(engine)
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            while process.poll() is None and numbered(engine) - numbered_before <= enough:
                time.sleep(0.01)
            time.sleep(random.uniform(0, 0.2))
            process.kill()
        stored, different = stored_and_different(engine)
        assert stored == different
        left_undone += stored < events

        again = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

        assert again.returncode == 1, again.stderr  # because of the broken lines
        lines, broken = events + events // 100 + events // 1000, events // 1000
        assert f"{lines:,} rows read" in again.stdout.splitlines()[-1]
        assert f"{broken:,} quarantined" in again.stdout.splitlines()[-1]
        assert stored_and_different(engine) == (events, events)
        assert query(engine, "SELECT count(*) FROM quarantined_input") == [(broken,)]

    assert left_undone > 0, "no kill came in time: the test shows nothing"
