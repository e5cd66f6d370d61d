"""What must hold of a window's enriched legs, as verdicts."""

from __future__ import annotations

import polars as pl

from cx_pipeline.core.calls.schema import COMPLETED
from cx_pipeline.core.enrichment.enrich import Enrichment
from cx_pipeline.core.enrichment.reasons import NO_SOURCE
from cx_pipeline.core.enrichment.schema import AMBIGUOUS, FROM_RECORD, PARTIAL, PENDING
from cx_pipeline.core.frames import ENRICHED_CALL_LEGS
from cx_pipeline.core.window_checks import SKEW_ERROR_MS, SKEW_WARNING_MS, Verdict, schema_verdict

MOST_PENDING = 0.2
"""Records reach the reporting database within minutes: where many are awaited for longer, it is not replicated."""
TRIES_BEFORE = 3
"""A leg that waits is counted from this try on, a quarter of an hour after its end: before, waiting is as it should be."""
MOST_PARTIAL = 0.05
"""More legs without a record, after an hour: a source is missing, or its keys are not those of the events."""
MOST_AMBIGUOUS = 0.01
FEWEST_LEGS = 20
"""Of fewer legs a rate tells nothing."""


def enrichment_verdicts(enrichment: Enrichment, legs: pl.DataFrame) -> dict[str, Verdict]:
    """The verdicts on a window, by name.

    `schema`, `every_leg_once` and `one_record_one_leg` say whether it may be written; the others warn.

    Args:
        enrichment: what came of the window.
        legs: what went in, `LEG_SCHEMA`.
    """
    enriched = enrichment.legs
    schema = schema_verdict(ENRICHED_CALL_LEGS, enriched)
    rates = {
        "pending_rate": (PENDING, MOST_PENDING, "that ended a while ago wait for their record", TRIES_BEFORE),
        "partial_rate": (PARTIAL, MOST_PARTIAL, "never got their record", 0),
        "ambiguous_rate": (AMBIGUOUS, MOST_AMBIGUOUS, "have several records that may be their own", 0),
    }
    return {
        "schema": schema,
        "every_leg_once": every_leg_once_verdict(legs, enriched),
        "one_record_one_leg": one_record_one_leg_verdict(enriched),
        **{name: rate_verdict(enriched, *rate) for name, rate in rates.items()},
        "cisco_clock": clock_verdict(enrichment.clock_offset_ms),
    }


def every_leg_once_verdict(legs: pl.DataFrame, enriched: pl.DataFrame) -> Verdict:
    """Every leg is enriched once, and what else is there comes of records alone."""
    from_events = enriched.filter(pl.col("origin").ne_missing(FROM_RECORD))
    missing = legs.join(from_events, on="leg_id", how="anti").height
    strange = from_events.join(legs, on="leg_id", how="anti").height
    double = enriched.height - enriched["leg_id"].n_unique()
    figures = {
        "legs": legs.height,
        "enriched": enriched.height,
        "of_records": enriched.height - from_events.height,
    }
    if not (missing or strange or double):
        return Verdict(True, "every leg is there once", figures)
    description = (
        f"of {legs.height} legs {missing} are missing, {double} are double, {strange} are of no window"
    )
    return Verdict(False, description, figures)


def one_record_one_leg_verdict(enriched: pl.DataFrame) -> Verdict:
    """No record serves two legs."""
    served = enriched.drop_nulls("record_id").group_by("record_id").agg(pl.col("leg_id").sort())
    twice = served.filter(pl.col("leg_id").list.len() > 1).sort("record_id")
    if twice.is_empty():
        return Verdict(True, "each record serves one leg", {"records": served.height})
    first = twice.row(0, named=True)
    description = f"{twice.height} records serve several legs: first {first['record_id']}, legs {', '.join(first['leg_id'])}"
    return Verdict(False, description, {"records": served.height, "wrong": twice.height})


def rate_verdict(enriched: pl.DataFrame, status: str, most: float, what: str, tries: int) -> Verdict:
    """At most so many of the reportable legs that ended have a status, where a Cisco database is set at all.

    Args:
        enriched: `ENRICHED_LEG_SCHEMA`.
        status: the status.
        most: the highest rate that is well.
        what: the status in words.
        tries: only legs with so many tries are counted.
    """
    due = enriched.filter("is_reportable", pl.col("status") == COMPLETED, pl.col("enrichment_tries") >= tries)
    due = due.filter(pl.col("enrichment_reason").ne_missing(NO_SOURCE))
    count = due.filter(pl.col("enrichment_status") == status).height
    rate = count / due.height if due.height else 0.0
    description = f"{count} of {due.height} reportable legs {what} ({rate:.2%})"
    passed = rate <= most or due.height < FEWEST_LEGS
    return Verdict(passed, description, {"rate": rate, "legs": count}, is_grave=False)


def clock_verdict(offset_ms: dict[str, int]) -> Verdict:
    """No Cisco database's clock is off ours by more than a second (above five: an error, still not blocking)."""
    wrong = {source: ms for source, ms in sorted(offset_ms.items()) if abs(ms) > SKEW_WARNING_MS}
    if not wrong:
        return Verdict(True, "Cisco's clock agrees with ours within a second", offset_ms)
    told = ", ".join(f"{source} by {ms} ms" for source, ms in wrong.items())
    is_grave = max(map(abs, wrong.values())) > SKEW_ERROR_MS
    description = (
        f"clocks of Cisco databases are ahead of ours: {told}; set both by NTP (matching allows for it)"
    )
    return Verdict(False, description, offset_ms, is_grave)
