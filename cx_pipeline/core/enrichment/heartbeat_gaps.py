"""When nobody listened: the times between signs of life."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from cx_pipeline.core.enrichment.schema import HEARTBEAT_GAP_SCHEMA

GAP_TOLERANCE = timedelta(seconds=30)
"""A source whose listeners were silent for no longer was up."""


def gaps(heartbeats: pl.DataFrame, tolerance: timedelta, span: tuple[datetime, datetime]) -> pl.DataFrame:
    """The times within `span` at which no listener of a source was connected (`HEARTBEAT_GAP_SCHEMA`), sorted.

    A gap reaches from one connected beat of any of the source's listeners to the next, where that is more than
    `tolerance` later, or to the end of the span. Before the first beat nothing is known, so there is no gap: give the
    rows of some time before the span. A listener that begins with beats without connection is down from the first.

    Args:
        heartbeats: `tenant_id` (null: a listener of all tenants), `source`, `listener_id`, `beat_at`, `is_connected`.
        tolerance: the longest silence that is no gap.
        span: from, to: the gaps are cut to it. Its end must not lie in the future.
    """
    first, last = (pl.lit(moment, pl.Datetime("us", "UTC")) for moment in span)
    rows = _with_listeners_of_all(heartbeats.filter(pl.col("beat_at") <= span[1]))
    # The first sign of life, connected or not, is where knowledge begins.
    begun = rows.group_by("tenant_id", "source").agg(pl.min("beat_at"))
    connected = rows.filter("is_connected")
    columns = ["tenant_id", "source", "beat_at"]
    beats = pl.concat([begun.select(columns), connected.select(columns)]).unique().sort(columns)
    following = pl.col("beat_at").shift(-1).over("tenant_id", "source")
    silent = beats.with_columns(until=following.fill_null(last)).filter(
        pl.col("until") - pl.col("beat_at") > tolerance
    )
    cut = silent.select(
        "tenant_id",
        "source",
        gap_start=pl.max_horizontal("beat_at", first),
        gap_end=pl.min_horizontal("until", last),
    )
    found = cut.filter(pl.col("gap_start") < pl.col("gap_end"))
    return found.select(pl.col(name).cast(dtype) for name, dtype in HEARTBEAT_GAP_SCHEMA.items()).sort(
        "tenant_id", "source", "gap_start", nulls_last=True
    )


def _with_listeners_of_all(heartbeats: pl.DataFrame) -> pl.DataFrame:
    """The beats, those of listeners of all tenants also as beats of each tenant that has listeners of its own."""
    own = heartbeats.filter(pl.col("tenant_id").is_not_null())
    of_all = heartbeats.filter(pl.col("tenant_id").is_null())
    lent = own.select("tenant_id", "source").unique().join(of_all.drop("tenant_id"), on="source")
    return pl.concat([heartbeats, lent.select(heartbeats.columns)])
