"""What can be found again in a recording: markers at holds, transfers, conferences and masks, and the stretches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cx_pipeline.core.recording.mix_plan import Marker, MarkerKind, Stretch
from cx_pipeline.core.recording.shares import SECOND_US, Share
from cx_pipeline.core.recording.spans import Span, common, without
from cx_pipeline.core.recording.time_line import TimeLine

_ORDER = (
    "CONFERENCE_START",
    "TRANSFER",
    "HOLD_END",
    "MASK_END",
    "HOLD_START",
    "MASK_START",
    "CONFERENCE_END",
)
"""At one frame what ends stands before what begins."""


def markers_of(shares: Sequence[Share], line: TimeLine, masks: Sequence[Span]) -> tuple[Marker, ...]:
    """The markers, in the order of time. Their labels tell the offset in the call (guide 19.5.5), also where holds are cut."""
    found: list[tuple[MarkerKind, int, str]] = []
    for share in shares:
        agent = share.agent if len(shares) > 1 else ""
        for start, end in share.holds:
            found += [("HOLD_START", start, agent), ("HOLD_END", end, agent)]
        if share.transferred_from is not None:
            found.append(("TRANSFER", _transferred_at(share), f"from {share.transferred_from}"))
        if share.transferred_to is not None and _is_last_word(share, shares):
            found.append(("TRANSFER", share.end_us, f"to {share.transferred_to}"))
    for start, end in masks:
        found += [("MASK_START", start, ""), ("MASK_END", end, "")]
    conference = conference_span(shares)
    if conference is not None:
        found += [("CONFERENCE_START", conference[0], ""), ("CONFERENCE_END", conference[1], "")]
    inside = [
        each for each in found if line.origin_us <= each[1] <= line.end_us or each[0].startswith("MASK")
    ]
    markers = {_marker(kind, moment, said, line) for kind, moment, said in inside}
    return tuple(sorted(markers, key=lambda each: (each.frame, _ORDER.index(each.kind), each.label)))


def _marker(kind: MarkerKind, moment_us: int, said: str, line: TimeLine) -> Marker:
    # A cue point names a frame that is there: the end is marked on the last one.
    frame = min(line.output(line.frame(moment_us)), max(line.frames - 1, 0))
    told = min(max(moment_us, line.origin_us), line.end_us)
    seconds = (told - line.origin_us) // SECOND_US
    label = f"{kind.lower()}@{seconds // 60}:{seconds % 60:02d}"
    return Marker(kind, frame, f"{label} {said}".rstrip())


def _transferred_at(share: Share) -> int:
    """When the one who was consulted got the other party: when that was held no more; else at the start."""
    return max(
        (min(end, share.end_us) for _, end in share.parked if end > share.start_us), default=share.start_us
    )


def _is_last_word(share: Share, shares: Sequence[Share]) -> bool:
    """Whether nobody in the recording says of the same transfer that it came from this agent."""
    return not any(other.transferred_from == share.agent for other in shares)


def conference_span(shares: Iterable[Share]) -> Span | None:
    """From when to when at least two of those in conference talked, none of them holding."""
    talks = [without([share.span], share.holds) for share in shares if share.is_in_conference]
    together = [
        span for index, talk in enumerate(talks) for other in talks[:index] for span in common(talk, other)
    ]
    return (min(start for start, _ in together), max(end for _, end in together)) if together else None


def stretches_of(shares: Sequence[Share], line: TimeLine) -> tuple[Stretch, ...]:
    """When each agent talked and held (guide 19.5.6); what was cut is not there."""
    found = []
    for share in shares:
        for start, end in without([share.span], share.holds):
            found.append(Stretch(line.output_ms(start), line.output_ms(end), "TALKING", share.agent))
        for start, end in share.holds:
            found.append(Stretch(line.output_ms(start), line.output_ms(end), "HOLD", share.agent))
    lasting = [stretch for stretch in found if stretch.start_ms < stretch.end_ms]
    return tuple(sorted(lasting, key=lambda each: (each.start_ms, each.end_ms, each.agent)))
