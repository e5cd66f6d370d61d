"""What Dagster's event log says about failed checks that block nothing: of these nobody would hear, as their run succeeds."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.event_api import RunShardedEventsCursor
from dagster._core.events import DagsterEventType
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from cx_pipeline.core.alerting import Failure, Incident, first_error_line

CALM = timedelta(minutes=10)
"""A check is over when its newest evaluation passed and it did not fail for so long: windows are computed side by side,
and one that passes says nothing of the other that fails each minute."""
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def failures_after(
    instance: dg.DagsterInstance, event_id: int, now: datetime, *, limit: int
) -> tuple[list[Failure], int]:
    """Non-blocking checks that failed after an event, oldest first, and the storage id of the last event looked at."""
    wanted = dg.EventRecordsFilter(
        DagsterEventType.ASSET_CHECK_EVALUATION,
        after_cursor=RunShardedEventsCursor(event_id, _LONG_AGO),
    )
    failures = []
    for record in instance.event_log_storage.get_event_records(wanted, limit=limit, ascending=True):
        event_id = record.storage_id
        event = record.event_log_entry.dagster_event
        if event is None:
            continue
        check = event.asset_check_evaluation_data
        if check.passed or check.blocking:
            continue
        asset = check.asset_key.to_user_string()
        failures.append(
            Failure(
                run_id=record.run_id,
                job=f"{asset}:{check.check_name}",
                subject=f"{asset}, check {check.check_name}",
                window=None,
                error=first_error_line(check.description or "the check gives no reason"),
                occurred_at=datetime.fromtimestamp(record.timestamp, UTC),
            )
        )
    return failures, event_id


def newest_successes(
    instance: dg.DagsterInstance, incidents: Sequence[Incident], now: datetime
) -> dict[str, datetime]:
    """When the checks that incidents wait for passed last, of those that have calmed down."""
    calm = {incident.last.job for incident in incidents if now - incident.last.occurred_at >= CALM}
    keys = {
        name: dg.AssetCheckKey(dg.AssetKey(asset), check)
        for name in calm
        for asset, _, check in [name.partition(":")]
    }
    if not keys:
        return {}
    newest = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(keys.values()))
    passed = {
        name: record.event
        for name, key in keys.items()
        if (record := newest.get(key)) is not None
        and record.status == AssetCheckExecutionRecordStatus.SUCCEEDED
    }
    return {name: datetime.fromtimestamp(event.timestamp, UTC) for name, event in passed.items() if event}
