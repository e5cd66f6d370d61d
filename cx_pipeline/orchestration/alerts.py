"""Alerts: runs that failed are told by webhook and mail, once, grouped, until they reached somebody.

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

from cx_pipeline.core.alerting import Incident, Message, record_failures, record_successes, remind
from cx_pipeline.core.errors import CxError
from cx_pipeline.orchestration.run_failures import failures_after, newest_successes
from cx_pipeline.settings import load_settings

if TYPE_CHECKING:
    from cx_pipeline.adapters.notify.channels import Channel

INTERVAL_S = 10
FAILURES_A_TICK = 50
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


def failure_sensor() -> dg.SensorDefinition:
    """Tells of runs that failed and will not be tried again, and of their recovery."""

    @dg.sensor(
        name="run_failure_alerts",
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells of runs that failed for good, once, grouped by failure, and when they recovered: by "
        "CX_ALERT_WEBHOOK_URL (Slack-compatible) and CX_ALERT_EMAIL_TO.",
    )
    def run_failure_alerts(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        from cx_pipeline.adapters.notify.channels import open_channels

        channels = open_channels(load_settings())
        before = _state_of(context.cursor)
        told = take_notice(context.instance, before, channels, datetime.now(UTC))
        after = replace(told, waiting=deliver(told.waiting, channels, context.log.warning))
        return dg.SensorResult(
            skip_reason=_summary(before, after, channels), cursor=_STATE.dump_json(after).decode()
        )

    return run_failure_alerts


def take_notice(
    instance: dg.DagsterInstance, state: AlertState, channels: Mapping[str, object], now: datetime
) -> AlertState:
    """The state with what happened since: new failures, successes, and what is due to be told again."""
    failures, after_event = failures_after(instance, state.after_event, now, limit=FAILURES_A_TICK)
    recent = [failure for failure in failures if now - failure.occurred_at < TELL_FAILURES_SINCE]
    incidents, begun = record_failures(state.incidents, recent)
    incidents, over = record_successes(incidents, newest_successes(instance, incidents))
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
