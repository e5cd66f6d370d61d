"""Whether a leg has its record, may still get it, or goes without: judged by the leg's own age."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from cx_pipeline.core.calls.schema import COMPLETED
from cx_pipeline.core.enrichment import reasons
from cx_pipeline.core.enrichment.rules import EnrichmentRules
from cx_pipeline.core.enrichment.schema import AMBIGUOUS, COMPLETE, PARTIAL, PENDING
from cx_pipeline.core.events.schema import UTC_MICROSECONDS


def with_statuses(
    legs: pl.DataFrame, rules: EnrichmentRules, read_at: datetime, *, has_source: bool
) -> pl.DataFrame:
    """Add `enrichment_status`, `enrichment_reason`, `enrichment_tries` and `is_decided`.

    Tries are the ages of `rules.try_ages` that the leg has reached: a window computed a year later has tried them all.

    Args:
        legs: `status`, `end_time`, `record` (null: none matched), `tie` (null: none).
        rules: the ages of the tries.
        read_at: when the records were read.
        has_source: whether there is any Cisco database to read.
    """
    has_record = pl.col("record").is_not_null()
    is_open = (pl.col("status") != COMPLETED) | pl.col("end_time").is_null()
    age = pl.lit(read_at, UTC_MICROSECONDS) - pl.col("end_time")
    is_over = (age >= rules.last_try).fill_null(value=False)
    tries = pl.sum_horizontal((age >= each).fill_null(value=False).cast(pl.Int32) for each in rules.try_ages)
    is_tied = ~has_record & pl.col("tie").is_not_null()
    cases = [
        (has_record, COMPLETE, pl.lit(None, pl.String())),
        (is_tied, AMBIGUOUS, pl.col("tie")),
        (is_open, PENDING, pl.lit(reasons.IN_PROGRESS)),
        (pl.lit(not has_source), PARTIAL, pl.lit(reasons.NO_SOURCE)),
        (~is_over, PENDING, pl.lit(reasons.NO_RECORD_YET)),
    ]
    status: pl.Expr = pl.lit(PARTIAL)
    reason: pl.Expr = pl.lit(reasons.NO_RECORD)
    for applies, its_status, its_reason in reversed(cases):
        status = pl.when(applies).then(pl.lit(its_status)).otherwise(status)
        reason = pl.when(applies).then(its_reason).otherwise(reason)
    decided = legs.with_columns(
        enrichment_status=status,
        enrichment_reason=reason,
        enrichment_tries=tries if has_source else pl.lit(0, pl.Int32()),
    )
    at_once = pl.col("enrichment_status").is_in([COMPLETE, PARTIAL])
    return decided.with_columns(is_decided=at_once | ((pl.col("enrichment_status") == AMBIGUOUS) & is_over))
