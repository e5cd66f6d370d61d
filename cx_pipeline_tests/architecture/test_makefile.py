"""What make says to somebody who has not the right Python, and that its help is complete."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cx_pipeline_tests.architecture.source_tree import REPOSITORY

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(*words: str, folder: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))
    }
    command = ["make", "--no-print-directory", *words]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the Makefile and the lock files, in which nothing is installed."""
    for name in ("Makefile", "requirements.lock", "requirements-dev.lock", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, tmp_path)
    return tmp_path


@pytest.mark.parametrize("target", ["demo", "up", "test", "check", "bench"])
def test_a_missing_python_is_told_in_one_line(checkout: Path, target: str) -> None:
    done = make("PYTHON=no-such-python", target, folder=checkout)
    assert done.returncode != 0
    [line] = done.stderr.splitlines()
    assert "Python 3.11 or 3.12 is needed, and `no-such-python` is not there" in line
    assert f"make PYTHON=/path/to/python3.11 {target}" in line
    assert not (checkout / ".venv").exists()


def test_a_python_of_another_version_is_named(checkout: Path) -> None:
    python = checkout / "python"
    python.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.18 || exit 1\n')
    python.chmod(0o755)
    done = make(f"PYTHON={python}", "demo", folder=checkout)
    assert done.returncode != 0
    assert "is Python 3.9.18: install one" in done.stderr


def test_help_names_every_target_that_is_for_people() -> None:
    shown = set(re.findall(r"^  make ([a-z-]+)  ", make("help").stdout, re.MULTILINE))
    assert shown == {"help", "demo", "up", "test", "check", "bench", "stress", "lock", "clean"}


def test_another_lock_file_asks_for_another_environment(checkout: Path) -> None:
    before = make("-n", "check-imports", folder=checkout).stdout
    with (checkout / "requirements-dev.lock").open("a") as lock:
        lock.write("# changed\n")
    after = make("-n", "check-imports", folder=checkout).stdout
    stamps = [set(re.findall(r"\.venv/\.made-\d+", text)) for text in (before, after)]
    assert all(len(found) == 1 for found in stamps)
    assert stamps[0] != stamps[1]
