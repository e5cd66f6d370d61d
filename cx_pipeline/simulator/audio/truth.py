"""The truth about simulated audio: what should be found in whose recording, and why there is nothing of others."""

from typing import Any

import polars as pl

from cx_pipeline.core.events.schema import UTC_MICROSECONDS
from cx_pipeline.simulator.audio.call_files import Leg, leg_of
from cx_pipeline.simulator.audio.faults import LOSES_ALL
from cx_pipeline.simulator.audio.orders import FileOrder, LegOfTruth, Stretch
from cx_pipeline.simulator.audio.voices import RATE_HZ

LEG_KEY = ("tenant_id", "root_call_key", "agent_extension", "leg_start_time")
SPAN = pl.Struct({"start_time": UTC_MICROSECONDS, "end_time": UTC_MICROSECONDS})
VOICE = pl.Struct({"voice_key": pl.UInt64(), "start_time": UTC_MICROSECONDS, "end_time": UTC_MICROSECONDS})
LEG_COLUMNS = {
    "tenant_id": pl.String(),
    "call_number": pl.Int64(),
    "scenario": pl.String(),
    "root_call_key": pl.String(),
    "agent_extension": pl.String(),
    "leg_number": pl.Int32(),
    "leg_start_time": UTC_MICROSECONDS,
    "leg_end_time": UTC_MICROSECONDS,
    "is_disturbed": pl.Boolean(),
}
AUDIO_TRUTH_SCHEMA = pl.Schema(
    {
        **LEG_COLUMNS,
        "talk_number": pl.Int32(),
        "side": pl.String(),
        "start_time": UTC_MICROSECONDS,
        "end_time": UTC_MICROSECONDS,
        "is_in_hold": pl.Boolean(),
        "is_available": pl.Boolean(),
        "recording_type": pl.String(),
        "recorder_id": pl.String(),
        "clock_offset_ms": pl.Int64(),
        "drift_ppm": pl.Int64(),
        "file": pl.String(),
        "file_channel": pl.Int32(),
        "file_start_time": UTC_MICROSECONDS,
        "first_frame": pl.Int64(),
        "frames": pl.Int64(),
        "sample_rate_hz": pl.Int32(),
        "voices": pl.List(VOICE),
        "masks": pl.List(SPAN),
        "faults": pl.List(pl.String()),
    }
)
"""One row for each stretch of a leg's talk on one side, by the clock of the events, and where it lies in which file.

`is_available`: whether the file and its manifest hold it, faults considered. `is_in_hold`: the agent talks on another line
(a consult) while the leg's own call is on hold. `is_disturbed`: events of the call were lost or stamped by a wrong clock,
so that its legs may be found elsewhere. `clock_offset_ms`: how far the recorder's clock is ahead. `file_start_time`: the
true moment of the file's first frame. `voices`: what is heard, to be made again by `voices.said`. Where one side is
recorded twice, the later file counts from its start.
"""

UNRECORDED_SCHEMA = pl.Schema({**LEG_COLUMNS, "reason": pl.String()})
"""The legs of which there can be no recording, and why."""

NOT_CHOSEN, IN_PROGRESS, NOT_ANSWERED, NOT_HEARD = "NOT_CHOSEN", "IN_PROGRESS", "NOT_ANSWERED", "NOT_HEARD"
"""Reasons, beside the faults' codes: it was not to be recorded; it lasts; nobody talked; too short for a recorder."""


def truth_frame(orders: list[FileOrder]) -> pl.DataFrame:
    """The truth about these files, columns of `AUDIO_TRUTH_SCHEMA`."""
    rows = [_row(order, stretch) for order in orders for stretch in order.stretches]
    frame = pl.DataFrame(rows, schema=AUDIO_TRUTH_SCHEMA, orient="row")
    side = ("tenant_id", "call_number", "agent_extension", "leg_number", "talk_number", "side")
    following = pl.col("start_time").shift(-1).over(side)
    is_had = pl.col("is_available") & pl.col("is_available").shift(-1, fill_value=True).over(side)
    end = pl.when(is_had).then(pl.min_horizontal("end_time", following)).otherwise("end_time")
    return frame.sort(*side, "start_time").with_columns(end_time=end)


def unrecorded_frame(legs: list[Leg], truth: pl.DataFrame, chosen: set[tuple[Any, ...]]) -> pl.DataFrame:
    """The legs of which there is nothing, with the reason."""
    had, lost = _faults_by_leg(truth)
    rows = []
    for leg in legs:
        name = leg_of(leg)
        key = (name.tenant_id, name.call_number, name.leg_number)
        if key not in had:
            is_chosen = (*key[:2], name.leg_number) in chosen
            rows.append((*_leg_values(name), _reason(leg, lost.get(key), is_chosen=is_chosen)))
    return pl.DataFrame(rows, schema=UNRECORDED_SCHEMA, orient="row")


def _faults_by_leg(
    truth: pl.DataFrame,
) -> tuple[set[tuple[str, int, int]], dict[tuple[str, int, int], set[str]]]:
    had, lost = set(), dict[tuple[str, int, int], set[str]]()
    columns = truth.select("tenant_id", "call_number", "leg_number", "is_available", "faults")
    for tenant, call, leg, is_available, faults in columns.iter_rows():
        if is_available:
            had.add((tenant, call, leg))
        else:
            lost.setdefault((tenant, call, leg), set()).update(set(faults) & LOSES_ALL)
    return had, lost


def _reason(leg: Leg, lost: set[str] | None, *, is_chosen: bool) -> str:
    if not is_chosen:
        return NOT_CHOSEN
    if lost:
        return "+".join(sorted(lost))
    if leg["end_time"] is None:
        return IN_PROGRESS
    return NOT_HEARD if leg["is_answered"] else NOT_ANSWERED


def _leg_values(leg: LegOfTruth) -> tuple[Any, ...]:
    return (
        leg.tenant_id,
        leg.call_number,
        leg.scenario,
        leg.root_call_key,
        leg.agent_extension,
        leg.leg_number,
        leg.start,
        leg.end,
        leg.is_disturbed,
    )


def _row(order: FileOrder, stretch: Stretch) -> tuple[Any, ...]:
    first = order.frame_of(stretch.start)
    return (
        *_leg_values(stretch.leg),
        stretch.talk_number,
        stretch.side,
        stretch.start,
        stretch.end,
        stretch.is_in_hold,
        not LOSES_ALL & set(order.faults),
        order.recording_type,
        order.recorder.recorder_id,
        order.recorder.offset_ms,
        order.recorder.drift_ppm,
        order.path,
        stretch.channel,
        order.start,
        first,
        order.frame_of(stretch.end) - first,
        RATE_HZ,
        [
            {"voice_key": voice.voice_key, "start_time": voice.start, "end_time": voice.end}
            for voice in order.channels[stretch.channel]
            if voice.start < stretch.end and voice.end > stretch.start
        ],
        [
            {"start_time": start, "end_time": end}
            for start, end in order.masks
            if start < stretch.end and end > stretch.start
        ],
        list(order.faults),
    )
