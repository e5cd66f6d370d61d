"""Why a call's legs are as they are: for each decision its rule, the rule in plain words, and the event that decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from cx_pipeline.core.calls.call_facts import facts_of_call
from cx_pipeline.core.calls.correlate import Correlation
from cx_pipeline.core.calls.rule_sentences import (
    END_SENTENCES,
    HOLD_END_SENTENCES,
    HOLD_START_SENTENCES,
    NO_HOLD_SENTENCES,
    TYPE_SENTENCES,
    start_sentence,
)
from cx_pipeline.core.calls.rules import CorrelationRules
from cx_pipeline.core.calls.time_line import TimeLine, time_line
from cx_pipeline.core.directory import Directory
from cx_pipeline.core.events.call_keys import call_key
from cx_pipeline.core.events.vocabulary import Kind

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """An event that decided something. `event_name` as the source wrote it, where it is known."""

    time: datetime
    kind: str
    extension: str | None
    call_key: str
    event_name: str | None
    event_id: str | None


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision about a leg.

    `subject` is what was decided (`start`, `end`, `type`, `hold 1 start`, …) and `outcome` what it came to;
    `event` is null where the absence of events decided.
    """

    subject: str
    outcome: str | datetime | None
    rule: str
    sentence: str
    event: Event | None


@dataclass(frozen=True, slots=True)
class ExplainedLeg:
    """A leg (a row of `LEG_SCHEMA`) and its decisions: start, end, holds, type."""

    leg: Row
    decisions: tuple[Decision, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A call (a row of `CALL_SCHEMA`), its time line, its legs, and its facts (`CALL_FACT_SCHEMA`)."""

    call: Row
    time_line: TimeLine
    legs: tuple[ExplainedLeg, ...]
    facts: pl.DataFrame


def explain(
    events: pl.DataFrame,
    correlation: Correlation,
    call_id: str,
    rules: CorrelationRules,
    directory: Directory,
) -> Explanation:
    """Explain a call of a correlation.

    Args:
        events: those from which `correlation` was computed; of any number of calls.
        correlation: what they gave, with the same rules and directory.
        call_id: of the call.
        rules: of the correlation.
        directory: of the correlation; also for the agents' names.

    Raises:
        KeyError: the correlation has no such call.
    """
    calls = correlation.calls.filter(pl.col("call_id") == call_id)
    if calls.is_empty():
        raise KeyError(call_id)
    call = calls.row(0, named=True)
    legs = list(correlation.legs.filter(pl.col("call_id") == call_id).iter_rows(named=True))
    facts = facts_of_call(_of_keys(events, call), call_id, rules, directory)
    if facts.is_empty():  # other events had a say in whose call it is: a tenant that another key's facts tell
        facts = facts_of_call(events, call_id, rules, directory)
    names = _agent_names(directory, call["tenant_id"], call["start_time"])
    explained = tuple(ExplainedLeg(leg, tuple(_decisions(leg, _since(leg, legs), facts))) for leg in legs)
    return Explanation(call, time_line(call, legs, facts, names), explained, facts)


def _of_keys(events: pl.DataFrame, call: Row) -> pl.DataFrame:
    """The events on the call's keys: all its own, and other lives of the same keys."""
    return events.filter(call_key(pl.col("global_call_id")).is_in(call["call_keys"]))


def _agent_names(directory: Directory, tenant_id: str, moment: datetime) -> dict[str, str]:
    valid = (pl.col("valid_from").is_null() | (pl.col("valid_from") <= moment)) & (
        pl.col("valid_to").is_null() | (pl.col("valid_to") > moment)
    )
    named = directory.agents.filter((pl.col("tenant_id") == tenant_id) & valid)
    return dict(named.select("extension", "agent_name").drop_nulls().rows())


def _since(leg: Row, legs: Sequence[Row]) -> datetime | None:
    """When the same agent's leg before this one ended; null for the first."""
    before = [
        other["end_time"]
        for other in legs
        if other["agent_extension"] == leg["agent_extension"] and other["leg_number"] < leg["leg_number"]
    ]
    return max((end for end in before if end is not None), default=None)


def _decisions(leg: Row, since: datetime | None, facts: pl.DataFrame) -> Iterator[Decision]:
    evidence = leg["evidence"]
    start, end, kind = evidence["start"], evidence["end"], evidence["type"]
    sentence = start_sentence(start["rule"], is_answered=leg["is_answered"])
    yield Decision("start", leg["start_time"], start["rule"], sentence, _event(start, facts))
    yield Decision("end", leg["end_time"], end["rule"], END_SENTENCES[end["rule"]], _event(end, facts))
    yield from hold_decisions(leg, since, facts)
    yield Decision("type", leg["call_type"], kind["rule"], TYPE_SENTENCES[kind["rule"]], _event(kind, facts))


def _event(decision: Row, facts: pl.DataFrame) -> Event | None:
    if decision["event_time"] is None:
        return None
    same = [
        pl.col(name).eq_missing(decision[name]) for name in ("event_time", "kind", "extension", "call_key")
    ]
    found = facts.filter(*same)
    if decision["event_id"] is not None:
        by_id = found.filter(pl.col("event_id") == decision["event_id"])
        found = by_id if len(by_id) else found
    name = found["event_name"][0] if len(found) else None
    return Event(
        decision["event_time"],
        decision["kind"],
        decision["extension"],
        decision["call_key"],
        name,
        decision["event_id"],
    )


def hold_decisions(leg: Row, since: datetime | None, facts: pl.DataFrame) -> Iterator[Decision]:
    """Why the leg's holds start and end when they do, and why other facts HELD of its phone make none.

    Args:
        leg: a row of `LEG_SCHEMA`.
        since: when the agent's leg before it ended.
        facts: the call's facts, `CALL_FACT_SCHEMA`.
    """
    held = facts.filter((pl.col("kind") == Kind.HELD.name) & (pl.col("extension") == leg["agent_extension"]))
    if since is not None:
        held = held.filter(pl.col("event_time") > since)
    if leg["end_time"] is not None:
        held = held.filter(pl.col("event_time") <= leg["end_time"])
    holds: Sequence[Row] = leg["hold_segments"]
    for number, hold in enumerate(holds, start=1):
        rule, event = _hold_start(hold, held)
        yield Decision(f"hold {number} start", hold["start_time"], rule, HOLD_START_SENTENCES[rule], event)
        rule, event = _hold_end(hold, leg, held, facts)
        yield Decision(f"hold {number} end", hold["end_time"], rule, HOLD_END_SENTENCES[rule], event)
    used = {hold["start_time"] for hold in holds}
    for row in held.iter_rows(named=True):
        if row["event_time"] in used or _begins_before_the_start(row, leg, holds):
            continue
        is_again = any(_covers(hold, row["event_time"]) for hold in holds)
        rule = "HELD_AGAIN" if is_again else "EMPTY_HOLD"
        yield Decision("no hold", None, rule, NO_HOLD_SENTENCES[rule], _as_event(row))


def _begins_before_the_start(row: Row, leg: Row, holds: Sequence[Row]) -> bool:
    """Whether the fact is the HELD of a hold that counts from the leg's start only."""
    return bool(holds) and row["event_time"] < leg["start_time"] == holds[0]["start_time"]


def _covers(hold: Row, moment: datetime) -> bool:
    return bool(hold["start_time"] <= moment and (hold["end_time"] is None or moment < hold["end_time"]))


def _hold_start(hold: Row, held: pl.DataFrame) -> tuple[str, Event | None]:
    before = held.filter(pl.col("event_time") <= hold["start_time"])
    if before.is_empty():
        return "HELD_BEFORE_THE_START", None
    row = before.row(-1, named=True)
    return ("HELD" if row["event_time"] == hold["start_time"] else "HELD_BEFORE_THE_START"), _as_event(row)


def _hold_end(hold: Row, leg: Row, held: pl.DataFrame, facts: pl.DataFrame) -> tuple[str, Event | None]:
    end = hold["end_time"]
    if end is None:
        return "STILL_HELD", None
    keys = held.filter(pl.col("event_time") <= end)["call_key"].unique().to_list()
    then = facts.filter(pl.col("event_time") == end)
    kind = pl.col("kind")
    talks = then.filter(
        (kind == Kind.TALKING.name)
        & (pl.col("extension") == leg["agent_extension"])
        & pl.col("call_key").is_in(keys)
    )
    merges = then.filter(kind.is_in([Kind.TRANSFER.name, Kind.CONFERENCE.name]))
    for rule, found in (("TALKS_AGAIN", talks), ("MERGED", merges)):
        if len(found):
            return rule, _as_event(found.row(0, named=True))
    return "LEG_ENDED", _event(leg["evidence"]["end"], facts)


def _as_event(row: Row) -> Event:
    return Event(
        row["event_time"], row["kind"], row["extension"], row["call_key"], row["event_name"], row["event_id"]
    )
