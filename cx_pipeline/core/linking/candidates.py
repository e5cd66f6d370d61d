"""Our own recordings as candidates of links: a row for each leg that one holds, and for each of a dialog without a leg."""

from __future__ import annotations

import polars as pl

from cx_pipeline.core.linking.schema import LINK_CANDIDATE_SCHEMA, LINKED, VOICE
from cx_pipeline.core.recording.leg_keys import parse_leg_key
from cx_pipeline.core.recording.schema import COMPLETED, OF_FILE

EFSWITCH = "efswitch"
"""Value of `backend`: ours."""

_UNREADABLE = r"[:/\\[:cntrl:]]"
"""What a number in a key may not hold: keys are read from the right, and stand in paths. Nobody is looked up by it."""


def recording_candidates(
    recordings: pl.DataFrame, legs: pl.DataFrame, manifests: pl.DataFrame
) -> pl.DataFrame:
    """What of a window's recordings can be played.

    Args:
        recordings: MIXED_RECORDING_SCHEMA; those that are finished and have a file count.
        legs: ENRICHED_LEG_SCHEMA of the legs in them. One that is not among them tells its place in the recording alone.
        manifests: `manifest_id`, `dialog_id`, `call_key`, `agent_extension`, `start_time` of the files of recordings
            without a leg.

    Returns:
        LINK_CANDIDATE_SCHEMA.
    """
    made = recordings.filter((pl.col("state") == COMPLETED) & pl.col("path").is_not_null()).select(
        "recording_id",
        "kind",
        "tenant_id",
        "leg_offsets",
        "manifest_ids",
        "duration_ms",
        "size_bytes",
        recorded_at="start_time",
        version=pl.coalesce("sha256", "recording_id"),
    )
    parts = [
        _of_legs(made.filter(pl.col("kind") != OF_FILE), legs),
        _of_files(made.filter(pl.col("kind") == OF_FILE), manifests),
    ]
    return pl.concat(parts)


def playable_key(
    leg_key: pl.Expr, call_id: pl.Expr, extension: pl.Expr, start: pl.Expr, number: pl.Expr
) -> pl.Expr:
    """The leg's key as an address may have it: without its number, where that would be read wrongly."""
    epoch_ms = start.dt.epoch("ms").cast(pl.String)
    plain = pl.concat_str([call_id, extension, pl.lit(""), epoch_ms], separator=":")
    return pl.when(number.str.contains(_UNREADABLE).fill_null(value=False)).then(plain).otherwise(leg_key)


def _of_legs(made: pl.DataFrame, legs: pl.DataFrame) -> pl.DataFrame:
    listed = made.explode("leg_offsets").filter(pl.col("leg_offsets").is_not_null())
    held = listed.with_columns(leg_id=pl.col("leg_offsets").struct.field("leg_id"))
    key = playable_key(
        *(pl.col(name) for name in ("leg_key", "call_id", "agent_extension", "start_time", "other_party"))
    )
    known = legs.select(
        "leg_id",
        "agent_extension",
        "start_time",
        "end_time",
        cx_call_id=pl.coalesce("cx_call_id", "call_id"),
        call_key="root_call_key",
        leg_key=key,
    )
    rows = held.join(known, on="leg_id", how="inner").with_columns(
        candidate_id=pl.concat_str("recording_id", "leg_id", separator="/")
    )
    return _as_candidates(rows)


def _of_files(made: pl.DataFrame, manifests: pl.DataFrame) -> pl.DataFrame:
    files = manifests.sort("start_time", "manifest_id").rename({"start_time": "file_start"})
    rows = (
        made.explode("manifest_ids")
        .join(files, left_on="manifest_ids", right_on="manifest_id", how="inner")
        .filter(pl.col("dialog_id").is_not_null())
        .unique("recording_id", keep="first", maintain_order=True)
    )
    # Files are looked up by their own clock's start, which the recording's is not.
    file_ms = pl.col("file_start").dt.epoch("ms").cast(pl.String)
    parts = [pl.col("dialog_id"), pl.col("agent_extension").fill_null(""), pl.lit(""), file_ms]
    rows = rows.with_columns(
        candidate_id=pl.col("recording_id"),
        leg_key=pl.concat_str(parts, separator=":"),
        start_time=pl.col("recorded_at"),
        end_time=pl.col("recorded_at") + pl.duration(milliseconds=pl.col("duration_ms")),
    )
    is_readable = [parse_leg_key(key) is not None for key in rows["leg_key"]]
    return _as_candidates(rows.filter(pl.Series(is_readable, dtype=pl.Boolean)))


def _as_candidates(rows: pl.DataFrame) -> pl.DataFrame:
    named = rows.with_columns(kind=pl.lit(VOICE), backend=pl.lit(EFSWITCH))
    return named.select(
        (pl.col(name) if name in named.columns else pl.lit(None).alias(name)).cast(dtype)
        for name, dtype in LINK_CANDIDATE_SCHEMA.items()
    )


def linked_candidates(links: pl.DataFrame, legs: pl.DataFrame) -> pl.DataFrame:
    """What links lead to already as candidates, for a recorder that is not asked twice. Neither length nor size is known.

    Args:
        links: RECORDING_LINK_SCHEMA.
        legs: ENRICHED_LEG_SCHEMA; links of other legs are left out.
    """
    linked = links.filter(
        (pl.col("state") == LINKED) & (pl.col("kind") == VOICE) & pl.col("leg_id").is_not_null()
    ).select("leg_id", "candidate_id", "recording_id", "version", "leg_key", "tenant_id")
    of_legs = legs.select(
        "leg_id",
        "agent_extension",
        "start_time",
        "end_time",
        cx_call_id=pl.coalesce("cx_call_id", "call_id"),
        call_key="root_call_key",
    )
    return _as_candidates(linked.unique("leg_id").join(of_legs, on="leg_id", how="inner"))
