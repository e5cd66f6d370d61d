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

import cx_pipeline
from cx_pipeline.adapters.processes.dagster_home import prepare_dagster_home
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


def compute_windows(settings: Settings, windows: Sequence[Window], log: Path) -> Iterator[ComputedWindow]:
    """Compute adjoining windows one after another, with exactly these settings; what Dagster prints goes to `log`.

    Raises:
        PermanentError: a run failed, or took too long; the log tells more.
        ConfigurationError: the log cannot be written.
    """
    home = prepare_dagster_home(settings)
    missing = [window.key for window in windows]
    with _process(missing, _environment(settings, home.environment), log) as process:
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


def _environment(settings: Settings, dagster: Mapping[str, str]) -> dict[str, str]:
    """What the process sees: of this deployment's settings, none but these."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("CX_")}
    # The home and the database are named by what Dagster's own configuration reads.
    own = {name: value for name, value in settings.as_environment().items() if name not in dagster}
    # It runs in a folder without .env, and imports this package wherever this process found it.
    package = str(Path(cx_pipeline.__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [package, others.get("PYTHONPATH")]))
    return {**others, **dagster, **own, "PYTHONPATH": path}


@contextmanager
def _process(
    keys: Sequence[str], environment: Mapping[str, str], log: Path
) -> "Iterator[subprocess.Popen[str]]":
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as printed:
            process = subprocess.Popen(
                [sys.executable, "-m", MODULE, keys[0], keys[-1]],
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
