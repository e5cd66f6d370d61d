"""From the true legs of one call to the files that recorders make of it, before anything goes wrong."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from typing import Any
from uuid import UUID

from cx_pipeline.simulator.audio.orders import (
    BIB,
    BOTH,
    EFSWITCH,
    FAR,
    NEAR,
    SIPREC,
    FileOrder,
    Heard,
    LegOfTruth,
    Stretch,
    Told,
)
from cx_pipeline.simulator.audio.plan import AudioPlan
from cx_pipeline.simulator.audio.recorders import Recorder, Site, draw_of
from cx_pipeline.simulator.audio.voices import voice_key
from cx_pipeline.simulator.line_journal import OUTSIDE

SHORTEST = 300_000
"""Talks shorter than this never come as far as the recorder."""
BEFORE_THE_LEG = 60_000_000
"""The gateway records a caller who waits, at most this long here."""
NODE_SHIFT = 24

Leg = dict[str, Any]
Talk = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CallFacts:
    """One call: its answered legs that are to be recorded, as rows of `TRUE_LEG_SCHEMA`."""

    legs: Sequence[Leg]
    site: Site
    plan: AudioPlan

    @property
    def first(self) -> Leg:
        """Any of the legs: what they share is the same in all."""
        return self.legs[0]

    @property
    def draw(self) -> Random:
        """The call's chance."""
        return draw_of(self.plan.seed, "call", self.first["tenant_id"], self.first["call_number"])

    def voice(self, party: str) -> int:
        """The key of a party's voice."""
        return voice_key(self.plan.seed, self.first["tenant_id"], self.first["call_number"], party)


def microseconds(time: datetime) -> int:
    """A time of a frame as microseconds since 1970."""
    seconds = int(time.replace(microsecond=0).timestamp())
    return seconds * 1_000_000 + time.microsecond


def leg_of(leg: Leg) -> LegOfTruth:
    """What names the leg."""
    return LegOfTruth(
        leg["tenant_id"],
        leg["call_number"],
        leg["scenario"],
        leg["root_call_key"],
        leg["agent_extension"],
        leg["leg_number"],
        microseconds(leg["start_time"]),
        None if leg["end_time"] is None else microseconds(leg["end_time"]),
        leg["has_lost_event"] or leg["has_skew"],
    )


def files_of_call(call: CallFacts) -> list[list[FileOrder]]:
    """The files of a call, a list for each talk: pairs of near and far end, or one file of both."""
    kind = _kind_of(call)
    if kind == SIPREC:
        return [[_gateway_file(call)]]
    if kind == EFSWITCH:
        return [[_switch_file(call)]]
    return [
        pair
        for leg in call.legs
        for number, talk in enumerate(leg["talks"])
        if (pair := _pair(call, leg, number, talk))
    ]


def _kind_of(call: CallFacts) -> str:
    """How the call is recorded: at the phones, unless its course is simple enough for another way and chance wills it."""
    draw, trouble = call.draw, call.plan.trouble
    number = draw.random()
    if not _is_plain(call):
        return BIB
    if number < trouble.efswitch:
        return EFSWITCH
    is_for_gateway = number < trouble.efswitch + trouble.siprec and len(call.legs) == 1
    return SIPREC if is_for_gateway else BIB


def _is_plain(call: CallFacts) -> bool:
    """Whether every agent talks with nobody but a number outside that can be told from the service's."""
    number = call.first["other_party"]
    if number is None or not number.startswith("+"):
        return False
    return all(
        talk["end_time"] is not None and {heard["party"] for heard in talk["heard"]} == {OUTSIDE}
        for leg in call.legs
        for talk in leg["talks"]
    )


# At the phones.


def _pair(call: CallFacts, leg: Leg, number: int, talk: Talk) -> list[FileOrder]:
    """Near and far end of one talk; nothing if it lasts still, or hardly at all."""
    if talk["end_time"] is None:
        return []
    start, end = microseconds(talk["start_time"]), microseconds(talk["end_time"])
    if end - start < SHORTEST:
        return []
    draw = draw_of(
        call.plan.seed, "talk", leg["tenant_id"], leg["call_number"], leg["leg_number"], number, start
    )
    recorder = draw.choice(call.site.bridges)
    near, far = _near(call, leg, talk), _far(call, talk)
    told = _told_of_talk(leg, talk, recorder, draw)
    encoding = draw.choice(recorder.encodings)
    is_in_hold = _is_in_hold(leg, start)
    files = []
    for side, voices in ((NEAR, (near,)), (FAR, far)):
        begin = start + draw.randint(*call.plan.trouble.setup_ms) * 1000
        if end - begin < SHORTEST // 2:
            return []
        stretch = Stretch(leg_of(leg), number, side, 0, begin, end, is_in_hold)
        files.append(
            FileOrder(
                recorder=recorder,
                recording_type=BIB,
                side=side,
                encoding=encoding,
                start=begin,
                end=end,
                channels=(voices,),
                told=told,
                stretches=(stretch,),
                tenant_id=leg["tenant_id"],
            )
        )
    return files


def _near(call: CallFacts, leg: Leg, talk: Talk) -> Heard:
    start, end = microseconds(talk["start_time"]), microseconds(talk["end_time"])
    return Heard(call.voice(leg["agent_extension"]), start, end)


def _far(call: CallFacts, talk: Talk) -> tuple[Heard, ...]:
    last = talk["end_time"]
    return tuple(
        Heard(
            call.voice(heard["party"]),
            microseconds(heard["start_time"]),
            microseconds(heard["end_time"] or last),
        )
        for heard in talk["heard"]
    )


def _is_in_hold(leg: Leg, start: int) -> bool:
    return any(
        microseconds(hold["start_time"]) <= start
        and (hold["end_time"] is None or start < microseconds(hold["end_time"]))
        for hold in leg["hold_segments"]
    )


def _told_of_talk(leg: Leg, talk: Talk, recorder: Recorder, draw: Random) -> Told:
    """What the phone's dialog says. The leg reference is the events' connection id, where the events have one."""
    calling, called = _numbers(leg, talk)
    reference = talk["connection_id"] or str(draw.randrange(10_000_000, 99_999_999))
    if not recorder.knows_refci:
        return Told(agent_extension=leg["agent_extension"])
    return Told(
        call_key=talk["call_key"] if recorder.knows_call_key else None,
        jtapi_id=_jtapi_id(talk["call_key"]) if recorder.knows_call_key else None,
        refci=reference,
        agent_extension=leg["agent_extension"],
        agent_device=talk["terminal"],
        calling_number=calling,
        called_number=called,
        direction=leg["direction"],
    )


def _jtapi_id(call_key: str) -> str:
    node, _, number = call_key.rpartition("_")
    return str((int(node or 0) << NODE_SHIFT) | int(number))


def _numbers(leg: Leg, talk: Talk) -> tuple[str | None, str | None]:
    """Calling and called number as the dialog's addresses have them."""
    parties = [heard["party"] for heard in talk["heard"]]
    other = leg["other_party"] if OUTSIDE in parties else parties[0]
    if leg["direction"] == "OUTBOUND" or leg["start_reason"] == "OUTBOUND":
        return leg["agent_extension"], other
    return other, leg["agent_extension"]


# At the border, and on the CX switch.


def _gateway_file(call: CallFacts) -> FileOrder:
    """One stereo file from the caller's arrival to the end, of one agent; it has no call key."""
    leg = call.first
    start = max(
        microseconds(leg["first_fact_time"]) + 1_000_000, microseconds(leg["start_time"]) - BEFORE_THE_LEG
    )
    is_outbound = leg["direction"] == "OUTBOUND"
    told = Told(
        calling_number=leg["agent_extension"] if is_outbound else leg["other_party"],
        called_number=leg["other_party"] if is_outbound else leg["service_number"],
        direction=leg["direction"],
    )
    file = _file_of_both(call, call.site.gateway, SIPREC, told)
    return replace(
        file, start=min(start, file.start), channels=(file.channels[0], _customer(call, start, file.end))
    )


def _switch_file(call: CallFacts) -> FileOrder:
    """One stereo file over the whole call, through its transfers and holds."""
    leg = call.first
    told = Told(
        dialog_id=leg["root_call_key"],
        agent_extension=leg["agent_extension"],
        calling_number=leg["agent_extension"] if leg["direction"] == "OUTBOUND" else leg["other_party"],
        called_number=leg["other_party"] if leg["direction"] == "OUTBOUND" else leg["service_number"],
        direction=leg["direction"],
    )
    file = _file_of_both(call, call.site.switch, EFSWITCH, told)
    return replace(file, channels=(file.channels[0], _customer(call, file.start, file.end)))


def _customer(call: CallFacts, start: int, end: int) -> tuple[Heard, ...]:
    return (Heard(call.voice(OUTSIDE), start, end),)


def _file_of_both(call: CallFacts, recorder: Recorder, kind: str, told: Told) -> FileOrder:
    talks = [(leg, number, talk) for leg in call.legs for number, talk in enumerate(leg["talks"])]
    agents = tuple(_near(call, leg, talk) for leg, _, talk in talks)
    return FileOrder(
        recorder=recorder,
        recording_type=kind,
        side=BOTH,
        encoding=recorder.encodings[0],
        start=min(agent.start for agent in agents),
        end=max(agent.end for agent in agents),
        channels=(agents, ()),
        told=told,
        stretches=tuple(
            Stretch(leg_of(leg), number, side, channel, agent.start, agent.end, is_in_hold=False)
            for (leg, number, _), agent in zip(talks, agents, strict=True)
            for channel, side in enumerate((NEAR, FAR))
        ),
        tenant_id=call.first["tenant_id"],
    )


def foreign_file(legs: Iterable[Leg], site: Site, plan: AudioPlan, number: int) -> FileOrder:
    """A call inside CX, of which no listener heard: recorded by the switch near a call of ours, of no leg."""
    leg = next(iter(legs))
    tenant = leg["tenant_id"]
    draw = draw_of(plan.seed, "foreign", tenant, number)
    start = microseconds(leg["start_time"]) + draw.randint(-60_000, 60_000) * 1000
    end = start + draw.randint(5_000, 90_000) * 1000
    agent, customer = str(draw.randint(90_000, 90_099)), f"+1555{draw.randrange(10_000_000):07d}"
    keys = [voice_key(plan.seed, tenant, -1 - number, party) for party in (agent, customer)]
    return FileOrder(
        recorder=site.switch,
        recording_type=EFSWITCH,
        side=BOTH,
        encoding=site.switch.encodings[0],
        start=start,
        end=end,
        channels=tuple((Heard(key, start, end),) for key in keys),
        told=Told(
            dialog_id=str(UUID(int=draw.getrandbits(128), version=4)),
            agent_extension=agent,
            calling_number=customer,
            called_number=agent,
            direction="INBOUND",
        ),
        stretches=(),
        tenant_id=tenant,
    )
