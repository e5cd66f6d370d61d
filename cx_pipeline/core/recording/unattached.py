"""Files without a leg of ours, put together to talks: siblings of one refci, or files that are mixed by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cx_pipeline.core.recording.schema import BOTH
from cx_pipeline.core.recording.shares import (
    SECOND_US,
    Share,
    SourceFile,
    masks_of,
    problem_of,
    source_file,
    without_doubles,
)
from cx_pipeline.core.recording.spans import Span, union, without

Row = Mapping[str, Any]

_SHORTEST_HOLD_US = SECOND_US


@dataclass(frozen=True, slots=True)
class Talk:
    """The rows of files that are one talk, and what can be used of them (none: nothing)."""

    rows: tuple[Row, ...]
    share: Share | None


def talks_of_files(rows: Sequence[Row], clock_offset_ms: Mapping[str, int]) -> tuple[Talk, ...]:
    """Each file of both voices alone; those of one voice with their siblings: one refci, one time."""
    groups: list[list[Row]] = []
    siblings: dict[tuple[str, str], list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row["start_time"], row["manifest_id"])):
        if row["side"] == BOTH or row["refci"] is None:
            groups.append([row])
            continue
        key = row["tenant_id"], row["refci"]
        known = siblings.get(key)
        if known is not None and all(row["side"] != other["side"] for other in known) and _meet(row, known):
            known.append(row)
        else:
            siblings[key] = [row]
            groups.append(siblings[key])
    return tuple(Talk(tuple(group), share_of_files(group, clock_offset_ms)) for group in groups)


def _meet(row: Row, others: Iterable[Row]) -> bool:
    """Whether a file begins before one of the others is over."""
    return any(row["start_time"] <= (other["end_time"] or other["start_time"]) for other in others)


def share_of_files(
    rows: Sequence[Row], clock_offset_ms: Mapping[str, int], *, is_gap_a_hold: bool = False
) -> Share | None:
    """The share that files tell by themselves: from the first frame to the last; none where no file can be used."""

    def offset(row: Row) -> int:
        return clock_offset_ms.get(row["recorder_id"] or "", 0)

    files = without_doubles(source_file(row, offset(row)) for row in rows if problem_of(row) is None)
    if not files:
        return None
    start, end = min(file.span[0] for file in files), max(file.span[1] for file in files)
    return Share(
        leg_id=None,
        agent=next((row["agent_extension"] for row in rows if row["agent_extension"] is not None), ""),
        start_us=start,
        end_us=end,
        files=files,
        holds=_gaps(files, (start, end)) if is_gap_a_hold else (),
        masks=union(mask for row in rows for mask in masks_of(row, offset(row))),
        told_masks=union(mask for row in rows for mask in masks_of(row, 0)),
        broken_files=tuple(
            sorted((row["manifest_id"], problem) for row in rows if (problem := problem_of(row)) is not None)
        ),
    )


def _gaps(files: Iterable[SourceFile], span: Span) -> tuple[Span, ...]:
    """Where no file is: a hold ends the dialogs of both voices (facts of built-in bridges)."""
    gaps = without([span], (file.span for file in files))
    return tuple((start, end) for start, end in gaps if end - start >= _SHORTEST_HOLD_US)
