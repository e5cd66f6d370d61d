"""What no listener heard: the records of calls without any event, and ends that fell into the silence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from cx_pipeline.core.calls.schema import COMPLETED, HOLD_SEGMENT
from cx_pipeline.core.enrichment.rules import EnrichmentRules
from cx_pipeline.core.enrichment.shared_keys import same_node, with_parts
from cx_pipeline.core.events.schema import UTC_MICROSECONDS
from cx_pipeline.core.windows import Window

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class OutageFacts:
    """What is known of a window's silences."""

    gaps: pl.DataFrame
    """`HEARTBEAT_GAP_SCHEMA`."""
    known_keys: pl.DataFrame
    """`tenant_id`, `call_key` of all calls that have events around the window."""
    window: Window
    """Records that ended in it give legs: each is of one window only."""


def half_seen_ends(
    pairs: pl.DataFrame, legs: pl.DataFrame, gaps: pl.DataFrame, rules: EnrichmentRules
) -> pl.DataFrame:
    """Ends that fell into a gap, taken from the legs' records: `leg`, `end_time`.

    Of legs that go on or whose end is an estimate. The record must be the only one of the leg's key and extension, end
    in the gap, and begin when the leg does; where it ends after the wrap-up work is told by its begin.

    Args:
        pairs: of `candidates.paired`, on our clock.
        legs: of `candidates.numbered_legs`.
        gaps: `HEARTBEAT_GAP_SCHEMA`.
        rules: the tolerances.
    """
    alone = (pl.len().over("leg") == 1) & (pl.len().over("record") == 1)
    ends = pl.concat_list("record_end", pl.col("record_end") - pl.col("work"))
    possible = (
        pairs.filter("is_own")
        .filter(alone, pl.col("is_open") | pl.col("is_end_estimated"))
        .with_columns(its_end=ends)
        .explode("its_end")
        .with_columns(apart=(pl.col("its_end") - pl.col("length") - pl.col("start")).abs())
    )
    fitting = possible.filter(
        pl.col("apart") <= rules.overlap_tolerance // _MICROSECOND,
        # The last fact of a leg that silence closed lies before its true end.
        (pl.col("end") <= pl.col("its_end") + rules.overlap_tolerance // _MICROSECOND).fill_null(value=True),
        pl.col("its_end") >= pl.col("start"),
    )
    best = fitting.sort("leg", "apart", "its_end").unique("leg", keep="first", maintain_order=True)
    ended = best.select("leg", end_time=pl.col("its_end").cast(UTC_MICROSECONDS)).join(
        legs.select("leg", "tenant_id"), on="leg", maintain_order="left"
    )
    return _within_gaps(ended, "end_time", gaps).select("leg", "end_time").unique("leg")


def with_ends(legs: pl.DataFrame, ends: pl.DataFrame) -> pl.DataFrame:
    """The legs with the ends of `half_seen_ends`: completed, the end an estimate, an open hold closed by it.

    Args:
        legs: `LEG_SCHEMA`, in the order of their numbers.
        ends: `leg` (number), `end_time`.
    """
    if ends.is_empty():
        return legs
    numbered = legs.with_row_index("leg")
    seen = numbered.join(ends, on="leg", how="anti")
    ended = (
        numbered.drop("end_time")
        .join(ends, on="leg", maintain_order="left")
        .with_columns(
            status=pl.lit(COMPLETED),
            end_reason=pl.coalesce("end_reason", pl.lit("UNKNOWN")),
            is_end_estimated=pl.lit(value=True),
            duration_ms=(pl.col("end_time") - pl.col("start_time")).dt.total_milliseconds(),
        )
    )
    closed = ended.drop("hold_segments", "held_ms").join(
        _closed_holds(ended), on="leg", maintain_order="left"
    )
    both = pl.concat([seen.select(numbered.columns), closed.select(numbered.columns)]).sort("leg")
    return both.drop("leg").cast(legs.schema)


def _closed_holds(legs: pl.DataFrame) -> pl.DataFrame:
    """`leg`, `hold_segments`, `held_ms`: what of the holds lies before the end, one that lasts ended by it."""
    each = legs.select("leg", "end_time", segment="hold_segments").explode("segment").drop_nulls("segment")
    start, end = (pl.col("segment").struct.field(name) for name in ("start_time", "end_time"))
    cut = each.select(
        "leg", start_time=start, end_time=pl.min_horizontal(end.fill_null(pl.col("end_time")), "end_time")
    ).filter(pl.col("start_time") < pl.col("end_time"))
    lists = cut.group_by("leg", maintain_order=True).agg(
        hold_segments=pl.struct("start_time", "end_time"),
        held_ms=(pl.col("end_time") - pl.col("start_time")).dt.total_milliseconds().sum(),
    )
    empty = pl.lit([], dtype=pl.List(HOLD_SEGMENT))
    joined = legs.select("leg").join(lists, on="leg", how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce("hold_segments", empty), pl.col("held_ms").fill_null(0))


def unheard(
    records: pl.DataFrame, matched: pl.Series, keys: pl.DataFrame, facts: OutageFacts
) -> pl.DataFrame:
    """The records of calls that nobody heard: each ended in the window and in a gap, and its key has no events at all.

    Args:
        records: of `candidates.numbered_records`, on our clock, with `end_time`.
        matched: numbers of the records that a leg has.
        keys: `tenant_id`, `call_key` of the window's own calls.
        facts: the gaps, the keys with events, the window.

    Returns:
        Rows of `records` with an extension and a key; `tenant_id` is that of the gap where the record has none.
    """
    in_window = pl.col("end_time").is_between(facts.window.start, facts.window.end, closed="left")
    own = records.filter(
        in_window, pl.col("its_extension").is_not_null(), pl.col("call_key").is_not_null()
    ).filter(~pl.col("record").is_in(matched.implode()))
    if own.is_empty() or facts.gaps.is_empty():
        return own.clear()
    columns = ["tenant_id", "call_key"]
    known = pl.concat([facts.known_keys.select(columns), keys.select(columns)]).unique()
    silent = own.join(_with_known_key(own, known), on="record", how="anti")
    return _within_gaps(silent, "end_time", facts.gaps)


def _with_known_key(records: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """`record` of those whose key some call bears, in any form, and that may be of its tenant."""
    parts = with_parts(records.select("record", "call_key", "tenant_id"))
    of_calls = with_parts(known.rename({"tenant_id": "of_tenant"}))
    numbers = parts.join(of_calls, on="gcid").filter(same_node()).select("record", "tenant_id", "of_tenant")
    texts = parts.join(known.rename({"tenant_id": "of_tenant"}), on="call_key")
    both = pl.concat([numbers, texts.select(numbers.columns)])
    same = (pl.col("tenant_id") == pl.col("of_tenant")).fill_null(value=True)
    return both.filter(same).select("record").unique()


def _within_gaps(rows: pl.DataFrame, moment: str, gaps: pl.DataFrame) -> pl.DataFrame:
    """The rows whose moment lies in a gap of their tenant; a tenant that is not known becomes that of the gap."""
    numbered = rows.with_row_index("place")
    spans = gaps.select("gap_start", "gap_end", gap_tenant="tenant_id").unique()
    inside = numbered.join_where(
        spans, pl.col(moment) >= pl.col("gap_start"), pl.col(moment) <= pl.col("gap_end")
    )
    same = (pl.col("gap_tenant") == pl.col("tenant_id")).fill_null(value=True)
    first = (
        inside.filter(same)
        .sort("place", "gap_tenant", "gap_start", nulls_last=True)
        .unique("place", keep="first", maintain_order=True)
    )
    return first.with_columns(pl.coalesce("tenant_id", "gap_tenant")).select(rows.columns)
