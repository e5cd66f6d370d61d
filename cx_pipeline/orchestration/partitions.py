"""Windows as Dagster's partitions, and back. What a window is stands in `cx_pipeline.core.windows`."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from cx_pipeline.core.windows import KEY_FORMAT, Window, window_from_key
from cx_pipeline.settings import Settings

MINUTES_OF_AN_HOUR = 60


def window_partitions(settings: Settings) -> dg.TimeWindowPartitionsDefinition:
    """The windows of this deployment, the open one included."""
    minutes = settings.window_minutes
    return dg.TimeWindowPartitionsDefinition(
        start=settings.first_window,
        fmt=KEY_FORMAT,
        cron_schedule="0 * * * *" if minutes == MINUTES_OF_AN_HOUR else f"*/{minutes} * * * *",
        timezone="UTC",
        end_offset=1,
    )


def windows_of(context: dg.AssetExecutionContext) -> list[Window]:
    """The windows that a run is for, oldest first: one, or those of a range."""
    length = _length(context.assets_def.partitions_def)
    return [window_from_key(key, length) for key in sorted(context.partition_keys)]


def moment_of(context: dg.AssetExecutionContext) -> datetime:
    """The run's clock: when it started. All its steps and windows see the same moment."""
    record = context.instance.get_run_record_by_id(context.run.run_id)
    if record is None or record.start_time is None:
        return datetime.now(UTC)
    return datetime.fromtimestamp(record.start_time, UTC)


def is_window(partitions: dg.TimeWindowPartitionsDefinition, key: str, now: datetime) -> bool:
    """Whether the key is a partition at `now`: on the grid, not before the first window, not after the open one."""
    with dg.partition_loading_context(effective_dt=now):
        return partitions.has_partition_key(key)


def _length(partitions: dg.PartitionsDefinition | None) -> timedelta:
    if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        raise dg.DagsterInvariantViolationError("the asset is not partitioned by windows")
    hourly = partitions.minute_offset == 0 and partitions.cron_schedule == "0 * * * *"
    return timedelta(minutes=MINUTES_OF_AN_HOUR if hourly else int(partitions.cron_schedule.split()[0][2:]))
