"""What can be reported of the phones: one interface, which each dialect fills in its own way."""

from typing import NamedTuple

from cx_pipeline.simulator.phones import Line, SwitchCall

MS = 1000
"""Times are microseconds since 1970, in UTC; offsets within an act are given in milliseconds."""


class Report(NamedTuple):
    """One reported event, with the columns of the event schema that differ from event to event of a call."""

    time: int
    event_name: str
    global_call_id: str
    previous_global_call_id: str | None = None
    jtapi_id: str | None = None
    connection_id: str | None = None
    extension: str | None = None
    terminal: str | None = None
    calling_extension: str | None = None
    called_extension: str | None = None
    calling_terminal: str | None = None
    called_terminal: str | None = None
    direction: str | None = None
    cause: str | None = None
    feature_reason: str | None = None


class Reporter:
    """Turns what happens on the phones into the events of a dialect. Every `time` is in microseconds.

    A dialect overrides what it shows; what it does not override happens unseen.
    """

    shows_ringing = True
    """Whether a phone that only rings is seen at all."""
    shows_controller_on_consult = True
    """Whether the controller's own line on the consult call is seen."""

    def __init__(self) -> None:
        self.reports: list[Report] = []

    def connection_of(self, line: Line) -> str | None:
        """The connection id under which the line was reported; null: it never was."""
        return None

    def call_started(self, time: int, call: SwitchCall) -> None:
        """The switch has a new call."""

    def outside_reached(self, time: int, call: SwitchCall, number: str) -> None:
        """The network rings the number outside."""

    def outside_established(self, time: int, call: SwitchCall, number: str) -> None:
        """The number outside is connected: it called, or it answered."""

    def outside_failed(self, time: int, call: SwitchCall, number: str, cause: str) -> None:
        """The number outside cannot be reached."""

    def outside_left(self, time: int, call: SwitchCall, number: str) -> None:
        """The number outside is connected no more."""

    def route_point_entered(self, time: int, call: SwitchCall, number: str) -> None:
        """The call waits at a route point."""

    def route_point_left(self, time: int, call: SwitchCall, number: str) -> None:
        """The route point sent the call on to an agent."""

    def dialled(self, time: int, line: Line, number: str) -> None:
        """The agent on `line` dialled a number."""

    def went_off_hook(self, time: int, line: Line, *, is_talking_at_once: bool) -> None:
        """The agent on `line` lifted the receiver to call somebody."""

    def rings(self, time: int, line: Line, reason: str | None) -> None:
        """Every phone of the line rings."""

    def rings_out(self, time: int, line: Line, cause: str | None, reason: str | None) -> None:
        """No phone of the line rings any more."""

    def answered(self, time: int, line: Line) -> None:
        """One phone of the line took the call."""

    def other_phones_stop(self, time: int, line: Line) -> None:
        """The phones of the line that did not take the call are silent."""

    def talks(self, time: int, line: Line) -> None:
        """A line that called out has a partner."""

    def held(self, time: int, line: Line) -> None:
        """The agent put the call on hold."""

    def resumed(self, time: int, line: Line) -> None:
        """The agent took the call back."""

    def consult_dialled_on_same_call(self, time: int, call: SwitchCall, colleague: str) -> None:
        """The agent dialled a colleague, and the switch gave no call of its own for it."""

    def consult_started(self, time: int, line: Line, colleague: str) -> None:
        """The agent on `line`, a line of the consult call, consults."""

    def transfer_started(
        self, time: int, final: SwitchCall, merged: SwitchCall | None, line: Line, colleague: Line
    ) -> None:
        """The controller on `line` merges the call `merged` (null: not named) into `final` and leaves."""

    def conference_started(
        self,
        time: int,
        final: SwitchCall,
        merged: SwitchCall | None,
        line: Line,
        colleague: Line,
        reason: str | None,
    ) -> None:
        """The controller joins the calls."""

    def merge_ended(self, time: int, final: SwitchCall, *, is_conference: bool) -> None:
        """The merge is done."""

    def joined(self, time: int, line: Line) -> None:
        """The agent talks on a call into which another one was merged."""

    def left(self, time: int, line: Line, reason: str | None = None) -> None:
        """The agent's line is gone."""

    def call_ended(self, time: int, call: SwitchCall) -> None:
        """The switch forgets the call."""
