"""The two sides of one agent's share: what is heard of the near end and of the far end, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cx_pipeline.core.recording.mix_plan import PlanWarning
from cx_pipeline.core.recording.placing import Piece, painted, whole_piece, within
from cx_pipeline.core.recording.schema import BOTH, FAR, HOLD_MUSIC, NEAR
from cx_pipeline.core.recording.shares import SECOND_US, Share, SourceFile
from cx_pipeline.core.recording.spans import Span, common, length, without
from cx_pipeline.core.recording.time_line import TimeLine

_LEAST_GAP_US = SECOND_US
"""A side or a voice that is missing for less is how recorders begin and end."""
_EDGE_US = 200_000
"""What lies outside of the leg for less is cut without a word."""
_NEW_TALK_US = 2 * SECOND_US
"""A file that begins so much before its share was opened for somebody else."""
_DRIFT_US = 20_000


@dataclass(frozen=True, slots=True)
class Sides:
    """The pieces of each side; those of one never overlap."""

    near: tuple[Piece, ...]
    far: tuple[Piece, ...]
    is_one_voice: bool
    """All its files hold both voices in one channel: `near` has it, `far` is empty."""
    files: tuple[SourceFile, ...]
    """Those that have frames in the share, heard or not."""
    warnings: tuple[PlanWarning, ...]


def sides_of(share: Share, line: TimeLine, hold: str, masks: Sequence[Span]) -> Sides:
    """Place the files of a share on the line.

    Files of one voice are painted over those of both: the phone's own recording is nearer to the leg than the line's.
    """
    consults = [file for file in share.files if is_consult(file, share)]
    files = [file for file in share.files if file not in consults and common([file.span], [share.span])]
    one_voice = [file for file in files if file.side == BOTH and file.input.channels == 1]
    is_one_voice = len(one_voice) == len(files)
    layers = sorted(files, key=lambda file: (file.side != BOTH, file.input.channels > 1, *file.order))
    near = [(file, 0) for file in layers if file.side != FAR]
    far = [(file, min(1, file.input.channels - 1)) for file in layers if file.side == BOTH]
    far += [(file, 0) for file in layers if file.side == FAR]
    heard_near = _heard(near, share, line, hold, masks)
    heard_far = () if is_one_voice else _heard(far, share, line, hold, masks)
    sides = Sides(painted(heard_near), painted(heard_far), is_one_voice, tuple(files), ())
    warnings = (
        *_broken(share),
        *_of_files(files, share),
        *_overlaps(heard_near, NEAR, share, line),
        *_overlaps(heard_far, FAR, share, line),
        *_consults(consults, share),
        *_missing(sides, share, line, hold, masks),
    )
    return Sides(sides.near, sides.far, is_one_voice, sides.files, warnings)


def is_consult(file: SourceFile, share: Share) -> bool:
    """Whether a file is of another line, on which the agent talked while this call was held."""
    if file.is_of_dialog or file.is_shared:
        return False
    held = length(common([file.span], share.holds))
    opened_in_hold = any(start - SECOND_US <= file.start_us < end for start, end in share.holds)
    return opened_in_hold and 2 * held > file.length_us


def _heard(
    files: Iterable[tuple[SourceFile, int]], share: Share, line: TimeLine, hold: str, masks: Sequence[Span]
) -> tuple[Piece, ...]:
    """The pieces that may be heard, still one over the other, the later ones last."""
    silent = [*masks, *(() if hold == HOLD_MUSIC else share.holds)]
    allowed = line.spans(without([share.span], silent))
    beside = line.spans(without([share.span], [*silent, *share.parked]))
    return tuple(
        part
        for file, channel in files
        for part in within(
            whole_piece(file, channel, line), beside if _is_of_the_line(file, share) else allowed
        )
    )


def _is_of_the_line(file: SourceFile, share: Share) -> bool:
    """Whether a file is of the line of the party whom the consulting agent held."""
    return file.is_shared and file.start_us < share.start_us - _NEW_TALK_US


def _broken(share: Share) -> Iterable[PlanWarning]:
    for manifest_id, problem in share.broken_files:
        yield PlanWarning(f"file_{problem.lower()}", f"file {manifest_id} cannot be used: {problem}")


def _of_files(files: Iterable[SourceFile], share: Share) -> Iterable[PlanWarning]:
    for file in files:
        own, told = file.length_us, file.told_length_us
        if told is not None and told > 0 and abs(own - told) > _DRIFT_US:
            ppm = round((own - told) * 1_000_000 / told)
            yield PlanWarning(
                "drift",
                f"file {file.manifest_id} lasts {own / 1000:.0f} ms, {told / 1000:.0f} ms by its times ({ppm:+d} ppm)",
            )
        outside = 0 if file.is_shared else length(without([file.span], [share.span]))
        if outside > _EDGE_US:
            yield PlanWarning(
                "outside_leg", f"{outside / 1000:.0f} ms of file {file.manifest_id} lie outside of the leg"
            )
        if file.is_header_unfinished:
            yield PlanWarning(
                "unfinished_header", f"file {file.manifest_id} was never closed by its recorder"
            )


def _overlaps(pieces: Sequence[Piece], side: str, share: Share, line: TimeLine) -> Iterable[PlanWarning]:
    """Of files of the same kind; what a phone's own recording hides of the line's is no overlap."""
    told: dict[tuple[str, str], int] = {}
    for index, later in enumerate(pieces):
        for earlier in pieces[:index]:
            alike = (earlier.file.side == BOTH) == (later.file.side == BOTH)
            if alike and earlier.file is not later.file:
                pair = (earlier.file.manifest_id, later.file.manifest_id)
                told[pair] = told.get(pair, 0) + length(common([earlier.span], [later.span]))
    for (earlier_id, later_id), frames in told.items():
        if frames * 1000 > line.rate_hz:
            yield PlanWarning(
                "overlap",
                f"files {earlier_id} and {later_id} of the {side} end of {share.agent} overlap by "
                f"{frames * 1000 / line.rate_hz:.0f} ms: the later one is heard",
            )


def _consults(files: Iterable[SourceFile], share: Share) -> Iterable[PlanWarning]:
    for file in files:
        yield PlanWarning(
            "consult_in_hold",
            f"file {file.manifest_id} is of another line of {share.agent}, while this call was held: left out",
        )


def _missing(
    sides: Sides, share: Share, line: TimeLine, hold: str, masks: Sequence[Span]
) -> Iterable[PlanWarning]:
    """Where one side, or both, should be heard and are not."""
    near, far = ([piece.span for piece in pieces] for pieces in (sides.near, sides.far))
    least = _LEAST_GAP_US * line.rate_hz // SECOND_US
    for side, other, name in ((near, far, FAR), (far, near, NEAR)):
        alone = length(without(side, other))
        if not sides.is_one_voice and (alone > least or (alone and not other)):
            text = f"the {name} end of {share.agent} is missing for {alone / line.rate_hz:.1f} s"
            yield PlanWarning("one_sided", text)
    talk = without([share.span], [*masks, *share.holds])
    silent = length(without(line.spans(talk), [*near, *far]))
    if silent > least:
        yield PlanWarning(
            "gap", f"nothing was recorded for {silent / line.rate_hz:.1f} s of the talk of {share.agent}"
        )
