"""Schedules: what time alone brings about. What data brings about stands in `sensors`."""

from datetime import UTC, timedelta

import dagster as dg

from cx_pipeline.core.job_names import WINDOW_JOB
from cx_pipeline.core.scheduling import windows_to_refresh
from cx_pipeline.orchestration.maintenance import prune_job
from cx_pipeline.orchestration.partitions import is_window
from cx_pipeline.orchestration.running import windows_with_a_run
from cx_pipeline.settings import Settings

TRIGGER_TAG = "cx/asked_by"


def minute_schedule(
    settings: Settings, partitions: dg.TimeWindowPartitionsDefinition
) -> dg.ScheduleDefinition:
    """The open window, and the one before until it settled, each minute; not while a run is at it."""

    @dg.schedule(
        name="open_window_schedule",
        job_name=WINDOW_JOB,
        cron_schedule="* * * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="The open window, and the one before until it settled, each minute.",
    )
    def open_window_schedule(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        settle = timedelta(minutes=settings.settle_minutes)
        now = context.scheduled_execution_time.astimezone(UTC)
        wanted = [window.key for window in windows_to_refresh(now, settings.window_length, settle)]
        windows = [key for key in wanted if is_window(partitions, key, now)]
        busy = windows_with_a_run(context.instance, windows)
        # A run key is for ever, and each minute is computed anew: so the minute stands in it.
        requests = [
            dg.RunRequest(
                partition_key=key,
                run_key=f"{key}@{now:%Y-%m-%dT%H:%M}",
                tags={TRIGGER_TAG: "open_window_schedule"},
            )
            for key in windows
            if key not in busy
        ]
        why_not = f"a run is at {', '.join(sorted(busy))}" if busy else "it is before the first window"
        return requests or dg.SkipReason(why_not)

    return open_window_schedule


def maintenance_schedule() -> dg.ScheduleDefinition:
    """Superseded runs and unnamed frames go each night."""
    return dg.ScheduleDefinition(
        name="maintenance_schedule",
        job=prune_job,
        cron_schedule="17 3 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Deletes superseded runs and frames that no window names, each night.",
    )
