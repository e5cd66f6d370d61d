"""Which recorded leg of Eleveo is which leg of ours: same call, same extension, and times that agree.

Between the legs of one extension in one call only time decides; where two agree alike, none is taken.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from cx_pipeline.core.linking.eleveo import Couple, MergeRules, RecordedLeg, Span, recorded_legs
from cx_pipeline.core.recording.leg_keys import START_TOLERANCE

AROUND = timedelta(minutes=2)
"""So far from a call's legs its couples may lie; what is further away is of another call that had the same id."""
MARGIN = timedelta(seconds=1)
"""Two that differ by less fit alike."""
_LONGEST_CALL = timedelta(hours=12)

IdForm = Literal["told", "call_key", "number", "slashed"]
_NODE_SHIFT, _LARGEST = 24, (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class OurLeg:
    """What of a leg of ours is compared."""

    leg_id: str
    leg_key: str
    agent_extension: str
    start_time: datetime
    end_time: datetime | None = None
    holds: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class OurCall:
    """A call of ours, to be looked up."""

    call_id: str
    cx_call_id: str | None
    root_call_key: str | None
    wanted_ids: tuple[str, ...]
    """What Eleveo is asked for."""
    call_keys: frozenset[str]
    """The same in the form of our call keys: couples of others are left out."""
    legs: tuple[OurLeg, ...]
    span: Span
    """From the first start to the last end that is known."""
    extensions: frozenset[str] = frozenset()
    """Whose recordings are wanted, beside those of the legs."""


@dataclass(frozen=True, slots=True)
class MatchedLeg:
    """A recorded leg and the leg of ours that it is; None: nothing decides which."""

    recorded: RecordedLeg
    leg: OurLeg | None


def dialog_call(text: str, call_key: str, extension: str, start: datetime) -> OurCall:
    """A call of which we have no leg, to be looked up by what stands in its key for it.

    Args:
        text: id of a dialog or call, as Eleveo may have it.
        call_key: the same in the form of our call keys.
        extension: whose recording is wanted.
        start: of that recording.
    """
    return OurCall(
        call_id=text,
        cx_call_id=None,
        root_call_key=None,
        wanted_ids=(text,),
        call_keys=frozenset({call_key}),
        legs=(),
        span=(start, start + _LONGEST_CALL),
        extensions=frozenset({extension}),
    )


def matched_legs(call: OurCall, couples: Sequence[Couple], rules: MergeRules) -> list[MatchedLeg]:
    """The recorded legs of a call, by extension and start, each with its leg of ours.

    Args:
        call: with its legs.
        couples: what Eleveo answered; what lies around another time, or bears another id, is left out.
        rules: of the site.
    """
    own = of_call(couples, call.call_keys, call.span)
    told = {couple.agent_extension for couple in own if couple.agent_extension is not None}
    told |= call.extensions
    matched: list[MatchedLeg] = []
    for extension in sorted({leg.agent_extension for leg in call.legs} | told):
        legs = [leg for leg in call.legs if leg.agent_extension == extension]
        holds = [hold for leg in legs for hold in leg.holds]
        recorded = recorded_legs(own, extension, holds, rules)
        pairs = _pairs(recorded, legs, rules.tolerance)
        matched.extend(MatchedLeg(each, pairs.get(number)) for number, each in enumerate(recorded))
    return matched


def of_call(couples: Iterable[Couple], call_keys: frozenset[str], span: Span) -> list[Couple]:
    """The couples that bear one of a call's ids, about its time: ids are used again after some hours or days."""
    earliest, latest = span[0] - AROUND, span[1] + AROUND
    return [
        couple
        for couple in couples
        if couple.call_key in call_keys
        and couple.start_time <= latest
        and (couple.end_time or couple.start_time) >= earliest
    ]


def closest(matched: Iterable[MatchedLeg], extension: str, start: datetime) -> MatchedLeg | None:
    """The recorded leg of an extension whose start, or that of its leg of ours, lies closest, 10 s away at most."""
    distances = [
        (_distance(each, start), -len(each.recorded.couples), each.recorded.couples[0].couple.couple_id, each)
        for each in matched
        if each.recorded.agent_extension == extension
    ]
    near = [entry for entry in distances if entry[0] <= START_TOLERANCE]
    return min(near, key=lambda entry: entry[:3])[3] if near else None


def eleveo_id(jtapi_id: str | None, call_key: str | None, form: IdForm) -> str | None:
    """A call's id as Eleveo has it in its external data.

    Args:
        jtapi_id: as the events told it.
        call_key: `node_gcid`, or `gcid`.
        form: `told`: the id as JTAPI told it; `number`: CiscoCallID's number; `slashed`: its text, `gcid/node`.
    """
    if form == "told":
        return jtapi_id or call_key
    parts = _node_and_gcid(call_key) if call_key else None
    if form == "call_key" or parts is None:
        return call_key or jtapi_id
    node, gcid = parts
    return str(node << _NODE_SHIFT | gcid) if form == "number" else f"{gcid}/{node}"


def _node_and_gcid(call_key: str) -> tuple[int, int] | None:
    node, _, gcid = call_key.rpartition("_")
    if not gcid.isdecimal() or not (node or "0").isdecimal():
        return None
    parts = int(node or "0"), int(gcid)
    return parts if parts[0] << _NODE_SHIFT | parts[1] <= _LARGEST else None


def _distance(matched: MatchedLeg, start: datetime) -> timedelta:
    starts = [matched.recorded.start_time, *([matched.leg.start_time] if matched.leg else [])]
    return min(abs(each - start) for each in starts)


def _pairs(
    recorded: Sequence[RecordedLeg], legs: Sequence[OurLeg], tolerance: timedelta
) -> Mapping[int, OurLeg]:
    """The leg of each recorded leg, by its number: the surest first, each at most once, none where two fit alike."""
    fits = [
        (fit, number, index)
        for number, each in enumerate(recorded)
        for index, leg in enumerate(legs)
        if (fit := _fit(each, leg, tolerance)) is not None
    ]
    pairs: dict[int, OurLeg] = {}
    while fits:
        best = min(fits)
        rivals = [fit for fit in fits if (fit[1] == best[1]) != (fit[2] == best[2]) and _is_alike(fit, best)]
        if not rivals:
            pairs[best[1]] = legs[best[2]]
        taken = {best[1], *(fit[1] for fit in rivals)}
        taken_legs = {best[2], *(fit[2] for fit in rivals)}
        fits = [fit for fit in fits if fit[1] not in taken and fit[2] not in taken_legs]
    return pairs


_Fit = tuple[tuple[bool, timedelta], int, int]


def _is_alike(one: _Fit, other: _Fit) -> bool:
    return one[0][0] == other[0][0] and abs(one[0][1] - other[0][1]) < MARGIN


def _fit(recorded: RecordedLeg, leg: OurLeg, tolerance: timedelta) -> tuple[bool, timedelta] | None:
    """How well they agree: whether the starts do not, and how far the ends that are known lie apart; None: not at all."""
    start_gap = abs(recorded.start_time - leg.start_time)
    ends = (recorded.end_time, leg.end_time)
    end_gap = abs(ends[0] - ends[1]) if ends[0] and ends[1] else timedelta()
    if start_gap <= tolerance:
        return False, start_gap + end_gap
    # Its beginning is missing: it is the leg's if it lies in it. Of a leg that still lasts nothing tells that.
    is_within = (
        leg.end_time is not None
        and recorded.start_time >= leg.start_time
        and (recorded.end_time or recorded.start_time) <= leg.end_time + tolerance
    )
    return (True, start_gap + end_gap) if is_within else None
