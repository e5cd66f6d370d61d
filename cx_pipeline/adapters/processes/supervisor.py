"""Processes that live and die together: started in order, begun again when they fall over, and never left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from cx_pipeline.adapters.processes import watchdog
from cx_pipeline.core.errors import ConfigurationError

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 30.0
HEALTHY_AFTER_S = 60.0
STOP_TIMEOUT_S = 15.0
_KEPT_LOG_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class Program:
    """A program to run: its name, its command, and the file that takes what it prints."""

    name: str
    command: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    """For this program alone, beside what all are given."""


@dataclass(slots=True)
class _Child:
    program: Program
    process: "subprocess.Popen[bytes]"
    started_at: float
    wait_s: float = FIRST_WAIT_S
    restart_at: float | None = None


@dataclass(slots=True)
class Supervisor:
    """Runs programs until it is left, by whatever way: a watchdog ends them even if this process is killed.

    Each program leads a process group of its own, so that Ctrl-C reaches this process only, and what a program
    started goes with it.
    """

    environment: Mapping[str, str]
    """Beside this process's own variables."""
    inherited: Mapping[str, str] | None = None
    """Instead of this process's own variables."""
    folder: Path | None = None
    """Where the programs work. Not given: where this process does."""
    _children: list[_Child] = field(default_factory=list)
    _watchdog: "subprocess.Popen[str] | None" = None
    _server: int | None = None

    def __enter__(self) -> Self:
        self._watchdog = subprocess.Popen(
            [sys.executable, "-I", "-S", watchdog.__file__],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.guard(None)
        if self._watchdog is not None and self._watchdog.stdin is not None:
            self._watchdog.stdin.close()
            self._watchdog.wait(STOP_TIMEOUT_S)

    def start(self, program: Program) -> None:
        """Start a program.

        Raises:
            ConfigurationError: there is no such program, or its log cannot be written.
        """
        self._children.append(_Child(program, self._spawn(program), time.monotonic()))

    def revive(self) -> list[str]:
        """Start anew what fell over, each after a while that doubles; the names of what was found to have ended."""
        fallen = []
        for child in self._children:
            now = time.monotonic()
            if child.process.poll() is None:
                if now - child.started_at > HEALTHY_AFTER_S:
                    child.wait_s = FIRST_WAIT_S
            elif child.restart_at is None:
                fallen.append(child.program.name)
                self._clear_away(child)
                child.restart_at, child.wait_s = now + child.wait_s, min(2 * child.wait_s, LONGEST_WAIT_S)
            elif now >= child.restart_at:
                child.process, child.started_at, child.restart_at = self._spawn(child.program), now, None
        return fallen

    def guard(self, server: int | None) -> None:
        """Have this server process (and no earlier one) shut down in an orderly way if this process is killed."""
        if server == self._server:
            return
        if self._server is not None:
            self._tell_watchdog("forget", self._server)
        if server is not None:
            self._tell_watchdog("server", server)
        self._server = server

    def stop(self) -> None:
        """End all programs, the last first: each is asked, given time, and killed with all that it started."""
        while self._children:
            child = self._children.pop()
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
                try:
                    child.process.wait(STOP_TIMEOUT_S)
                except subprocess.TimeoutExpired:
                    child.process.kill()
                    child.process.wait()
            self._clear_away(child)

    def _spawn(self, program: Program) -> "subprocess.Popen[bytes]":
        try:
            program.log.parent.mkdir(parents=True, exist_ok=True)
            if program.log.exists() and program.log.stat().st_size > _KEPT_LOG_BYTES:
                program.log.replace(program.log.with_suffix(".old.log"))
            with program.log.open("ab") as log:
                process = subprocess.Popen(
                    program.command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=self._environment_of(program),
                    cwd=self.folder,
                    start_new_session=True,
                )
        except OSError as error:
            raise ConfigurationError(
                f"cannot start {program.name}: {error.strerror} ({program.log})"
            ) from error
        self._tell_watchdog("group", process.pid)
        return process

    def _environment_of(self, program: Program) -> dict[str, str]:
        inherited = os.environ if self.inherited is None else self.inherited
        return {**inherited, **self.environment, **program.environment}

    def _clear_away(self, child: _Child) -> None:
        """End what a program left behind in its group."""
        watchdog.end_groups({child.process.pid}, grace_s=2.0)
        self._tell_watchdog("forget", child.process.pid)

    def _tell_watchdog(self, word: str, number: int) -> None:
        if self._watchdog is None or self._watchdog.stdin is None:
            raise RuntimeError("programs are started inside the supervisor's with block")
        self._watchdog.stdin.write(f"{word} {number}\n")
        self._watchdog.stdin.flush()
