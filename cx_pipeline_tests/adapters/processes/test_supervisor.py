import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from cx_pipeline.adapters.processes.supervisor import Program, Supervisor
from cx_pipeline.core.errors import ConfigurationError

PATIENCE_S = 20.0

PARENT_OF_ONE = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(os.getpid(), child.pid, flush=True)
time.sleep(600)
"""
DEAF = """
import os, signal, time
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
print(os.getpid(), os.getpid(), flush=True)
time.sleep(600)
"""
SUPERVISING = """
import sys, time
from pathlib import Path
from cx_pipeline.adapters.processes.supervisor import Program, Supervisor
with Supervisor({}) as supervisor:
    for number, code in enumerate(sys.argv[2:]):
        supervisor.start(Program(str(number), [sys.executable, "-c", code], Path(sys.argv[1]) / f"{number}.log"))
    server = supervisor.guard(int(Path(sys.argv[1], "server").read_text()))
    print("started", flush=True)
    time.sleep(600)
"""


def until(condition: Callable[[], object]) -> object:
    """What the condition gives, once it gives something; fails after a while."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, "this never happened"
        time.sleep(0.02)
    return found


def pids_in(log: Path) -> list[int]:
    return [int(word) for word in log.read_text().split()] if log.exists() else []


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def program(code: str, log: Path) -> Program:
    return Program("example", [sys.executable, "-c", code], log)


def test_leaving_ends_programs_and_what_they_started(tmp_path):
    log = tmp_path / "logs" / "a.log"
    with Supervisor({}) as supervisor:
        supervisor.start(program(PARENT_OF_ONE, log))
        until(lambda: pids_in(log))
    assert not any(is_alive(pid) for pid in pids_in(log))


def test_a_program_that_fell_over_is_told_and_begun_again_with_its_environment(tmp_path):
    log = tmp_path / "a.log"
    code = "import os; print(os.environ['GREETING'], flush=True)"
    with Supervisor({"GREETING": "1"}) as supervisor:
        supervisor.start(program(code, log))
        assert until(supervisor.revive) == ["example"]
        until(lambda: supervisor.revive() or len(pids_in(log)) > 1)


def test_a_program_that_is_not_there_is_told_by_its_name(tmp_path):
    with Supervisor({}) as supervisor, pytest.raises(ConfigurationError, match="cannot start web UI"):
        supervisor.start(Program("web UI", [str(tmp_path / "nothing")], tmp_path / "a.log"))


def test_programs_do_not_outlive_a_supervisor_that_is_killed_even_if_they_ignore_signals(tmp_path):
    with subprocess.Popen(["sleep", "600"]) as server:
        (tmp_path / "server").write_text(str(server.pid))
        with subprocess.Popen(
            [sys.executable, "-c", SUPERVISING, str(tmp_path), PARENT_OF_ONE, DEAF],
            stdout=subprocess.PIPE,
            text=True,
        ) as supervising:
            assert supervising.stdout is not None
            assert supervising.stdout.readline() == "started\n"
            pids = [until(lambda n=n: pids_in(tmp_path / f"{n}.log")) for n in (0, 1)]
            os.kill(supervising.pid, signal.SIGKILL)
        until(lambda: not any(is_alive(pid) for found in pids for pid in found))
        # A database is asked for its orderly shutdown, not torn down with its children.
        assert server.wait(PATIENCE_S) == -signal.SIGINT
