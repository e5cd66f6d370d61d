"""What Dagster's event log says about failed runs, as the alerts need it. Reading only: what to tell is decided elsewhere."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import RunStatusChangeRecordsFilter
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster_shared.error import SerializableErrorInfo

from cx_pipeline.core.alerting import Failure, Incident, first_error_line
from cx_pipeline.orchestration.running import PARTITION_TAG, window_of_run

WILL_RETRY_TAG = "dagster/will_retry"
RETRY_TAG = "dagster/auto_retry_run_id"
"""The run that repeats a failed one, once there is one."""
DECISION_GRACE = timedelta(seconds=60)
"""Dagster writes whether it will retry just after the failure, and retries within seconds. A process killed in between
never writes it; and a run is not repeated whose backfill Dagster took for over in between."""
_WRAPPERS = ("Dagster", "RetryRequested")
_TELLING = {
    DagsterEventType.ASSET_CHECK_EVALUATION,
    DagsterEventType.STEP_FAILURE,
    DagsterEventType.RUN_FAILURE,
}
_SUCCESSES = 500


def failures_after(
    instance: dg.DagsterInstance, event_id: int, now: datetime, *, limit: int
) -> tuple[list[Failure], int]:
    """Runs that failed for good after an event, oldest first, and the storage id of the last event looked at."""
    wanted = RunStatusChangeRecordsFilter(DagsterEventType.RUN_FAILURE, after_storage_id=event_id)
    failures = []
    for record in instance.fetch_run_status_changes(wanted, limit=limit, ascending=True).records:
        occurred_at = datetime.fromtimestamp(record.timestamp, UTC)
        run = instance.get_run_by_id(record.run_id)
        if run is not None and _may_be_repeated(instance, run) and now - occurred_at < DECISION_GRACE:
            break
        event_id = record.storage_id
        if run is not None and RETRY_TAG not in run.tags:
            failures.append(_failure(instance, run, occurred_at))
    return failures, event_id


def newest_successes(instance: dg.DagsterInstance, incidents: Sequence[Incident]) -> dict[str, datetime]:
    """The newest success of each window, or job, that an incident waits for."""
    succeeded: dict[str, datetime] = {}
    for incident in incidents:
        since = min(incident.windows.values())
        for wanted in _runs_wanted(incident, since):
            for record in instance.get_run_records(wanted, limit=_SUCCESSES):
                run = record.dagster_run
                scope = window_of_run(run) or run.job_name
                if record.end_time is not None:
                    ended_at = datetime.fromtimestamp(record.end_time, UTC)
                    succeeded[scope] = max(ended_at, succeeded.get(scope, ended_at))
    return succeeded


def _runs_wanted(incident: Incident, since: datetime) -> Iterator[dg.RunsFilter]:
    success = [dg.DagsterRunStatus.SUCCESS]
    keys = [scope for scope in incident.windows if scope != incident.last.job and "..." not in scope]
    if keys:
        yield dg.RunsFilter(statuses=success, tags={PARTITION_TAG: keys}, updated_after=since)
    if len(keys) < len(incident.windows):
        yield dg.RunsFilter(statuses=success, job_name=incident.last.job, updated_after=since)


def _may_be_repeated(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether it is not decided, or was to be and is not yet."""
    if WILL_RETRY_TAG not in run.tags:
        return instance.run_retries_enabled
    return bool(run.is_complete_and_waiting_to_retry)


def _failure(instance: dg.DagsterInstance, run: dg.DagsterRun, occurred_at: datetime) -> Failure:
    step, text = what_failed(instance, run.run_id)
    return Failure(
        run_id=run.run_id,
        job=run.job_name,
        subject=step or run.job_name,
        window=window_of_run(run),
        error=first_error_line(text),
        occurred_at=occurred_at,
    )


def what_failed(instance: dg.DagsterInstance, run_id: str) -> tuple[str | None, str]:
    """The step that failed first, and what it said; of a run without one, what the run's own failure says."""
    text = broken_check = ""
    for record in instance.get_records_for_run(run_id, of_type=_TELLING, ascending=True).records:
        event = record.event_log_entry.dagster_event
        if event is None:
            continue
        if event.event_type is DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            if not check.passed and check.blocking:
                broken_check = broken_check or f"check {check.check_name} failed: {check.description}"
        elif event.event_type is DagsterEventType.STEP_FAILURE:
            return event.step_key, broken_check or _said(event)
        else:
            text = _said(event)
    return None, text


def _said(event: DagsterEvent) -> str:
    error = event.step_failure_data.error if event.is_step_failure else event.job_failure_data.error
    if error is None:
        return event.message or ""
    while error.cause is not None and (error.cls_name or "").startswith(_WRAPPERS):
        error = error.cause  # Dagster's own words around what was raised say nothing that helps
    return _named(error)


def _named(error: SerializableErrorInfo) -> str:
    """The error's message behind its bare class, without the modules in which the class lies."""
    _, found, message = error.message.partition(f"{error.cls_name}: ")
    return f"{error.cls_name}: {message}" if found else error.message
