"""What a recorder is to leave of a stretch of a call: a file and its manifest, as values."""

from dataclasses import dataclass, replace

from cx_pipeline.simulator.audio.recorders import Recorder

NEAR, FAR, BOTH = "near", "far", "both"
BIB, SIPREC, EFSWITCH = "BIB", "SIPREC", "EFSWITCH"


@dataclass(frozen=True, slots=True)
class Heard:
    """A voice on a channel, from and to (microseconds by the clock of the events)."""

    voice_key: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class LegOfTruth:
    """What names a true leg."""

    tenant_id: str
    call_number: int
    scenario: str
    root_call_key: str
    agent_extension: str
    leg_number: int
    start: int
    end: int | None
    is_disturbed: bool


@dataclass(frozen=True, slots=True)
class Told:
    """What the manifest says of the call."""

    call_key: str | None = None
    jtapi_id: str | None = None
    refci: str | None = None
    dialog_id: str | None = None
    agent_extension: str | None = None
    agent_device: str | None = None
    calling_number: str | None = None
    called_number: str | None = None
    direction: str | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a leg's talk on one channel of a file: what should be found in the leg's recording."""

    leg: LegOfTruth
    talk_number: int
    side: str
    channel: int
    start: int
    end: int
    is_in_hold: bool
    """Whether the leg's own call is on hold meanwhile: the agent consults somebody on another line."""


@dataclass(frozen=True, slots=True)
class FileOrder:
    """One file to be written. Times are microseconds by the clock of the events."""

    recorder: Recorder
    recording_type: str
    side: str
    encoding: str
    start: int
    end: int
    channels: tuple[tuple[Heard, ...], ...]
    told: Told
    stretches: tuple[Stretch, ...]
    tenant_id: str
    masks: tuple[tuple[int, int], ...] = ()
    faults: tuple[str, ...] = ()
    """Codes of `faults.py`."""
    channel_uuid: str = ""
    """Of the recorder's own channel."""
    path: str = ""
    """Below the folder of streams, with forward slashes."""

    @property
    def frames(self) -> int:
        """How many frames the recorder writes in that time, by its own crystal."""
        return round((self.end - self.start) * 8 * (1 + self.recorder.drift_ppm / 1e6) / 1000)

    def frame_of(self, time: int) -> int:
        """The frame of the file at a time."""
        return round((time - self.start) * 8 * (1 + self.recorder.drift_ppm / 1e6) / 1000)

    def cut(self, start: int, end: int) -> "FileOrder":
        """The part of it between two times; what lies outside is left out."""
        return replace(
            self,
            start=start,
            end=end,
            stretches=tuple(
                replace(stretch, start=max(stretch.start, start), end=min(stretch.end, end))
                for stretch in self.stretches
                if max(stretch.start, start) < min(stretch.end, end)
            ),
        )

    def with_fault(self, *faults: str) -> "FileOrder":
        """The same with faults more."""
        return replace(self, faults=(*self.faults, *faults))
