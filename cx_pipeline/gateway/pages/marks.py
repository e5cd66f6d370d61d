"""What is marked on a recording: holds, masks and conferences as spans, transfers, joins and leaves as moments."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

HOLD, MASK, CONFERENCE, TRANSFER, JOIN, LEAVE = "hold", "mask", "conference", "transfer", "join", "leave"
"""Kinds of marks."""
LEGEND: Mapping[str, str] = MappingProxyType(
    {
        HOLD: "On hold: the other party waits",
        MASK: "Masked: not recorded on purpose, for example a card number",
        CONFERENCE: "Conference: several agents talk together",
        TRANSFER: "Transfer",
        JOIN: "Somebody joins",
        LEAVE: "Somebody leaves",
    }
)
"""What each kind means, in the order of the page."""
_SPANS = MappingProxyType({"HOLD": HOLD, "MASK": MASK, "CONFERENCE": CONFERENCE})
_EDGE_MS = 500
"""Who is there from the first moment does not join."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark; a moment has no `end_ms`."""

    kind: str
    start_ms: int
    end_ms: int | None
    text: str

    def left(self, duration_ms: int) -> str:
        """Where it begins in the picture, as SVG has it."""
        return f"{100 * self.start_ms / max(duration_ms, 1):.3f}%"

    def width(self, duration_ms: int) -> str:
        """How much of the picture it covers, as SVG has it."""
        return f"{100 * ((self.end_ms or self.start_ms) - self.start_ms) / max(duration_ms, 1):.3f}%"


def marks_of(
    details: Mapping[str, Any],
    legs: Sequence[Mapping[str, Any]],
    start_time: datetime | None,
    duration_ms: int | None,
    agents: Mapping[str, str],
) -> tuple[Mark, ...]:
    """The marks in the order of time.

    Args:
        details: the recording's description (`core.recording.metadata`); its markers lie in the recording's own time.
            Where it has none, the legs' holds tell.
        legs: that are heard.
        start_time: of the recording's first moment.
        duration_ms: its length.
        agents: names by extension.
    """
    last = duration_ms if duration_ms is not None else 0
    found: list[Mark] = []
    if details.get("markers") is not None:
        found += _of_markers(details["markers"], last, agents)
        found += _joins(details.get("segments") or (), last, agents)
    elif start_time is not None:
        found += _of_legs(legs, start_time, last)
    return tuple(sorted(found, key=lambda mark: (mark.start_ms, mark.kind, mark.text)))


def _of_markers(
    markers: Sequence[Mapping[str, Any]], last_ms: int, agents: Mapping[str, str]
) -> Iterator[Mark]:
    """Starts and ends, tied by kind and agent; what lacks one begins or ends with the recording."""
    open_since: dict[tuple[str, str], int] = {}
    for marker in markers:
        kind, _, edge = str(marker["kind"]).rpartition("_")
        at, who = int(marker["time"]), str(marker.get("label") or "").partition(" ")[2]
        if kind not in _SPANS:
            yield Mark(TRANSFER, at, None, f"Transfer {_named(who, agents)}".rstrip())
        elif edge == "START":
            open_since.setdefault((kind, who), at)
        else:
            yield _span(kind, open_since.pop((kind, who), 0), at, who, agents)
    for (kind, who), since in open_since.items():
        yield _span(kind, since, last_ms, who, agents)


def _span(kind: str, start_ms: int, end_ms: int, who: str, agents: Mapping[str, str]) -> Mark:
    words = {"HOLD": "On hold", "MASK": "Masked", "CONFERENCE": "Conference"}[kind]
    by = f", held by {agents.get(who, who)}" if who else ""
    return Mark(_SPANS[kind], start_ms, max(end_ms, start_ms), f"{words}{by}")


def _named(words: str, agents: Mapping[str, str]) -> str:
    """`from 1001` with the agent's name."""
    way, _, extension = words.partition(" ")
    return f"{way} {agents.get(extension, extension)}" if extension else words


def _joins(segments: Sequence[Mapping[str, Any]], last_ms: int, agents: Mapping[str, str]) -> Iterator[Mark]:
    """When each agent of several came and went."""
    spans: dict[str, tuple[int, int]] = {}
    for each in segments:
        agent, start, end = str(each["agent"]), int(each["start"]), int(each["end"])
        first, final = spans.get(agent, (start, end))
        spans[agent] = (min(first, start), max(final, end))
    if len(spans) < 2:
        return
    for agent, (start, end) in spans.items():
        who = agents.get(agent, f"extension {agent}")
        if start > _EDGE_MS:
            yield Mark(JOIN, start, None, f"{who} joins")
        if end < last_ms - _EDGE_MS:
            yield Mark(LEAVE, end, None, f"{who} leaves")


def _of_legs(legs: Sequence[Mapping[str, Any]], start_time: datetime, last_ms: int) -> Iterator[Mark]:
    """Holds by the clock of the events, where the recorder says nothing of them."""
    for leg in legs:
        for hold in leg["hold_segments"] or ():
            if hold.get("start_time") and hold.get("end_time"):
                start, end = (
                    round((datetime.fromisoformat(hold[name]) - start_time).total_seconds() * 1000)
                    for name in ("start_time", "end_time")
                )
                if end > 0 and (not last_ms or start < last_ms):
                    yield Mark(HOLD, max(start, 0), min(end, last_ms) if last_ms else end, "On hold")
