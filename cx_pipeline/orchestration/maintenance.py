"""The daily maintenance: superseded runs of a window, frames that no window names, old heartbeats, recorders' files.

Dagster keeps events for ever, and a run a minute adds about 110 MB a day. Deleting a run deletes its
materialisations too, so the newest of each window and asset is never touched. What may go is decided in
`cx_pipeline.core.pruning`.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from cx_pipeline.core.pruning import SUPERSEDED_AFTER, FinishedRun, superseded_runs
from cx_pipeline.core.windows import window_from_key, window_of, windows_between
from cx_pipeline.orchestration.jobs import LINKS, RECORDING_ASSETS, WINDOW_ASSETS
from cx_pipeline.orchestration.resources import Database, Frames, Recorders
from cx_pipeline.orchestration.running import PARTITION_TAG, RANGE_END_TAG, RANGE_START_TAG
from cx_pipeline.settings import load_settings

_FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_PAGE = 500
HEARTBEATS_KEPT = timedelta(days=60)
"""A backfill of so old a window still knows when nobody listened."""
LEFT_OVERS_KEPT = timedelta(days=1)


@dg.op(description="Deletes runs of a window that a newer one replaced a day ago or earlier.")
def prune_runs(context: dg.OpExecutionContext) -> None:
    """Delete superseded runs, a page at a time; killed half way, the next one goes on."""
    deleted = kept = 0
    now = datetime.now(UTC)
    for page in _old_runs(context.instance, now - SUPERSEDED_AFTER):
        newest, computed_at = newest_materialisations(
            context.instance, {key for run in page for key in run.windows}
        )
        going = superseded_runs(page, newest, computed_at, now)
        for run_id in going:
            context.instance.delete_run(run_id)
        deleted, kept = deleted + len(going), kept + len(page) - len(going)
    context.add_output_metadata({"runs_deleted": deleted, "runs_kept": kept})


@dg.op(ins={"after": dg.In(dg.Nothing)}, description="Deletes frames that no window names, a day after.")
def prune_frames(context: dg.OpExecutionContext, frames: dg.ResourceParam[Frames]) -> None:
    """Delete temporary files of killed writers, and frames of another grid of windows or of no materialised one."""
    from cx_pipeline.core.frames import frame_path

    length = load_settings().window_length
    named = {
        frame_path(asset, window_from_key(key, length))
        for asset in (*WINDOW_ASSETS, *RECORDING_ASSETS, LINKS)
        for key in context.instance.get_materialized_partitions(dg.AssetKey(asset))
        if _is_of_grid(key, length)
    }
    removed = frames.store().remove_unnamed(frozenset(named), datetime.now(UTC) - timedelta(days=1))
    context.add_output_metadata({"files_deleted": len(removed), "files_named": len(named)})


@dg.op(description="Deletes heartbeats of listeners that no window asks for any more.")
def prune_heartbeats(context: dg.OpExecutionContext, database: dg.ResourceParam[Database]) -> None:
    """Delete what is older than any outage that is looked for."""
    deleted = database.heartbeats().forget_before(datetime.now(UTC) - HEARTBEATS_KEPT)
    context.add_output_metadata({"heartbeats_deleted": deleted})


@dg.op(description="Deletes recorders' files whose recording is finished, holds, and is old enough.")
def prune_raw_streams(
    context: dg.OpExecutionContext,
    database: dg.ResourceParam[Database],
    recorders: dg.ResourceParam[Recorders],
) -> None:
    """Delete raw streams after their retention, never after a failure; what a killed mixer left goes too."""
    now = datetime.now(UTC)
    deletion = recorders.delete_raw_streams(database.engine(), now)
    left_overs = recorders.remove_left_overs(now - LEFT_OVERS_KEPT)
    if deletion.broken:
        context.log.error(
            f"{len(deletion.broken)} recordings do not hold any more, nothing of theirs was deleted; first: "
            f"{deletion.broken[0]}"
        )
    context.add_output_metadata(
        {
            "recordings": deletion.recordings,
            "files_deleted": deletion.files,
            "bytes_deleted": deletion.bytes,
            "recordings_broken": len(deletion.broken),
            "left_overs_deleted": left_overs,
        }
    )


@dg.job(
    description="Deletes superseded runs of windows, frames that no window names, old heartbeats of listeners, and "
    "recorders' files whose recording is safe."
)
def prune_job() -> None:
    """Runs before frames, as frames are named by runs; the others by themselves."""
    prune_frames(prune_runs())
    prune_heartbeats()
    prune_raw_streams()


def newest_materialisations(
    instance: dg.DagsterInstance, windows: set[str]
) -> tuple[dict[str, set[str]], dict[str, datetime]]:
    """For each window: the runs that made the newest materialisation of any asset, and the time of the oldest."""
    runs: dict[str, set[str]] = {}
    computed_at: dict[str, datetime] = {}
    for asset in (*WINDOW_ASSETS, *RECORDING_ASSETS, LINKS):
        for key, run_id, moment in _newest_of_asset(instance, dg.AssetKey(asset), windows):
            runs.setdefault(key, set()).add(run_id)
            computed_at[key] = min(moment, computed_at.get(key, moment))
    return runs, computed_at


def _newest_of_asset(
    instance: dg.DagsterInstance, asset: dg.AssetKey, windows: set[str]
) -> Iterator[tuple[str, str, datetime]]:
    newest = instance.event_log_storage.get_latest_storage_id_by_partition(
        asset, dg.DagsterEventType.ASSET_MATERIALIZATION, windows
    )
    ids = list(newest.values())
    for first in range(0, len(ids), _PAGE):
        wanted = dg.AssetRecordsFilter(asset_key=asset, storage_ids=ids[first : first + _PAGE])
        for record in instance.fetch_materializations(wanted, limit=_PAGE).records:
            if record.partition_key is not None:
                yield record.partition_key, record.run_id, datetime.fromtimestamp(record.timestamp, UTC)


def _old_runs(instance: dg.DagsterInstance, before: datetime) -> Iterator[list[FinishedRun]]:
    finished = dg.RunsFilter(statuses=_FINISHED, created_before=before)
    page = instance.get_run_records(finished, limit=_PAGE)
    while page:
        # Where the next page begins is looked up by a run of this one, which may be gone once this one was seen to.
        following = instance.get_run_records(finished, limit=_PAGE, cursor=page[-1].dagster_run.run_id)
        yield list(_finished_runs(page))
        page = following


def _finished_runs(records: Iterable[dg.RunRecord]) -> Iterator[FinishedRun]:
    for record in records:
        if record.end_time is not None:
            yield FinishedRun(
                record.dagster_run.run_id,
                _windows_of(record.dagster_run),
                datetime.fromtimestamp(record.end_time, UTC),
            )


def _windows_of(run: dg.DagsterRun) -> frozenset[str]:
    first = run.tags.get(PARTITION_TAG) or run.tags.get(RANGE_START_TAG)
    last = run.tags.get(PARTITION_TAG) or run.tags.get(RANGE_END_TAG)
    if first is None or last is None:
        return frozenset()
    length = load_settings().window_length
    span = window_from_key(first, length).start, window_from_key(last, length).end
    return frozenset(window.key for window in windows_between(*span, length))


def _is_of_grid(key: str, length: timedelta) -> bool:
    window = window_from_key(key, length)
    return window == window_of(window.start, length)
