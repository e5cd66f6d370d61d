"""Which record is which leg's own: by its extension first, by time among what is left, never by a guess."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from cx_pipeline.core.enrichment.assignment import BY_LEGS, Assignment, assign
from cx_pipeline.core.enrichment.candidates import candidates_of
from cx_pipeline.core.enrichment.reasons import SEVERAL_LEGS_NEAR, SEVERAL_RECORDS_NEAR, TWO_RECORDS_TIE
from cx_pipeline.core.enrichment.rules import EnrichmentRules
from cx_pipeline.core.enrichment.schema import BY_EXTENSION, BY_TIME

MATCHED_LEG_SCHEMA = pl.Schema(
    {
        "leg": pl.UInt32(),
        "record": pl.UInt32(),
        "match_method": pl.String(),
        "match_distance_ms": pl.Int64(),
        "tie": pl.String(),
        "runner_up": pl.UInt32(),
        "runner_up_distance_ms": pl.Int64(),
    }
)
"""One row for each leg that has a candidate. `tie`: the reason why it got none of several. `runner_up`: the best record
that the leg did not get, whether another leg got it or not; for a leg without a match that is its best candidate."""


@dataclass(frozen=True, slots=True)
class Matching:
    """What became of the candidates."""

    legs: pl.DataFrame
    """`MATCHED_LEG_SCHEMA`, in no order."""
    candidates: pl.DataFrame
    """`CANDIDATE_SCHEMA`, in no order."""


def match(pairs: pl.DataFrame, legs: pl.DataFrame, records: pl.DataFrame, rules: EnrichmentRules) -> Matching:
    """Match legs and records.

    Records of the leg's own extension are assigned first, so that no record without one can change their matches. What
    is then left on both sides is assigned by time.

    Args:
        pairs: of `candidates.paired`, on our clock.
        legs: of `candidates.numbered_legs`.
        records: of `candidates.numbered_records`.
        rules: the tolerances.
    """
    candidates = candidates_of(pairs, legs, rules)
    ids = legs["leg_id"], _by_number(records)
    tie = rules.tie // timedelta(microseconds=1)
    own = candidates.filter("is_own")
    by_extension = assign(own, *ids, tie)
    by_time = assign(_left_over(candidates, own, by_extension), *ids, tie)
    found = pl.concat(
        [
            _told(by_extension, BY_EXTENSION, TWO_RECORDS_TIE),
            _told(by_time, BY_TIME, SEVERAL_RECORDS_NEAR),
        ]
    )
    runners = _runners_up(candidates, found, ids[1])
    matched = runners.join(found, on="leg", how="left")
    return Matching(
        matched.select(pl.col(name).cast(dtype) for name, dtype in MATCHED_LEG_SCHEMA.items()), candidates
    )


def _by_number(records: pl.DataFrame) -> pl.Series:
    """The ids of the records at the places of their numbers; null where a record takes no part."""
    count = int(records["record"].max() or 0) + 1  # type: ignore[arg-type]
    places = pl.DataFrame({"record": pl.Series(range(count), dtype=pl.UInt32)})
    return places.join(records.select("record", "record_id"), on="record", how="left", maintain_order="left")[
        "record_id"
    ]


def _left_over(candidates: pl.DataFrame, own: pl.DataFrame, by_extension: Assignment) -> pl.DataFrame:
    """The candidates of other or unknown extension whose leg and record are both free.

    A record that two legs of its extension, or a leg that two records of its extension contend for is not free.
    """
    matches, tied = by_extension.matches, by_extension.tied
    contended = own.join(tied, on="leg", how="semi").select("record")
    return (
        candidates.filter(~pl.col("is_own"))
        .join(pl.concat([matches.select("leg"), tied.select("leg")]), on="leg", how="anti")
        .join(pl.concat([matches.select("record"), contended]), on="record", how="anti")
    )


def _told(assignment: Assignment, method: str, several_records: str) -> pl.DataFrame:
    """`leg`, `record`, `match_method`, `match_distance_ms`, `tie` of the legs that the assignment has a word on."""
    matches = assignment.matches.select(
        "leg",
        "record",
        match_method=pl.lit(method),
        match_distance_ms=pl.col("distance") // 1000,
        tie=pl.lit(None, pl.String()),
    )
    reason = (
        pl.when(pl.col("by") == BY_LEGS).then(pl.lit(SEVERAL_LEGS_NEAR)).otherwise(pl.lit(several_records))
    )
    ties = assignment.tied.select("leg", tie=reason)
    return pl.concat([matches, ties], how="diagonal")


def _runners_up(candidates: pl.DataFrame, found: pl.DataFrame, record_ids: pl.Series) -> pl.DataFrame:
    """Every leg with a candidate, and the best record that it did not get: `leg`, `runner_up`, `runner_up_distance_ms`."""
    taken = found.select("leg", "record").filter(pl.col("record").is_not_null())
    others = candidates.join(taken, on=["leg", "record"], how="anti")
    others = others.with_columns(record_id=record_ids.gather(others["record"]))
    best = others.sort("leg", ~pl.col("is_own"), "distance", "record_id").unique(
        "leg", keep="first", maintain_order=True
    )
    told = best.select("leg", runner_up="record", runner_up_distance_ms=pl.col("distance") // 1000)
    return candidates.select("leg").unique().join(told, on="leg", how="left")
