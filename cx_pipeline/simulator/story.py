"""The story of one call: what people do, one method an act. The phones change, the listener reports, the ledger records."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from cx_pipeline.simulator.phones import NODE_SHIFT, CallKey, Line, LineState, SwitchCall
from cx_pipeline.simulator.reports import MS, Reporter
from cx_pipeline.simulator.site import Agent
from cx_pipeline.simulator.true_legs import ANSWERER, Ledger, Share

UNOBSERVED_NODE = 2
TENTH_OF_A_SECOND = 100 * MS
MAX_KEY_NUMBER = (1 << NODE_SHIFT) - 1


class SpanOver(Exception):  # noqa: N818 - no error: the simulated span ends while the call goes on
    """The simulated span is over; what has happened until then is reported and recorded."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How this call's switch and people go about things; drawn once for a call."""

    has_route_point: bool
    """The caller waits at a route point, which has a connection of its own until an agent is rung."""
    is_talking_at_off_hook: bool
    consult_has_own_key: bool
    lag_ms: int
    """How far apart the facts of one instant are reported: 0 or 10."""


class Story:
    """One call from its first fact to its end."""

    def __init__(
        self,
        *,
        start: int,
        span_end: int,
        reporter: Reporter,
        ledger: Ledger,
        new_key: Callable[[], CallKey],
        rng: Random,
        service_number: str,
        habits: Habits,
    ) -> None:
        self.now = start
        self.rng = rng
        self.reporter = reporter
        self.ledger = ledger
        self.habits = habits
        self.service_number = service_number
        self.has_ended = False
        self._span_end = span_end
        self._new_key = new_key
        self._handing_over: Share | None = None
        self._waits_at_route_point = False
        self.main: SwitchCall
        self.keys: list[CallKey] = []

    @property
    def outside(self) -> str:
        """The number outside."""
        return self.ledger.outside or ""

    def wait(self, milliseconds: int) -> None:
        """Let time pass.

        Raises:
            SpanOver: the simulated span ends before.
        """
        self.now += milliseconds * MS
        if self.now >= self._span_end:
            raise SpanOver

    def lag(self, steps: int = 1) -> int:
        """The time at which a fact is reported that stands `steps` after the first one of this instant."""
        return self.now + steps * self.habits.lag_ms * MS

    def new_call(self, calling: str, called: str, previous: SwitchCall | None = None) -> SwitchCall:
        """A call of the switch with a key of its own."""
        key = self._new_key()
        self.keys.append(key)
        return SwitchCall(key, calling, called, previous)

    def _first_call(self, calling: str, called: str) -> SwitchCall:
        call = self.new_call(calling, called)
        self.reporter.call_started(self.now, call)
        return call

    # The caller, or whoever is called outside.

    def customer_calls(self) -> None:
        """A customer calls the service number and waits."""
        self.main = self._first_call(self.outside, self.service_number)
        self.ledger.outside_comes_in()
        if self.habits.has_route_point:
            self.reporter.outside_established(self.now, self.main, self.outside)
            self.reporter.route_point_entered(self.now + 20 * MS, self.main, self.service_number)
            self.ledger.others.add(self.service_number)
            self._waits_at_route_point = True
        else:
            self.reporter.outside_established(self.now + 500 * MS, self.main, self.outside)

    def customer_hangs_up(self) -> None:
        """The party outside hangs up, and the call is over for everybody."""
        self.reporter.outside_left(self.now, self.main, self.outside)
        self.everybody_leaves(self.main)

    def customer_leaves_the_others_talking(self) -> None:
        """The party outside leaves a conference; the agents talk on."""
        self.reporter.outside_left(self.now, self.main, self.outside)

    def customer_answers(self, agent: Agent) -> None:
        """The dialled party outside answers."""
        line = self.main.line_of(agent)
        self.reporter.outside_established(self.now, self.main, self.outside)
        if not self._was_reported_talking():
            self.reporter.talks(self.now, line)
        self.ledger.talks(agent, self.now)

    # Phones that ring.

    def phone_rings(
        self, agent: Agent, call: SwitchCall | None = None, reason: str | None = None, role: str = ANSWERER
    ) -> None:
        """The agent's phones ring; `role` is what the agent would be, were the call answered."""
        call = call or self.main
        if self._waits_at_route_point:
            self._waits_at_route_point = False
            self.reporter.route_point_left(self.now, call, self.service_number)
        line = call.new_line(agent)
        line.become(LineState.RINGING)
        self.reporter.rings(self.now, line, reason)
        if self.reporter.shows_ringing:
            share = self.ledger.line_opens(agent, rang_at=self.now)
            share.start_reason = role if self._handing_over is None else "DIRECT_TRANSFER"

    def agent_answers(self, agent: Agent, call: SwitchCall | None = None) -> Share:
        """The agent takes the call on one of the phones."""
        line = (call or self.main).line_of(agent)
        line.phone = (
            agent.phones[self.rng.randrange(len(agent.phones))] if len(agent.phones) > 1 else agent.phones[0]
        )
        line.become(LineState.TALKING)
        self.reporter.answered(self.now, line)
        self.reporter.other_phones_stop(self.now + 10 * MS, line)
        if not self.reporter.shows_ringing:
            self.ledger.line_opens(agent)
        share = self.ledger.talks(agent, self.now)
        if self._handing_over is not None:
            self.ledger.handed_over(self._handing_over, share)
            self._handing_over = None
        return share

    def phone_stops_ringing(
        self,
        agent: Agent,
        rona_reason: str,
        cause: str | None = None,
        reason: str | None = None,
        *,
        lag: int = 0,
    ) -> None:
        """The agent's phones ring no more, and the agent did not take the call."""
        self.stop_ringing(self.main.line_of(agent), rona_reason, cause, reason, self.lag(lag))

    def stop_ringing(
        self, line: Line, rona_reason: str, cause: str | None, reason: str | None, time: int
    ) -> None:
        """The phones of a line are silent, and nobody took the call on them."""
        line.become(LineState.GONE)
        self.reporter.rings_out(time, line, cause, reason)
        if self.reporter.shows_ringing:
            self.ledger.rings_unanswered(line.agent, rona_reason)
            self.ledger.line_closes(line.agent, time)

    def caller_gives_up_while_phones_ring(self, agents: list[Agent]) -> None:
        """The caller hangs up before anybody answers."""
        self.reporter.outside_left(self.now, self.main, self.outside)
        for agent in agents:
            self.phone_stops_ringing(agent, "ABANDONED", lag=1)
        self.end_call(self.main, self.lag(2))

    # Talk, hold, hang up.

    def agent_holds(self, agent: Agent) -> None:
        """The agent puts the call on hold."""
        line = self.main.line_of(agent)
        line.become(LineState.HELD)
        self.reporter.held(self.now, line)
        self.ledger.hold_begins(agent, self.now)

    def agent_resumes(self, agent: Agent) -> None:
        """The agent takes the call back."""
        line = self.main.line_of(agent)
        line.become(LineState.TALKING)
        self.reporter.resumed(self.now, line)
        self.ledger.hold_ends(agent, self.now)

    def agent_hangs_up(self, agent: Agent) -> None:
        """The agent hangs up, and the call is over for everybody."""
        self.leave(self.main.line_of(agent), self.now)
        if self.ledger.outside is not None:
            self.reporter.outside_left(self.lag(), self.main, self.outside)
        self.everybody_leaves(self.main)

    def agent_leaves_the_others_talking(self, agent: Agent) -> None:
        """The agent leaves; the others talk on."""
        self.leave(self.main.line_of(agent), self.now)

    # An agent calls somebody.

    def agent_goes_off_hook(self, agent: Agent, number: str) -> None:
        """The agent lifts the receiver to call `number`."""
        self.main = self._first_call(agent.extension, number)
        line = self.main.new_line(agent, agent.phones[0])
        line.become(LineState.TALKING)
        self.reporter.went_off_hook(self.now, line, is_talking_at_once=self.habits.is_talking_at_off_hook)
        if self.reporter.shows_ringing:
            share = self.ledger.line_opens(agent, called_at=self.now)
            share.is_seen = self.habits.is_talking_at_off_hook
            self._is_originator(share)

    def agent_dials(self, agent: Agent, colleague: Agent | None = None) -> None:
        """The agent dials the number; `colleague` where it is one's."""
        self.reporter.dialled(self.now, self.main.line_of(agent), self.main.called)
        if colleague is None:
            self.ledger.outside_comes_in()
        else:
            self.ledger.is_dialled(colleague)

    def network_alerts(self) -> None:
        """The network rings the number outside."""
        self.reporter.outside_reached(self.now, self.main, self.outside)

    def number_is_busy(self) -> None:
        """The number outside cannot be reached."""
        self.reporter.outside_failed(self.now, self.main, self.outside, "CAUSE_USERBUSY")

    def caller_agent_is_put_through(self, agent: Agent) -> None:
        """The table shows an agent who calls out only now that somebody answers."""
        if not self.reporter.shows_ringing:
            self._is_originator(self.ledger.line_opens(agent))
        self.customer_answers(agent)

    def _was_reported_talking(self) -> bool:
        return self.habits.is_talking_at_off_hook and self.reporter.shows_ringing

    def _is_originator(self, share: Share) -> None:
        share.start_reason = "OUTBOUND"
        if self.ledger.direction == "OUTBOUND":
            share.types.add("OUTBOUND")

    def colleague_takes_internal_call(self, caller: Agent, colleague: Agent) -> None:
        """A colleague answers an agent's call: both talk from now on."""
        self.agent_answers(colleague)
        if not self._was_reported_talking():
            self.reporter.talks(self.now, self.main.line_of(caller))
        self.ledger.talks(caller, self.now)

    def caller_agent_gives_up(self, agent: Agent) -> None:
        """The agent who called hangs up before anybody answers."""
        self.leave(self.main.line_of(agent), self.now)
        for line in list(self.main.lines.values()):
            self.stop_ringing(line, "ABANDONED", None, None, self.lag())
        self.end_call(self.main, self.lag(2))

    # Transfer without consultation.

    def agent_transfers_directly(self, agent: Agent, reason: str | None) -> None:
        """The agent sends the call on and leaves; who answers next has it."""
        self._handing_over = self.ledger.share_of(agent)
        self.leave(self.main.line_of(agent), self.now, reason)

    def call_comes_by_a_transfer_that_nobody_reported(self, controller: Agent, agent: Agent) -> None:
        """The listener sees the transfer's result only: what it continues was reported to nobody."""
        self.main = self.new_call(self.outside, agent.extension)
        line = self.main.new_line(agent, agent.phones[0])
        # The table names no call that it has not; JTAPI names the merged one in any case.
        elsewhere = self._call_of_another_node() if self.reporter.shows_ringing else None
        theirs = Line(self.main, controller, controller.phones[0])
        self.reporter.transfer_started(self.now, self.main, elsewhere, theirs, line)
        self.ledger.is_dialled(controller)
        line.become(LineState.TALKING)
        self.reporter.joined(self.now + 50 * MS, line)
        self.reporter.outside_established(self.now + 60 * MS, self.main, self.outside)
        self.ledger.outside_comes_in()
        self.ledger.line_opens(agent)
        self.ledger.talks(agent, self.now + 50 * MS).is_artefact = True

    def _call_of_another_node(self) -> SwitchCall:
        """A call of which nobody hears: its number is of this moment, as one whose end is unknown must not come again."""
        number = self.now // TENTH_OF_A_SECOND & MAX_KEY_NUMBER
        return SwitchCall(CallKey(UNOBSERVED_NODE, number, f"{UNOBSERVED_NODE}_{number}"), self.outside, "")

    # How lines and calls go.

    def leave(self, line: Line, time: int, reason: str | None = None) -> None:
        """The agent's line is gone."""
        line.become(LineState.GONE)
        self.reporter.left(time, line, reason)
        if self.is_recorded(line):
            self.ledger.line_closes(line.agent, time)

    def is_recorded(self, line: Line) -> bool:
        """Whether the source shows this line at all: the table has no line of a consult's controller."""
        is_controllers = line.call.previous is not None and line.agent.extension == line.call.calling
        return self.reporter.shows_controller_on_consult or not is_controllers

    def everybody_leaves(self, call: SwitchCall) -> None:
        """All lines of a call go, and the call with them."""
        for line in list(call.lines.values()):
            self.leave(line, self.lag())
        self.end_call(call, self.lag(2))

    def end_call(self, call: SwitchCall, time: int) -> None:
        """The switch forgets a call that has no line any more."""
        call.end()
        self.reporter.call_ended(time, call)
