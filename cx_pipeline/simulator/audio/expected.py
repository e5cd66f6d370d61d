"""What should be heard on the channels of a recording, and where: the truth laid on the recording's time line."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cx_pipeline.simulator.audio.call_files import microseconds
from cx_pipeline.simulator.audio.finished import OF_CALL, FinishedRecording
from cx_pipeline.simulator.audio.orders import Heard
from cx_pipeline.simulator.audio.truth import LEG_KEY
from cx_pipeline.simulator.audio.voices import RATE_HZ, Samples, first_frame
from cx_pipeline.simulator.audio.wav_files import mixed_voices

TruthRow = dict[str, Any]
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Expected:
    """A stretch of the truth in a recording. Times in microseconds: `start` and `end` by the clock of the events."""

    row: TruthRow
    channel: int
    start: int
    end: int
    residual: int
    """What is left of the recorder's offset once the estimated one is taken away."""
    masks: tuple[tuple[int, int], ...]
    """Its own masked spans, in which nothing may be heard."""
    may_be_silent: tuple[tuple[int, int], ...] = ()
    """The masked spans of all files of the recording: what one agent masks is not to be heard from another's phone."""

    @property
    def leg_key(self) -> tuple[Any, ...]:
        """`LEG_KEY` of its leg."""
        return tuple(self.row[name] for name in LEG_KEY)

    def place(self, moment: int) -> int:
        """The time (by the clock of the events) at which a moment is to be heard in the recording.

        A file is placed by its start and never stretched, so within it a recorder's drift counts.
        """
        file_start = microseconds(self.row["file_start_time"])
        drifted: int = (moment - file_start) * (MILLION + self.row["drift_ppm"]) // MILLION
        return file_start + drifted + self.residual

    def content(self, moment: int, count: int) -> Samples:
        """What is to be heard from `moment` on: `count` frames of `RATE_HZ`, silence outside of the stretch."""
        voices = tuple(
            Heard(
                voice["voice_key"],
                max(microseconds(voice["start_time"]), self.start),
                min(microseconds(voice["end_time"]), self.end),
            )
            for voice in self.row["voices"]
        )
        return mixed_voices(voices, first_frame(moment), count)


def expected_in(recording: FinishedRecording, rows: Iterable[TruthRow]) -> list[Expected]:
    """The stretches that should be heard in a recording, and on which channel.

    Left out are those that nobody can have, and consultations while the leg's own call is on hold.
    """
    rows = list(rows)
    all_masks = tuple(sorted({mask for row in rows for mask in masks_of(row)}))
    found = []
    for row in rows:
        if not row["is_available"] or row["is_in_hold"]:
            continue
        channel = recording.channel_of(row["side"], row["agent_extension"])
        start = microseconds(row["start_time"])
        end = microseconds(row["end_time"])
        if row["leg_end_time"] is not None:
            end = min(end, microseconds(row["leg_end_time"]))
        if channel is None or start >= end:
            continue
        taken = recording.clock_offset_ms.get(row["recorder_id"], 0)
        residual = (row["clock_offset_ms"] - taken) * 1000
        found.append(Expected(row, channel, start, end, residual, masks_of(row), all_masks))
    return _one_far_end(recording, found)


def masks_of(row: TruthRow) -> tuple[tuple[int, int], ...]:
    """The masked spans of a stretch."""
    return tuple((microseconds(mask["start_time"]), microseconds(mask["end_time"])) for mask in row["masks"])


def _one_far_end(recording: FinishedRecording, found: list[Expected]) -> list[Expected]:
    """Of a whole call on few channels one far end is heard at a time, that of whoever came first."""
    is_shared = recording.kind == OF_CALL and not any(
        name.startswith("far ") for name in recording.channel_names
    )
    if not is_shared:
        return found
    kept: list[Expected] = []
    order = sorted(found, key=lambda each: (each.row["leg_start_time"], each.row["leg_number"], each.start))
    for each in order:
        is_hidden = each.row["side"] == "far" and any(
            other.row["side"] == "far"
            and other.leg_key != each.leg_key
            and other.start < each.end
            and each.start < other.end
            for other in kept
        )
        if not is_hidden:
            kept.append(each)
    return kept


def channel_content(all_expected: Sequence[Expected], of: Expected, moment: int, count: int) -> Samples:
    """What the channel of `of` should hold from a moment of it on, with whatever else is mixed into that channel.

    An earlier stretch of the same side is not mixed with it: where they overlap, as their recorders' clocks were not
    known, the later one is heard.
    """
    mixed = np.zeros(count, dtype=np.float32)
    for other in all_expected:
        if other.channel != of.channel or _gives_way(other, of):
            continue
        # The moment of the other file that is heard at the same place.
        apart = of.place(moment) - other.place(moment)
        there = moment + apart
        if other.start < there + count * MILLION // RATE_HZ and there < other.end:
            mixed += other.content(there, count)
    return mixed


def _gives_way(other: Expected, of: Expected) -> bool:
    is_of_one_side = other.leg_key == of.leg_key and other.row["side"] == of.row["side"]
    return is_of_one_side and other.place(other.start) < of.place(of.start)
