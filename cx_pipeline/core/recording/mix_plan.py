"""What to mix, as a value: which frames of which file go where. Planned in the core, compared in tests, then rendered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from cx_pipeline.core.recording.parameters import MixParameters

MarkerKind = Literal[
    "HOLD_START", "HOLD_END", "TRANSFER", "CONFERENCE_START", "CONFERENCE_END", "MASK_START", "MASK_END"
]


@dataclass(frozen=True, slots=True)
class MixInput:
    """One file as the plan knows it (columns of `RECORDING_MANIFEST_SCHEMA`)."""

    manifest_id: str
    file: str
    encoding: str
    """`PCM_16`, `ALAW`, `ULAW` and so on; null texts never: what has none is not planned."""
    sample_rate_hz: int
    channels: int
    frames: int
    data_offset_bytes: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Placement:
    """A stretch of one channel of a file, and where it goes.

    Placements on one output channel are added up; the plan sees to it that two of one side never overlap.
    """

    manifest_id: str
    source_channel: int
    source_start: int
    """First frame of the file."""
    source_frames: int
    """How many frames of the file, at its rate."""
    channel: int
    """Of the output, from 0."""
    output_start: int
    """First frame of the output, at its rate."""
    gain: float = 1.0
    """Linear."""
    fade_in: int = 0
    fade_out: int = 0
    """Output frames."""


@dataclass(frozen=True, slots=True)
class Marker:
    """A moment worth finding again: a cue point of the file."""

    kind: MarkerKind
    frame: int
    """Of the output."""
    label: str


@dataclass(frozen=True, slots=True)
class PlanWarning:
    """What is not as it should be. `code` is stable (`one_sided`, `overlap`, `drift`, …), `text` is for people."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the time line as guide 19.5.6 lists them; milliseconds of the output."""

    start_ms: int
    end_ms: int
    type: Literal["TALKING", "HOLD"]
    agent: str


@dataclass(frozen=True, slots=True)
class LegOffset:
    """Where a leg begins in the recording. Negative: it began before the recording's first frame."""

    leg_id: str
    offset_ms: int


@dataclass(frozen=True, slots=True)
class MixPlan:
    """One recording to be made. Equal plans give equal files."""

    recording_id: str
    kind: str
    tenant_id: str
    call_id: str | None
    leg_id: str | None
    legs: tuple[LegOffset, ...]
    start_time: datetime
    """Of the first output frame, by the clock of the events (UTC)."""
    sample_rate_hz: int
    channel_names: tuple[str, ...]
    """One for each output channel: whom it holds."""
    frames: int
    """Length of the output, in frames of its rate."""
    inputs: tuple[MixInput, ...]
    placements: tuple[Placement, ...]
    parameters: MixParameters
    markers: tuple[Marker, ...] = ()
    stretches: tuple[Stretch, ...] = ()
    warnings: tuple[PlanWarning, ...] = ()
    clock_offset_ms: Mapping[str, int] = field(default_factory=dict)
    """By recorder: how far its clock was ahead, and was set back."""

    @property
    def channels(self) -> int:
        """How many output channels there are."""
        return len(self.channel_names)

    @property
    def duration_ms(self) -> int:
        """Length of the output."""
        return round(self.frames * 1000 / self.sample_rate_hz)
