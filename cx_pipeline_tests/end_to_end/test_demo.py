"""The demo as a newcomer runs it: a process of its own in an empty home, which leaves nothing running."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

REPOSITORY = Path(__file__).parents[2]
PROGRAM = "from cx_pipeline.cli.main import main; main()"
PATIENCE_S = 240.0

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty home; not below pytest's folder, which the database's account may not enter."""
    folder = Path(tempfile.mkdtemp(prefix="cx-demo-"))
    yield folder
    for process in running_in(folder):
        process.kill()
    shutil.rmtree(folder, ignore_errors=True)


def running_in(home: Path) -> list[psutil.Process]:
    """Every process that works in the home: the demo, what it started, and the database's own."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(home):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def start(home: Path, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
    others = {name: value for name, value in os.environ.items() if not name.startswith(("CX_", "DAGSTER_"))}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "demo", "--live", "0", *arguments],
        cwd=home,
        env={**others, "CX_HOME": str(home), "PYTHONPATH": str(REPOSITORY), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process: "subprocess.Popen[str]") -> str:
    """What it printed, once it has ended well."""
    output, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, f"{output}\n{errors}"
    return output


def nothing_is_left(home: Path) -> bool:
    """Wait for the last process to be gone."""
    deadline = time.monotonic() + 30
    while running_in(home) and time.monotonic() < deadline:
        time.sleep(0.2)
    return not running_in(home)


def until_it_says(process: "subprocess.Popen[str]", word: str) -> str:
    """The line that begins with a word, once it is there."""
    assert process.stdout is not None
    line = next((line for line in process.stdout if line.startswith(word)), None)
    assert line is not None, process.communicate()
    return line


def test_after_a_kill_all_legs_are_found_twice_over_and_nothing_is_left_running(home: Path) -> None:
    # A database that somebody else uses is no business of the demo's.
    arguments = ("--calls", "25", "--recorded", "30", "--keep")
    somebody_elses = {"CX_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    killed = start(home, *arguments, **somebody_elses)
    stored = int(until_it_says(killed, "Taken in").split()[2].replace(",", ""))
    killed.kill()
    killed.communicate(timeout=60)
    assert nothing_is_left(home)

    first = finish(start(home, *arguments, **somebody_elses))
    assert nothing_is_left(home)
    summary = json.loads((home / "demo" / "summary.json").read_text())
    assert summary["legs"] == summary["legs_true"] == summary["legs_matching"] > 20
    assert summary["events"] > stored > 0, "some were told twice"
    assert summary["duplicates"] == summary["events"], "the one that was killed had taken them in"
    assert summary["quarantined"] == 0
    assert summary["calls"] == sum(summary["calls_by_type"].values())
    assert summary["seconds"] > 0
    assert summary["enriched"] > 15
    assert (
        summary["pending"] == summary["wrong_matches"] == summary["dead"] == summary["order_violations"] == 0
    )
    assert summary["messages"] == summary["delivered"] == summary["ledger_once"] > 40
    assert summary["recordings"] > 3
    assert summary["audio_hours"] > 0.1
    assert summary["mix_seconds"] > 0
    assert summary["max_offset_error_ms"] <= 20
    assert summary["swapped_channels"] == 0
    assert summary["links"] == summary["links_playing"] >= summary["recordings"]
    assert summary["wrong_links"] == 0
    finished = [path for path in (home / "recordings").rglob("*_mixed.*") if path.suffix != ".json"]
    assert len(finished) == summary["recordings"]
    assert not any(path.read_bytes()[:4] in (b"RIFF", b"fLaC") for path in finished), "they are sealed"
    assert f"{summary['legs_matching']} of {summary['legs_true']} legs" in first
    assert "the phone first talked then" in first
    assert len(list((home / "storage" / "call_legs").rglob("*.parquet"))) == summary["windows"]
    assert {"jtapi.ndjson", "jtapi_table.csv", "legs.parquet"} <= {
        path.name for path in (home / "demo").iterdir()
    }
    made_at = {path: path.stat().st_mtime_ns for path in finished}

    finish(start(home, "--calls", "25", "--recorded", "30"))
    again = json.loads((home / "demo" / "summary.json").read_text())
    assert again["duplicates"] == again["events"] == summary["events"]
    assert again["legs_matching"] == again["legs"] == summary["legs"]
    assert again["messages"] == again["ledger_once"] == summary["messages"], "nothing was told twice"
    assert again["links"] == again["links_playing"] == summary["links"]
    assert {path: path.stat().st_mtime_ns for path in finished} == made_at, "nothing was mixed twice"
    assert not (home / "demo" / "streams").exists()
    assert not (home / "demo" / "jtapi.ndjson").exists()
    assert nothing_is_left(home)


def test_a_signal_ends_it_in_order_with_all_that_it_started(home: Path) -> None:
    process = start(home, "--calls", "25")
    until_it_says(process, "Taken in")
    time.sleep(1)  # into the start of Dagster's process
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in errors
    assert nothing_is_left(home)


def test_two_at_once_in_one_home_are_one_too_many_and_ctrl_c_ends_the_first(home: Path) -> None:
    process = start(home, "--calls", "25")
    until_it_says(process, "Database")
    second = start(home, "--calls", "25")
    _, errors = second.communicate(timeout=60)
    assert second.returncode == 1
    assert errors.startswith("cx-pipeline: another demo runs")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT
    assert nothing_is_left(home)
