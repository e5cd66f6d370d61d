"""Matches of legs and records, held against the truth of the simulated records. Shares no code with the matching."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from cx_pipeline.core.enrichment.schema import AMBIGUOUS, FROM_RECORD
from cx_pipeline.simulator.comparison import KEY
from cx_pipeline.simulator.frames import IN_PROGRESS

MATCHED, WRONG, GUESSED = "MATCHED", "WRONG", "GUESSED"
LEFT, UNCLEAR, WAITING, MISSING = "LEFT", "UNCLEAR", "WAITING", "MISSING"
"""What a leg's match is worth. MATCHED: its own record. WRONG: another leg's, or one of no leg. GUESSED: its own, but
nobody can tell. Without a record: LEFT: a clear one of its own was there to be read. UNCLEAR: one was there that nobody
has to find. WAITING: its own had not yet reached the reporting database. MISSING: it has none."""
FAULTS = (WRONG, GUESSED, LEFT)

MATCH_DIFFERENCE_SCHEMA = pl.Schema(
    {
        "tenant_id": pl.String(),
        "agent_extension": pl.String(),
        "root_call_key": pl.String(),
        "start_time": pl.Datetime("us", "UTC"),
        "verdict": pl.String(),
        "enrichment_status": pl.String(),
        "found_record": pl.String(),
        "found_kind": pl.String(),
        "found_extension": pl.String(),
        "found_ended_at": pl.Datetime("us", "UTC"),
        "own_record": pl.String(),
        "own_extension": pl.String(),
        "own_ended_at": pl.Datetime("us", "UTC"),
        "replicated_at": pl.Datetime("us", "UTC"),
    }
)


@dataclass(frozen=True, slots=True)
class MatchComparison:
    """What the comparison found, in legs.

    Not judged are legs of calls that lost an event or bear a wrong clock's time, and those in progress without a record.
    """

    judged: int
    """Legs held against the truth: the sum of the seven verdicts."""
    matched: int
    wrong_matches: int
    guessed: int
    unmatched_clear: int
    """Verdict LEFT."""
    unmatched_unclear: int
    waiting: int
    missing_expected: int
    ambiguous: int
    """Legs reported as ambiguous."""
    ambiguous_expected: int
    """Those of them whose record nobody can tell from another one."""
    ambiguous_records: int
    """Judged legs whose record nobody can tell from another one."""
    differences: pl.DataFrame
    """One row for each leg with a verdict of `FAULTS`, `MATCH_DIFFERENCE_SCHEMA`."""

    @property
    def is_right(self) -> bool:
        """Whether no match is wrong or guessed, and no clear record was left."""
        return self.differences.is_empty()


def compare_matches(
    enriched: pl.DataFrame, truth: pl.DataFrame, true_legs: pl.DataFrame, read_at: datetime | None = None
) -> MatchComparison:
    """Hold the records that legs were given against those that are their own.

    Args:
        enriched: legs with `tenant_id`, `agent_extension`, `root_call_key`, `start_time`, `record_id`,
            `enrichment_status`; `origin` if there is one: legs of an outage, made of records, are left out; `status`
            if there is one: a leg whose end was not heard of yet waits for no record.
        truth: of the simulated records, `TRUTH_SCHEMA`.
        true_legs: of the simulated traffic, `TRUE_LEG_SCHEMA`.
        read_at: when the records were read; None: when all had reached the reporting database.
    """
    judged = _judged(enriched, truth, true_legs, read_at)
    counts = dict(judged.group_by("verdict").len().iter_rows())
    is_reported = pl.col("enrichment_status") == AMBIGUOUS
    is_unknowable = pl.col("own_is_ambiguous").fill_null(value=False)
    return MatchComparison(
        judged=judged.height,
        matched=counts.get(MATCHED, 0),
        wrong_matches=counts.get(WRONG, 0),
        guessed=counts.get(GUESSED, 0),
        unmatched_clear=counts.get(LEFT, 0),
        unmatched_unclear=counts.get(UNCLEAR, 0),
        waiting=counts.get(WAITING, 0),
        missing_expected=counts.get(MISSING, 0),
        ambiguous=judged.filter(is_reported).height,
        ambiguous_expected=judged.filter(is_reported & is_unknowable).height,
        ambiguous_records=judged.filter(is_unknowable).height,
        differences=judged.filter(pl.col("verdict").is_in(FAULTS))
        .select(MATCH_DIFFERENCE_SCHEMA.names())
        .sort(*KEY),
    )


def _judged(
    enriched: pl.DataFrame, truth: pl.DataFrame, true_legs: pl.DataFrame, read_at: datetime | None
) -> pl.DataFrame:
    """The enriched legs that truly were, each with its own record, the one that it was given, and the verdict."""
    if "origin" in enriched.columns:
        enriched = enriched.filter(pl.col("origin").ne_missing(FROM_RECORD))
    if "status" in enriched.columns:
        enriched = enriched.filter((pl.col("status") != IN_PROGRESS) | pl.col("record_id").is_not_null())
    # The name of the source stands before the first colon.
    found = pl.col("record_id").str.splitn(":", 2).struct.field("field_1")
    undisturbed = true_legs.filter(~(pl.col("has_lost_event") | pl.col("has_skew"))).select(
        *KEY, true_end="end_time"
    )
    return (
        enriched.select(*KEY, "enrichment_status", "record_id", found_record=found)
        .join(undisturbed, on=KEY)
        .filter(pl.col("true_end").is_not_null() | pl.col("record_id").is_not_null())
        .join(_own_records(truth), on=KEY, how="left")
        .join(_found_records(truth), on="found_record", how="left")
        .with_columns(verdict=_verdict(read_at))
    )


def _own_records(truth: pl.DataFrame) -> pl.DataFrame:
    return truth.filter(pl.col("start_time").is_not_null()).select(
        *KEY,
        "replicated_at",
        "is_clear",
        own_record="record_key",
        own_extension="extension",
        own_ended_at="ended_at",
        own_is_ambiguous="is_ambiguous",
    )


def _found_records(truth: pl.DataFrame) -> pl.DataFrame:
    return truth.select(
        found_record="record_key", found_kind="kind", found_extension="extension", found_ended_at="ended_at"
    )


def _verdict(read_at: datetime | None) -> pl.Expr:
    is_own = pl.col("found_record").eq_missing(pl.col("own_record"))
    is_there = pl.lit(value=True) if read_at is None else pl.col("replicated_at") <= read_at
    return (
        pl.when(pl.col("record_id").is_not_null())
        .then(
            pl.when(~is_own)
            .then(pl.lit(WRONG))
            .when(pl.col("own_is_ambiguous"))
            .then(pl.lit(GUESSED))
            .otherwise(pl.lit(MATCHED))
        )
        .when(pl.col("own_record").is_null())
        .then(pl.lit(MISSING))
        .when(~is_there)
        .then(pl.lit(WAITING))
        .when(pl.col("is_clear"))
        .then(pl.lit(LEFT))
        .otherwise(pl.lit(UNCLEAR))
    )
