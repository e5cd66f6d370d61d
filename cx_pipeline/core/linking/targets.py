"""What an activity may belong to: all legs of ours, whether they can be played or not, and recordings without a leg.

Legs without a recording take part, so that an activity of theirs is not given the recording of another.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from cx_pipeline.core.events.call_keys import call_key
from cx_pipeline.core.linking.leg_text import readable_text
from cx_pipeline.core.linking.ties import (
    CLOSE_RIVAL,
    ITEM_SCHEMA,
    clock_offset,
    margin_of,
    no_pairs,
    on_the_other_clock,
    ties,
)

LEG_COLUMNS = (
    "leg_id",
    "leg_key",
    "call_id",
    "cx_call_id",
    "root_call_key",
    "jtapi_id",
    "tenant_id",
    "agent_extension",
    "customer_identifier",
    "other_party",
    "start_time",
    "end_time",
)
"""What of ENRICHED_LEG_SCHEMA links are made by."""
_FACTS = ("n", "leg_id", "leg_key", "cx_call_id", "tenant_id", "candidate", "candidate_rank", "is_unsure")


@dataclass(frozen=True, slots=True)
class Targets:
    """Numbered, as the rule of ties takes them."""

    items: pl.DataFrame
    """ITEM_SCHEMA."""
    facts: pl.DataFrame
    """By `n`: `leg_id`, `leg_key`, `cx_call_id`, `tenant_id`; the candidate's row number (`candidate`), null where nothing
    can be played; `candidate_rank`: how surely it is the leg's; `is_unsure`: it may be another's."""
    names: pl.DataFrame
    """`n`, `name`: texts that name one leg and no other."""


def targets_of(legs: pl.DataFrame, candidates: pl.DataFrame, tolerance: int) -> Targets:
    """The targets, legs first.

    Args:
        legs: `LEG_COLUMNS`, each leg once.
        candidates: LINK_CANDIDATE_SCHEMA of one kind, with their number `candidate`.
        tolerance: in microseconds.
    """
    numbered = legs.select(LEG_COLUMNS).sort("leg_id").with_row_index("n")
    attached, settled = _attached(numbered, candidates, tolerance)
    lone = candidates.filter(~pl.col("candidate").is_in(settled.implode()))
    items = pl.concat([_leg_items(numbered), _candidate_items(lone, numbered.height)])
    of_lone = lone.with_row_index("n", offset=numbered.height).with_columns(
        candidate_rank=pl.lit(0, pl.UInt8), is_unsure=pl.lit(value=False)
    )
    of_legs = numbered.join(attached, on="leg_id", how="left").with_columns(
        cx_call_id=pl.coalesce("cx_call_id", "call_id")
    )
    facts = pl.concat([of_legs.select(_FACTS), of_lone.select(_FACTS)])
    return Targets(items, facts, _names(numbered, of_lone))


def leg_items(legs: pl.DataFrame) -> pl.DataFrame:
    """Legs (ENRICHED_LEG_SCHEMA) as ITEM_SCHEMA, numbered in their order."""
    return _leg_items(legs.with_row_index("n"))


def texts_as_ids(*ids: pl.Expr) -> pl.Expr:
    """The list of ids by which a call may be named, each also in the form of our call keys."""
    each = [*ids, *(call_key(id_) for id_ in ids)]
    return pl.concat_list(each).list.drop_nulls().list.unique()


def _attached(legs: pl.DataFrame, candidates: pl.DataFrame, tolerance: int) -> tuple[pl.DataFrame, pl.Series]:
    """Which candidate is which leg's (its rank and whether it is unsure, each leg once), and the candidates that are surely some leg's."""
    told = candidates.filter(pl.col("leg_id").is_not_null()).join(
        legs.select("leg_id"), on="leg_id", how="semi"
    )
    chosen = (
        told.sort("duration_ms", "candidate_id", descending=[True, False], nulls_last=True)
        .unique("leg_id", keep="first", maintain_order=True)
        .select("leg_id", "candidate", candidate_rank=pl.lit(0, pl.UInt8), is_unsure=pl.lit(value=False))
    )
    bare = candidates.filter(pl.col("leg_id").is_null())
    if bare.is_empty() or legs.is_empty():
        return chosen, told["candidate"]
    guessed = _guessed(legs, bare, tolerance)
    settled = guessed.filter(~pl.col("is_unsure"))["candidate"]
    best = guessed.join(chosen, on="leg_id", how="anti").unique("leg_id", keep="first", maintain_order=True)
    return pl.concat([chosen, best]), pl.concat([told["candidate"], settled])


def _guessed(legs: pl.DataFrame, bare: pl.DataFrame, tolerance: int) -> pl.DataFrame:
    """The legs of candidates that know none, as far as ids and times tell, the surest of a leg first."""
    left, right = _candidate_items(bare, 0), _leg_items(legs)
    offset = clock_offset(left, right, no_pairs())
    found = ties(on_the_other_clock(left, offset), right, tolerance, margin_of(offset, tolerance))
    found = found.with_columns(is_unsure=pl.col("refusal").is_not_null())
    # Both legs that a candidate may be of are unsure of it.
    rivals = found.filter(pl.col("refusal") == CLOSE_RIVAL).with_columns(
        right="rival", rank="rival_rank", distance="rival_distance"
    )
    return (
        pl.concat([found, rivals])
        .join(bare.with_row_index("left").select("left", "candidate"), on="left")
        .join(legs.select("leg_id", right="n"), on="right")
        .sort("is_unsure", "rank", "distance", "candidate", nulls_last=True)
        .select("leg_id", "candidate", candidate_rank="rank", is_unsure="is_unsure")
    )


def _leg_items(numbered: pl.DataFrame) -> pl.DataFrame:
    ids = texts_as_ids(*(pl.col(name) for name in ("cx_call_id", "call_id", "root_call_key", "jtapi_id")))
    return numbered.select(
        "n", "tenant_id", ids=ids, extension="agent_extension", start=_us("start_time"), end=_us("end_time")
    ).select(pl.col(name).cast(dtype) for name, dtype in ITEM_SCHEMA.items())


def _candidate_items(candidates: pl.DataFrame, first: int) -> pl.DataFrame:
    ids = texts_as_ids(*(pl.col(name) for name in ("cx_call_id", "call_key", "dialog_id")))
    return (
        candidates.with_row_index("n", offset=first)
        .select(
            "n",
            "tenant_id",
            ids=ids,
            extension="agent_extension",
            start=_us("start_time"),
            end=_us("end_time"),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in ITEM_SCHEMA.items())
    )


def _names(legs: pl.DataFrame, lone: pl.DataFrame) -> pl.DataFrame:
    """The texts that name one target, and no other."""
    named = [
        *(legs.select("n", name=name) for name in (pl.col("leg_id"), pl.col("leg_key"), readable_text())),
        *(lone.select("n", name=name) for name in (pl.col("leg_id"), pl.col("leg_key"))),
    ]
    names = pl.concat(named).filter(pl.col("name").is_not_null()).unique()
    return names.filter(pl.len().over("name") == 1)


def _us(name: str) -> pl.Expr:
    return pl.col(name).dt.epoch("us")
