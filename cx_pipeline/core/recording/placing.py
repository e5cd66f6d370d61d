"""Where the frames of files go: pieces on a time line, painted over each other, and from there placements.

Place by wall clock: a file's first frame lies where its start says, and its own length counts; nothing is stretched.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from cx_pipeline.core.recording.mix_plan import Placement
from cx_pipeline.core.recording.shares import SourceFile
from cx_pipeline.core.recording.spans import Span, common, without
from cx_pipeline.core.recording.time_line import TimeLine


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch `[start, end)` of the line that one channel of a file fills; `zero` is where the file's frame 0 lies."""

    file: SourceFile
    source_channel: int
    zero: int
    start: int
    end: int

    @property
    def span(self) -> Span:
        """From its first frame to its last."""
        return self.start, self.end


def whole_piece(file: SourceFile, source_channel: int, line: TimeLine) -> Piece:
    """All of a file, wherever it lies."""
    zero = line.frame(file.start_us)
    frames = file.input.frames * line.rate_hz // file.input.sample_rate_hz
    return Piece(file, source_channel, zero, zero, zero + frames)


def within(piece: Piece, allowed: Iterable[Span]) -> tuple[Piece, ...]:
    """What of a piece lies in the spans."""
    return tuple(replace(piece, start=start, end=end) for start, end in common([piece.span], allowed))


def painted(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """The pieces so that none overlaps another: the later given hides the earlier, which goes on behind it."""
    shown: list[Piece] = []
    for piece in pieces:
        kept = [part for other in shown for part in _less(other, piece.span)]
        shown = [*kept, piece]
    return tuple(sorted((piece for piece in shown if piece.start < piece.end), key=_order))


def _less(piece: Piece, hidden: Span) -> tuple[Piece, ...]:
    if hidden[1] <= piece.start or piece.end <= hidden[0]:
        return (piece,)
    return tuple(replace(piece, start=start, end=end) for start, end in without([piece.span], [hidden]))


def _order(piece: Piece) -> tuple[int, int, str]:
    return piece.start, piece.end, piece.file.manifest_id


@dataclass(frozen=True, slots=True)
class Track:
    """Pieces that never overlap, and the output channel on which they are heard."""

    pieces: tuple[Piece, ...]
    channel: int
    gain: float = 1.0


def placements_of(tracks: Sequence[Track], line: TimeLine, fade_frames: int) -> tuple[Placement, ...]:
    """The placements, sorted by channel and time. `fade_frames` are faded at each cut."""
    placed = [
        placement
        for track in tracks
        for piece in track.pieces
        for part in within(piece, without([(0, line.length)], line.cuts))
        if (placement := _placed(part, track, line, fade_frames)) is not None
    ]
    return tuple(sorted(placed, key=lambda each: (each.channel, each.output_start, each.manifest_id)))


def _placed(piece: Piece, track: Track, line: TimeLine, fade_frames: int) -> Placement | None:
    """One placement; none where the file has not a whole frame for it."""
    source, rate = piece.file.input, line.rate_hz
    # Rounded down at both ends: what is placed is never more than the piece, nor more than the file has.
    source_start = (piece.start - piece.zero) * source.sample_rate_hz // rate
    room = (piece.end - piece.start) * source.sample_rate_hz // rate
    frames = min(room, source.frames - source_start)
    if frames <= 0:
        return None
    longest = (piece.end - piece.start) // 2
    fade = min(fade_frames, longest)
    return Placement(
        manifest_id=source.manifest_id,
        source_channel=piece.source_channel,
        source_start=source_start,
        source_frames=frames,
        channel=track.channel,
        output_start=line.output(piece.start),
        gain=track.gain,
        fade_in=fade if any(end == piece.start for _, end in line.cuts) else 0,
        fade_out=fade if any(start == piece.end for start, _ in line.cuts) else 0,
    )
