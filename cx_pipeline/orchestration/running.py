"""Which windows have a run that is queued or running: what ticks look at before they ask for another."""

from collections.abc import Collection

import dagster as dg

from cx_pipeline.core.scheduling import keys_in_range
from cx_pipeline.orchestration.jobs import RECORDING_TAG

PARTITION_TAG = "dagster/partition"
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"

_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_STARTED = _UNFINISHED[2:]
_MOST_STARTED_RUNS = 200
"""Far above what the queue lets start; ranges are looked for among these only, as a queued one computes nothing."""


def windows_with_a_run(instance: dg.DagsterInstance, keys: Collection[str]) -> set[str]:
    """Those of `keys` for which a run is queued or started, or a range that holds them is being computed."""
    if not keys:
        return set()
    of_keys = dg.RunsFilter(statuses=_UNFINISHED, tags={PARTITION_TAG: sorted(keys)})
    busy = {run.tags[PARTITION_TAG] for run in instance.get_runs(of_keys)}
    for run in instance.get_runs(dg.RunsFilter(statuses=_STARTED), limit=_MOST_STARTED_RUNS):
        if RECORDING_TAG in run.tags:
            continue  # makes recordings of legs that it only reads
        first, last = run.tags.get(RANGE_START_TAG), run.tags.get(RANGE_END_TAG)
        if first and last:
            busy |= keys_in_range(first, last, keys)
    return busy


def windows_being_recorded(instance: dg.DagsterInstance, keys: Collection[str]) -> set[str]:
    """Those of `keys` for which a run that makes recordings is queued or started."""
    if not keys:
        return set()
    of_keys = dg.RunsFilter(statuses=_UNFINISHED, tags={RECORDING_TAG: sorted(keys)})
    return {run.tags[RECORDING_TAG] for run in instance.get_runs(of_keys)}


def window_of_run(run: dg.DagsterRun) -> str | None:
    """The key of the window that a run is for, `first...last` for a range, null if it is for none."""
    if PARTITION_TAG in run.tags:
        return run.tags[PARTITION_TAG]
    first, last = run.tags.get(RANGE_START_TAG), run.tags.get(RANGE_END_TAG)
    return f"{first}...{last}" if first and last else None
