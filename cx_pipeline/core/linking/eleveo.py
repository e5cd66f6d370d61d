"""Couples of Eleveo, joined to recorded legs: it splits an agent's share in a call at hold, retrieve, transfer and conference.

A couple is a pair of end points with two one-way tracks. Which words its reasons have differs by release, so they come from
the settings. Two couples are joined only where that is plain: both are of one extension and of one call, and either their
reasons say that the second goes on with the first, or a hold of the leg fills the gap between them. What is not plain stays
apart, and says so. Source: guide 11.1 and 17.16; `docs/decisions/0023`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

START, RETRIEVE, TRANSFER, CONFERENCE = "START", "RETRIEVE", "TRANSFER", "CONFERENCE"
END, HOLD = "END", "HOLD"
START_WORDS = frozenset({START, RETRIEVE, TRANSFER, CONFERENCE})
END_WORDS = frozenset({END, HOLD, TRANSFER, CONFERENCE})

BEGINS_IN_MID_CALL, ENDS_ON_HOLD, UNKNOWN_REASON = "BEGINS_IN_MID_CALL", "ENDS_ON_HOLD", "UNKNOWN_REASON"
LONG_GAP, OVERLAP, AMBIGUOUS = "LONG_GAP", "OVERLAP", "AMBIGUOUS"
"""Notes on a recorded leg. BEGINS_IN_MID_CALL: its first couple goes on with one that is not there. ENDS_ON_HOLD: its last one
was held, and nothing follows. UNKNOWN_REASON: a reason that neither we nor the settings know. LONG_GAP: a gap that no hold of
the leg explains, though the reasons join its ends; a couple may be missing. OVERLAP: its couples overlap, or one that would go
on with it overlaps too much. AMBIGUOUS: it may go on with two others."""

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Couple:
    """One pair of end points as Eleveo tells it. Times are Eleveo's, in UTC."""

    couple_id: str
    sid: str
    """What it is downloaded by."""
    start_time: datetime
    end_time: datetime | None
    """None: it is still recorded."""
    calling: str | None = None
    called: str | None = None
    agent_extension: str | None = None
    """Of the phone that was recorded; None: Eleveo does not tell, and either party may be it."""
    call_key: str | None = None
    """The external data by which calls are looked up, in the form of our call keys."""
    start_reason: str | None = None
    end_reason: str | None = None
    """As Eleveo has them."""

    def is_of(self, extension: str) -> bool:
        """Whether it is a recording of this extension's phone."""
        if self.agent_extension is not None:
            return self.agent_extension == extension
        return extension in (self.calling, self.called)

    def other_party(self, extension: str) -> str | None:
        """The number at the other end."""
        return self.called if self.calling == extension else self.calling


@dataclass(frozen=True, slots=True)
class MergeRules:
    """What differs by site."""

    start_reasons: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Our word by that of COUPLE_START_REASON, where they differ."""
    end_reasons: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    tolerance: timedelta = timedelta(seconds=5)
    """How far moments that are one may lie apart: Eleveo's clock is not ours."""
    longest_hold: timedelta = timedelta(hours=2)
    """A retrieve after more belongs to another call, whose id was used again."""


@dataclass(frozen=True, slots=True)
class PlacedCouple:
    """A couple and where it begins in the time line of its leg."""

    couple: Couple
    offset_ms: int


@dataclass(frozen=True, slots=True)
class RecordedLeg:
    """What Eleveo recorded of one agent's share in a call; the silence of holds is kept by the couples' offsets."""

    agent_extension: str
    couples: tuple[PlacedCouple, ...]
    """In the order of time. Where two overlap, the later one counts from its start."""
    notes: tuple[str, ...] = ()

    @property
    def start_time(self) -> datetime:
        """Of its first couple."""
        return self.couples[0].couple.start_time

    @property
    def end_time(self) -> datetime | None:
        """Of the couple that ends last; None: it is still recorded."""
        ends = [placed.couple.end_time for placed in self.couples]
        known = [end for end in ends if end is not None]
        return max(known) if len(known) == len(ends) else None

    @property
    def other_party(self) -> str | None:
        """The number at the other end of its first couple."""
        return self.couples[0].couple.other_party(self.agent_extension)


def recorded_legs(
    couples: Sequence[Couple], extension: str, holds: Sequence[Span], rules: MergeRules
) -> list[RecordedLeg]:
    """The recorded legs of one extension in one call, in the order of their starts.

    Args:
        couples: of one call, of whichever extension; one that stands there twice counts once.
        extension: whose legs are wanted.
        holds: during which the agent's legs held the call, as far as they are known.
        rules: of the site.
    """
    own = {couple.couple_id: couple for couple in couples if couple.is_of(extension)}
    merger = _Merger(extension, holds, rules)
    for couple in sorted(own.values(), key=lambda each: (each.start_time, each.couple_id)):
        merger.take(couple)
    return [growing.leg(extension) for growing in merger.legs]


class _Growing:
    """A leg while its couples are joined."""

    def __init__(self, couple: Couple) -> None:
        self.couples = [couple]
        self.notes: list[str] = []

    @property
    def last(self) -> Couple:
        return self.couples[-1]

    def leg(self, extension: str) -> RecordedLeg:
        start = self.couples[0].start_time
        placed = (
            PlacedCouple(couple, (couple.start_time - start) // timedelta(milliseconds=1))
            for couple in self.couples
        )
        return RecordedLeg(extension, tuple(placed), tuple(dict.fromkeys(self.notes)))


class _Merger:
    """Takes the couples of one extension in the order of time."""

    def __init__(self, extension: str, holds: Sequence[Span], rules: MergeRules) -> None:
        self._extension, self._holds, self._rules = extension, holds, rules
        self._open: list[_Growing] = []
        self._conference_ends: list[datetime] = []

    @property
    def legs(self) -> list[_Growing]:
        """All of them; those that ended on hold are told so."""
        for growing in self._open:
            if self._ended(growing.last) == HOLD:
                growing.notes.append(ENDS_ON_HOLD)
        return self._open

    def take(self, couple: Couple) -> None:
        """Join the couple to the leg that it goes on with, or begin one."""
        fitting = [growing for growing in self._open if self._goes_on(growing.last, couple)]
        best = max((self._likeness(growing.last, couple) for growing in fitting), default=None)
        fitting = [growing for growing in fitting if self._likeness(growing.last, couple) == best]
        if len(fitting) == 1:
            growing = fitting[0]
            self._note_gap(growing, couple)
            growing.couples.append(couple)
        else:
            growing = _Growing(couple)
            self._open.append(growing)
            self._note_beginning(growing, is_ambiguous=len(fitting) > 1)
        self._note_reasons(growing, couple)
        if self._ended(couple) == CONFERENCE and couple.end_time is not None:
            self._conference_ends.append(couple.end_time)

    def _goes_on(self, last: Couple, couple: Couple) -> bool:
        if last.end_time is None or not self._is_in_reach(last.end_time, couple.start_time):
            return False
        is_same_call = last.call_key == couple.call_key
        if is_same_call and self._is_hold(last.end_time, couple.start_time):
            return True
        match (self._ended(last), self._began(couple)):
            case ("HOLD", "RETRIEVE"):
                return is_same_call
            case ("HOLD", "CONFERENCE"):
                return self._makes_a_conference(couple)
            case ("TRANSFER", "TRANSFER") | ("CONFERENCE", "CONFERENCE"):
                # A transfer or conference keeps the voice flowing: after a pause the agent came back, with a leg of its own.
                return couple.start_time - last.end_time <= self._rules.tolerance
            case _:
                return False

    def _makes_a_conference(self, couple: Couple) -> bool:
        """Whether the agent's own consultation became this conference: who only held the call may have left it since."""
        return any(abs(couple.start_time - end) <= self._rules.tolerance for end in self._conference_ends)

    def _is_in_reach(self, end: datetime, start: datetime) -> bool:
        gap = start - end
        is_held = any(hold_start <= start and end <= hold_end for hold_start, hold_end in self._holds)
        return -self._rules.tolerance <= gap and (gap <= self._rules.longest_hold or is_held)

    def _is_hold(self, end: datetime, start: datetime) -> bool:
        """Whether a hold of the leg is the gap between two couples."""
        tolerance = self._rules.tolerance
        return any(
            abs(hold_start - end) <= tolerance and abs(hold_end - start) <= tolerance
            for hold_start, hold_end in self._holds
        )

    def _likeness(self, last: Couple, couple: Couple) -> tuple[bool, bool, bool]:
        """How well the couple goes on with a leg: the held call comes before the consultation that interrupted it."""
        extension = self._extension
        return (
            self._ended(last) == HOLD,
            last.call_key == couple.call_key,
            last.other_party(extension) == couple.other_party(extension),
        )

    def _note_gap(self, growing: _Growing, couple: Couple) -> None:
        end = growing.last.end_time or couple.start_time
        if couple.start_time < end:
            growing.notes.append(OVERLAP)
        is_long = couple.start_time - end > self._rules.tolerance
        if is_long and self._holds and not self._is_hold(end, couple.start_time):
            growing.notes.append(LONG_GAP)

    def _note_beginning(self, growing: _Growing, *, is_ambiguous: bool) -> None:
        couple = growing.last
        if is_ambiguous:
            growing.notes.append(AMBIGUOUS)
        elif self._began(couple) == RETRIEVE:
            growing.notes.append(BEGINS_IN_MID_CALL)
        if any(
            other is not growing and other.last.end_time and couple.start_time < other.last.end_time
            for other in self._open
        ):
            growing.notes.append(OVERLAP)

    def _note_reasons(self, growing: _Growing, couple: Couple) -> None:
        is_ended_unknown = couple.end_time is not None and self._ended(couple) is None
        if self._began(couple) is None or is_ended_unknown:
            growing.notes.append(UNKNOWN_REASON)

    def _began(self, couple: Couple) -> str | None:
        return _our_word(couple.start_reason, self._rules.start_reasons, START_WORDS)

    def _ended(self, couple: Couple) -> str | None:
        return _our_word(couple.end_reason, self._rules.end_reasons, END_WORDS)


def _our_word(word: str | None, mapped: Mapping[str, str], known: frozenset[str]) -> str | None:
    """Our word for a reason; None: nobody knows it."""
    if word is None:
        return None
    told = word.strip()
    ours = mapped.get(told, mapped.get(told.upper(), told)).strip().upper()
    return ours if ours in known else None
