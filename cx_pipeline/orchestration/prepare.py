"""Makes Dagster's storage ready before its processes start: `python -m cx_pipeline.orchestration.prepare`.

Done once and by one process, so that web server and daemon do not make the same tables at once. Runs that a killed
`cx-pipeline up` left as started are told to have failed: their processes are gone, and a window whose run never ends
would never be computed again. Dagster then tries them again.
"""

import dagster as dg

GRPC_TAG = ".dagster/grpc_info"
"""Set on runs that a code server executes; those of a command's own process (the demo's) do not bear it."""
_BEGUN = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def fail_abandoned_runs(instance: dg.DagsterInstance) -> list[str]:
    """Report the runs of code servers that are gone as failed; their ids. Call it while no code server runs."""
    abandoned = [run for run in instance.get_runs(dg.RunsFilter(statuses=_BEGUN)) if GRPC_TAG in run.tags]
    for run in abandoned:
        instance.report_run_failed(
            run, "The process of this run is gone: cx-pipeline was ended while it ran."
        )
    return [run.run_id for run in abandoned]


def main() -> None:
    """Make or upgrade the tables, and tell what was abandoned."""
    with dg.DagsterInstance.get() as instance:
        instance.upgrade()
        fail_abandoned_runs(instance)


if __name__ == "__main__":
    main()
