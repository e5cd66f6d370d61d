"""Alerts: runs and checks that failed are told by webhook and mail, once, grouped, until they reached somebody.

A plain sensor with a cursor of its own, not `@run_failure_sensor`: that one moves on when its body raises, so a
webhook that is down would lose the alert, and it begins at the newest failure, so what failed before its first tick is
never told (docs/decisions/0012). All state is in the cursor, which Dagster stores when the tick is done: a tick that is
killed is made again, and at worst tells something twice.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import TypeAdapter, ValidationError

from cx_pipeline.core.alerting import Failure, Incident, Message, record_failures, record_successes, remind
from cx_pipeline.core.errors import CxError
from cx_pipeline.orchestration import check_failures, run_failures
from cx_pipeline.settings import load_settings

if TYPE_CHECKING:
    from cx_pipeline.adapters.notify.channels import Channel

INTERVAL_S = 10
FAILURES_A_TICK = 50
EVALUATIONS_A_TICK = 500
SENDING_BUDGET_S = 30.0
"""A tick has 60 s in all; what is not sent by then waits for the next one."""
MAX_WAITING = 200
TELL_FAILURES_SINCE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that some channels have not taken yet."""

    message: Message
    channels: Sequence[str]


@dataclass(frozen=True, slots=True)
class AlertState:
    """What the sensor remembers between ticks."""

    after_event: int = -1
    """Storage id of the last failure event that was looked at."""
    incidents: Sequence[Incident] = field(default_factory=list)
    waiting: Sequence[Waiting] = field(default_factory=list)


_STATE = TypeAdapter(AlertState)


@dataclass(frozen=True, slots=True)
class Watch:
    """Where failures are read from: new ones after an event, and what has passed since."""

    failures_after: Callable[[dg.DagsterInstance, int, datetime], tuple[list[Failure], int]]
    newest_successes: Callable[[dg.DagsterInstance, Sequence[Incident], datetime], Mapping[str, datetime]]


RUNS = Watch(
    lambda instance, event, now: run_failures.failures_after(instance, event, now, limit=FAILURES_A_TICK),
    lambda instance, incidents, _now: run_failures.newest_successes(instance, incidents),
)
CHECKS = Watch(
    lambda instance, event, now: check_failures.failures_after(
        instance, event, now, limit=EVALUATIONS_A_TICK
    ),
    check_failures.newest_successes,
)


def failure_sensors() -> list[dg.SensorDefinition]:
    """Tell of runs that failed for good, of checks that failed without failing their run, and of their recovery."""
    ways = "once, grouped, and when it is over: by CX_ALERT_WEBHOOK_URL (Slack-compatible) and CX_ALERT_EMAIL_TO."
    return [
        _sensor("run_failure_alerts", f"Tells of runs that failed for good, {ways}", RUNS),
        _sensor("check_failure_alerts", f"Tells of failed checks that block nothing, {ways}", CHECKS),
    ]


def _sensor(name: str, description: str, watch: Watch) -> dg.SensorDefinition:
    @dg.sensor(
        name=name,
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=description,
    )
    def tell(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        from cx_pipeline.adapters.notify.channels import open_channels

        channels = open_channels(load_settings())
        before = _state_of(context.cursor)
        told = take_notice(context.instance, before, channels, datetime.now(UTC), watch)
        after = replace(told, waiting=deliver(told.waiting, channels, context.log.warning))
        return dg.SensorResult(
            skip_reason=_summary(before, after, channels), cursor=_STATE.dump_json(after).decode()
        )

    return tell


def take_notice(
    instance: dg.DagsterInstance,
    state: AlertState,
    channels: Mapping[str, object],
    now: datetime,
    watch: Watch = RUNS,
) -> AlertState:
    """The state with what happened since: new failures, successes, and what is due to be told again."""
    failures, after_event = watch.failures_after(instance, state.after_event, now)
    recent = [failure for failure in failures if now - failure.occurred_at < TELL_FAILURES_SINCE]
    incidents, begun = record_failures(state.incidents, recent)
    incidents, over = record_successes(incidents, watch.newest_successes(instance, incidents, now))
    incidents, again = remind(incidents, now)
    new = [Waiting(message, list(channels)) for message in (*begun, *again, *over)] if channels else []
    return AlertState(after_event, incidents, [*state.waiting, *new][-MAX_WAITING:])


def deliver(
    waiting: Sequence[Waiting], channels: Mapping[str, "Channel"], warn: Callable[[str], None]
) -> list[Waiting]:
    """Send what waits, oldest first, within the tick's budget; what is still to be sent, and by which channels."""
    deadline = time.monotonic() + SENDING_BUDGET_S
    down: set[str] = set()
    left = []
    for item in waiting:
        still = []
        for name in (name for name in item.channels if name in channels):
            if name in down or time.monotonic() > deadline:
                still.append(name)
                continue
            try:
                channels[name](item.message)
            except CxError as error:
                down.add(name)  # it is down or wrongly set for all messages alike: the next tick tries again
                still.append(name)
                warn(f"an alert waits for {name}: {error}")
        if still:
            left.append(Waiting(item.message, still))
    return left


def _state_of(cursor: str | None) -> AlertState:
    if not cursor:
        return AlertState()
    try:
        return _STATE.validate_json(cursor)
    except ValidationError:
        return AlertState()  # of another version: begin anew, and tell what failed within the last day


def _summary(before: AlertState, after: AlertState, channels: Mapping[str, object]) -> str:
    if not channels:
        return "no channel is set (CX_ALERT_WEBHOOK_URL, CX_ALERT_EMAIL_TO): nothing is told"
    if after.waiting:
        return f"{len(after.waiting)} messages wait for a channel that does not answer"
    return f"{len(after.incidents)} failures are not over; all is told"
