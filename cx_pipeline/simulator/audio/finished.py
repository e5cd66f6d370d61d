"""Finished recordings, as the comparison with the truth needs them, and how their audio is read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, Self

import numpy.typing as npt

OF_CALL = "CALL"
CUT = "cut"
STEREO = ("near", "far")


class AudioSource(Protocol):
    """Audio that is open for reading: `soundfile.SoundFile` is one."""

    @property
    def samplerate(self) -> int:
        """Frames a second."""

    @property
    def channels(self) -> int:
        """How many channels."""

    @property
    def frames(self) -> int:
        """How many frames."""

    def seek(self, frames: int, /) -> int:
        """Go to a frame."""

    def read(self, frames: int, /, *, dtype: str, always_2d: bool) -> npt.NDArray[Any]:
        """The next frames: (frames, channels), fewer at the end."""

    def __enter__(self) -> Self:
        """The source itself."""

    def __exit__(self, *args: Any) -> None:
        """Close it."""


OpenAudio = Callable[[str], AudioSource]
"""Opens the audio of a path, unsealed where it is sealed."""


@dataclass(frozen=True, slots=True)
class FinishedRecording:
    """One recording that was made."""

    recording_id: str
    path: str
    kind: str
    """LEG, CALL or FILE."""
    start_time: datetime
    """Of the first frame, by the clock of the events."""
    leg_ids: tuple[str, ...]
    channel_names: tuple[str, ...] = STEREO
    clock_offset_ms: Mapping[str, int] = field(default_factory=dict)
    """By recorder: what its clock was taken to be ahead."""
    hold: str = "silence"

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> Self:
        """The recording that a description beside it tells of."""
        return cls(
            recording_id=metadata["recordingId"],
            path=metadata["file"]["path"],
            kind=metadata["kind"],
            start_time=datetime.fromisoformat(metadata["startTime"]),
            leg_ids=tuple(leg["legId"] for leg in metadata["legs"]),
            channel_names=tuple(channel["name"] for channel in metadata["file"]["channels"]),
            clock_offset_ms=metadata["clockOffsets"],
            hold=metadata["hold"],
        )

    def channel_of(self, side: str, agent_extension: str) -> int | None:
        """The channel on which a leg's side should be heard: by its name, null where there is none."""
        if len(self.channel_names) == 1:
            return 0
        named = [name.replace(",", " ").split() for name in self.channel_names]
        for number, words in enumerate(named):
            if side in words and agent_extension in words:
                return number
        for number, words in enumerate(named):
            if side in words and not any(word.isdigit() for word in words):
                return number
        return None
