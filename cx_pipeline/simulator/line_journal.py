"""Who could hear whom on which line, and when: noted while people act, beside whatever a dialect reports.

A recorder at the phone hears what the line carries. So a talk begins when a line is through and somebody else is on the
call, and ends when the line is held or gone; each talk is one pair of files (near end and far end).
"""

from dataclasses import dataclass, field

from cx_pipeline.simulator.phones import Line, SwitchCall
from cx_pipeline.simulator.reports import Report, Reporter

OPEN_END = 1 << 62
OUTSIDE = "outside"
"""The party of a call that is no agent; agents are parties by their extension."""


@dataclass(slots=True, eq=False)
class _Presence:
    """A party on a call: spans in which it can be heard there, the last one open while `is_heard`."""

    party: str
    call: SwitchCall
    line: Line | None = None
    phone: str | None = None
    spans: list[list[int]] = field(default_factory=list)

    @property
    def is_heard(self) -> bool:
        return bool(self.spans) and self.spans[-1][1] == OPEN_END

    def begins(self, time: int) -> None:
        if not self.is_heard:
            self.spans.append([time, OPEN_END])

    def ends(self, time: int) -> None:
        if self.is_heard:
            self.spans[-1][1] = max(time, self.spans[-1][0])


@dataclass(frozen=True, slots=True)
class Voice:
    """A party that is heard on a talk, and from when to when (microseconds)."""

    party: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Talk:
    """One line through to somebody, from the first to the last moment; `end` is `OPEN_END` while it lasts."""

    extension: str
    terminal: str
    call_key: str
    connection_id: str | None
    start: int
    end: int
    others: tuple[Voice, ...]


class LineJournal(Reporter):
    """Passes everything on to a dialect's reporter, and notes who is on which line. `outside` is the number outside."""

    def __init__(self, dialect: Reporter, outside: str | None) -> None:
        self._dialect = dialect
        self._outside = outside
        self._lines: dict[Line, _Presence] = {}
        self._outsides: dict[SwitchCall, _Presence] = {}
        self._consults: dict[SwitchCall, tuple[Line, str, list[int]]] = {}
        self._held: dict[SwitchCall, Line] = {}
        self.shows_ringing = dialect.shows_ringing
        self.shows_controller_on_consult = dialect.shows_controller_on_consult

    @property
    def reports(self) -> list[Report]:  # type: ignore[override]
        """The dialect's."""
        return self._dialect.reports

    def talks_of_call(self) -> list[Talk]:
        """All talks, in the order in which lines were opened."""
        return [talk for presence in self._lines.values() for talk in self._talks_on(presence)]

    # What is noted.

    def outside_established(self, time: int, call: SwitchCall, number: str) -> None:
        """The number outside is on the call from now on."""
        self._dialect.outside_established(time, call, number)
        if number == self._outside:
            self._outsides.setdefault(call, _Presence(OUTSIDE, call)).begins(time)

    def outside_left(self, time: int, call: SwitchCall, number: str) -> None:
        """The number outside is on the call no more."""
        self._dialect.outside_left(time, call, number)
        if call in self._outsides:
            self._outsides[call].ends(time)

    def went_off_hook(self, time: int, line: Line, *, is_talking_at_once: bool) -> None:
        """The line is open; the talk begins when somebody answers."""
        self._dialect.went_off_hook(time, line, is_talking_at_once=is_talking_at_once)
        self._is_through(time, line)

    def answered(self, time: int, line: Line) -> None:
        """The line is through."""
        self._dialect.answered(time, line)
        self._is_through(time, line)

    def talks(self, time: int, line: Line) -> None:
        """The line is through."""
        self._dialect.talks(time, line)
        self._is_through(time, line)

    def resumed(self, time: int, line: Line) -> None:
        """The line is through again."""
        self._dialect.resumed(time, line)
        self._consult_is_over(time, line.call)
        self._is_through(time, line)

    def joined(self, time: int, line: Line) -> None:
        """The line is through to whom the merge brought."""
        self._dialect.joined(time, line)
        self._consult_is_over(time, line.call)
        self._is_through(time, line)

    def held(self, time: int, line: Line) -> None:
        """The line carries nothing."""
        self._dialect.held(time, line)
        self._held[line.call] = line
        if line in self._lines:
            self._lines[line].ends(time)

    def left(self, time: int, line: Line, reason: str | None = None) -> None:
        """The line is gone."""
        self._dialect.left(time, line, reason)
        self._consult_is_over(time, line.call)
        if line in self._lines:
            self._lines[line].ends(time)

    def call_ended(self, time: int, call: SwitchCall) -> None:
        """Nobody is on the call any more."""
        self._dialect.call_ended(time, call)
        if call in self._outsides:
            self._outsides[call].ends(time)

    def consult_dialled_on_same_call(self, time: int, call: SwitchCall, colleague: str) -> None:
        """The colleague will hear the controller and not the party on hold, though all are on one call."""
        self._dialect.consult_dialled_on_same_call(time, call, colleague)
        if call in self._held:
            self._consults[call] = (self._held[call], colleague, [time, OPEN_END])

    def conference_started(
        self,
        time: int,
        final: SwitchCall,
        merged: SwitchCall | None,
        line: Line,
        colleague: Line,
        reason: str | None,
    ) -> None:
        """All hear all; without a merged call nothing else says that the controller is back."""
        self._dialect.conference_started(time, final, merged, line, colleague, reason)
        self._consult_is_over(time, final)
        if merged is None:
            self._is_through(time, line)

    # What is only passed on.

    def call_started(self, time: int, call: SwitchCall) -> None:
        """Passed on."""
        self._dialect.call_started(time, call)

    def outside_reached(self, time: int, call: SwitchCall, number: str) -> None:
        """Passed on."""
        self._dialect.outside_reached(time, call, number)

    def outside_failed(self, time: int, call: SwitchCall, number: str, cause: str) -> None:
        """Passed on."""
        self._dialect.outside_failed(time, call, number, cause)

    def route_point_entered(self, time: int, call: SwitchCall, number: str) -> None:
        """Passed on."""
        self._dialect.route_point_entered(time, call, number)

    def route_point_left(self, time: int, call: SwitchCall, number: str) -> None:
        """Passed on."""
        self._dialect.route_point_left(time, call, number)

    def dialled(self, time: int, line: Line, number: str) -> None:
        """Passed on."""
        self._dialect.dialled(time, line, number)

    def rings(self, time: int, line: Line, reason: str | None) -> None:
        """Passed on."""
        self._dialect.rings(time, line, reason)

    def rings_out(self, time: int, line: Line, cause: str | None, reason: str | None) -> None:
        """Passed on."""
        self._dialect.rings_out(time, line, cause, reason)

    def other_phones_stop(self, time: int, line: Line) -> None:
        """Passed on."""
        self._dialect.other_phones_stop(time, line)

    def consult_started(self, time: int, line: Line, colleague: str) -> None:
        """Passed on."""
        self._dialect.consult_started(time, line, colleague)

    def transfer_started(
        self, time: int, final: SwitchCall, merged: SwitchCall | None, line: Line, colleague: Line
    ) -> None:
        """Passed on."""
        self._dialect.transfer_started(time, final, merged, line, colleague)

    def merge_ended(self, time: int, final: SwitchCall, *, is_conference: bool) -> None:
        """Passed on."""
        self._dialect.merge_ended(time, final, is_conference=is_conference)

    def connection_of(self, line: Line) -> str | None:
        """The dialect's."""
        return self._dialect.connection_of(line)

    # How it is noted.

    def _is_through(self, time: int, line: Line) -> None:
        presence = self._lines.get(line)
        if presence is None:
            presence = self._lines[line] = _Presence(line.agent.extension, line.call, line)
        presence.phone = line.phones[0]
        presence.begins(time)

    def _consult_is_over(self, time: int, call: SwitchCall) -> None:
        if call in self._consults:
            span = self._consults[call][2]
            span[1] = min(span[1], time)

    def _talks_on(self, presence: _Presence) -> list[Talk]:
        line = presence.line
        if line is None or presence.phone is None:
            return []
        talks = []
        for start, end in presence.spans:
            others = self._heard_by(presence, start, end)
            if others and end > min(voice.start for voice in others):
                first = min(voice.start for voice in others)
                talks.append(
                    Talk(
                        presence.party,
                        presence.phone,
                        presence.call.key.normal,
                        self.connection_of(line),
                        first,
                        end,
                        others,
                    )
                )
        return talks

    def _heard_by(self, listener: _Presence, start: int, end: int) -> tuple[Voice, ...]:
        """Whoever else is on the call between `start` and `end`, without those who are on hold."""
        others = [
            presence
            for presence in self._lines.values()
            if presence.call is listener.call and presence is not listener
        ]
        if listener.call in self._outsides:
            others.append(self._outsides[listener.call])
        private = self._privacy_of(listener)
        voices = [
            Voice(other.party, max(begin, start), min(finish, end))
            for other in others
            for begin, finish in _without(other.spans, private)
            if max(begin, start) < min(finish, end)
        ]
        if private is not None:
            controller = self._consults[listener.call][0].agent.extension
            begin, finish = max(private[0], start), min(private[1], end)
            if begin < finish:
                voices.append(Voice(controller, begin, finish))
        return tuple(voices)

    def _privacy_of(self, listener: _Presence) -> list[int] | None:
        consult = self._consults.get(listener.call)
        return consult[2] if consult is not None and consult[1] == listener.party else None


def _without(spans: list[list[int]], left_out: list[int] | None) -> list[tuple[int, int]]:
    """The spans less the one that is left out."""
    if left_out is None:
        return [(begin, end) for begin, end in spans]
    parts = [
        part
        for begin, end in spans
        for part in ((begin, min(end, left_out[0])), (max(begin, left_out[1]), end))
    ]
    return [(begin, end) for begin, end in parts if begin < end]
