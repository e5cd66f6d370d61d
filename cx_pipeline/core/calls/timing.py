"""When each leg starts and ends, and whether anybody answered (specification of correlation, section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from cx_pipeline.core.calls.connections import ENDED_BY_ENDED, NEVER, Connections
from cx_pipeline.core.calls.rules import CorrelationRules
from cx_pipeline.core.calls.segments import NOWHERE, Segments, at
from cx_pipeline.core.events.vocabulary import Cause, FeatureReason, Kind

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What the rules of timing look at, all by call.

    `facts` sorted by call; `shares` of extensions; `runs` and `steps` of connections; `merges` with the `other`
    generation that each names.
    """

    facts: pl.DataFrame
    shares: pl.DataFrame
    runs: pl.DataFrame
    connections: Connections
    merges: pl.DataFrame


def time_legs(legs: pl.DataFrame, of: CallFacts, rules: CorrelationRules, as_of: datetime) -> pl.DataFrame:
    """Add to each leg `start`, `end` (null while open), whether it was answered and what was estimated.

    Columns added: `ring_time`, `talk_time`, `start`, `end`, `is_answered`, `is_start_estimated`, `is_end_estimated`,
    `is_originator`, `is_silenced` (closed by silence), `start_rule`, `start_row`, `end_rule`.
    """
    timed = _with_step_times(legs, of.connections.steps)
    timed = _with_lost_talk(timed, of)
    timed = _with_origin(timed, of)
    return _with_ends(timed, of.facts, rules.max_silence, as_of)


def _with_step_times(legs: pl.DataFrame, steps: pl.DataFrame) -> pl.DataFrame:
    time, row = steps["time"].to_numpy(), steps["row"].to_numpy()
    position = {name: legs[name].to_numpy() for name in ("first", "ring", "talk", "held")}
    times = {name: at(time, where, NEVER) for name, where in position.items()}
    rows = {name: at(row, where, 0) for name, where in position.items()}
    talked = times["talk"] != NEVER
    rang = times["ring"] != NEVER
    held_first = times["held"] < times["talk"]
    is_lost = held_first | (~talked & (times["held"] != NEVER))
    choice = [talked & ~is_lost, rang]
    return legs.with_columns(
        ring_time=pl.Series(times["ring"]),
        talk_time=pl.Series(times["talk"]),
        start=pl.Series(np.select(choice, [times["talk"], times["ring"]], times["first"])),
        start_row=pl.Series(np.select(choice, [rows["talk"], rows["ring"]], rows["first"]).astype(np.uint32)),
        start_rule=pl.Series(np.select([talked & ~is_lost, rang], [0, 1], 2).astype(np.uint8)),
        is_answered=pl.Series(talked | is_lost),
        is_start_estimated=pl.Series(is_lost),
    )


START_RULES = (
    "FIRST_TALKING",
    "FIRST_RINGING",
    "EARLIEST_FACT",
    "OTHER_PARTY_ANSWERED",
    "INITIATED_AND_NEVER_ANSWERED",
)
_OTHER_PARTY_ANSWERED, _NEVER_ANSWERED = 3, 4

END_RULES = ("OPEN", "DROPPED", "DISCONNECTED", "CALL_ENDED", "SILENCE")
_SILENCE = 4


def _with_lost_talk(legs: pl.DataFrame, of: CallFacts) -> pl.DataFrame:
    """A leg that only rang, but of which a conference or ESTABLISHED says that it talked, lost its TALKING."""
    silent = legs.filter(~pl.col("is_answered")).select("leg", "call", "extension", "opened", "closed")
    if silent.is_empty():
        return legs
    inside = (pl.col("time") >= pl.col("opened")) & (pl.col("time") <= pl.col("closed"))
    conferences = of.merges.filter(pl.col("kind") == Kind.CONFERENCE)
    touched = pl.concat(
        [
            conferences.select("call", "time", "generation"),
            conferences.select("call", "time", generation="other").drop_nulls(),
        ]
    )
    generations = of.runs.select("leg", "generation").unique()
    by_conference = (
        silent.join(touched, on="call")
        .filter(inside)
        .join(generations, on=["leg", "generation"], how="semi")["leg"]
    )
    established = of.shares.filter(pl.col("established") != NEVER).select(
        "call", "extension", time="established"
    )
    by_established = silent.join(established, on=["call", "extension"]).filter(inside)["leg"]
    talked = pl.concat([by_conference, by_established]).unique()
    is_talk = pl.col("leg").is_in(talked.implode())
    return legs.with_columns(
        is_answered=pl.col("is_answered") | is_talk, is_start_estimated=pl.col("is_start_estimated") | is_talk
    )


def origins_of(facts: pl.DataFrame) -> pl.DataFrame:
    """For each call the first fact that an extension began it: `call`, `generation`, `extension`, `time`, `moment`.

    `is_reported`: the persisted table says the direction itself, where it has no INITIATED.
    """
    columns = ["call", "generation", "extension", "time", "moment", "row"]
    begun = facts.filter((pl.col("kind") == Kind.INITIATED) & (pl.col("extension") != 0)).select(
        *columns, is_reported=pl.lit(value=False)
    )
    if "is_originated" in facts.columns:
        said = facts.filter(pl.col("is_originated")).select(*columns, is_reported=pl.lit(value=True))
        begun = pl.concat([begun, said])
    return begun.sort("call", "moment", "extension", "row").unique("call", keep="first", maintain_order=True)


def _with_origin(legs: pl.DataFrame, of: CallFacts) -> pl.DataFrame:
    """Mark the leg of the agent who began the call; it starts when the other party answers."""
    origins = origins_of(of.facts)
    legs = legs.with_columns(
        is_originator=pl.lit(value=False),
        answered_at=pl.lit(None, pl.Int64),
        initiated_at=pl.lit(None, pl.Int64),
    )
    if origins.is_empty():
        return legs
    moments = of.connections.steps["moment"].to_numpy()
    first_talk = (
        legs.filter(pl.col("talk") != NOWHERE)
        .select(
            "call", talk_moment=pl.Series(moments[legs.filter(pl.col("talk") != NOWHERE)["talk"].to_numpy()])
        )
        .group_by("call")
        .agg(pl.min("talk_moment"))
    )
    first_legs = legs.sort("call", "number").unique(["call", "extension"], keep="first", maintain_order=True)
    begun = (
        origins.join(first_talk, on="call", how="left")
        .filter(pl.col("talk_moment").is_null() | (pl.col("moment") <= pl.col("talk_moment")))
        .join(
            first_legs.filter("is_answered").select("call", "extension", "leg", talked="talk_time"),
            on=["call", "extension"],
        )
    )
    begun = begun.join(_answers(begun, of), on="leg", how="left")
    begun = begun.with_columns(
        answered_at=pl.when("is_reported").then("talked").otherwise("answered_at"),
        answer_row=pl.when("is_reported").then("row").otherwise("answer_row"),
    )
    joined = legs.drop("answered_at", "initiated_at", "is_originator").join(
        begun.select(
            "leg",
            "answered_at",
            "answer_row",
            "is_evident",
            initiated_at="time",
            initiated_row="row",
            is_originator=pl.lit(value=True),
        ),
        on="leg",
        how="left",
        maintain_order="left",
    )
    return _start_of_originator(joined.with_columns(pl.col("is_originator").fill_null(value=False)))


def _answers(begun: pl.DataFrame, of: CallFacts) -> pl.DataFrame:
    """When the other party of each originated call answered: an agent by its TALKING, anybody else by ESTABLISHED.

    A hold, a conference or a transfer by the originator on that call says that somebody had answered (`is_evident`).
    """
    calls = begun.select("call", "leg", "generation", "time", origin="extension")
    steps = of.connections.steps
    talks = steps.filter(pl.col("kind") == Kind.TALKING).join(calls, on=["call", "generation"])
    by_agents = talks.filter(pl.col("extension") != pl.col("origin")).select(
        "leg", answered_at="time", answer_row="row"
    )
    others = of.shares.filter(~pl.col("is_agent") & (pl.col("established") != NEVER)).join(
        calls, on=["call", "generation"]
    )
    by_others = others.filter(pl.col("extension") != pl.col("origin")).select(
        "leg", answered_at="established", answer_row="established_row"
    )
    answers = (
        pl.concat([by_agents, by_others]).sort("leg", "answered_at", "answer_row").unique("leg", keep="first")
    )
    held = steps.filter(pl.col("kind") == Kind.HELD).join(calls, on=["call", "generation"])
    held_by = held.filter(pl.col("extension") == pl.col("origin")).select("leg")
    merged = (
        of.merges.filter(pl.col("kind") != Kind.MERGED).join(calls, on=["call", "generation"]).select("leg")
    )
    evident = pl.concat([held_by, merged]).unique().with_columns(is_evident=pl.lit(value=True))
    return answers.join(evident, on="leg", how="full", coalesce=True)


def _start_of_originator(legs: pl.DataFrame) -> pl.DataFrame:
    mine = pl.col("is_originator")
    answered = mine & pl.col("answered_at").is_not_null()
    nobody = mine & pl.col("answered_at").is_null() & ~pl.col("is_evident").fill_null(value=False)
    # A lost TALKING leaves the off-hook as the earliest fact: the answer is the better start.
    own = pl.when(pl.col("is_start_estimated")).then("initiated_at").otherwise("start")
    later = answered & (pl.col("answered_at") >= own)
    return legs.with_columns(
        start=pl.when(answered)
        .then(pl.max_horizontal(own, "answered_at"))
        .when(nobody)
        .then("initiated_at")
        .otherwise("start"),
        start_row=pl.when(later).then("answer_row").when(nobody).then("initiated_row").otherwise("start_row"),
        start_rule=pl.when(later)
        .then(_OTHER_PARTY_ANSWERED)
        .when(nobody)
        .then(_NEVER_ANSWERED)
        .otherwise("start_rule")
        .cast(pl.UInt8),
        is_answered=pl.col("is_answered") & ~nobody,
        is_start_estimated=(pl.col("is_start_estimated") & ~nobody) | (mine & ~answered & ~nobody),
    ).drop("answered_at", "answer_row", "initiated_at", "initiated_row", "is_evident")


def _with_ends(
    legs: pl.DataFrame, facts: pl.DataFrame, max_silence: timedelta, as_of: datetime
) -> pl.DataFrame:
    """A leg still open long after its call's last fact was closed at that fact; nobody knows how it ended."""
    calls = Segments.of(facts["call"].to_numpy())
    last = calls.largest(facts["time"].to_numpy())
    last_of_call = pl.Series(last[legs["call"].to_numpy()]) if len(legs) else pl.Series([], dtype=pl.Int64)
    limit = (as_of - EPOCH - max_silence) // timedelta(microseconds=1)
    is_open = pl.col("closed") == NEVER
    silenced = is_open & (last_of_call < limit)
    by_call = pl.col("ended_by") == ENDED_BY_ENDED
    return legs.with_columns(
        is_silenced=silenced,
        end=pl.when(silenced).then(last_of_call).when(~is_open).then("closed"),
        is_end_estimated=silenced | (~is_open & by_call),
        end_rule=pl.when(silenced).then(_SILENCE).otherwise("ended_by").cast(pl.UInt8),
    ).with_columns(end=pl.max_horizontal("end", pl.when(pl.col("end").is_not_null()).then("start")))


def rona_reasons(legs: pl.DataFrame, of: CallFacts) -> pl.DataFrame:
    """Why each unanswered leg that ended was not answered: `leg`, `rona_reason`.

    By cause first; ANSWERED_ELSEWHERE where another agent answered the same ring; ABANDONED where the other party
    had left.
    """
    rang = legs.filter(~pl.col("is_answered") & ~pl.col("is_originator") & pl.col("end").is_not_null())
    rang = rang.select("leg", "call", "generation", "extension", "ring_time", "end", "opened")
    schema = {"leg": pl.UInt32, "rona_reason": pl.String}
    if rang.is_empty():
        return pl.DataFrame(schema=schema)
    steps = of.connections.steps
    own_runs = of.runs.select("leg", "run").join(rang.select("leg"), on="leg")
    own_steps = steps.join(own_runs.with_columns(pl.col("run").cast(pl.Int64)), on="run").group_by("leg")
    cause, reason = pl.col("cause"), pl.col("reason")
    causes = own_steps.agg(
        is_rejected=(cause == Cause.CALL_REJECTED).any(),
        is_unanswered=(
            cause.is_in([Cause.NO_USER_RESPONDING, Cause.NO_ANSWER_FROM_USER])
            | ((reason == FeatureReason.FORWARD_NO_ANSWER) & (pl.col("kind") != Kind.RINGING))
        ).any(),
    )
    judged = (
        rang.join(causes, on="leg", how="left")
        .join(_answered_elsewhere(rang, legs, of), on="leg", how="left")
        .join(_left_before(rang, of), on="leg", how="left")
    )
    return judged.select(
        "leg",
        rona_reason=pl.when("is_rejected")
        .then(pl.lit("REJECTED"))
        .when("is_elsewhere")
        .then(pl.lit("ANSWERED_ELSEWHERE"))
        .when("is_unanswered")
        .then(pl.lit("NO_ANSWER"))
        .when("is_abandoned")
        .then(pl.lit("ABANDONED"))
        .otherwise(pl.lit("NO_ANSWER")),
    )


def _answered_elsewhere(rang: pl.DataFrame, legs: pl.DataFrame, of: CallFacts) -> pl.DataFrame:
    """Legs that stopped ringing because another agent took the same call key, while they rang."""
    answers = (
        of.runs.join(
            legs.filter(pl.col("is_answered") & (pl.col("talk_time") != NEVER)).select("leg", "talk_time"),
            on="leg",
        )
        .filter((pl.col("talk_time") >= pl.col("opened")) & (pl.col("talk_time") <= pl.col("closed")))
        .select("generation", "talk_time", answering="extension")
    )
    both = rang.join(answers, on="generation").filter(
        (pl.col("answering") != pl.col("extension"))
        & (pl.col("talk_time") >= pl.col("opened"))
        & (pl.col("talk_time") <= pl.col("end"))
    )
    # It must have been ringing for the one who answered as well: a call that came later rang nobody else.
    return both.select("leg").unique().with_columns(is_elsewhere=pl.lit(value=True))


def _left_before(rang: pl.DataFrame, of: CallFacts) -> pl.DataFrame:
    """Legs whose other party's connection ended at the same time or before: everybody outside, else all other agents."""
    generations = rang.select("leg", "generation", "extension", "end")
    outside = (
        of.shares.filter(~pl.col("is_agent"))
        .join(generations.select("leg", "generation", "end"), on="generation")
        .group_by("leg")
        .agg(has_left=(pl.col("left") <= pl.col("end")).all())
    )
    inside = (
        of.runs.select("generation", "extension", "closed")
        .join(generations.rename({"extension": "own"}), on="generation")
        .filter(pl.col("extension") != pl.col("own"))
        .group_by("leg")
        .agg(all_closed=(pl.col("closed") <= pl.col("end")).all())
    )
    return (
        generations.select("leg")
        .join(outside, on="leg", how="left")
        .join(inside, on="leg", how="left")
        .select("leg", is_abandoned=pl.coalesce("has_left", "all_closed").fill_null(value=False))
    )
