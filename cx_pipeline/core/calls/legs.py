"""Legs: one agent's unbroken share in a call, made of the runs of its connections (specification, section 4)."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl

from cx_pipeline.core.calls.connections import NEVER, Connections
from cx_pipeline.core.calls.segments import NOWHERE, Segments
from cx_pipeline.core.events.vocabulary import Kind

_POSITIONS = ("ring", "talk", "held")


def find_legs(
    connections: Connections, merges: pl.DataFrame, tolerance: timedelta
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Put runs together to legs.

    Args:
        connections: the runs of the agents' connections.
        merges: facts TRANSFER, CONFERENCE and MERGED (`call`, `time`), and the talk that continues another key's call.
        tolerance: around a merge, within which talk that resumes is the same leg.

    Returns:
        The runs with the number of their `leg`; and one row for each leg: `leg`, `call`, `extension`, `number` (in the
        call, from 1), `opened`, `closed` (`NEVER` while open), `ended_by`, `end_row`, and positions in the steps of
        its `first` step, `ring`, `talk`, `held` and `end`.
    """
    runs = connections.runs.sort("call", "extension", "opened", "first_row")
    runs = runs.with_columns(leg=_leg_numbers(runs, merges, tolerance))
    legs = _one_row_each(runs, connections.steps)
    # Legs are numbered as they begin; at one instant in the order of the extensions.
    legs = legs.sort("call", "opened", "extension")
    calls = Segments.of(legs["call"].to_numpy())
    in_call = np.arange(1, len(legs) + 1) - calls.spread(calls.starts)
    legs = legs.with_columns(number=pl.Series(in_call.astype(np.int32)))
    order = legs["leg"]
    renumbered = np.empty(len(legs), dtype=np.uint32)
    renumbered[order.to_numpy()] = np.arange(len(legs), dtype=np.uint32)
    return (
        runs.with_columns(leg=pl.Series(renumbered[runs["leg"].to_numpy()])),
        legs.with_columns(leg=pl.int_range(pl.len(), dtype=pl.UInt32)),
    )


def _leg_numbers(runs: pl.DataFrame, merges: pl.DataFrame, tolerance: timedelta) -> pl.Series:
    """The leg of each run: another one begins where none of the extension's runs in the call is open any more."""
    shares = Segments.of(runs["call"].to_numpy(), runs["extension"].to_numpy())
    begins = np.zeros(len(runs), dtype=np.bool_)
    begins[shares.starts] = True
    several = shares.spread(shares.lengths > 1)
    if several.any():
        among = runs.filter(pl.Series(several)).with_columns(
            closed_before=pl.col("closed").cum_max().shift().over("call", "extension")
        )
        apart = (among["opened"] > among["closed_before"]).fill_null(value=True).to_numpy()
        merged = _is_merge(among.filter(pl.Series(apart)), merges, tolerance)
        apart[np.flatnonzero(apart)[merged]] = False
        begins[np.flatnonzero(several)] = apart
    return pl.Series((np.cumsum(begins) - 1).astype(np.uint32))


def _is_merge(gaps: pl.DataFrame, merges: pl.DataFrame, tolerance: timedelta) -> np.ndarray:
    """Which runs, that begin after the extension's others ended, resume talk around a merge of the call.

    Both the end before and the new beginning must lie around the same merge: the same agent may come into the call
    again at another merge, and then it has another leg.
    """
    found = np.zeros(len(gaps), dtype=np.bool_)
    limit = tolerance // timedelta(microseconds=1)
    near = (
        gaps.select("call", "opened", "closed_before")
        .with_row_index("gap")
        .filter(pl.col("opened") - pl.col("closed_before") <= 2 * limit)
        .join(merges, on="call")
        .filter(
            ((pl.col("opened") - pl.col("time")).abs() <= limit)
            & ((pl.col("closed_before") - pl.col("time")).abs() <= limit)
        )
    )
    found[near["gap"].unique().to_numpy()] = True
    return found


def _one_row_each(runs: pl.DataFrame, steps: pl.DataFrame) -> pl.DataFrame:
    """One row for each leg: the earliest of its runs' rings, talks and holds, and its last end."""
    legs = Segments.of(runs["leg"].to_numpy())
    columns = [
        "leg",
        "call",
        "generation",
        "extension",
        "opened",
        "closed",
        "ended_by",
        "end_row",
        "first",
        "end",
        *_POSITIONS,
    ]
    if (legs.lengths == 1).all():
        return runs.select(columns)
    is_single = legs.spread(legs.lengths == 1)
    several = runs.filter(pl.Series(~is_single)).select(columns)
    moments = steps["moment"].to_numpy()
    earliest = []
    for name in _POSITIONS:
        positions = several[name].to_numpy()
        moment = np.where(positions == NOWHERE, NEVER, moments[positions])
        earliest.append(pl.Series(f"{name}_moment", moment))
    several = several.with_columns(earliest)
    # At one instant an end that was reported (DROPPED) says more than one that was inferred (ENDED).
    ordered = several.sort("leg", "closed", "ended_by", "end_row", descending=[False, False, True, True])
    ending = ordered.group_by("leg", maintain_order=True)
    ends = ending.agg(pl.last("closed"), pl.last("ended_by"), pl.last("end_row"), pl.last("end"))
    firsts = several.group_by("leg", maintain_order=True).agg(
        pl.first("call", "generation", "extension", "opened", "first"),
        *(pl.col(name).get(pl.col(f"{name}_moment").arg_min()) for name in _POSITIONS),
    )
    put_together = firsts.join(ends, on="leg", maintain_order="left").select(columns)
    return pl.concat([runs.filter(pl.Series(is_single)).select(columns), put_together]).sort("leg")


def merges_of(facts: pl.DataFrame) -> pl.DataFrame:
    """The facts that put calls together: `call`, `generation`, `time`, `kind`, `extension`, `reason`, `row`."""
    kinds = pl.col("kind").is_in([Kind.TRANSFER, Kind.CONFERENCE, Kind.MERGED])
    return facts.filter(kinds).select(
        "call", "generation", "time", "moment", "kind", "extension", "reason", "row"
    )
