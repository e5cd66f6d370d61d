"""Computes windows in this process, one after another: `python -m cx_pipeline.orchestration.window_runs KEY…`.

For a command that wants its windows now, without web server and daemon (the demo). The runs are those of the window
job, on the instance of `DAGSTER_HOME`: the UI shows them like any other. One line of JSON on standard output tells
each run's end; exit code 1 if any failed.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import dagster as dg

from cx_pipeline.orchestration.build import build_definitions
from cx_pipeline.orchestration.jobs import WINDOW_JOB


@dataclass(frozen=True, slots=True)
class WindowRun:
    """How the computation of a window ended."""

    window: str
    run_id: str
    is_success: bool


def run_windows(instance: dg.DagsterInstance, keys: Sequence[str]) -> Iterator[WindowRun]:
    """Compute the windows in the order given; a failed one does not keep the next from its turn."""
    job = build_definitions().resolve_job_def(WINDOW_JOB)
    for key in keys:
        result = job.execute_in_process(partition_key=key, instance=instance, raise_on_error=False)
        yield WindowRun(key, result.run_id, result.success)


def main() -> None:
    """Compute the windows that the command line names."""
    has_failed = False
    with dg.DagsterInstance.get() as instance:
        for run in run_windows(instance, sys.argv[1:]):
            sys.stdout.write(f"{json.dumps(asdict(run))}\n")
            sys.stdout.flush()
            has_failed = has_failed or not run.is_success
    sys.exit(int(has_failed))


if __name__ == "__main__":
    main()
