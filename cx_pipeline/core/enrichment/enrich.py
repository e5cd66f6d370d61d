"""Legs get their Cisco records: a pure function of legs, records, the directory and the moment of reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from cx_pipeline.core.directory import Directory
from cx_pipeline.core.enrichment.candidates import (
    clocks_of_pairs,
    numbered_legs,
    numbered_records,
    on_our_clock,
    paired,
)
from cx_pipeline.core.enrichment.details import with_details, with_record
from cx_pipeline.core.enrichment.matching import Matching, match
from cx_pipeline.core.enrichment.outages import OutageFacts, half_seen_ends, unheard, with_ends
from cx_pipeline.core.enrichment.rules import EnrichmentRules
from cx_pipeline.core.enrichment.schema import (
    BY_EXTENSION,
    ENRICHED_LEG_SCHEMA,
    FROM_EVENTS,
    FROM_RECORD,
)
from cx_pipeline.core.enrichment.statuses import with_statuses
from cx_pipeline.core.enrichment.unheard_legs import legs_of
from cx_pipeline.core.events.schema import UTC_MICROSECONDS

CANDIDATE_PAIR_SCHEMA = pl.Schema(
    {
        "leg_id": pl.String(),
        "record_id": pl.String(),
        "is_own_extension": pl.Boolean(),
        "distance_ms": pl.Int64(),
    }
)


@dataclass(frozen=True, slots=True)
class Enrichment:
    """The enriched legs of a window, and how they came about."""

    legs: pl.DataFrame
    """`ENRICHED_LEG_SCHEMA`: the legs in the order given, after them those of calls that nobody heard."""
    counts: Mapping[str, int]
    """`records`, `matched_records`, `outage_legs`, `ends_from_records`."""
    clocks: pl.DataFrame
    """The clock of each source: `clocks.CLOCK_SCHEMA`."""
    matching: Matching
    _leg_ids: pl.Series
    _record_ids: pl.Series

    @property
    def clock_offset_ms(self) -> dict[str, int]:
        """How far each source's clock is ahead of ours."""
        return dict(self.clocks.select("source", "offset_ms").iter_rows())

    def candidates(self) -> pl.DataFrame:
        """Every pair of leg and record that was weighed (`CANDIDATE_PAIR_SCHEMA`), the best of each leg first."""
        pairs = self.matching.candidates
        named = pairs.select(
            self._leg_ids.gather(pairs["leg"]).alias("leg_id"),
            self._record_ids.gather(pairs["record"]).alias("record_id"),
            is_own_extension="is_own",
            distance_ms=pl.col("distance") // 1000,
        )
        return named.sort("leg_id", ~pl.col("is_own_extension"), "distance_ms", "record_id")


def enrich(
    legs: pl.DataFrame,
    calls: pl.DataFrame,
    records: pl.DataFrame,
    directory: Directory,
    rules: EnrichmentRules,
    *,
    read_at: datetime,
    has_source: bool,
    outage: OutageFacts | None = None,
) -> Enrichment:
    """Give the legs of a window their records.

    The result does not depend on the order of any rows.

    Args:
        legs: `LEG_SCHEMA`, of one window, with those in progress.
        calls: `CALL_SCHEMA`, the calls of these legs.
        records: `CISCO_RECORD_SCHEMA`, each record once, of the window and the match slack around it.
        directory: names the agents where the records do not.
        rules: tolerances and ages.
        read_at: when the records were read: a leg's age is judged as of then.
        has_source: whether there is any Cisco database; without one nothing is waited for.
        outage: what is known of times when nobody listened; null: nothing.
    """
    of_records = numbered_records(records)
    of_legs = numbered_legs(legs)
    pairs = paired(of_legs, calls, of_records)
    clocks = clocks_of_pairs(pairs, of_records, rules)
    pairs = on_our_clock(pairs, clocks)
    ended = 0
    if outage is not None and len(ends := half_seen_ends(pairs, of_legs, outage.gaps, rules)):
        ended = len(ends)
        legs = with_ends(legs, ends)
        of_legs = numbered_legs(legs)
        pairs = on_our_clock(paired(of_legs, calls, of_records), clocks)
    matching = match(pairs, of_legs, of_records, rules)
    matched = _with_matches(legs, matching, records)
    if outage is not None:
        keys = _keys(calls)
        silent = unheard(_on_our_time(of_records, clocks), matched["record"].drop_nulls(), keys, outage)
        matched = pl.concat([matched, _as_matched(legs_of(silent, records, rules))], how="diagonal")
    judged = with_statuses(matched, rules, read_at, has_source=has_source)
    detailed = with_details(with_record(judged, records), directory, rules)
    counts = {
        "records": len(of_records),
        "matched_records": len(matched) - matched["record"].null_count(),
        "outage_legs": len(matched) - len(legs),
        "ends_from_records": ended,
    }
    return Enrichment(
        detailed.select(pl.col(name).cast(dtype) for name, dtype in ENRICHED_LEG_SCHEMA.items()),
        counts,
        clocks,
        matching,
        of_legs["leg_id"],
        records["record_id"],
    )


def _with_matches(legs: pl.DataFrame, matching: Matching, records: pl.DataFrame) -> pl.DataFrame:
    """The legs, in their order, with the columns of `MATCHED_LEG_SCHEMA`, `runner_up_record_id` and `origin`."""
    joined = (
        legs.drop("evidence")
        .with_row_index("leg")
        .join(matching.legs, on="leg", how="left", maintain_order="left")
        .drop("leg")
    )
    return joined.with_columns(
        records["record_id"].gather(joined["runner_up"]).alias("runner_up_record_id"),
        origin=pl.lit(FROM_EVENTS),
    )


def _as_matched(legs: pl.DataFrame) -> pl.DataFrame:
    """Legs made of records as legs that have their record."""
    return legs.drop("evidence").with_columns(
        match_method=pl.lit(BY_EXTENSION), match_distance_ms=pl.lit(0, pl.Int64()), origin=pl.lit(FROM_RECORD)
    )


def _on_our_time(records: pl.DataFrame, clocks: pl.DataFrame) -> pl.DataFrame:
    """The numbered records with `end_time`: when the talk ended, on our clock."""
    joined = records.join(clocks, on="source", how="left", maintain_order="left")
    work = pl.when(pl.col("is_end_after_work").fill_null(value=False)).then("work").otherwise(0)
    end = pl.col("record_end") - pl.col("offset_ms").fill_null(0) * 1000 - work
    return joined.with_columns(end_time=end.cast(UTC_MICROSECONDS))


def _keys(calls: pl.DataFrame) -> pl.DataFrame:
    return calls.select("tenant_id", call_key="call_keys").explode("call_key").drop_nulls("call_key").unique()
