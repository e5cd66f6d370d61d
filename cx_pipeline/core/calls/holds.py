"""Holds: from HELD until the same connection talks again, or its call is merged, or the leg ends (specification, 4)."""

from __future__ import annotations

import numpy as np
import polars as pl

from cx_pipeline.core.calls.connections import NEVER, Connections
from cx_pipeline.core.calls.segments import NOWHERE, Segments
from cx_pipeline.core.events.vocabulary import Kind

HOLD_SCHEMA = {"leg": pl.UInt32, "hold_start": pl.Int64, "hold_end": pl.Int64}


def find_holds(
    legs: pl.DataFrame, runs: pl.DataFrame, connections: Connections, merges: pl.DataFrame
) -> pl.DataFrame:
    """The holds of each leg: `leg`, `hold_start`, `hold_end` (`NEVER` while it lasts), sorted and disjoint.

    Talking on the consult call is no resume: only the connection that was held ends its hold.
    """
    steps = connections.steps
    kind = steps["kind"].to_numpy()
    held = np.flatnonzero((kind == Kind.HELD) & (steps["run"].to_numpy() != NOWHERE))
    if not len(held):
        return pl.DataFrame(schema=HOLD_SCHEMA)
    holds = pl.DataFrame(
        {
            "run": steps["run"].to_numpy()[held].astype(np.uint32),
            "generation": steps["generation"].to_numpy()[held],
            "hold_start": steps["time"].to_numpy()[held],
            "resumed": _next_talk(steps, held),
        }
    )
    holds = (
        holds.join(runs.select("run", "leg"), on="run")
        .join(legs.select("leg", "start", "end"), on="leg")
        .with_columns(merged=pl.lit(NEVER, pl.Int64))
    )
    holds = _with_merges(holds, merges)
    spans = holds.with_columns(
        hold_start=pl.max_horizontal("hold_start", "start"),
        hold_end=pl.min_horizontal("resumed", "merged", pl.col("end").fill_null(NEVER)),
    ).filter(pl.col("hold_end") > pl.col("hold_start"))
    return _disjoint(spans.select("leg", "hold_start", "hold_end"))


def _next_talk(steps: pl.DataFrame, held: np.ndarray) -> np.ndarray:
    """For each held step the time of the next TALKING of the same connection, else `NEVER`."""
    talks = np.flatnonzero(steps["kind"].to_numpy() == Kind.TALKING)
    if not len(talks):
        return np.full(len(held), NEVER)
    connection = Segments.of(*(steps[name].to_numpy() for name in ("generation", "extension", "line"))).ids
    after = np.searchsorted(talks, held)
    found = talks[np.minimum(after, len(talks) - 1)]
    is_same = (after < len(talks)) & (connection[found] == connection[held])
    return np.where(is_same, steps["time"].to_numpy()[found], NEVER)


def _with_merges(holds: pl.DataFrame, merges: pl.DataFrame) -> pl.DataFrame:
    """Set `merged`: when the held call was transferred or put into a conference."""
    ending = merges.filter(pl.col("kind").is_in([Kind.TRANSFER, Kind.CONFERENCE]))
    if ending.is_empty():
        return holds
    touched = pl.concat(
        [
            ending.select("generation", "time"),
            ending.select("time", generation="other").drop_nulls().select("generation", "time"),
        ]
    )
    numbered = holds.with_row_index("hold")
    first = (
        numbered.join(touched, on="generation")
        .filter(pl.col("time") >= pl.col("hold_start"))
        .group_by("hold")
        .agg(first=pl.min("time"))
    )
    joined = numbered.join(first, on="hold", how="left", maintain_order="left")
    return joined.with_columns(merged=pl.coalesce("first", "merged")).drop("hold", "first")


def _disjoint(spans: pl.DataFrame) -> pl.DataFrame:
    """Put overlapping spans of a leg together (two connections of one leg may be held at once)."""
    spans = spans.sort("leg", "hold_start", "hold_end")
    before = pl.col("hold_end").cum_max().shift().over("leg")
    apart = (pl.col("hold_start") > before).fill_null(value=True)
    return (
        spans.with_columns(part=apart.cum_sum())
        .group_by("part", maintain_order=True)
        .agg(pl.first("leg"), pl.first("hold_start"), pl.max("hold_end"))
        .drop("part")
        .cast(HOLD_SCHEMA)  # type: ignore[arg-type]
    )
