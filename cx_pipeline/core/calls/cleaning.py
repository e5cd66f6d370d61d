"""Each fact once, at its right time, in one order (specification of correlation, section 2).

Whatever order the events arrived in, the same facts come out, in the same order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl

from cx_pipeline.core.calls import persisted_table
from cx_pipeline.core.calls.facts import Facts
from cx_pipeline.core.calls.rules import CorrelationRules
from cx_pipeline.core.events.vocabulary import JTAPI_TABLE

ORDER = ["key", "extension", "moment"]
"""How the facts stand: by call key, within it by extension, within it by time and kind."""

KIND_BITS = 32
_IDENTITY = ["source", "name", "listener", "terminal", "connection"]

SKEW_SCHEMA = pl.Schema({"source": pl.String(), "largest_skew_ms": pl.Int64(), "capped": pl.Int64()})


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Facts in the order of `ORDER`, with `moment` (time and kind in one number) and `is_skewed` where any is."""

    frame: pl.DataFrame
    duplicates: int
    skew: pl.DataFrame


def clean(facts: Facts, rules: CorrelationRules) -> Cleaned:
    """Remove what was reported twice, cap times that lie ahead of their arrival, and sort."""
    frame = _each_identity_once(_with_persisted_table(facts))
    frame, skew = _capped(frame, facts.dictionary.sources, rules.clock_skew_tolerance)
    frame = _one_listener(frame, rules.listener_tolerance)
    duplicates = len(facts.frame) - len(frame)
    # What only told duplicates apart is not carried on.
    frame = frame.drop("received", "name", "source", "listener", strict=False)
    return Cleaned(frame, duplicates, skew)


def _moment() -> pl.Expr:
    return pl.col("time") * KIND_BITS + pl.col("kind")


def _with_persisted_table(facts: Facts) -> pl.DataFrame:
    """Translate the rows of the persisted table, whose identity has no extension, before all else."""
    sources = facts.dictionary.sources
    frame = facts.frame
    if JTAPI_TABLE not in sources:
        return frame
    is_table = pl.col("source") == sources.index(JTAPI_TABLE)
    table = persisted_table.with_own_extension(persisted_table.without_duplicates(frame.filter(is_table)))
    return pl.concat([frame.filter(~is_table), table], how="diagonal").with_columns(
        pl.col("is_originated").fill_null(value=False), pl.col(pl.UInt32, pl.UInt8).fill_null(0)
    )


def _each_identity_once(frame: pl.DataFrame) -> pl.DataFrame:
    """Sort the events; of those with the same identity keep the first that arrived, and order what is left of a tie.

    Only events that agree in key, extension, time and kind can have the same identity: they stand together. The whole
    frame is moved once, when it is known what stays.
    """
    missing = [
        pl.lit(0, pl.UInt32).alias(name) for name in ("extension", "terminal") if name not in frame.columns
    ]
    frame = frame.with_columns(_moment().alias("moment"), *missing)
    order = frame.select(pl.arg_sort_by(*ORDER)).to_series().to_numpy()
    columns = [frame[name].to_numpy()[order] for name in ORDER]
    tied = np.zeros(len(frame), dtype=np.bool_)
    if len(frame):
        tied[1:] = np.logical_and.reduce([column[1:] == column[:-1] for column in columns])
    if not tied.any():
        return frame[order]
    in_a_tie = tied | np.append(tied[1:], False)
    positions = np.flatnonzero(in_a_tie)
    identity = [name for name in _IDENTITY if name in frame.columns]
    rest = [
        name for name in frame.columns if name not in {*ORDER, *identity, "row", "received", "time", "kind"}
    ]
    ties = (
        frame[order[positions]]
        .with_columns(place=pl.Series(order[positions]), tie=pl.Series(np.cumsum(~tied)[positions]))
        .sort("tie", *identity, "received", *rest, "row")
    )
    same = pl.all_horizontal(pl.col("tie", *identity) == pl.col("tie", *identity).shift()).fill_null(
        value=False
    )
    order = order.copy()
    order[positions] = ties["place"].to_numpy()
    keep = np.ones(len(frame), dtype=np.bool_)
    keep[positions] = ~ties.select(same).to_series().to_numpy()
    return frame[order[keep]]


def _capped(
    frame: pl.DataFrame, sources: tuple[str, ...], tolerance: timedelta
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Move events that claim to be later than their arrival to their arrival; tell the largest skew by source."""
    ahead = pl.col("time") - pl.col("received")
    limit = tolerance // timedelta(microseconds=1)
    skew = (
        frame.lazy()
        .filter(ahead > 0)
        .group_by("source")
        .agg(largest_skew_ms=ahead.max() // 1000, capped=(ahead > limit).sum().cast(pl.Int64))
        .sort("source")
        .collect()
    )
    named = skew.with_columns(
        source=pl.Series([sources[number] for number in skew["source"]], dtype=pl.String)
    )
    named = named.select(pl.col(n).cast(t) for n, t in SKEW_SCHEMA.items())
    if not skew["capped"].sum():
        return frame, named
    is_skewed = ahead > limit
    capped = frame.with_columns(
        is_skewed=is_skewed, time=pl.when(is_skewed).then("received").otherwise("time")
    )
    return capped.with_columns(_moment().alias("moment")).sort(*ORDER, maintain_order=True), named


def _one_listener(frame: pl.DataFrame, tolerance: timedelta) -> pl.DataFrame:
    """The same fact from different listeners within the tolerance is one fact, at its earliest time."""
    if "listener" not in frame.columns or frame["listener"].n_unique() < 2:
        return frame
    fact = [
        name
        for name in ("key", "source", "name", "extension", "terminal", "connection")
        if name in frame.columns
    ]
    limit = tolerance // timedelta(microseconds=1)
    rows = (
        frame.with_row_index("position")
        .select("position", "time", "listener", *fact)
        .sort(*fact, "time", "listener")
    )
    another = pl.any_horizontal(pl.col(*fact) != pl.col(*fact).shift()) | (pl.col("time").diff() > limit)
    rows = rows.with_columns(run=another.fill_null(value=True).cum_sum()).filter(pl.len().over("run") > 1)
    left, again = rows, []
    while not left.is_empty():
        # The first fact left of each run keeps its time; one of each other listener within reach is the same fact.
        head = pl.first("position").over("run")
        near = pl.col("time") - pl.first("time").over("run") <= limit
        first_of_listener = pl.int_range(pl.len()).over("run", "listener") == 0
        taken = left.with_columns(is_taken=near & first_of_listener, is_head=pl.col("position") == head)
        again.append(taken.filter(pl.col("is_taken") & ~pl.col("is_head"))["position"])
        left = taken.filter(~pl.col("is_taken")).drop("is_taken", "is_head")
    if not again:
        return frame
    keep = np.ones(len(frame), dtype=np.bool_)
    keep[pl.concat(again).to_numpy()] = False
    return frame.filter(pl.Series(keep))
