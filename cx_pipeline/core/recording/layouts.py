"""Which side is heard on which channel, with what gain: plain legs and conferences, in each layout.

Nothing clips: where voices share a channel, each has the same part of full scale, by the largest number of voices that
may be heard at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from cx_pipeline.core.recording.mix_plan import PlanWarning
from cx_pipeline.core.recording.placing import Piece, Track, within
from cx_pipeline.core.recording.schema import MONO, MULTICHANNEL
from cx_pipeline.core.recording.shares import SECOND_US, Share
from cx_pipeline.core.recording.sides import Sides
from cx_pipeline.core.recording.spans import Span, common, union, without
from cx_pipeline.core.recording.time_line import TimeLine

LEFT, RIGHT = 0, 1
_MOST_CHANNELS = MappingProxyType({"flac": 8, "mp3": 2})
"""Of the formats that do not hold as many as there may be agents in a conference."""
_SHORTEST_SWITCH_US = SECOND_US // 2


@dataclass(frozen=True, slots=True)
class Layout:
    """The tracks, and the name of each output channel."""

    tracks: tuple[Track, ...]
    channel_names: tuple[str, ...]
    warnings: tuple[PlanWarning, ...] = ()


def laid_out(
    shares: Sequence[Share], sides: Sequence[Sides], layout: str, line: TimeLine, audio_format: str
) -> Layout:
    """The tracks of a recording of one share or several, in the order of their starts."""
    if len(shares) == 1:
        return _of_one(shares[0], sides[0], layout)
    if layout == MULTICHANNEL:
        most = _MOST_CHANNELS.get(audio_format)
        if most is None or 2 * len(shares) <= most:
            return _all_apart(shares, sides)
        told = _of_several(shares, sides, line, is_mono=False)
        text = f"{audio_format} holds {most} channels, not {2 * len(shares)}: mixed to stereo instead"
        return replace(told, warnings=(*told.warnings, PlanWarning("too_many_channels", text)))
    return _of_several(shares, sides, line, is_mono=layout == MONO)


def _of_one(share: Share, sides: Sides, layout: str) -> Layout:
    """Near end left, far end right; multichannel is the same."""
    if sides.is_one_voice:
        return Layout((Track(sides.near, LEFT),), (f"near and far {share.agent}",))
    if layout == MONO:
        tracks = Track(sides.near, LEFT, 0.5), Track(sides.far, LEFT, 0.5)
        return Layout(tracks, (f"near and far {share.agent}",))
    tracks = Track(sides.near, LEFT), Track(sides.far, RIGHT)
    return Layout(tracks, (f"near {share.agent}", f"far {share.agent}"))


def _all_apart(shares: Sequence[Share], sides: Sequence[Sides]) -> Layout:
    """A channel for each near end and each far end, agent by agent."""
    tracks, names = [], []
    for number, (share, of) in enumerate(zip(shares, sides, strict=True)):
        tracks += [Track(of.near, 2 * number), Track(of.far, 2 * number + 1)]
        names += [f"near {share.agent}", f"far {share.agent}"]
    return Layout(tuple(tracks), tuple(names))


def _of_several(shares: Sequence[Share], sides: Sequence[Sides], line: TimeLine, *, is_mono: bool) -> Layout:
    """All near ends, and one far end at a time: each far end holds the other agents, too, so they are never added."""
    voices = _most_at_once([of.near for of in sides])
    far = _one_at_a_time(shares, sides, line)
    gain = 1 / (voices + 1) if is_mono else 1 / voices
    tracks = [Track(of.near, LEFT, gain) for of in sides]
    tracks.append(Track(far, LEFT if is_mono else RIGHT, gain if is_mono else 1.0))
    agents = ", ".join(dict.fromkeys(share.agent for share in shares))
    names = (f"near {agents}, one far end",) if is_mono else (f"near {agents}", "one far end")
    return Layout(tuple(tracks), names, _told_of_far_ends(shares, sides))


def _one_at_a_time(shares: Sequence[Share], sides: Sequence[Sides], line: TimeLine) -> tuple[Piece, ...]:
    """That of the agent who came first; that of the next one while the first holds, or is gone, or has none.

    Where the first one's recorder began or ended some milliseconds off the others', nothing is switched to and fro.
    """
    found: list[Piece] = []
    taken: list[Span] = []
    margin = _SHORTEST_SWITCH_US * line.rate_hz // SECOND_US
    for share, of in zip(shares, sides, strict=True):
        free = without([(0, line.length)], taken)
        found += [part for piece in of.far for part in within(piece, free)]
        heard = union((piece.start - margin, piece.end + margin) for piece in of.far)
        taken += common(heard, line.spans(without([share.span], share.holds)))
    return tuple(sorted(found, key=lambda piece: piece.span))


def _told_of_far_ends(shares: Sequence[Share], sides: Sequence[Sides]) -> tuple[PlanWarning, ...]:
    having = [(share, of) for share, of in zip(shares, sides, strict=True) if of.far]
    is_contended = any(
        common([piece.span for piece in one.far], [piece.span for piece in other.far])
        for index, (_, one) in enumerate(having)
        for _, other in having[:index]
    )
    if not is_contended:
        return ()
    order = ", then ".join(dict.fromkeys(share.agent for share, _ in having))
    text = f"one far end is heard at a time, that of {order}: each holds the other agents too"
    return (PlanWarning("conference_far_end", text),)


def _most_at_once(tracks: Sequence[tuple[Piece, ...]]) -> int:
    """How many of the tracks are heard at the same time at most; 1 at least."""
    steps = sorted(
        (moment, step)
        for pieces in tracks
        for piece in pieces
        for moment, step in ((piece.start, 1), (piece.end, -1))
    )
    most = count = 0
    for _, step in steps:
        count += step
        most = max(most, count)
    return max(most, 1)
