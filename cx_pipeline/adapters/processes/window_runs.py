"""Computes windows through Dagster in a process of its own, which is gone when this one goes on."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

from cx_pipeline.adapters.processes.dagster_home import prepare_dagster_home
from cx_pipeline.adapters.processes.own_environment import environment_of
from cx_pipeline.core.errors import ConfigurationError, PermanentError
from cx_pipeline.core.windows import Window
from cx_pipeline.settings import Settings

MODULE = "cx_pipeline.orchestration.launch"
START_TIMEOUT_S = 120
WINDOW_TIMEOUT_S = 300
_STOP_TIMEOUT_S = 15


@dataclass(frozen=True, slots=True)
class ComputedWindow:
    """A run that ended well: the window that it computed, and the job by which."""

    window: str
    job: str
    run_id: str


def compute_windows(
    settings: Settings, windows: Sequence[Window], jobs: Sequence[str], log: Path
) -> Iterator[ComputedWindow]:
    """Compute adjoining windows one after another by these jobs, with exactly these settings.

    What Dagster prints is added to `log`.

    Raises:
        PermanentError: a run failed, or took too long; the log tells more.
        ConfigurationError: the log cannot be written.
    """
    home = prepare_dagster_home(settings)
    missing = [window.key for window in windows]
    with _process(jobs, missing, environment_of(settings, home.environment), log) as process:
        for line in process.stdout or ():
            run = json.loads(line)
            if not run["is_success"]:
                message = (
                    f"the run {run['run_id']} ({run['job']}) of the window {run['window']} failed: {run['error']} "
                    f"(see {log})"
                )
                raise PermanentError(message)
            if run["is_last"]:
                missing.remove(run["window"])
            yield ComputedWindow(run["window"], run["job"], run["run_id"])
        process.wait()
    if missing:
        raise PermanentError(f"the windows {', '.join(missing)} were not computed: see {log}")


@contextmanager
def _process(
    jobs: Sequence[str], keys: Sequence[str], environment: Mapping[str, str], log: Path
) -> "Iterator[subprocess.Popen[str]]":
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as printed:
            process = subprocess.Popen(
                [sys.executable, "-m", MODULE, ",".join(jobs), keys[0], keys[-1]],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=printed,
                text=True,
                cwd=environment["DAGSTER_HOME"],
                env=dict(environment),
                start_new_session=True,  # Ctrl-C is for this process, which then ends that one
            )
    except OSError as error:
        raise ConfigurationError(f"cannot compute windows: {error.strerror} ({log})") from error
    limit = Timer(START_TIMEOUT_S + WINDOW_TIMEOUT_S * len(keys), _kill, [process])
    limit.daemon = True
    limit.start()
    try:
        yield process
    finally:
        limit.cancel()
        if process.poll() is None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_TIMEOUT_S)
        _kill(process)
        if process.stdout is not None:
            process.stdout.close()


def _kill(process: "subprocess.Popen[str]") -> None:
    """End the process and whatever it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
