"""Simulated calls with their audio, and recordings put together of it by the truth alone, without the product's mixing."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import soundfile

from cx_pipeline.simulator.audio.finished import AudioSource, FinishedRecording
from cx_pipeline.simulator.audio.plan import QUIET, AudioPlan, AudioTrouble
from cx_pipeline.simulator.audio.simulation import SimulatedAudio, simulate_audio
from cx_pipeline.simulator.traffic import simulate_traffic
from cx_pipeline_tests.simulator.stage import plan

Frames = npt.NDArray[np.float64]
RATE = 8000


def some_legs(calls: int = 12, **changes: Any) -> pl.DataFrame:
    """True legs of a few calls, all of them over."""
    return simulate_traffic(plan(calls=calls, let_calls_finish=True, **changes)).legs


def recorded(
    legs: pl.DataFrame, folder: Path, trouble: AudioTrouble = QUIET, **changes: Any
) -> SimulatedAudio:
    """The legs' audio below a folder."""
    return simulate_audio(legs, AudioPlan(trouble=trouble, **changes), folder)


def found_legs(legs: pl.DataFrame) -> pl.DataFrame:
    """The legs as if they had been found, with ids."""
    names = ("tenant_id", "root_call_key", "agent_extension", "start_time")
    leg_id = pl.format("leg {} {}", "call_number", "leg_number")
    return legs.filter("is_answered").select(leg_id.alias("leg_id"), *names)


class Mixed:
    """Recordings of legs, mixed by hand: near end left, far end right, each file where its start says."""

    def __init__(self, legs: pl.DataFrame, audio: SimulatedAudio, streams: Path, out: Path) -> None:
        self.legs = legs
        self.found = found_legs(legs)
        self.audio = audio
        self._streams = streams
        self._out = out

    def frames_of(self, leg_id: str) -> tuple[datetime, Frames]:
        """Start and frames of a leg's recording."""
        key = self.found.row(by_predicate=pl.col("leg_id") == leg_id, named=True)
        call, leg = (int(part) for part in leg_id.split()[1:])
        rows = self.audio.truth.filter(
            "is_available", pl.col("call_number") == call, pl.col("leg_number") == leg
        ).to_dicts()
        start: datetime = key["start_time"]
        length = max(self._place(row["end_time"], start) for row in rows)
        mixed = np.zeros((length, 2))
        for row in rows:
            sound, _ = soundfile.read(self._streams / row["file"], always_2d=True)
            part = sound[row["first_frame"] :, row["file_channel"]]
            at = self._place(row["start_time"], start)
            part = part[: length - at]
            mixed[at : at + len(part), ("near", "far").index(row["side"])] = part
        return start, mixed

    def recording(
        self, leg_id: str, change: Callable[[Frames], Frames] | None = None, **write: Any
    ) -> FinishedRecording:
        """A recording of the leg, its frames changed before they are written."""
        start, frames = self.frames_of(leg_id)
        if change is not None:
            frames = change(frames)
        suffix = write.pop("suffix", "wav")
        path = self._out / f"{leg_id.replace(' ', '_')}.{suffix}"
        soundfile.write(path, frames, write.pop("rate", RATE), **write)
        names = ("near", "far") if frames.shape[1] == 2 else ("near and far",)
        return FinishedRecording(
            recording_id=f"recording of {leg_id}",
            path=str(path),
            kind="LEG",
            start_time=start,
            leg_ids=(leg_id,),
            channel_names=names,
            clock_offset_ms=dict(
                self.audio.truth.select("recorder_id", "clock_offset_ms").unique().iter_rows()
            ),
        )

    def all(self, change: Callable[[Frames], Frames] | None = None, **write: Any) -> list[FinishedRecording]:
        """A recording of each leg of which there is audio."""
        had = {(row[0], row[1]) for row in self.audio.truth.select("call_number", "leg_number").iter_rows()}
        ids = [leg_id for leg_id in self.found["leg_id"] if tuple(map(int, leg_id.split()[1:])) in had]
        return [self.recording(leg_id, change, **dict(write)) for leg_id in ids]

    @staticmethod
    def _place(time: datetime, start: datetime) -> int:
        return round((time - start).total_seconds() * RATE)


def open_sound(path: str) -> AudioSource:
    """Opens a plain file."""
    source: AudioSource = soundfile.SoundFile(path)
    return source
