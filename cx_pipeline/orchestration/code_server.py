"""The code server of `cx-pipeline up`: Dagster's own, but its runs are forked from a process that is warm.

Dagster's starts a new interpreter for each run, which loads Dagster, Polars and our modules for three to four seconds of a core
before the first step. Here a run is a fork of a process that has loaded them (multiprocessing's fork server) and nothing
else: a run a minute costs half, and what people wait for comes sooner. `python -m cx_pipeline.orchestration.code_server`
takes the options of `dagster api grpc`. Where each run is a container of its own (deploy/), none of this is used.
"""

import multiprocessing
import sys
from multiprocessing import forkserver
from typing import Any

import dagster._grpc.server as dagster_server

WARM = ["cx_pipeline.definitions", "cx_pipeline.orchestration.warm"]
"""What the warm process loads, by name: the definitions are nobody's to import."""


class WarmApiServer(dagster_server.DagsterApiServer):
    """Starts the processes of runs from the warm one."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # The release of Dagster is pinned, and a test sees a run begin in a fork: this name cannot change unseen.
        self._mp_ctx = multiprocessing.get_context("forkserver")  # type: ignore[assignment]
        self._mp_ctx.set_forkserver_preload(WARM)
        forkserver.ensure_running()


def main() -> None:
    """Serve until told to end."""
    from dagster._cli import cli as dagster

    dagster_server.DagsterApiServer = WarmApiServer  # type: ignore[misc]
    sys.argv[1:1] = ["api", "grpc"]
    dagster(prog_name="dagster")


if __name__ == "__main__":
    main()
