"""What a recording is made of: the files of one side or both, and each agent's share in the call.

Times are microseconds since 1970, by the clock of the events: the recorders' offsets are taken off here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cx_pipeline.core.recording.candidates import BY_REFCI
from cx_pipeline.core.recording.mix_plan import MixInput
from cx_pipeline.core.recording.schema import BIB, BOTH
from cx_pipeline.core.recording.spans import Span, union
from cx_pipeline.core.windows import as_mark

SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a recorder that can be read."""

    input: MixInput
    side: str
    recorder_id: str
    start_us: int
    """Of its first frame."""
    told_length_us: int | None
    """From start to end as the manifest says; null: it does not."""
    is_header_unfinished: bool
    is_of_dialog: bool
    """Its refci is the leg's own: it holds no other conversation."""
    is_shared: bool
    """It was recorded on a line, not at a phone: it goes on when the agent holds or leaves."""

    @property
    def manifest_id(self) -> str:
        """Its manifest."""
        return self.input.manifest_id

    @property
    def length_us(self) -> int:
        """How long its own frames last."""
        return self.input.frames * SECOND_US // self.input.sample_rate_hz

    @property
    def span(self) -> Span:
        """From its first frame to its last."""
        return self.start_us, self.start_us + self.length_us

    @property
    def order(self) -> tuple[int, str]:
        """Files in the order of their starts; at one instant in that of their ids."""
        return self.start_us, self.manifest_id


@dataclass(frozen=True, slots=True)
class Share:
    """One agent's part in a recording: a leg, or what its files say where there is none."""

    leg_id: str | None
    agent: str
    start_us: int
    end_us: int
    files: tuple[SourceFile, ...]
    holds: tuple[Span, ...] = ()
    """Within the share, sorted and disjoint."""
    parked: tuple[Span, ...] = ()
    """While the one who consulted this agent held the other party: no file of that party's line is this talk."""
    masks: tuple[Span, ...] = ()
    told_masks: tuple[Span, ...] = ()
    """The same by the recorders' clocks: what they are, however a clock is estimated."""
    is_in_conference: bool = False
    transferred_from: str | None = None
    transferred_to: str | None = None
    broken_files: tuple[tuple[str, str], ...] = ()
    """Manifest and problem of the files that should be here and cannot be used."""

    @property
    def span(self) -> Span:
        """From its start to its end."""
        return self.start_us, self.end_us


def source_file(row: Mapping[str, Any], offset_ms: int, method: str | None = None) -> SourceFile:
    """The file of a row of `RECORDING_MANIFEST_SCHEMA` that has no problem."""
    ended, started = row["end_time"], row["start_time"]
    return SourceFile(
        input=MixInput(
            manifest_id=row["manifest_id"],
            file=row["file_path"],
            encoding=row["encoding"],
            sample_rate_hz=row["sample_rate_hz"],
            channels=row["channels"],
            frames=row["frames"],
            data_offset_bytes=row["data_offset_bytes"],
            size_bytes=row["file_size_bytes"],
        ),
        side=row["side"],
        recorder_id=row["recorder_id"] or "",
        start_us=as_mark(started) - offset_ms * 1000,
        told_length_us=None if ended is None else as_mark(ended) - as_mark(started),
        is_header_unfinished=bool(row["is_header_unfinished"]),
        is_of_dialog=method == BY_REFCI,
        is_shared=row["side"] == BOTH and row["recording_type"] != BIB,
    )


def problem_of(row: Mapping[str, Any]) -> str | None:
    """Why the file of a manifest cannot be used; null if it can."""
    if row["file_problem"] is not None:
        return str(row["file_problem"])
    facts = (row["encoding"], row["sample_rate_hz"], row["channels"], row["start_time"])
    if not all(facts) or row["data_offset_bytes"] is None or row["file_size_bytes"] is None:
        return "UNREADABLE"
    return None if row["frames"] else "EMPTY"


def masks_of(row: Mapping[str, Any], offset_ms: int) -> tuple[Span, ...]:
    """The spans of a manifest that must not be heard; one without an end lasts to the end of its file."""
    spans = []
    for mask in row["masks"] or ():
        start = mask["start_time"] or row["start_time"]
        if start is not None:
            spans.append((as_mark(start), _end_of_mask(mask["end_time"], row)))
    return union((start - offset_ms * 1000, end - offset_ms * 1000) for start, end in spans)


def _end_of_mask(end: datetime | None, row: Mapping[str, Any]) -> int:
    """Where a mask without an end stops: at the later of what the manifest says and what the file holds."""
    if end is not None:
        return as_mark(end)
    start = as_mark(row["start_time"])
    held = (row["frames"] or 0) * SECOND_US // (row["sample_rate_hz"] or 1)
    told = as_mark(row["end_time"]) if row["end_time"] is not None else start
    return max(start + held + 1, told)


def without_doubles(files: Iterable[SourceFile]) -> tuple[SourceFile, ...]:
    """The files, sorted, each path and side once: two ways may tell of one file."""
    seen: dict[tuple[str, str], SourceFile] = {}
    for file in sorted(files, key=lambda file: file.manifest_id):
        seen.setdefault((file.input.file, file.side), file)
    return tuple(sorted(seen.values(), key=lambda file: file.order))
