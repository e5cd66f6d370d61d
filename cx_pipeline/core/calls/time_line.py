"""A call's time line: its parties, what each of them did when, and what put the call together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import polars as pl

from cx_pipeline.core.events.vocabulary import Kind


class State(StrEnum):
    """What a party does."""

    DIALING = "DIALING"
    RINGING = "RINGING"
    """An agent's phone rings; a number outside waits (offered, queued, alerting)."""
    TALKING = "TALKING"
    """An agent talks; a number outside is connected."""
    HELD = "HELD"


@dataclass(frozen=True, slots=True)
class Span:
    """A party's state from `start` to `end`; while it lasts, `end` is the end of the time line."""

    state: State
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Party:
    """A party and its spans, in the order in which they are drawn: a later one covers an earlier one.

    `ends`: when it left; a party may come again and leave again.
    """

    extension: str
    name: str | None
    is_agent: bool
    spans: tuple[Span, ...]
    ends: tuple[datetime, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A consult, transfer, conference or merge: when, by whom (null: nobody is named), on which call key."""

    time: datetime
    kind: str
    extension: str | None
    call_key: str


@dataclass(frozen=True, slots=True)
class TimeLine:
    """Parties (agents first) over time. `is_running`: the call has not ended."""

    start: datetime
    end: datetime
    is_running: bool
    parties: tuple[Party, ...]
    marks: tuple[Mark, ...]


MARK_KINDS = tuple(kind.name for kind in (Kind.CONSULT, Kind.TRANSFER, Kind.CONFERENCE, Kind.MERGED))
_WAITING = tuple(kind.name for kind in (Kind.OFFERED, Kind.QUEUED, Kind.ALERTING, Kind.RINGING))
_DIALING = (Kind.INITIATED.name, Kind.DIALING.name)
_CONNECTED = (Kind.ESTABLISHED.name, Kind.TALKING.name)
_GONE = (Kind.DISCONNECTED.name, Kind.DROPPED.name, Kind.FAILED.name)


def time_line(
    call: Mapping[str, Any],
    legs: Sequence[Mapping[str, Any]],
    facts: pl.DataFrame,
    names: Mapping[str, str] | None = None,
) -> TimeLine:
    """Lay out a call.

    Args:
        call: a row of `CALL_SCHEMA`.
        legs: its rows of `LEG_SCHEMA`.
        facts: its facts, `CALL_FACT_SCHEMA`.
        names: of agents, by extension.
    """
    start, end = _span(call, legs)
    agents = {leg["agent_extension"] for leg in legs}
    parties = [
        _agent(
            extension, [leg for leg in legs if leg["agent_extension"] == extension], facts, end, names or {}
        )
        if extension in agents
        else _other_party(extension, facts, end, names or {})
        for extension in [*sorted(agents), *(p for p in call["participants"] if p not in agents)]
    ]
    marks = facts.filter(pl.col("kind").is_in(MARK_KINDS)).select(
        "event_time", "kind", "extension", "call_key"
    )
    is_running = call["end_time"] is None
    return TimeLine(start, end, is_running, tuple(parties), tuple(Mark(*row) for row in marks.iter_rows()))


def _span(call: Mapping[str, Any], legs: Sequence[Mapping[str, Any]]) -> tuple[datetime, datetime]:
    moments = [call["start_time"], call["last_fact_time"]]
    moments += [leg[name] for leg in legs for name in ("start_time", "end_time") if leg[name] is not None]
    return min(moments), max(moments)


def _agent(
    extension: str,
    legs: Sequence[Mapping[str, Any]],
    facts: pl.DataFrame,
    last: datetime,
    names: Mapping[str, str],
) -> Party:
    spans: list[Span] = []
    for leg in legs:
        spans += _spans_of_leg(leg, _dialled_at(leg, facts), last)
    ends = tuple(leg["end_time"] for leg in legs if leg["end_time"] is not None)
    return Party(extension, names.get(extension), is_agent=True, spans=tuple(spans), ends=ends)


def _spans_of_leg(leg: Mapping[str, Any], dialled_at: datetime | None, last: datetime) -> Iterator[Span]:
    start, end = leg["start_time"], leg["end_time"] or last
    if not leg["is_answered"]:
        yield Span(State.DIALING if leg["start_reason"] == "OUTBOUND" else State.RINGING, start, end)
        return
    before = (State.DIALING, dialled_at) if dialled_at is not None else (State.RINGING, leg["ring_time"])
    if before[1] is not None and before[1] < start:
        yield Span(before[0], before[1], start)
    yield Span(State.TALKING, start, end)
    for hold in leg["hold_segments"]:
        yield Span(State.HELD, hold["start_time"], hold["end_time"] or end)


def _dialled_at(leg: Mapping[str, Any], facts: pl.DataFrame) -> datetime | None:
    if leg["start_reason"] != "OUTBOUND":
        return None
    own = facts.filter(pl.col("kind").is_in(_DIALING) & (pl.col("extension") == leg["agent_extension"]))
    first: datetime | None = own["event_time"].min()  # type: ignore[assignment]
    return first


@dataclass(slots=True)
class _Course:
    """How a party without legs comes and goes on one call key."""

    spans: list[Span] = field(default_factory=list)
    state: State | None = None
    since: datetime | None = None
    left_at: datetime | None = None

    def becomes(self, state: State | None, moment: datetime) -> None:
        if state is self.state:
            return
        if self.state is not None and self.since is not None and moment > self.since:
            self.spans.append(Span(self.state, self.since, moment))
        self.state, self.since = state, moment


def _other_party(extension: str, facts: pl.DataFrame, last: datetime, names: Mapping[str, str]) -> Party:
    spans: list[Span] = []
    ends: list[datetime] = []
    own = facts.filter(pl.col("extension") == extension)
    for _, on_key in own.group_by("call_key", maintain_order=True):
        course = _Course()
        for moment, kind in on_key.select("event_time", "kind").iter_rows():
            _advance(course, kind, moment)
        course.becomes(None, last)
        spans += course.spans
        ends += [course.left_at] if course.left_at is not None else []
    # A number that is transferred leaves one key and stays on another: where it is connected anywhere, it is.
    spans.sort(key=lambda span: span.state is State.TALKING)
    return Party(extension, names.get(extension), is_agent=False, spans=tuple(spans), ends=tuple(ends[-1:]))


def _advance(course: _Course, kind: str, moment: datetime) -> None:
    if kind in _GONE:
        course.becomes(None, moment)
        course.left_at = moment
    elif kind in _CONNECTED:
        course.becomes(State.TALKING, moment)
    elif kind == Kind.HELD.name:
        course.becomes(State.HELD, moment)
    elif kind in _WAITING and course.state is None:
        course.becomes(State.RINGING, moment)
    elif kind in _DIALING and course.state is None:
        course.becomes(State.DIALING, moment)
