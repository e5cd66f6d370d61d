"""Computes windows through Dagster in this process: `python -m cx_pipeline.orchestration.launch JOBS FIRST [LAST]`.

For the demo and for who has no daemon: the runs, their checks and their materialisations stand in Dagster's storage as
those of the daemon do, and the UI shows them. Each window is a run of its own for each of the jobs (their names, with commas
between them). What a run did is printed as one JSON object a line: window, job, run_id, is_success, error (null, or its first
line), is_last (whether the window needs no other).
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TextIO

import dagster as dg

from cx_pipeline.adapters.processes.dagster_home import prepare_dagster_home
from cx_pipeline.core.alerting import first_error_line
from cx_pipeline.core.windows import Window, window_from_key, windows_between
from cx_pipeline.orchestration.build import build_definitions
from cx_pipeline.orchestration.run_failures import what_failed
from cx_pipeline.settings import Settings, load_settings


@dataclass(frozen=True, slots=True)
class WindowRun:
    """A run of one window that ended."""

    window: str
    job: str
    run_id: str
    is_success: bool
    error: str | None
    is_last: bool


def compute_windows(
    settings: Settings, windows: Iterable[Window], jobs: Sequence[str]
) -> Iterator[WindowRun]:
    """Compute windows one after the other, each by a run of each job; yields each run as it ends.

    A run that fails does not end it: the next window is computed all the same.

    Raises:
        ConfigurationError: Dagster's folder or database is set wrongly.
        DatabaseUnavailableError: the embedded database did not start.
    """
    definitions = build_definitions(settings)
    with dagster_instance(settings) as instance:
        for window, name in ((window, name) for window in windows for name in jobs):
            result = definitions.resolve_job_def(name).execute_in_process(
                partition_key=window.key, instance=instance, raise_on_error=False
            )
            error = None if result.success else first_error_line(what_failed(instance, result.run_id)[1])
            yield WindowRun(window.key, name, result.run_id, result.success, error, name == jobs[-1])


@contextmanager
def dagster_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The deployment's instance of Dagster, on its database. Its configuration reads variables: they are set meanwhile."""
    home = prepare_dagster_home(settings)
    with _environment(home.environment), dg.DagsterInstance.from_config(str(home.folder)) as instance:
        yield instance


@contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def main(arguments: list[str]) -> int:
    """Compute the windows from the first key to the last by some jobs; exit code 1 if any failed."""
    told = _own_standard_output()
    settings = load_settings()
    first, last = (window_from_key(key, settings.window_length) for key in (arguments[1], arguments[-1]))
    windows = windows_between(first.start, last.end, settings.window_length)
    failed = 0
    for run in compute_windows(settings, windows, arguments[0].split(",")):
        told.write(json.dumps(asdict(run)) + "\n")
        told.flush()
        failed += not run.is_success
    return 1 if failed else 0


def _own_standard_output() -> TextIO:
    """Standard output for what is told; what else is printed in this process goes to standard error."""
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    sys.stdout.flush()
    os.dup2(2, 1)
    return told


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
