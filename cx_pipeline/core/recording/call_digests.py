"""What a call's recordings hang on, as one number: equal, there is nothing to plan, to make or to describe anew."""

import polars as pl

from cx_pipeline.core.recording.matching import SegmentMatches
from cx_pipeline.core.recording.schema import RECORD

CALL_DIGEST_SCHEMA = pl.Schema({"call_id": pl.String(), "inputs_hash": pl.Int64()})


def call_digests(
    legs: pl.DataFrame, manifests: pl.DataFrame, decisions: pl.DataFrame, matches: SegmentMatches
) -> pl.DataFrame:
    """`CALL_DIGEST_SCHEMA`: one row for each call of which a leg is to be recorded.

    It covers the legs with their details, the decisions, the files and whether their recorders' clocks are known. Not
    the clocks themselves: they move by a millisecond with each call, and no recording is made anew for that.

    Args:
        legs: `ENRICHED_LEG_SCHEMA`.
        manifests: `RECORDING_MANIFEST_SCHEMA`.
        decisions: `RECORDING_DECISION_SCHEMA`.
        matches: of the files to the legs.
    """
    unknown = list(matches.unknown_clocks)
    has_clock = ~pl.col("recorder_id").fill_null("").is_in(unknown)
    pairs = matches.pairs.filter(pl.col("leg_id").is_not_null()).select("manifest_id", "leg_id", "method")
    files = pairs.join(manifests.with_columns(has_clock=has_clock), on="manifest_id")
    call_of = legs.select("leg_id", "call_id")
    parts = [
        legs.select("call_id", part=legs.hash_rows(seed=1)),
        decisions.select("leg_id", part=decisions.hash_rows(seed=2))
        .join(call_of, on="leg_id")
        .select("call_id", "part"),
        files.select("leg_id", part=files.hash_rows(seed=3))
        .join(call_of, on="leg_id")
        .select("call_id", "part"),
    ]
    wanted = decisions.filter(pl.col("action") == RECORD).select("call_id").drop_nulls().unique()
    return (
        pl.concat(parts)
        .join(wanted, on="call_id", how="semi")
        .group_by("call_id")
        .agg(pl.col("part").sort())
        .sort("call_id")
        .select("call_id", inputs_hash=pl.col("part").hash(seed=4).reinterpret(signed=True))
    )
