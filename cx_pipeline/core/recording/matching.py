"""Which leg each file belongs to (spec: recording, 4): by refci, else by its call, else by phone or numbers and time.

No id is believed against the clock: refcis and call keys come again. A file goes to the leg with whose talk it overlaps
most among those of the surest method; a file of a whole line goes to every leg of its call. What two legs fit equally
is given to neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from cx_pipeline.core.recording.candidates import (
    METHODS,
    RANK_OF_OTHER_PHONE,
    RANK_OF_TIME,
    numbered_files,
    numbered_legs,
    rough_pairs,
    with_spans,
)
from cx_pipeline.core.recording.options import PlanOptions
from cx_pipeline.core.recording.recorder_clock import clocks_of
from cx_pipeline.core.recording.schema import SCREEN, SEGMENT_MATCH_SCHEMA

NOT_VOICE, NO_TIME, OUTSIDE_WINDOW, NO_LEG, WRONG_TIME, DURING_HOLD, OTHER_PHONE, SEVERAL_LEGS = (
    "NOT_VOICE",
    "NO_TIME",
    "OUTSIDE_WINDOW",
    "NO_LEG",
    "WRONG_TIME",
    "DURING_HOLD",
    "OTHER_PHONE",
    "SEVERAL_LEGS",
)
"""Values of `unmatched_reason`. NOT_VOICE: a picture of a screen. NO_TIME: it says not when it began. OUTSIDE_WINDOW: it
ended in another window, so its leg did most likely, too. NO_LEG: nothing of the window bears its ids, phone or numbers.
WRONG_TIME: what bears its ids was at another time. DURING_HOLD: the phone talked on another line while the leg was held.
OTHER_PHONE: of another phone of the extension, while the leg's own was recorded. SEVERAL_LEGS: two fit equally."""

_FITTING = 0.5
"""Of the shorter of file and leg, how much must overlap."""
_LEAST_OF_LINE_US = 10_000_000
"""Of a file of a whole line at least half of so much must lie in a leg."""
_AS_GOOD = 0.8
"""From this share of the best overlap on another leg fits as well."""


@dataclass(frozen=True, slots=True)
class SegmentMatches:
    """Which file belongs to which leg, and the clocks by which that was found."""

    pairs: pl.DataFrame
    """`SEGMENT_MATCH_SCHEMA`, sorted by file and leg."""
    clock_offset_ms: Mapping[str, int]
    """By recorder (an empty text: no name)."""
    clocks: pl.DataFrame
    """`RECORDER_CLOCK_SCHEMA`."""

    unknown_clocks: frozenset[str] = frozenset()
    """Recorders of whose clock too little is known: their times are taken as they are."""


def match_segments(legs: pl.DataFrame, manifests: pl.DataFrame, options: PlanOptions) -> SegmentMatches:
    """Match the files to the legs of a window.

    Args:
        legs: `ENRICHED_LEG_SCHEMA`, those of one window.
        manifests: `RECORDING_MANIFEST_SCHEMA`, all that may belong to them; many belong to other windows.
        options: the window and the tolerances.
    """
    files, numbered = numbered_files(manifests), numbered_legs(legs, options)
    rough = rough_pairs(files, numbered, options.slack)
    clocks = clocks_of(rough, files, numbered, options)
    offset = pl.col("recorder_id").replace_strict(
        clocks["recorder_id"], clocks["clock_offset_ms"], default=0, return_dtype=pl.Int64
    )
    corrected = files.with_columns(
        clock_offset_ms=offset, begin=pl.col("begin") - offset * 1000, end=pl.col("end") - offset * 1000
    )
    scored = _scored(rough, corrected, numbered)
    chosen, contested = _chosen(scored.filter("is_possible"), numbered)
    beside = _beside_their_own(chosen)
    matched = _told(chosen.join(beside, on="file", how="anti"), corrected, numbered)
    reasons = {
        SEVERAL_LEGS: contested["file"],
        OTHER_PHONE: beside["file"],
        DURING_HOLD: scored.filter(~pl.col("is_possible") & pl.col("is_within"))["file"],
        WRONG_TIME: rough.filter(pl.col("rank") < RANK_OF_TIME)["file"],
    }
    left = _unmatched(manifests, corrected, matched, reasons, options)
    pairs = pl.concat([matched, left]).sort("manifest_id", "leg_id", nulls_last=True)
    offsets = dict(clocks.select("recorder_id", "clock_offset_ms").iter_rows())
    unknown = frozenset(clocks.filter(~pl.col("is_known"))["recorder_id"])
    return SegmentMatches(pairs, offsets, clocks, unknown)


def _scored(pairs: pl.DataFrame, files: pl.DataFrame, legs: pl.DataFrame) -> pl.DataFrame:
    """The pairs that overlap once clocks are corrected.

    Adds `overlap` with the leg, `talk` (of it outside holds), `is_fitting` (it is most of the shorter one), `is_within`
    (likewise, holds included) and `is_possible`.
    """
    spans = with_spans(pairs, files, legs).join(files.select("file", "is_shared", "side"), on="file")
    overlap = _overlap("leg_begin", "leg_end")
    met = spans.with_columns(overlap=overlap, length=_length()).filter(pl.col("overlap") > 0)
    holds = (
        legs.select("leg", hold="hold_segments")
        .explode("hold")
        .select(
            "leg",
            hold_begin=pl.col("hold").struct.field("start_time").dt.epoch("us"),
            hold_end=pl.col("hold").struct.field("end_time").dt.epoch("us"),
        )
        .filter(pl.col("hold_begin").is_not_null())
    )
    held = (
        met.join(holds, on="leg")
        .with_columns(pl.coalesce("hold_end", "leg_end").alias("hold_end"))
        .group_by("file", "leg")
        .agg(
            held=_overlap("hold_begin", "hold_end").clip(lower_bound=0).sum(),
            leg_held=(pl.col("hold_end") - pl.col("hold_begin")).sum(),
        )
    )
    scored = met.join(held, on=["file", "leg"], how="left").with_columns(
        talk=pl.col("overlap") - pl.col("held").fill_null(0),
        leg_talk=pl.col("leg_end") - pl.col("leg_begin") - pl.col("leg_held").fill_null(0),
    )
    # By time alone nothing but talk counts: a phone that holds one call may talk on another. A line goes on.
    by_time = pl.col("rank") >= RANK_OF_TIME
    is_within = pl.col("overlap") >= _FITTING * pl.col("length")
    most_of_talk = pl.col("talk") >= _FITTING * pl.min_horizontal("length", "leg_talk")
    is_talk = most_of_talk & (pl.col("talk") > 0)
    return scored.with_columns(
        is_fitting=pl.when(by_time).then(is_talk | (pl.col("is_shared") & is_within)).otherwise(is_within),
        is_within=is_within,
    ).with_columns(is_possible=pl.col("is_fitting") | ~by_time)


def _length() -> pl.Expr:
    """What the overlap is measured against: the shorter of file and leg.

    A file of a whole line began when the caller began to wait: of it only what comes after the leg's begin counts, but
    never less than some seconds.
    """
    file, leg = pl.col("end") - pl.col("begin"), pl.col("leg_end") - pl.col("leg_begin")
    shorter = pl.min_horizontal(file, leg)
    after_begin = pl.col("end") - pl.max_horizontal("begin", "leg_begin")
    of_line = pl.max_horizontal(
        pl.min_horizontal(after_begin, leg), pl.min_horizontal(shorter, _LEAST_OF_LINE_US)
    )
    return pl.when(pl.col("is_shared")).then(of_line).otherwise(shorter)


def _overlap(begin: str, end: str) -> pl.Expr:
    return pl.min_horizontal("end", end) - pl.max_horizontal("begin", begin)


def _chosen(scored: pl.DataFrame, legs: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The pairs that hold, and the files that two legs fit equally."""
    ids = legs.select("leg", "leg_id", "call_id")
    ordered = (
        scored.join(ids, on="leg")
        .sort(
            "file", "is_fitting", "rank", "talk", "overlap", "leg_id",
            descending=[False, True, False, True, True, False],
        )
    )  # fmt: skip
    best = [
        pl.col(name).first().over("file").alias(f"best_{name}")
        for name in ("is_fitting", "rank", "talk", "call_id")
    ]
    judged = ordered.with_columns(*best, place=pl.int_range(pl.len()).over("file"))
    alike = (pl.col("is_fitting") == pl.col("best_is_fitting")) & (pl.col("rank") == pl.col("best_rank"))
    as_good = alike & (pl.col("talk") >= _AS_GOOD * pl.col("best_talk"))
    rival = pl.col("place") > 0
    other_call = pl.col("call_id") != pl.col("best_call_id")
    contested = judged.filter(rival & as_good & (~pl.col("is_shared") | other_call)).select("file").unique()
    clear = judged.join(contested, on="file", how="anti")
    shared = pl.col("is_shared") & ~other_call & (pl.col("rank") == pl.col("best_rank"))
    return clear.filter(~rival | shared), contested


def _beside_their_own(chosen: pl.DataFrame) -> pl.DataFrame:
    """The files of another phone whose time a surer file of the same leg and side fills: somebody else talked there."""
    spans = chosen.select("leg", "side", "rank", "file", "begin", "end")
    other = spans.filter(pl.col("rank") == RANK_OF_OTHER_PHONE)
    surer = spans.filter(pl.col("rank") < RANK_OF_OTHER_PHONE).rename(
        {"begin": "own_begin", "end": "own_end"}
    )
    met = other.join(surer, on=["leg", "side"]).filter(
        _overlap("own_begin", "own_end") >= _FITTING * (pl.col("end") - pl.col("begin"))
    )
    return met.select("file").unique()


def _told(chosen: pl.DataFrame, files: pl.DataFrame, legs: pl.DataFrame) -> pl.DataFrame:
    methods = pl.Series(METHODS, dtype=pl.String)
    told = chosen.select(
        "file",
        "leg_id",
        method=methods.gather(chosen["rank"].cast(pl.UInt32)),
        overlap_ms=pl.col("overlap") // 1000,
    ).join(files.select("file", "manifest_id", "clock_offset_ms"), on="file")
    return told.select(
        "manifest_id",
        "leg_id",
        "method",
        "clock_offset_ms",
        "overlap_ms",
        unmatched_reason=pl.lit(None, pl.String()),
    ).cast(dict(SEGMENT_MATCH_SCHEMA))  # type: ignore[arg-type]


def _unmatched(
    manifests: pl.DataFrame,
    files: pl.DataFrame,
    matched: pl.DataFrame,
    reasons: Mapping[str, pl.Series],
    options: PlanOptions,
) -> pl.DataFrame:
    """A row for each file that belongs to no leg; of the reasons the first that names it is told."""
    rest = manifests.with_row_index("file").join(matched, on="manifest_id", how="anti")
    ended = pl.from_epoch("end", time_unit="us").dt.replace_time_zone("UTC")
    spans = files.select("file", "clock_offset_ms", ended=ended)
    is_here = (pl.col("ended") >= options.window.start) & (pl.col("ended") < options.window.end)
    named = {reason: pl.col("file").is_in(those.unique().implode()) for reason, those in reasons.items()}
    reason = (
        pl.when(pl.col("recording_type").eq_missing(SCREEN))
        .then(pl.lit(NOT_VOICE))
        .when(pl.col("start_time").is_null())
        .then(pl.lit(NO_TIME))
        .when(named[SEVERAL_LEGS])
        .then(pl.lit(SEVERAL_LEGS))
        .when(named[OTHER_PHONE])
        .then(pl.lit(OTHER_PHONE))
        .when(named[DURING_HOLD])
        .then(pl.lit(DURING_HOLD))
        .when(~is_here)
        .then(pl.lit(OUTSIDE_WINDOW))
        .when(named[WRONG_TIME])
        .then(pl.lit(WRONG_TIME))
        .otherwise(pl.lit(NO_LEG))
    )
    return rest.join(spans, on="file", how="left").select(
        "manifest_id",
        leg_id=pl.lit(None, pl.String()),
        method=pl.lit(None, pl.String()),
        clock_offset_ms=pl.col("clock_offset_ms").fill_null(0),
        overlap_ms=pl.lit(0, pl.Int64()),
        unmatched_reason=reason,
    )
