"""One record for one leg: the assignment of least cost, and who is too near to another to be told apart.

Each connected component of candidates is solved as a whole: as many matches as there can be, and of these the one with
the least sum of squared distances. Squares keep the order of ends: of two records the earlier goes to the leg that
ended earlier, however far a clock is off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

MATCH_SCHEMA = pl.Schema({"leg": pl.UInt32(), "record": pl.UInt32(), "distance": pl.Int64()})

BY_RECORDS, BY_LEGS = "RECORDS", "LEGS"
"""Who is too near: another record to the leg, or another leg to the record."""

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who got what, and who got nothing because it could not be told."""

    matches: pl.DataFrame
    """`MATCH_SCHEMA`, without the legs of `tied`."""
    tied: pl.DataFrame
    """`leg`, `by`: BY_RECORDS or BY_LEGS."""


def assign(candidates: pl.DataFrame, legs: pl.Series, records: pl.Series, tie: int) -> Assignment:
    """The best assignment of records to legs.

    Args:
        candidates: `MATCH_SCHEMA`; each pair once.
        legs: id of each leg by its number: equal costs are decided by ids, never by the order of rows.
        records: id of each record by its number.
        tie: candidates whose distance differs by no more (microseconds) are equally near.
    """
    is_alone = (pl.len().over("leg") == 1) & (pl.len().over("record") == 1)
    marked = candidates.select(*MATCH_SCHEMA, is_alone=is_alone)
    contested = marked.filter(~pl.col("is_alone")).drop("is_alone")
    alone = marked.filter("is_alone").drop("is_alone")
    if contested.is_empty():
        return Assignment(alone, _no_ties())
    solved = _solved(_in_order_of_ids(contested, legs, records))
    tied = _tied(contested, solved, tie)
    clear = solved.join(tied, on="leg", how="anti")
    return Assignment(pl.concat([alone, clear]), tied)


def _no_ties() -> pl.DataFrame:
    return pl.DataFrame(schema={"leg": pl.UInt32, "by": pl.String})


def _in_order_of_ids(candidates: pl.DataFrame, legs: pl.Series, records: pl.Series) -> pl.DataFrame:
    """The candidates sorted by the ids of leg and record."""
    return (
        candidates.with_columns(
            leg_id=legs.gather(candidates["leg"]), record_id=records.gather(candidates["record"])
        )
        .sort("leg_id", "record_id")
        .drop("leg_id", "record_id")
    )


def _solved(candidates: pl.DataFrame) -> pl.DataFrame:
    """The matches of all components, solved one by one."""
    # Numbers in the order of first appearance: what a component looks like follows from the ids.
    row, rows = _renumbered(candidates["leg"].to_numpy())
    column, columns = _renumbered(candidates["record"].to_numpy())
    count = rows + columns
    graph = coo_array((np.ones(len(row), dtype=np.int8), (row, column + rows)), shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    component = labels[row]
    order = np.argsort(component, kind="stable")
    bounds = np.flatnonzero(np.diff(component[order])) + 1
    distance = candidates["distance"].to_numpy()
    chosen = [part[_least(row[part], column[part], distance[part])] for part in np.split(order, bounds)]
    return candidates[np.concatenate(chosen)]


def _renumbered(values: npt.NDArray[np.uint32]) -> tuple[Numbers, int]:
    """The values as numbers from 0, in the order in which they first appear, and how many there are."""
    _, first, inverse = np.unique(values, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    return rank[inverse], len(first)


def _least(row: Numbers, column: Numbers, distance: Numbers) -> Numbers:
    """Which edges of one component make the assignment: positions in the arrays given."""
    rows, columns = np.unique(row), np.unique(column)
    r, c = np.searchsorted(rows, row), np.searchsorted(columns, column)
    seconds = distance.astype(np.float64) / 1_000_000
    squares = seconds * seconds
    # No pair costs more than all possible ones together: so there are as many matches as there can be.
    impossible = float(squares.sum()) + 1.0
    costs = np.full((len(rows), len(columns)), impossible)
    costs[r, c] = squares
    edge = np.full(costs.shape, -1, dtype=np.int64)
    edge[r, c] = np.arange(len(r))
    found: Numbers = edge[linear_sum_assignment(costs)]
    return found[found >= 0]


def _tied(candidates: pl.DataFrame, solved: pl.DataFrame, tie: int) -> pl.DataFrame:
    """The legs of which it cannot be told which record is theirs: `leg`, `by`.

    A pair that was not chosen is a rival where it is as near to the leg as what the leg got, and as near to the record
    as what the record got; who got nothing would take anything.
    """
    got = solved.select("leg", "record", of_leg="distance")
    held = solved.select("record", holder="leg", of_record="distance")
    pairs = candidates.join(got.drop("record"), on="leg", how="left").join(held, on="record", how="left")
    rivals = pairs.filter(
        pl.col("holder").ne_missing(pl.col("leg")),
        (pl.col("distance") <= pl.col("of_leg") + tie).fill_null(value=True),
        (pl.col("distance") <= pl.col("of_record") + tie).fill_null(value=True),
    )
    by = pl.when(pl.col("of_leg").is_null()).then(pl.lit(BY_LEGS)).otherwise(pl.lit(BY_RECORDS))
    both = pl.concat(
        [
            rivals.select("leg", by=by),
            rivals.filter(pl.col("holder").is_not_null()).select(leg="holder", by=by),
        ]
    )
    # A leg with rivals of both kinds is told of the records: BY_RECORDS is the later word.
    return both.group_by("leg").agg(pl.col("by").max()).sort("leg")
