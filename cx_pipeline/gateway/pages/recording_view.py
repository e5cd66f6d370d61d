"""A recording and its call as the page tells them: who is on which channel, what is marked, which facts, in words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from cx_pipeline.adapters.database.recorded_calls import RecordedCall
from cx_pipeline.adapters.playback.source import Playable
from cx_pipeline.core.recording.schema import HOLD_CUT
from cx_pipeline.gateway.pages import wording
from cx_pipeline.gateway.pages.marks import Mark, marks_of

AGENT, OTHER, BOTH = "agent", "other", "both"
"""Roles of a channel."""
_NEAR, _FAR, _NEAR_AND_FAR, _ONE_FAR = "near ", "far ", "near and far ", "one far end"


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel of the file."""

    role: str
    title: str
    who: str


@dataclass(frozen=True, slots=True)
class Told:
    """A warning in words: what it means, and what exactly was found."""

    text: str
    details: tuple[str, ...]
    is_grave: bool


@dataclass(frozen=True, slots=True)
class RecordingView:
    """What the template is filled in with, but for addresses and rights."""

    title: str
    start_time: datetime | None
    end_time: datetime | None
    duration_ms: int | None
    call_type: str | None
    direction: str | None
    channels: tuple[Channel, ...]
    marks: tuple[Mark, ...]
    agents: tuple[str, ...]
    customer: str | None
    called: str | None
    facts: tuple[tuple[str, str], ...]
    warnings: tuple[Told, ...]
    file_words: str

    def data(self) -> dict[str, Any]:
        """What the script needs to know."""
        return {
            "durationMs": self.duration_ms,
            "channels": [asdict(channel) for channel in self.channels],
            "marks": [asdict(mark) for mark in self.marks],
        }


def recording_view(playable: Playable, call: RecordedCall) -> RecordingView:
    """The view of something that is played; what is not known is left out."""
    row: Mapping[str, Any] = call.recording or {}
    details: Mapping[str, Any] = row.get("details") or {}
    legs = call.own_legs
    facts = _Facts(details, legs)
    start = row.get("start_time") or playable.start_time or _first(legs, "start_time")
    duration = row.get("duration_ms") or (_first(legs, "duration_ms") if not row else None)
    agents = _agents(details, legs)
    known = {**_agents({}, call.legs), **agents}
    customer = facts.of("customerNumber", "customer_identifier") or _first(legs, "other_party")
    return RecordingView(
        title=_title(agents, customer),
        start_time=start,
        end_time=start + timedelta(milliseconds=duration) if start and duration else None,
        duration_ms=duration,
        call_type=_worded(wording.CALL_TYPES, facts.of("callType", "call_type")),
        direction=_worded(wording.DIRECTIONS, facts.of("direction", "direction")),
        channels=_channels(row, details, agents, customer),
        marks=marks_of(details, legs, start, duration, known),
        agents=tuple(agents.values()),
        customer=customer,
        called=facts.of("calledNumber", "service_identifier"),
        facts=tuple(_further(row, details, facts, known)),
        warnings=tuple(_warnings(row, details)),
        file_words=_file_words(row, playable),
    )


@dataclass(frozen=True, slots=True)
class _Facts:
    """Facts of the call: as its legs have them now, else as the description of the recording has them."""

    details: Mapping[str, Any]
    legs: Sequence[Mapping[str, Any]]

    def of(self, name: str, column: str) -> str | None:
        found = _first(self.legs, column) or self.details.get(name)
        return str(found) if found else None


def _first(legs: Sequence[Mapping[str, Any]], column: str) -> Any:
    return next((leg[column] for leg in legs if leg[column] is not None), None)


def _worded(words: Mapping[str, str], value: str | None) -> str | None:
    return words.get(value, value) if value else None


def _agents(details: Mapping[str, Any], legs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """By extension: the agents who are heard, with their names."""
    told = [(leg["agent_extension"], leg["agent_name"], leg["agent_id"]) for leg in legs]
    listed = details.get("agents") or ([details] if details else [])
    told += [(each.get("agentExtension"), each.get("agentName"), each.get("agentId")) for each in listed]
    found: dict[str, str] = {}
    for extension, name, agent_id in told:
        if extension and extension not in found:
            who = name or (f"agent {agent_id}" if agent_id else None)
            found[extension] = f"{who} ({extension})" if who else f"extension {extension}"
    return found


def _title(agents: Mapping[str, str], customer: str | None) -> str:
    with_whom = ", ".join(agents.values()) or "an unknown agent"
    return f"{customer} with {with_whom}" if customer else f"Call of {with_whom}"


def _channels(
    row: Mapping[str, Any], details: Mapping[str, Any], agents: Mapping[str, str], customer: str | None
) -> tuple[Channel, ...]:
    """What the file's own description says of each channel; where there is none, the two that are usual."""
    named = [str(each.get("name", "")) for each in (details.get("file") or {}).get("channels") or ()]
    if not named:
        count = row.get("channels") or 0
        named = [f"{_NEAR_AND_FAR}"] if count == 1 else [_NEAR, _FAR] + [""] * (count - 2)
    return tuple(_channel(name, agents, customer, len(named)) for name in named)


def _channel(name: str, agents: Mapping[str, str], customer: str | None, count: int) -> Channel:
    all_agents = ", ".join(agents.values()) or "the agent"
    other = customer or "the other party"
    if name.startswith(_NEAR_AND_FAR) or (name.startswith(_NEAR) and name.endswith(_ONE_FAR)):
        return Channel(BOTH, "All voices", f"{all_agents} and {other}")
    if name.startswith(_NEAR):
        extensions = [each.strip() for each in name.removeprefix(_NEAR).split(",") if each.strip()]
        who = ", ".join(agents.get(each, f"extension {each}") for each in extensions) or all_agents
        return Channel(AGENT, "Agents" if len(extensions) > 1 else "Agent", who)
    if name.startswith(_FAR):
        agent = agents.get(name.removeprefix(_FAR).strip())
        heard_by = f", as {agent} heard it" if count > 2 and agent else ""
        return Channel(OTHER, "Other party", f"{other}{heard_by}")
    if name == _ONE_FAR:
        return Channel(OTHER, "Other party", other)
    return Channel(BOTH, "Voice", name or "unknown")


def _further(
    row: Mapping[str, Any], details: Mapping[str, Any], facts: _Facts, known: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Facts that not every call has; agents by their names where they are `known`."""

    def agent(column: str) -> str | None:
        extension: str | None = _first(facts.legs, column)
        return known.get(extension, extension) if extension else None

    told = (
        ("Wrap-up", facts.of("wrapUp", "wrap_up")),
        ("Transferred from", agent("transferred_from")),
        ("Transferred to", agent("transferred_to")),
        ("Consulted", agent("consult_target")),
        ("Consulted by", agent("consult_source")),
        ("Conference with", _conference(facts.legs, known)),
        ("Time in queue", _seconds(_first(facts.legs, "queue_s"))),
        ("Wrap-up work", _seconds(_first(facts.legs, "work_s"))),
        ("Held", _held(facts.legs)),
        ("Recorded by rule", row.get("rule_id")),
        ("Call id", facts.of("callId", "call_id")),
    )
    yield from ((name, str(value)) for name, value in told if value)
    if details.get("hold") == HOLD_CUT:
        yield "Holds", "cut out of this recording"


def _conference(legs: Sequence[Mapping[str, Any]], known: Mapping[str, str]) -> str | None:
    together = next((leg for leg in legs if leg["conference_id"]), None)
    parties = (together["participants"] or ()) if together else ()
    return ", ".join(known.get(party, party) for party in parties) or None


def _seconds(value: int | None) -> str | None:
    return None if value is None else wording.clock(value * 1000)


def _held(legs: Sequence[Mapping[str, Any]]) -> str | None:
    held = sum(leg["held_ms"] or 0 for leg in legs)
    return wording.clock(held) if held else None


def _warnings(row: Mapping[str, Any], details: Mapping[str, Any]) -> Iterator[Told]:
    """Each kind once, the grave ones first, with all that was found of it."""
    found: dict[str, list[str]] = {code: [] for code in row.get("warnings") or ()}
    for each in details.get("warnings") or ():
        found.setdefault(str(each.get("code")), []).append(str(each.get("text", "")))
    told = [
        Told(wording.warning_words(code), tuple(filter(None, texts)), wording.is_grave(code))
        for code, texts in found.items()
    ]
    yield from sorted(told, key=lambda each: not each.is_grave)


def _file_words(row: Mapping[str, Any], playable: Playable) -> str:
    """The format in words."""
    if not row:
        return playable.media_type
    layout = wording.LAYOUTS.get(row["layout"] or "", row["layout"] or "")
    sealed = "" if row["encryption"] in (None, "none") else ", stored encrypted"
    size = wording.size_words(row["audio_bytes"])
    return f"{(row['format'] or '').upper()}, {layout}, {row['sample_rate_hz']} Hz, {size}{sealed}"
