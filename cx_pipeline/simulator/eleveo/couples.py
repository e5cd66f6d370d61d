"""The couples that Eleveo would have of true legs: a new one after each hold, transfer and conference.

A couple is made at each phone that takes part, as Built-in-Bridge recording makes them: its agent's voice, and what the phone
hears. What a line carries, and when, is the truth of the traffic (`TRUE_LEG_SCHEMA`, `talks`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

import polars as pl

from cx_pipeline.simulator.audio.voices import voice_key

START, RETRIEVE, TRANSFER, CONFERENCE = "START", "RETRIEVE", "TRANSFER", "CONFERENCE"
END, HOLD = "END", "HOLD"
OUTSIDE = "outside"
NODE_SHIFT = 24
AT_ONCE = 200_000
"""Microseconds: what lies closer together is one moment, reported in several facts."""
SHORTEST = 20_000


@dataclass(frozen=True, slots=True)
class Heard:
    """A voice and when it is heard, in microseconds since 1970."""

    voice_key: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class HeldCouple:
    """One couple as Eleveo holds it, times in microseconds since 1970 by the true clock."""

    couple_id: str
    sid: str
    call_key: str
    agent_extension: str
    calling: str | None
    called: str | None
    start: int
    end: int
    start_reason: str
    end_reason: str
    near: int
    """Key of the agent's voice."""
    far: tuple[Heard, ...]
    root_call_key: str = ""
    leg_number: int = 0
    is_other_line: bool = False
    """Whether it is of another line during a hold of the leg: it is no part of the leg's own recording."""

    @property
    def jtapi_id(self) -> str:
        """The call's id as `CiscoCallID` writes it: `gcid/node`."""
        node, _, gcid = self.call_key.rpartition("_")
        return f"{gcid}/{node or 0}"


@dataclass(slots=True)
class _Part:
    """A stretch of a talk with the same parties."""

    talk: dict[str, Any]
    start: int
    end: int
    parties: frozenset[str]
    start_reason: str | None = None
    end_reason: str | None = None
    is_other_line: bool = field(default=False)


def couples_of_legs(legs: pl.DataFrame, seed: int = 1) -> list[HeldCouple]:
    """The couples of the answered legs that ended, in the order of their starts.

    Args:
        legs: `TRUE_LEG_SCHEMA`.
        seed: of the voices.
    """
    couples = [
        couple
        for leg in legs.iter_rows(named=True)
        if leg["is_answered"] and leg["end_time"] is not None
        for couple in _couples_of_leg(leg, seed)
    ]
    couples.sort(key=lambda each: (each.start, each.agent_extension, each.call_key))
    return [
        replace(couple, couple_id=str(number), sid=f"{couple.call_key}-{number}")
        for number, couple in enumerate(couples, 1)
    ]


def microseconds(time: datetime) -> int:
    """A time of a frame as microseconds since 1970."""
    return int(time.replace(microsecond=0).timestamp()) * 1_000_000 + time.microsecond


def _couples_of_leg(leg: dict[str, Any], seed: int) -> Iterator[HeldCouple]:
    talks = [talk for talk in leg["talks"] if talk["end_time"] is not None]
    parts = [part for talk in talks for part in _parts_of_talk(talk)]
    parts = sorted((part for part in parts if part.end - part.start >= SHORTEST), key=lambda p: p.start)
    _give_reasons(leg, parts)
    for part in parts:
        calling, called = _ends(leg, part)
        yield HeldCouple(
            couple_id="",
            sid="",
            call_key=part.talk["call_key"],
            agent_extension=leg["agent_extension"],
            calling=calling,
            called=called,
            start=part.start,
            end=part.end,
            start_reason=part.start_reason or START,
            end_reason=part.end_reason or END,
            near=_voice(leg, leg["agent_extension"], seed),
            far=_far(leg, part, seed),
            root_call_key=leg["root_call_key"],
            leg_number=leg["leg_number"],
            is_other_line=part.is_other_line,
        )


def _parts_of_talk(talk: dict[str, Any]) -> list[_Part]:
    """A talk, cut where somebody comes to it or another takes over; who leaves a conference cuts nothing."""
    start, end = microseconds(talk["start_time"]), microseconds(talk["end_time"])
    heard = [
        (each["party"], microseconds(each["start_time"]), _end_of(each, end)) for each in talk["heard"] or ()
    ]
    moments = {moment for _, first, last in heard for moment in (first, last) if start < moment < end}
    parts = [_Part(talk, start, end, frozenset())]
    for first, last in pairwise([start, *sorted(moments), end]):
        parties = frozenset(
            party for party, begin, stop in heard if begin < last - AT_ONCE and stop > first + AT_ONCE
        )
        current = parts[-1].parties
        if not current:
            parts[-1].parties = parties
        elif parties - current:
            reason = CONFERENCE if parties > current else TRANSFER
            parts[-1].end, parts[-1].end_reason = first, reason
            parts.append(_Part(talk, first, end, parties, start_reason=reason))
    return parts


def _end_of(heard: dict[str, Any], end: int) -> int:
    return end if heard["end_time"] is None else min(end, microseconds(heard["end_time"]))


def _give_reasons(leg: dict[str, Any], parts: list[_Part]) -> None:
    holds = [
        (microseconds(hold["start_time"]), microseconds(hold["end_time"]))
        for hold in leg["hold_segments"]
        if hold["end_time"] is not None
    ]
    for part in parts:
        if part.end_reason is None and any(abs(start - part.end) <= AT_ONCE for start, _ in holds):
            part.end_reason = HOLD
        part.is_other_line = any(
            start - AT_ONCE <= part.start and part.end <= end + AT_ONCE for start, end in holds
        )
    for number, part in enumerate(parts):
        if part.start_reason is None:
            _begin(part, parts[:number])
    if parts and parts[-1].end_reason is None and "TRANSFER" in (leg["end_reason"] or ""):
        parts[-1].end_reason = TRANSFER


def _begin(part: _Part, before: list[_Part]) -> None:
    """Why a line is through at this moment: retrieved, or brought by what another line just did, or new."""
    key = part.talk["call_key"]
    held = next((p for p in reversed(before) if p.end_reason == HOLD and p.talk["call_key"] == key), None)
    ended = next((p for p in reversed(before) if p is not held and abs(p.end - part.start) <= AT_ONCE), None)
    is_conference = len(part.parties) > 1
    if held is not None:
        part.start_reason = CONFERENCE if is_conference and ended is not None else RETRIEVE
    elif ended is not None:
        part.start_reason = CONFERENCE if is_conference else TRANSFER
    else:
        part.start_reason = START
    if ended is not None and part.start_reason in {CONFERENCE, TRANSFER}:
        ended.end_reason = part.start_reason


def _ends(leg: dict[str, Any], part: _Part) -> tuple[str | None, str | None]:
    """Who called whom."""
    agent = leg["agent_extension"]
    party = min(part.parties, key=lambda each: (each != OUTSIDE, each), default=OUTSIDE)
    other = leg["other_party"] if party == OUTSIDE else party
    is_caller = leg["consult_target"] == other if party != OUTSIDE else leg["direction"] == "OUTBOUND"
    return (agent, other) if is_caller else (other, agent)


def _far(leg: dict[str, Any], part: _Part, seed: int) -> tuple[Heard, ...]:
    last = part.end
    return tuple(
        Heard(
            _voice(leg, each["party"], seed),
            max(part.start, microseconds(each["start_time"])),
            _end_of(each, last),
        )
        for each in part.talk["heard"] or ()
        if microseconds(each["start_time"]) < last and _end_of(each, last) > part.start
    )


def _voice(leg: dict[str, Any], party: str, seed: int) -> int:
    return voice_key(seed, leg["tenant_id"], leg["call_number"], party)
