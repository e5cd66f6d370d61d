"""How two legs of one call relate: consult, conference, transfer (specification of correlation, section 5).

Only calls with at least two answered legs come here; a relation is a row with the legs `a` (the earlier one) and `b`.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from cx_pipeline.core.calls.connections import NEVER
from cx_pipeline.core.calls.rules import CorrelationRules
from cx_pipeline.core.calls.timing import CallFacts
from cx_pipeline.core.events.vocabulary import FeatureReason, Kind

CONSULT, CONFERENCE, DIRECT_TRANSFER = "CONSULT", "CONFERENCE", "DIRECT_TRANSFER"
CONFERENCED, TRANSFERRED, CANCELLED, ABANDONED = "CONFERENCED", "TRANSFERRED", "CANCELLED", "ABANDONED"

RELATION_SCHEMA = {
    "call": pl.UInt32,
    "a": pl.UInt32,
    "b": pl.UInt32,
    "a_extension": pl.UInt32,
    "b_extension": pl.UInt32,
    "kind": pl.String,
    "result": pl.String,
    "at": pl.Int64,
    "rule": pl.String,
    "row": pl.UInt32,
}


def find_relations(
    legs: pl.DataFrame, holds: pl.DataFrame, of: CallFacts, rules: CorrelationRules
) -> pl.DataFrame:
    """The relations of the legs, `RELATION_SCHEMA`: what, with what result, when, by which rule and fact.

    An unanswered leg stands in one only as the consulted: a CONSULT fact names it, though nobody talked.
    """
    several = legs.with_columns(until=pl.col("end").fill_null(NEVER)).filter(pl.len().over("call") > 1)
    if several.is_empty():
        return pl.DataFrame(schema=RELATION_SCHEMA)
    every = _pairs(several).filter("a_is_answered")
    pairs = every.filter("b_is_answered")
    consults = _consult_results(_consults(every, pairs, holds, of), holds, of, rules)
    conferences = _blind_conferences(pairs, consults, of)
    consulted = pl.concat([consults.select("b"), conferences.select("b")])
    transfers = _direct_transfers(pairs, consulted, of, rules)
    columns = list(RELATION_SCHEMA)
    frames = [frame.select(columns).cast(RELATION_SCHEMA) for frame in (consults, conferences, transfers)]  # type: ignore[arg-type]
    return pl.concat(frames).sort("call", "at", "a", "b")


def _pairs(legs: pl.DataFrame) -> pl.DataFrame:
    """Every two legs of one call, the earlier one first."""
    columns = ["leg", "extension", "number", "start", "until", "opened", "is_originator", "is_answered"]
    a = legs.select("call", a="leg", **{f"a_{name}": name for name in columns[1:]})
    b = legs.select("call", b="leg", **{f"b_{name}": name for name in columns[1:]})
    earlier = (pl.col("a_start") < pl.col("b_start")) | (
        (pl.col("a_start") == pl.col("b_start")) & (pl.col("a_number") < pl.col("b_number"))
    )
    return a.join(b, on="call").filter((pl.col("a") != pl.col("b")) & earlier)


def _consults(every: pl.DataFrame, pairs: pl.DataFrame, holds: pl.DataFrame, of: CallFacts) -> pl.DataFrame:
    """Who consulted whom: by a CONSULT fact that names the call of B, else because B came while A held.

    B was consulted by one: the CONSULT fact decides, else the hold that began last. `every` pair may have a B that
    nobody answered; `pairs` have not.
    """
    consult = of.facts.filter(pl.col("kind") == Kind.CONSULT).select(
        "call", "generation", "time", "row", a_extension="extension"
    )
    b_generations = of.runs.select("generation", b="leg").unique()
    named = (
        every.join(consult, on=["call", "a_extension"])
        .join(b_generations, on=["generation", "b"], how="semi")
        .filter(
            (pl.col("time") <= pl.col("b_until"))
            & (pl.col("time") >= pl.col("a_opened"))
            & (pl.col("time") <= pl.col("a_until"))
        )
        .select(*pairs.columns, since="time", row="row", rule=pl.lit("CONSULT_FACT"), rank=pl.lit(0))
    )
    held = (
        pairs.join(holds.rename({"leg": "a"}), on="a")
        .filter((pl.col("hold_start") <= pl.col("b_start")) & (pl.col("b_start") < pl.col("hold_end")))
        .select(
            *pairs.columns,
            since="hold_start",
            row=pl.lit(None, pl.UInt32),
            rule=pl.lit("TALKS_WHILE_HELD"),
            rank=pl.lit(1),
        )
    )
    found = pl.concat([named, held], how="vertical_relaxed")
    return found.sort("b", "rank", "since", "a", descending=[False, False, True, False]).unique(
        "b", keep="first", maintain_order=True
    )


def _consult_results(
    consults: pl.DataFrame, holds: pl.DataFrame, of: CallFacts, rules: CorrelationRules
) -> pl.DataFrame:
    """What came of each consult; transfer evidence beats conference evidence."""
    if consults.is_empty():
        return pl.DataFrame(schema=RELATION_SCHEMA)
    near = rules.merge_tolerance // timedelta(microseconds=1)
    merges = of.merges.filter(pl.col("kind").is_in([Kind.TRANSFER, Kind.CONFERENCE]))
    met = consults.select("call", "a", "b", "a_extension", "b_start", "a_until", "b_until").join(
        merges.select("call", "time", "row", "reason", merge="kind", controller="extension"), on="call"
    )
    by_a = (pl.col("controller") == pl.col("a_extension")) | (pl.col("controller") == 0)
    during = (pl.col("time") >= pl.col("b_start")) & (
        pl.col("time") - near <= pl.min_horizontal("a_until", "b_until")
    )
    met = met.filter(during).sort("time", "row")
    transfers = met.filter((pl.col("merge") == Kind.TRANSFER) & by_a)
    conferences = met.filter(pl.col("merge") == Kind.CONFERENCE)
    disguised = _transfers_in_disguise(conferences, of, rules)
    facts = (
        _first(transfers, "transfer")
        .join(_first(conferences, "conference"), on="b", how="full", coalesce=True)
        .join(_first(disguised, "disguised"), on="b", how="full", coalesce=True)
    )
    judged = consults.join(facts, on="b", how="left").join(
        _other_party(consults, holds, of), on="b", how="left"
    )
    return judged.with_columns(**_judgement())


def _judgement() -> dict[str, pl.Expr]:
    """`result`, `at`, `rule` and `row` of a consult, from what is known of it."""
    transfer = pl.coalesce("transfer_at", "disguised_at")
    stays = (pl.col("a_until") < pl.col("b_until")) & ~pl.col("has_other_left").fill_null(value=False)
    conference = pl.col("conference_at").is_not_null()
    left = pl.col("has_left_while_held").fill_null(value=False)
    goes_on = pl.col("b_until") < pl.col("a_until")
    cases = [
        (
            transfer.is_not_null(),
            TRANSFERRED,
            transfer,
            "TRANSFER_FACT",
            pl.coalesce("transfer_row", "disguised_row"),
        ),
        (conference, CONFERENCED, pl.col("conference_at"), "CONFERENCE_FACT", pl.col("conference_row")),
        (left, ABANDONED, pl.col("b_start"), "OTHER_PARTY_LEFT_WHILE_HELD", pl.col("left_row")),
        (stays, TRANSFERRED, pl.col("a_until"), "CONTROLLER_LEFT_OTHERS_STAYED", pl.col("row")),
        (goes_on, CANCELLED, pl.col("b_start"), "CONSULTED_LEFT", pl.col("row")),
    ]
    nothing: dict[str, pl.Expr] = {
        "result": pl.lit(None, pl.String), "at": pl.col("b_start"), "rule": pl.col("rule"), "row": pl.col("row"),
    }  # fmt: skip
    for holds_true, result, at, rule, row in reversed(cases):
        values = {"result": pl.lit(result), "at": at, "rule": pl.lit(rule), "row": row}
        nothing = {name: pl.when(holds_true).then(values[name]).otherwise(nothing[name]) for name in values}
    return {"kind": pl.lit(CONSULT), **nothing}


def _first(facts: pl.DataFrame, name: str) -> pl.DataFrame:
    firsts = facts.unique("b", keep="first", maintain_order=True)
    return firsts.select("b", pl.col("time").alias(f"{name}_at"), pl.col("row").alias(f"{name}_row"))


def _transfers_in_disguise(conferences: pl.DataFrame, of: CallFacts, rules: CorrelationRules) -> pl.DataFrame:
    """Conferences that were the way of a transfer: feature reason TRANSFER on them, or near them on A's leaving."""
    near = rules.transfer_near_conference // timedelta(microseconds=1)
    own = conferences.filter(pl.col("reason") == FeatureReason.TRANSFER)
    drops = of.connections.steps.filter(
        (pl.col("reason") == FeatureReason.TRANSFER) & (pl.col("kind") == Kind.DROPPED)
    ).select("call", left_at="time", a_extension="extension")
    left = conferences.join(drops, on=["call", "a_extension"]).filter(
        (pl.col("left_at") - pl.col("time")).abs() <= near
    )
    return pl.concat([own, left.select(own.columns)]).unique(["b", "row"]).sort("time", "row")


def _other_party(consults: pl.DataFrame, holds: pl.DataFrame, of: CallFacts) -> pl.DataFrame:
    """Whether the other party had left before A ended, and whether it left while A held it.

    The other party is everybody in A's first call key who is neither A nor B: outside parties by DISCONNECTED, other
    agents by the end of their connections.
    """
    mine = consults.select("call", "a", "b", "a_extension", "b_extension", "a_until", "b_until", "b_start")
    main = (
        of.runs.sort("leg", "opened", "first_row").unique("leg", keep="first").select("generation", a="leg")
    )
    mine = mine.join(main, on="a", how="left")
    outside = of.shares.filter(~pl.col("is_agent")).select("generation", "left")
    agents = of.runs.group_by("generation", other="extension").agg(left=pl.max("closed"))
    inside = (
        mine.join(agents, on="generation")
        .filter((pl.col("other") != pl.col("a_extension")) & (pl.col("other") != pl.col("b_extension")))
        .select("b", "left")
    )
    by_outside = mine.join(outside, on="generation").group_by("b").agg(outside_left=pl.max("left"))
    by_inside = inside.group_by("b").agg(inside_left=pl.max("left"))
    known = mine.join(by_outside, on="b", how="left").join(by_inside, on="b", how="left")
    known = known.with_columns(other_left=pl.coalesce("outside_left", "inside_left"))
    while_held = (
        known.join(holds.rename({"leg": "a"}), on="a")
        .filter(
            (pl.col("other_left") >= pl.col("hold_start"))
            & (pl.col("other_left") <= pl.col("hold_end"))
            & (pl.col("hold_start") <= pl.col("b_start"))
            & (pl.col("other_left") <= pl.col("b_until"))
            & (pl.col("other_left") != NEVER)
        )
        .select("b")
        .unique()
        .with_columns(has_left_while_held=pl.lit(value=True))
    )
    return known.join(while_held, on="b", how="left").select(
        "b",
        "has_left_while_held",
        has_other_left=pl.col("other_left") <= pl.col("a_until"),
        left_row=pl.lit(None, pl.UInt32),
    )


def _blind_conferences(pairs: pl.DataFrame, consults: pl.DataFrame, of: CallFacts) -> pl.DataFrame:
    """Legs that a conference put together without a consult before it."""
    conferences = of.merges.filter(pl.col("kind") == Kind.CONFERENCE).select("call", "row", at="time")
    related = pl.concat([consults.select(leg="a"), consults.select(leg="b")])
    inside = (pl.col("b_start") <= pl.col("at")) & (pl.col("at") <= pl.min_horizontal("a_until", "b_until"))
    return (
        pairs.join(conferences, on="call")
        .filter(inside)
        .join(related, left_on="b", right_on="leg", how="anti")
        .sort("b", "at", "a_start", "a")
        .unique("b", keep="first", maintain_order=True)
        .with_columns(kind=pl.lit(CONFERENCE), result=pl.lit(CONFERENCED), rule=pl.lit("CONFERENCE_FACT"))
    )


def _direct_transfers(
    pairs: pl.DataFrame, consulted: pl.DataFrame, of: CallFacts, rules: CorrelationRules
) -> pl.DataFrame:
    """B talks after A ended, with no consult between them; B comes from the one who ended last.

    A feature reason BLINDTRANSFER or REDIRECT on B's ring tells it even where the clocks let B begin a little early.
    """
    tolerance = rules.merge_tolerance // timedelta(microseconds=1)
    blind = [FeatureReason.BLIND_TRANSFER, FeatureReason.REDIRECT]
    coming = pl.col("kind").is_in([Kind.RINGING, Kind.ESTABLISHED, Kind.TALKING])
    steps = of.connections.steps.filter(pl.col("reason").is_in(blind) & (pl.col("run") >= 0) & coming)
    told = steps.select("moment", run=pl.col("run").cast(pl.UInt32), told_row="row").join(
        of.runs.select("run", "leg"), on="run"
    )
    # A drop for that reason is of A's leaving: only how B came tells of B.
    told = told.sort("leg", "moment", "told_row").unique("leg", keep="first").select("told_row", b="leg")
    after = (
        pairs.join(consulted, on="b", how="anti")
        .filter(~pl.col("b_is_originator"))
        .join(told, on="b", how="left")
        .filter(
            (pl.col("a_until") <= pl.col("b_start"))
            | (pl.col("told_row").is_not_null() & (pl.col("a_until") <= pl.col("b_start") + tolerance))
        )
    )
    return (
        after.sort("b", "a_until", "a", descending=[False, True, True])
        .unique("b", keep="first", maintain_order=True)
        .with_columns(
            kind=pl.lit(DIRECT_TRANSFER),
            result=pl.lit(None, pl.String),
            at="a_until",
            rule=pl.when(pl.col("told_row").is_not_null())
            .then(pl.lit("FEATURE_REASON"))
            .otherwise(pl.lit("TALKS_AFTER_THE_OTHER_ENDED")),
            row="told_row",
        )
    )
