"""Which way a call went, and whether it has ended (specification of correlation, sections 5 and 6)."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from cx_pipeline.core.calls.classification import Directions
from cx_pipeline.core.calls.rules import CorrelationRules
from cx_pipeline.core.calls.timing import EPOCH
from cx_pipeline.core.events.vocabulary import Kind

_OUTBOUND = Directions.categories.to_list().index("OUTBOUND")
_INTERNAL = Directions.categories.to_list().index("INTERNAL")


def directions_of(legs: pl.DataFrame, parties: pl.DataFrame) -> pl.DataFrame:
    """`call` and `direction` (index into `Directions`) of the calls that are not INBOUND.

    INTERNAL, where there are at least two parties and all belong to the house, beats OUTBOUND.
    """
    outbound = legs.filter("is_originator").select("call").unique()
    outside = parties.filter(~pl.col("is_internal")).select("call").unique()
    within = parties.join(outside, on="call", how="anti")
    internal = within.group_by("call").len().filter(pl.col("len") > 1).select("call")
    return pl.concat(
        [
            internal.with_columns(direction=pl.lit(_INTERNAL, pl.UInt8)),
            outbound.join(internal, on="call", how="anti").with_columns(
                direction=pl.lit(_OUTBOUND, pl.UInt8)
            ),
        ]
    )


def open_calls_of(
    legs: pl.DataFrame, facts: pl.DataFrame, rules: CorrelationRules, as_of: datetime
) -> pl.DataFrame:
    """The calls that have not ended: `call`.

    A call goes on while a leg of it does; one without any leg, until its key ENDED; neither longer than the silence.
    """
    with_leg = legs.select("call").unique()
    open_legs = legs.filter(pl.col("end").is_null()).select("call").unique()
    limit = (as_of - EPOCH - rules.max_silence) // timedelta(microseconds=1)
    without = (
        facts.join(with_leg, on="call", how="anti")
        .group_by("call")
        .agg(pl.max("time"), has_ended=(pl.col("kind") == Kind.ENDED).any())
    )
    waiting = without.filter(~pl.col("has_ended") & (pl.col("time") >= limit)).select("call")
    return pl.concat([open_legs, waiting]).unique().sort("call")
