"""What a leg and a call are called, and why a leg began and ended (specification of correlation, section 5)."""

from __future__ import annotations

import polars as pl

from cx_pipeline.core.calls.relations import (
    ABANDONED,
    CANCELLED,
    CONFERENCED,
    CONSULT,
    DIRECT_TRANSFER,
    TRANSFERRED,
)
from cx_pipeline.core.calls.schema import COMPLETED, IN_PROGRESS
from cx_pipeline.core.calls.timing import CallFacts
from cx_pipeline.core.events.vocabulary import Kind

CALL_TYPES = (
    "CONFERENCE",
    "CONSULT_TRANSFER",
    "DIRECT_TRANSFER",
    "CONSULT",
    "OUTBOUND",
    "SIMPLE",
    "RONA",
)
"""In the order in which they name a call; RONA names one only where every leg is. For a leg RONA comes first."""

_RONA, _OUTBOUND, _SIMPLE = 6, 4, 5
Directions = pl.Enum(["INBOUND", "OUTBOUND", "INTERNAL"])

_TYPE_OF_RESULT = {CONFERENCED: 0, TRANSFERRED: 1, CANCELLED: 3, ABANDONED: 3}

_START_OF_B = {CONFERENCED: "CONSULT_CONFERENCE", TRANSFERRED: "CONSULT_TRANSFER"}
_END_OF_A = {CONFERENCED: "CONFERENCE_ENDED", TRANSFERRED: "CONSULT_TRANSFER"}
_END_OF_B = {CONFERENCED: "CONFERENCE_ENDED", CANCELLED: "CONSULT_ENDED", ABANDONED: "CONSULT_ENDED"}


def short_call_type(call_type: pl.Expr) -> pl.Expr:
    """The call type for consumers that know only one kind of transfer."""
    return call_type.replace({"CONSULT_TRANSFER": "TRANSFER", "DIRECT_TRANSFER": "TRANSFER"})


def roles_of(relations: pl.DataFrame) -> pl.DataFrame:
    """What its relations say of each leg: one row for each leg that has one.

    Columns `leg`, `type` (index into `CALL_TYPES`), `start_reason`, `end_reason` (null: by how it ends), `as_b_end`,
    `consult_source`, `consult_target`, `consult_result`, `transferred_from`, `transferred_to` (extensions as numbers),
    `is_conference`, `type_rule`, `type_row`.
    """
    kind, result = pl.col("kind"), pl.col("result")
    direct = kind == DIRECT_TRANSFER
    consult = kind == CONSULT
    transferred = direct | (result == TRANSFERRED)
    rank = (
        pl.when(direct)
        .then(2)
        .otherwise(result.replace_strict(_TYPE_OF_RESULT, default=3, return_dtype=pl.Int8))
    )
    as_a = relations.select(
        "call", "at", "b",
        leg="a",
        order=pl.lit(0),
        type=rank,
        end=pl.when(direct).then(pl.lit("DIRECT_TRANSFER")).otherwise(_named(result, _END_OF_A)),
        consult_target=pl.when(consult).then("b_extension"),
        a_result=pl.when(consult).then("result"),
        transferred_to=pl.when(transferred).then("b_extension"),
        is_conference=result == CONFERENCED,
        type_rule="rule", type_row="row",
    )  # fmt: skip
    as_b = relations.select(
        "call", "at", "b",
        leg="b",
        order=pl.lit(1),
        type=rank,
        start=pl.when(direct).then(pl.lit("DIRECT_TRANSFER")).otherwise(
            pl.coalesce(_named(result, _START_OF_B), pl.lit("CONSULT"))),
        b_end=pl.when(~direct).then(_named(result, _END_OF_B)),
        consult_source=pl.when(consult).then("a_extension"),
        b_result=pl.when(consult).then("result"),
        transferred_from=pl.when(transferred).then("a_extension"),
        is_conference=result == CONFERENCED,
        type_rule="rule", type_row="row",
    )  # fmt: skip
    roles = pl.concat([as_a, as_b], how="diagonal_relaxed").sort("leg", "at", "order", "b")
    return roles.group_by("leg", maintain_order=True).agg(
        pl.min("type"),
        start_reason=pl.col("start").first(ignore_nulls=True),
        end_as_a=pl.col("end").last(ignore_nulls=True),
        end_as_b=pl.col("b_end").last(ignore_nulls=True),
        consult_source=pl.col("consult_source").first(ignore_nulls=True),
        consult_target=pl.col("consult_target").last(ignore_nulls=True),
        consult_result=pl.coalesce(
            pl.col("a_result").last(ignore_nulls=True), pl.col("b_result").first(ignore_nulls=True)
        ),
        transferred_from=pl.col("transferred_from").first(ignore_nulls=True),
        transferred_to=pl.col("transferred_to").last(ignore_nulls=True),
        is_conference=pl.col("is_conference").fill_null(value=False).any(),
        type_rule=pl.col("type_rule").get(pl.col("type").arg_min()),
        type_row=pl.col("type_row").get(pl.col("type").arg_min()),
    )


def _named(result: pl.Expr, names: dict[str, str]) -> pl.Expr:
    return result.replace_strict(names, default=None, return_dtype=pl.String)


TYPE_RULES = pl.Enum([
    "NOBODY_ANSWERED", "INITIATED_BEFORE_ANY_TALK", "NO_RELATION", "CONSULT_FACT", "TALKS_WHILE_HELD", "TRANSFER_FACT",
    "CONFERENCE_FACT", "OTHER_PARTY_LEFT_WHILE_HELD", "CONTROLLER_LEFT_OTHERS_STAYED", "CONSULTED_LEFT",
    "FEATURE_REASON", "TALKS_AFTER_THE_OTHER_ENDED", "BEGINS_WITH_A_TRANSFER",
])  # fmt: skip


def classify(legs: pl.DataFrame, directions: pl.DataFrame, unanswered_roles: pl.DataFrame) -> pl.DataFrame:
    """Add `status`, `type`, `direction`, `start_reason`, `end_reason` and `type_rule` to each leg.

    Args:
        legs: with times, `rona_reason`, and the columns of `roles_of` (null where a leg has no relation).
        directions: `call`, `direction` (index into `Directions`) for calls that are not INBOUND.
        unanswered_roles: `leg`, `role`: the start reason of unanswered legs that rang for a consult or a transfer.
    """
    legs = legs.join(directions, on="call", how="left", maintain_order="left").with_columns(
        pl.col("direction").fill_null(0)
    )
    if len(unanswered_roles):
        legs = legs.join(unanswered_roles, on="leg", how="left", maintain_order="left")
    else:
        legs = legs.with_columns(role=pl.lit(None, pl.String))
    ended = pl.col("end").is_not_null()
    is_rona = ended & pl.col("rona_reason").is_not_null() & (pl.col("rona_reason") != "ANSWERED_ELSEWHERE")
    mine = pl.col("is_originator")
    outbound = mine & (pl.col("direction") == 1)
    unanswered = ended & ~pl.col("is_answered")
    own_start = pl.when(mine).then(pl.lit("OUTBOUND")).otherwise(pl.coalesce("role", pl.lit("INBOUND")))
    how_it_ends = pl.when("is_silenced").then(pl.lit("UNKNOWN")).otherwise(pl.lit("DIALOG_ENDED"))
    return legs.with_columns(
        status=pl.when(ended).then(pl.lit(COMPLETED)).otherwise(pl.lit(IN_PROGRESS)),
        call_type=pl.when(is_rona)
        .then(_RONA)
        .when(pl.col("type").is_not_null())
        .then("type")
        .when(outbound)
        .then(_OUTBOUND)
        .otherwise(_SIMPLE)
        .cast(pl.UInt8),
        start_reason=pl.coalesce("start_reason", own_start),
        end_reason=pl.when(~ended)
        .then(None)
        .when(unanswered & ~pl.col("is_silenced"))
        .then(pl.lit("NO_ANSWER"))
        .when(pl.col("is_silenced"))
        .then(pl.lit("UNKNOWN"))
        .otherwise(pl.coalesce("end_as_a", "end_as_b", how_it_ends)),
        type_rule=pl.when(is_rona)
        .then(pl.lit("NOBODY_ANSWERED"))
        .otherwise(
            pl.coalesce(
                "type_rule",
                pl.when(outbound).then(pl.lit("INITIATED_BEFORE_ANY_TALK")),
                pl.lit("NO_RELATION"),
            )
        ),
    )


def unanswered_roles(legs: pl.DataFrame, holds: pl.DataFrame, of: CallFacts) -> pl.DataFrame:
    """For what an unanswered leg rang: the consult of an agent who held, or the transfer of one who had left."""
    consults = of.facts.filter(pl.col("kind") == Kind.CONSULT)
    rang = legs.filter(~pl.col("is_answered") & ~pl.col("is_originator")).select(
        "leg", "call", "extension", "opened"
    )
    if rang.is_empty():
        return pl.DataFrame(schema={"leg": pl.UInt32, "role": pl.String})
    others = legs.filter("is_answered").select(
        "call", a="leg", a_extension="extension", a_start="start", a_end="end"
    )
    pairs = rang.join(others, on="call").filter(pl.col("a_start") <= pl.col("opened"))
    held = pairs.join(holds.rename({"leg": "a"}), on="a").filter(
        (pl.col("hold_start") <= pl.col("opened")) & (pl.col("opened") < pl.col("hold_end"))
    )
    named = (
        rang.join(of.runs.select("leg", "generation"), on="leg")
        .join(consults.select("generation", "extension"), on="generation", suffix="_of_consult")
        .filter(pl.col("extension") != pl.col("extension_of_consult"))
    )
    consulted = (
        pl.concat([held.select("leg"), named.select("leg")]).unique().with_columns(role=pl.lit("CONSULT"))
    )
    after = pairs.filter(pl.col("a_end") <= pl.col("opened")).select("leg").unique()
    transferred = after.join(consulted, on="leg", how="anti").with_columns(role=pl.lit("DIRECT_TRANSFER"))
    return pl.concat([consulted, transferred])
