"""Generated call graphs: what several phones, keys, tenants and listeners might report, well behaved or not.

A graph is what one group of agents does with calls that have to do with each other. It knows nothing of legs: which
there are is for the engine to say, and for the properties to judge. Two graphs share no agent's call: they differ in
their tenant, or in their block of call keys.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import polars as pl
from hypothesis import strategies as st

from cx_pipeline.core.events.schema import EVENT_SCHEMA
from cx_pipeline_tests.core.calls.scenario import KIND_EVENTS

T = TypeVar("T")

BEGIN = datetime(2024, 1, 16, 8, tzinfo=UTC)
KEYS_OF_A_GRAPH = 100
AGENTS = ("1001", "1002", "1003", "1004")
CUSTOMERS = ("8001", "+18005550100")
STEPS_MS = (0, 0, 30, 500, 1_500, 2_500, 7_000, 60_000)
LONG_STEPS_MS = (20 * 60_000, 13 * 3_600_000)


@dataclass(frozen=True)
class Fact:
    """One event, its time in milliseconds since `BEGIN`."""

    at: int
    event: str
    key: int
    columns: dict[str, str] = field(default_factory=dict)
    ahead: int = 0
    """So many milliseconds too late does the listener's clock stamp it, though it arrives in time."""


@dataclass(frozen=True)
class Graph:
    """The facts of one group of agents, of one tenant and one block of keys."""

    number: int
    tenant: str
    facts: tuple[Fact, ...]
    listeners: int

    def rows(self) -> list[dict[str, Any]]:
        """The events that the listeners report, each somewhat later than the one before it."""
        return [
            {
                "tenant_id": self.tenant,
                "event_time": _moment(fact.at + fact.ahead + 40 * listener),
                "received_at": _moment(fact.at + 40 * listener + 10),
                "event_name": fact.event,
                "global_call_id": f"1_{self._key(fact.key)}",
                "listener_id": f"listener-{listener}" if self.listeners > 1 else None,
                **fact.columns,
                **self._reference(fact),
            }
            for fact in self.facts
            for listener in range(self.listeners)
        ]

    def without(self, positions: set[int]) -> Graph:
        """The graph without the facts at these positions: nobody saw them."""
        return replace(self, facts=tuple(f for i, f in enumerate(self.facts) if i not in positions))

    def without_kind(self, event: str) -> Graph:
        """The graph without the facts of this event."""
        return replace(self, facts=tuple(f for f in self.facts if f.event != event))

    def _key(self, key: int) -> int:
        return 1000 + self.number * KEYS_OF_A_GRAPH + key

    def _reference(self, fact: Fact) -> dict[str, str]:
        named = fact.columns.get("previous_global_call_id")
        link = fact.columns.get("link_id")
        return {
            **({"previous_global_call_id": f"{self._key(int(named))}/1"} if named else {}),
            **({"link_id": f"{self.number}-{link}"} if link else {}),
        }


def _moment(milliseconds: int) -> datetime:
    return BEGIN + timedelta(milliseconds=milliseconds)


def events_of(graphs: Sequence[Graph]) -> pl.DataFrame:
    """The events of all graphs, graph after graph."""
    return pl.DataFrame([row for graph in graphs for row in graph.rows()], schema=EVENT_SCHEMA)


def own_keys(graph: Graph) -> set[tuple[str, str]]:
    """Tenant and call key of everything that the graph reports."""
    return {(row["tenant_id"], row["global_call_id"]) for row in graph.rows()}


class Chooser:
    """Draws choices of hypothesis, so that a failing graph shrinks to a small one."""

    def __init__(self, draw: Callable[[st.SearchStrategy[int]], int]) -> None:
        self._draw = draw

    def number(self, low: int, high: int) -> int:
        return self._draw(st.integers(low, high))

    def one_of(self, options: Sequence[T]) -> T:
        return options[self.number(0, len(options) - 1)]

    def chance(self, one_in: int) -> bool:
        """True once in so many times; false when shrunk."""
        return self.number(0, one_in - 1) == one_in - 1


_TWICE_NAMED = {
    "RINGING": "TermConnRingingEv",
    "DROPPED": "TermConnDroppedEv",
    "DISCONNECTED": "ConnDisconnectedEv",
}
"""Cisco reports some facts by two events at one instant."""

Phone = tuple[int, str, str]
"""A connection: call key, extension, terminal."""


class Scene:
    """What phones and keys are in, and what was reported of them so far."""

    def __init__(self, choose: Chooser, *, well_behaved: bool) -> None:
        self.facts: list[Fact] = []
        self._choose = choose
        self._now = 0
        self._keys = 0
        self._phones: dict[Phone, str] = {}
        self._ended: list[int] = []
        self._consults: dict[int, tuple[Phone, int]] = {}
        self._well_behaved = well_behaved

    def act(self) -> None:
        """Let something happen that may happen now."""
        self._now += self._choose.one_of(STEPS_MS)
        self._choose.one_of(self._possible())()

    def _possible(self) -> list[Callable[[], None]]:
        """What may happen now; what leads further stands there more often."""
        states = set(self._phones.values())
        actions: list[Callable[[], None]] = [self._come_in]
        if "ring" in states:
            actions += [self._answer] * 4 + [self._refuse]
        if "talk" in states:
            actions += [self._hold, self._hang_up, self._blind_transfer, *[self._consult] * 3]
        if "held" in states:
            actions += [self._resume] * 2
        if self._open_consults():
            actions += [self._complete] * 6
        if states:
            actions += [self._end_key, self._customer_leaves, self._noise]
        if "talk" not in states:
            actions += [self._dial_out]
        return actions if self._well_behaved else actions + self._mishaps()

    def _mishaps(self) -> list[Callable[[], None]]:
        """What goes wrong or is seldom seen."""
        mishaps = [self._fake_leg]
        if self._ended:
            mishaps += [self._restart, self._restart]
        if self._keys:
            mishaps += [self._stray_end, self._link, self._pause]
        if self._phones:
            mishaps += [self._observation_ends]
        return mishaps

    def finish(self) -> None:
        """End what is open."""
        for key in {phone[0] for phone in self._phones}:
            self._now += 500
            self._end(key)

    def _say(self, kind: str, key: int, extension: str = "", terminal: str = "", **columns: str) -> None:
        given = {"extension": extension, "terminal": terminal, **columns}
        filled = {name: text for name, text in given.items() if text}
        self.facts.append(Fact(self._now, KIND_EVENTS.get(kind, kind), key, filled))
        if kind in _TWICE_NAMED and self._choose.chance(5):
            self.facts.append(Fact(self._now, _TWICE_NAMED[kind], key, filled))

    def _phone_says(self, kind: str, phone: Phone, state: str | None, **columns: str) -> None:
        key, extension, terminal = phone
        self._say(kind, key, extension, terminal, **columns)
        if state is None:
            self._phones.pop(phone, None)
        else:
            self._phones[phone] = state

    def _some(self, *states: str) -> Phone | None:
        phones = [phone for phone, state in self._phones.items() if state in states]
        return self._choose.one_of(phones) if phones else None

    def _new_key(self) -> int:
        self._keys += 1
        return self._keys

    def _ring(self, key: int, **columns: str) -> None:
        extension = self._choose.one_of(AGENTS)
        terminals = ("SEPA", "SEPB") if self._choose.chance(6) else ("",)
        for terminal in terminals:
            self._phone_says("RINGING", (key, extension, terminal), "ring", **columns)

    def _come_in(self, key: int | None = None) -> None:
        key = key or self._new_key()
        self._say("STARTED", key)
        self._say("ESTABLISHED", key, self._choose.one_of(CUSTOMERS))
        self._now += 20
        self._ring(key)
        if self._choose.chance(4):
            self._ring(key)

    def _dial_out(self) -> None:
        key, caller = self._new_key(), self._choose.one_of(AGENTS)
        self._say("STARTED", key)
        self._say("INITIATED", key, caller)
        self._phone_says("TALKING", (key, caller, ""), "talk")
        self._now += self._choose.one_of(STEPS_MS)
        if self._choose.chance(3):
            self._ring(key)
        else:
            self._say("DIALING", key, CUSTOMERS[0])
            if not self._choose.chance(3):
                self._now += 4_000
                self._say("ESTABLISHED", key, CUSTOMERS[0])

    def _answer(self) -> None:
        if phone := self._some("ring"):
            self._phone_says("TALKING", phone, "talk")
            others = [o for o, state in self._phones.items() if o[0] == phone[0] and state == "ring"]
            for other in others:
                self._phone_says("DROPPED", other, None)

    def _refuse(self) -> None:
        if phone := self._some("ring"):
            cause = self._choose.one_of(("", "18", "19", "21"))
            self._phone_says("DROPPED", phone, None, cause=cause)

    def _hang_up(self) -> None:
        if phone := self._some("talk", "held"):
            if self._choose.chance(4):
                self._say("DISCONNECTED", phone[0], phone[1])
            self._phone_says("DROPPED", phone, None)

    def _hold(self) -> None:
        if phone := self._some("talk"):
            self._phone_says("HELD", phone, "held")

    def _resume(self) -> None:
        if phone := self._some("held"):
            self._phone_says("TALKING", phone, "talk")

    def _consult(self) -> None:
        phone = self._some("talk", "held")
        if phone is None:
            return
        if self._phones[phone] == "talk":
            self._phone_says("HELD", phone, "held")
        key = self._new_key()
        self._consults[key] = (phone, key)
        self._now += 100
        self._say("CONSULT", key, phone[1], previous_global_call_id=str(phone[0]))
        self._say("INITIATED", key, phone[1])
        self._ring(key)
        self._now += self._choose.one_of(STEPS_MS)
        self._phone_says("TALKING", (key, phone[1], ""), "talk")
        if not self._choose.chance(4):
            self._answer()

    def _open_consults(self) -> list[tuple[Phone, int]]:
        """Consults whose key still has a phone: the phone that consults, and the key."""
        return [entry for key, entry in self._consults.items() if any(p[0] == key for p in self._phones)]

    def _complete(self) -> None:
        """Merge a consult into the call that it came from, as transfer or as conference."""
        (main, extension, terminal), consult = self._choose.one_of(self._open_consults())
        is_transfer = not self._choose.chance(3)
        kind = "TRANSFER" if is_transfer else "CONFERENCE"
        self._say(kind, main, extension, previous_global_call_id=str(consult))
        self._now += 40
        moved = [phone for phone in self._phones if phone[0] == consult]
        for phone in moved:
            self._phone_says("DROPPED", phone, None)
        for phone in moved:
            if phone[1] != extension:
                self._phone_says("TALKING", (main, phone[1], phone[2]), "talk")
        controller = (main, extension, terminal)
        self._phone_says("DROPPED" if is_transfer else "TALKING", controller, None if is_transfer else "talk")
        self._now += 40
        self._say("ENDED", consult)
        self._say("MERGED", main)

    def _blind_transfer(self) -> None:
        if phone := self._some("talk"):
            reason = self._choose.one_of(("BLINDTRANSFER", "REDIRECT", ""))
            self._phone_says("DROPPED", phone, None, feature_reason=reason)
            self._now += 300
            if self._choose.chance(2):
                key = self._new_key()
                self._ring(key, feature_reason=reason, previous_global_call_id=str(phone[0]))
            else:
                self._ring(phone[0], feature_reason=reason)

    def _customer_leaves(self) -> None:
        if phone := self._some("talk", "held", "ring"):
            self._say("DISCONNECTED", phone[0], self._choose.one_of(CUSTOMERS))

    def _end_key(self) -> None:
        if phone := self._some("talk", "held", "ring"):
            self._end(phone[0])

    def _end(self, key: int) -> None:
        for phone in [phone for phone in self._phones if phone[0] == key]:
            self._phone_says("DROPPED", phone, None)
        self._say("ENDED", key)
        self._ended.append(key)

    def _noise(self) -> None:
        if self._keys:
            self._say("OTHER", self._choose.number(1, self._keys), self._choose.one_of(("", *AGENTS)))

    def _restart(self) -> None:
        if self._ended:
            self._come_in(self._choose.one_of(self._ended))

    def _observation_ends(self) -> None:
        if phone := self._some("talk", "held"):
            self._say("CallObservationEndedEv", phone[0])

    def _stray_end(self) -> None:
        if self._keys:
            kind = self._choose.one_of(("ENDED", "DROPPED", "DISCONNECTED", "FAILED"))
            extension = "" if kind == "ENDED" else self._choose.one_of(AGENTS)
            self._say(kind, self._choose.number(1, self._keys), extension)

    def _fake_leg(self) -> None:
        key, extension = self._new_key(), self._choose.one_of(AGENTS)
        named = str(self._choose.number(1, key)) if self._choose.chance(2) else ""
        self._say("TRANSFER", key, extension, previous_global_call_id=named)
        self._now += 50
        self._phone_says("TALKING", (key, self._choose.one_of(AGENTS), ""), "talk")

    def _link(self) -> None:
        if self._keys:
            key = self._choose.number(1, self._keys)
            self._say("OFFERED", key, CUSTOMERS[0], link_id=f"L{self._choose.number(1, 2)}")

    def _pause(self) -> None:
        self._now += self._choose.one_of(LONG_STEPS_MS)


@st.composite
def graphs(
    draw: Callable[[st.SearchStrategy[int]], int],
    *,
    at_most: int = 8,
    actions: int = 16,
    well_behaved: bool = False,
) -> list[Graph]:
    """Some call graphs: tenants share blocks of keys, some graphs have several listeners, some lost facts."""
    return chosen_graphs(Chooser(draw), at_most=at_most, actions=actions, well_behaved=well_behaved)


def chosen_graphs(choose: Chooser, *, at_most: int, actions: int, well_behaved: bool) -> list[Graph]:
    """The graphs that the choices make."""
    made = []
    for number in range(choose.number(at_most // 2, at_most)):
        scene = Scene(choose, well_behaved=well_behaved)
        for _ in range(choose.number(actions // 2, actions)):
            scene.act()
        if well_behaved or not choose.chance(3):
            scene.finish()
        facts = scene.facts if well_behaved else _spoiled(scene.facts, choose)
        listeners = choose.one_of((1, 1, 2, 3))
        # Two neighbours have one block of keys, in different tenants.
        made.append(Graph(number // 2, ("red", "blue")[number % 2], tuple(facts), listeners))
    return made


def _spoiled(facts: list[Fact], choose: Chooser) -> list[Fact]:
    """The facts as they may arrive: one of them lost, one stamped by a clock that is ahead."""
    kept = list(facts)
    if choose.chance(3):
        del kept[choose.number(0, len(kept) - 1)]
    if kept and choose.chance(4):
        at = choose.number(0, len(kept) - 1)
        kept[at] = replace(kept[at], ahead=choose.one_of((1_000, 9_000, 3 * 3_600_000)))
    return kept
