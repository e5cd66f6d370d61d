"""The schedule of a live site: pure, from what was simulated to what happens when."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from cx_pipeline.simulator.audio.orders import EFSWITCH, FileOrder
from cx_pipeline.simulator.audio.recorders import draw_of, sites_of
from cx_pipeline.simulator.audio.wav_files import is_written
from cx_pipeline.simulator.files import RFC_3339
from cx_pipeline.simulator.live.actions import (
    IN_THIS_ORDER,
    Action,
    CallEnded,
    EventHeard,
    FileLeft,
    ListenerBeat,
    RecorderBeat,
)
from cx_pipeline.simulator.live.plan import LivePlan
from cx_pipeline.simulator.reporting import FIRST_LISTENER

CLOSING_MS = (500, 1000)
"""What a recorder needs from a talk's end until its file is closed and the manifest has its name."""
BEAT_EVERY = timedelta(seconds=30)
LISTENER_BEAT_EVERY = timedelta(seconds=10)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def schedule_of(plan: LivePlan, events: pl.DataFrame, orders: Sequence[FileOrder]) -> tuple[Action, ...]:
    """All that the site does, in the order in which it does it; what lies before `plan.begins` is to be caught up.

    Args:
        plan: the site.
        events: columns of `EVENT_SCHEMA`, `received_at` being when the listener hears them.
        orders: the recorders' files.
    """
    actions = [
        *_heard(events),
        *_left(plan, orders),
        *_calls_of_the_switch(plan, orders),
        *_beats(plan, sorted(set(events["tenant_id"]))),
    ]
    return tuple(sorted(actions, key=lambda action: (action.due, IN_THIS_ORDER.index(type(action)))))


def closed_at(order: FileOrder, seed: int) -> datetime:
    """When a recorder leaves a file; both sides of a talk close at their own pace."""
    draw = draw_of(seed, "closing", order.path)
    return moment(order.end) + timedelta(milliseconds=draw.randint(*CLOSING_MS))


def moment(time_us: int) -> datetime:
    """Microseconds since 1970 as a moment."""
    return _EPOCH + timedelta(microseconds=time_us)


def _heard(events: pl.DataFrame) -> Iterator[EventHeard]:
    """Events as lines, without what is null: a listener tells no more than it knows, and not when it is received."""
    told = events.drop("received_at").with_columns(pl.col("event_time").dt.strftime(RFC_3339))
    used = [name for name in told.columns if told[name].null_count() < told.height]
    lines = told.select(used).write_ndjson().encode().splitlines()
    for due, line in zip(events["received_at"].to_list(), lines, strict=True):
        yield EventHeard(due, line)


def _left(plan: LivePlan, orders: Iterable[FileOrder]) -> Iterator[FileLeft]:
    """Every second recorder tells the gateway too; the files of the others are found in their folder."""
    for order in orders:
        if is_written(order):
            is_told = draw_of(plan.seed, "tells the gateway", order.recorder.recorder_id).random() < 0.5
            yield FileLeft(closed_at(order, plan.seed), order, is_told)


def _calls_of_the_switch(plan: LivePlan, orders: Iterable[FileOrder]) -> Iterator[CallEnded]:
    for order in orders:
        if order.recording_type == EFSWITCH:
            yield CallEnded(moment(order.end), _ended(order, plan.seed))


def _ended(order: FileOrder, seed: int) -> dict[str, Any]:
    """What the switch's script tells when a call is over."""
    told = order.told
    return {
        "tenantId": order.tenant_id,
        "uuid": order.channel_uuid,
        "callUid": order.channel_uuid,
        "callSipId": f"{draw_of(seed, 'sip', order.channel_uuid).getrandbits(64):016x}@switch.example",
        "callingNumber": told.calling_number,
        "serviceIdentifier": told.called_number,
        "direction": "OUTBOUND" if told.direction == "OUTBOUND" else "INBOUND",
        "hangupCause": "NORMAL_CLEARING",
        "duration": (order.end - order.start) // 1_000_000,
        "endTime": moment(order.end + order.recorder.offset_ms * 1000).isoformat(timespec="milliseconds"),
    }


def _beats(plan: LivePlan, tenants: list[str]) -> Iterator[RecorderBeat | ListenerBeat]:
    recorders = [
        recorder.recorder_id for site in sites_of(tenants, plan.audio).values() for recorder in site.all()
    ]
    for due in _times(plan.begins, plan.ends, BEAT_EVERY):
        yield from (RecorderBeat(due, recorder_id) for recorder_id in recorders)
    for due in _times(plan.begins, plan.ends, LISTENER_BEAT_EVERY):
        yield ListenerBeat(due, FIRST_LISTENER)


def _times(first: datetime, last: datetime, step: timedelta) -> Iterator[datetime]:
    while first <= last:
        yield first
        first += step
