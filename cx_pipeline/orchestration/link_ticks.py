"""Links of windows that the minute does not compute any more: once what was told late has arrived at last."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from cx_pipeline.core.job_names import LINK_JOB
from cx_pipeline.core.scheduling import windows_to_refresh
from cx_pipeline.core.windows import window_of
from cx_pipeline.orchestration.partitions import is_window
from cx_pipeline.orchestration.resources import Database
from cx_pipeline.orchestration.running import windows_with_a_run
from cx_pipeline.orchestration.schedules import TRIGGER_TAG
from cx_pipeline.settings import Settings

INTERVAL_S = 30
REQUESTS_A_TICK = 20
LOOKS_BACK = timedelta(days=2)
"""Longer than any outage of the conversation manager for which nobody starts a backfill."""


def link_sensor(settings: Settings, partitions: dg.TimeWindowPartitionsDefinition) -> dg.SensorDefinition:
    """Asks for the links of windows whose messages went out late, as the conversation manager was away."""

    @dg.sensor(
        name="link_sensor",
        job_name=LINK_JOB,
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks for the links of a window whose messages were delivered after it was computed last.",
    )
    def link_sensor(
        context: dg.SensorEvaluationContext, database: dg.ResourceParam[Database]
    ) -> dg.SensorResult | dg.SkipReason:
        if settings.ccm_url is None:
            return dg.SkipReason("no conversation manager is set")
        now = datetime.now(UTC)
        told = {
            window_of(start, settings.window_length).key: told_at
            for start, told_at in database.windows_told_late(now - LOOKS_BACK).items()
        }
        settle = timedelta(minutes=settings.settle_minutes)
        scheduled = {window.key for window in windows_to_refresh(now, settings.window_length, settle)}
        wanted = {key for key in told if key not in scheduled and is_window(partitions, key, now)}
        ready = sorted(wanted - windows_with_a_run(context.instance, wanted), reverse=True)
        requests = [
            dg.RunRequest(
                partition_key=key,
                run_key=f"{key}:told:{told[key].isoformat()}",
                tags={TRIGGER_TAG: "link_sensor"},
            )
            for key in ready[:REQUESTS_A_TICK]
        ]
        return dg.SensorResult(
            run_requests=requests, skip_reason=None if requests else "nothing was told late"
        )

    return link_sensor
