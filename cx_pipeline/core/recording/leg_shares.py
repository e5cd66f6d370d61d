"""A leg and the files that were matched to it, as a share of a recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cx_pipeline.core.recording.shares import Share, masks_of, problem_of, source_file, without_doubles
from cx_pipeline.core.recording.spans import Span, common, union
from cx_pipeline.core.windows import as_mark

Row = Mapping[str, Any]


def share_of_leg(leg: Row, call: Sequence[Row], files: Sequence[Row]) -> Share | None:
    """The share of a leg; none where it has no length.

    Args:
        leg: columns of `ENRICHED_LEG_SCHEMA`.
        call: all legs of its call.
        files: columns of `RECORDING_MANIFEST_SCHEMA`, with `method` and `clock_offset_ms` of the match.
    """
    if leg["start_time"] is None or leg["end_time"] is None or leg["start_time"] >= leg["end_time"]:
        return None
    span = as_mark(leg["start_time"]), as_mark(leg["end_time"])
    usable = [row for row in files if problem_of(row) is None]
    return Share(
        leg_id=leg["leg_id"],
        agent=leg["agent_extension"] or "",
        start_us=span[0],
        end_us=span[1],
        files=without_doubles(source_file(row, row["clock_offset_ms"], row["method"]) for row in usable),
        holds=holds_of(leg, span),
        parked=_parked(leg, call, span),
        masks=union(mask for row in files for mask in masks_of(row, row["clock_offset_ms"])),
        told_masks=union(mask for row in files for mask in masks_of(row, 0)),
        is_in_conference=leg["conference_id"] is not None,
        transferred_from=leg["transferred_from"],
        transferred_to=leg["transferred_to"],
        broken_files=tuple(
            sorted((row["manifest_id"], problem) for row in files if (problem := problem_of(row)) is not None)
        ),
    )


def holds_of(leg: Row, span: Span) -> tuple[Span, ...]:
    """The holds of a leg whose place is known, within `span`; one that lasts ends with it."""
    known = [hold for hold in leg["hold_segments"] or () if hold["start_time"] is not None]
    spans = [
        (as_mark(hold["start_time"]), span[1] if hold["end_time"] is None else as_mark(hold["end_time"]))
        for hold in known
    ]
    return common(spans, [span])


def _parked(leg: Row, call: Sequence[Row], span: Span) -> tuple[Span, ...]:
    """When the one who consulted the leg's agent held the other party: holds that its start lies in."""
    if leg["consult_source"] is None:
        return ()
    sources = [
        other for other in call if other["agent_extension"] == leg["consult_source"] and other is not leg
    ]
    holds = [
        hold
        for other in sources
        if other["start_time"] is not None and other["end_time"] is not None
        for hold in holds_of(other, (as_mark(other["start_time"]), as_mark(other["end_time"])))
    ]
    at_start = [hold for hold in holds if hold[0] <= span[0] < hold[1]]
    return common(at_start, [span])
