"""The true legs, recorded while people act: no event is read here.

A share is one agent's unbroken part in a call, from the first ring or word to the moment when the agent's last line
is gone. What the acts mean for its reasons and its type is that of the specification of correlation, sections 4
and 5, taken from who did what.
"""

from dataclasses import dataclass, field

from cx_pipeline.simulator.phones import ImpossibleError
from cx_pipeline.simulator.site import Agent

CALL_TYPES = ("RONA", "CONFERENCE", "CONSULT_TRANSFER", "DIRECT_TRANSFER", "CONSULT", "OUTBOUND", "SIMPLE")
"""In the order in which the first that holds names the leg."""

ORIGINATOR = "OUTBOUND"
ANSWERER = "INBOUND"


@dataclass(slots=True, eq=False)
class Share:
    """One agent's unbroken part in a call, while it happens. Times are microseconds since 1970."""

    agent: Agent
    rang_at: int | None = None
    called_at: int | None = None
    talked_at: int | None = None
    ended_at: int | None = None
    lines: int = 0
    start_reason: str = ANSWERER
    end_reason_as_first: str | None = None
    end_reason_as_second: str | None = None
    types: set[str] = field(default_factory=set)
    rona_reason: str | None = None
    holds: list[tuple[int, int | None]] = field(default_factory=list)
    consult_source: str | None = None
    consult_target: str | None = None
    consult_result: str | None = None
    transferred_from: str | None = None
    transferred_to: str | None = None
    is_in_conference: bool = False
    is_artefact: bool = False
    is_seen: bool = True
    """Whether any source reports that the phone rang or talked: without it there is no leg."""

    @property
    def is_held(self) -> bool:
        """Whether the agent holds the call."""
        return bool(self.holds) and self.holds[-1][1] is None

    @property
    def start_time(self) -> int:
        """The first word, else the ring, else when the number was dialled."""
        for time in (self.talked_at, self.rang_at, self.called_at):
            if time is not None:
                return time
        raise ImpossibleError(f"{self.agent.extension} has a share that never began")

    @property
    def call_type(self) -> str:
        """The first of the types that holds."""
        return next((name for name in CALL_TYPES if name in self.types), "SIMPLE")

    @property
    def end_reason(self) -> str | None:
        """Why it ended; null while it lasts."""
        if self.ended_at is None:
            return None
        if self.talked_at is None:
            return "NO_ANSWER"
        return self.end_reason_as_first or self.end_reason_as_second or "DIALOG_ENDED"


class Ledger:
    """All shares of one call, in the order in which they began, and the parties of the call."""

    def __init__(self, direction: str, outside: str | None) -> None:
        self.direction = direction
        self.outside = outside
        self.shares: list[Share] = []
        self.agents: set[str] = set()
        self.others: set[str] = set()
        self._current: dict[str, Share] = {}

    def share_of(self, agent: Agent) -> Share:
        """The agent's share that lasts.

        Raises:
            ImpossibleError: the agent has none.
        """
        share = self._current.get(agent.extension)
        if share is None:
            raise ImpossibleError(f"{agent.extension} is not in the call")
        return share

    @property
    def other_party(self) -> str | None:
        """The number outside, once it called or was dialled."""
        return self.outside if self.outside in self.others else None

    def outside_comes_in(self) -> None:
        """The number outside is a party from the moment when it calls or is dialled."""
        if self.outside is not None:
            self.others.add(self.outside)

    def is_dialled(self, agent: Agent) -> None:
        """The agent is a party of the call from the moment when the number is dialled."""
        self.agents.add(agent.extension)

    def line_opens(self, agent: Agent, *, rang_at: int | None = None, called_at: int | None = None) -> Share:
        """The agent has a line more; the first one begins a share."""
        share = self._current.get(agent.extension)
        if share is None:
            share = Share(agent, rang_at=rang_at, called_at=called_at)
            self.shares.append(share)
            self._current[agent.extension] = share
            self.agents.add(agent.extension)
        share.lines += 1
        return share

    def line_closes(self, agent: Agent, time: int) -> None:
        """The agent has a line less; the last one ends the share, and a hold with it."""
        share = self.share_of(agent)
        share.lines -= 1
        if share.lines == 0:
            self.hold_ends(agent, time)
            share.ended_at = time
            del self._current[agent.extension]

    def talks(self, agent: Agent, time: int) -> Share:
        """The agent has a partner to talk to: the first time is the leg's start."""
        share = self.share_of(agent)
        if share.talked_at is None:
            share.talked_at = time
        share.is_seen = True
        return share

    def hold_begins(self, agent: Agent, time: int) -> None:
        """The agent puts the other party on hold."""
        self.share_of(agent).holds.append((time, None))

    def hold_ends(self, agent: Agent, time: int) -> None:
        """The hold, if there is one, is over."""
        share = self.share_of(agent)
        if share.is_held:
            share.holds[-1] = (share.holds[-1][0], time)

    def rings_unanswered(self, agent: Agent, reason: str) -> None:
        """Nobody takes the call at this phone."""
        share = self.share_of(agent)
        share.rona_reason = reason
        # Specification section 4: where another one answered, those that did not "are no RONA".
        if reason != "ANSWERED_ELSEWHERE":
            share.types.add("RONA")

    # How two shares relate.

    def handed_over(self, first: Share, second: Share) -> None:
        """`first` transferred the call directly to `second`, who talks now."""
        first.types.add("DIRECT_TRANSFER")
        second.types.add("DIRECT_TRANSFER")
        first.end_reason_as_first = "DIRECT_TRANSFER"
        first.transferred_to = second.agent.extension
        second.start_reason = "DIRECT_TRANSFER"
        second.transferred_from = first.agent.extension

    def consults(self, first: Share, second: Share) -> None:
        """`first` consults `second`; how it ends is open: an earlier consult's result stands until then."""
        first.types.add("CONSULT")
        second.types.add("CONSULT")
        first.consult_target = second.agent.extension
        second.consult_source = first.agent.extension
        second.start_reason = "CONSULT"
        second.end_reason_as_second = "CONSULT_ENDED"

    def consult_ends(self, first: Share, second: Share, result: str) -> None:
        """The consultation is CANCELLED or ABANDONED."""
        first.consult_result = result
        second.consult_result = result

    def consult_transferred(self, first: Share, second: Share) -> None:
        """`first` leaves `second` with the other party."""
        self.consult_ends(first, second, "TRANSFERRED")
        first.types.add("CONSULT_TRANSFER")
        second.types.add("CONSULT_TRANSFER")
        first.end_reason_as_first = "CONSULT_TRANSFER"
        first.transferred_to = second.agent.extension
        second.start_reason = "CONSULT_TRANSFER"
        second.end_reason_as_second = None
        second.transferred_from = first.agent.extension

    def consult_conferenced(self, first: Share, second: Share) -> None:
        """All three talk."""
        self.consult_ends(first, second, "CONFERENCED")
        first.end_reason_as_first = "CONFERENCE_ENDED"
        second.end_reason_as_second = "CONFERENCE_ENDED"
        second.start_reason = "CONSULT_CONFERENCE"
        for share in (first, second):
            share.types.add("CONFERENCE")
            share.is_in_conference = True
