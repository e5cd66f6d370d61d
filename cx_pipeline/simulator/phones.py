"""The phones: calls of the switch and the line appearances on them, with the states that a phone can be in.

A line is one agent's appearance on one call: it rings (on every phone that bears it), talks on one phone, is held,
and is gone. What cannot happen on a phone raises `ImpossibleError`: a fault in a scenario, never in the input.
"""

from dataclasses import dataclass
from enum import Enum

from cx_pipeline.simulator.site import Agent

NODE_SHIFT = 24


class ImpossibleError(RuntimeError):
    """A scenario asks of a phone what no phone can do."""


class LineState(Enum):
    """What a line appearance does."""

    IDLE = "idle"
    RINGING = "ringing"
    TALKING = "talking"
    HELD = "held"
    GONE = "gone"


POSSIBLE = {
    LineState.IDLE: {LineState.RINGING, LineState.TALKING},
    LineState.RINGING: {LineState.TALKING, LineState.GONE},
    LineState.TALKING: {LineState.TALKING, LineState.HELD, LineState.GONE},
    LineState.HELD: {LineState.TALKING, LineState.GONE},
    LineState.GONE: set(),
}


@dataclass(frozen=True, slots=True)
class CallKey:
    """A call key: the node (0: the source gives none) and the 24-bit number, and how the listener writes it."""

    node: int
    number: int
    text: str

    @property
    def normal(self) -> str:
        """The key as the project writes it: `node_number`, or the number alone."""
        return f"{self.node}_{self.number}" if self.node else str(self.number)

    @property
    def jtapi_id(self) -> str:
        """The call id as one integer, as Cisco's client gives it."""
        return str((self.node << NODE_SHIFT) | self.number)


class SwitchCall:
    """A call as the switch knows it: one call key, a calling and a called number."""

    __slots__ = ("called", "calling", "has_ended", "key", "lines", "previous")

    def __init__(self, key: CallKey, calling: str, called: str, previous: "SwitchCall | None" = None) -> None:
        self.key = key
        self.calling = calling
        self.called = called
        self.previous = previous
        self.has_ended = False
        self.lines: dict[str, Line] = {}

    def line_of(self, agent: Agent) -> "Line":
        """The agent's line on this call.

        Raises:
            ImpossibleError: the agent has none.
        """
        line = self.lines.get(agent.extension)
        if line is None:
            raise ImpossibleError(f"{agent.extension} has no line on call {self.key.normal}")
        return line

    def new_line(self, agent: Agent, phone: str | None = None) -> "Line":
        """A line appearance of the agent on this call; `phone` where only that one takes part."""
        if self.has_ended:
            raise ImpossibleError(f"call {self.key.normal} has ended")
        if agent.extension in self.lines:
            raise ImpossibleError(f"{agent.extension} is on call {self.key.normal} already")
        line = Line(self, agent, phone)
        self.lines[agent.extension] = line
        return line

    def end(self) -> None:
        """End the call: every line of it must be gone."""
        if self.has_ended or self.lines:
            raise ImpossibleError(f"call {self.key.normal} ends twice or with lines open")
        self.has_ended = True


class Line:
    """One agent's appearance on one call. `phone` is the one that took the call, null while all of them ring."""

    __slots__ = ("agent", "call", "phone", "state")

    def __init__(self, call: SwitchCall, agent: Agent, phone: str | None) -> None:
        self.call = call
        self.agent = agent
        self.phone = phone
        self.state = LineState.IDLE

    @property
    def phones(self) -> tuple[str, ...]:
        """The phones that show the line: all of the agent's, until one of them takes the call."""
        return self.agent.phones if self.phone is None else (self.phone,)

    def become(self, state: LineState) -> None:
        """Change the state.

        Raises:
            ImpossibleError: a phone cannot go from the one to the other.
        """
        if state not in POSSIBLE[self.state]:
            raise ImpossibleError(
                f"{self.agent.extension} cannot go from {self.state.value} to {state.value}"
            )
        self.state = state
        if state is LineState.GONE:
            del self.call.lines[self.agent.extension]
