"""How far a recorder's clock is off from the events', told by when its files begin.

A recorder opens its files when talk starts, or when a hold ends. So the starts of its files less those moments pile up
at the offset, while wrong pairs (a file that a restart opened, a hold that nobody reported) scatter: the fullest place
is found, and the median of what lies there taken.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from cx_pipeline.core.recording.candidates import RANK_OF_TIME
from cx_pipeline.core.recording.options import PlanOptions

RECORDER_CLOCK_SCHEMA = pl.Schema(
    {
        "recorder_id": pl.String(),
        "clock_offset_ms": pl.Int64(),
        "sample_count": pl.UInt32(),
        "is_known": pl.Boolean(),
    }
)
"""One row for each recorder. `clock_offset_ms`: how far its clock is ahead, 0 where that `is_known` not; `sample_count`:
how many starts of talk speak for it."""

_MICROSECOND = timedelta(microseconds=1)
_LEAST_SHARE_BY_ID = 1 / 3
_LEAST_SHARE_BY_PHONE = 1 / 2
"""Of a recorder's files, how many must begin where the offset says. Pairs that only the phone ties must agree better."""

Microseconds = npt.NDArray[np.int64]


def clocks_of(
    pairs: pl.DataFrame, files: pl.DataFrame, legs: pl.DataFrame, options: PlanOptions
) -> pl.DataFrame:
    """The clock of each recorder, `RECORDER_CLOCK_SCHEMA`, sorted by recorder.

    Pairs that an id ties are asked first; where they are too few, those that the phone ties.

    Args:
        pairs: of `candidates.rough_pairs`.
        files: of `candidates.numbered_files`.
        legs: of `candidates.numbered_legs`.
        options: how many samples are needed, and how near they must lie.
    """
    samples = _samples(pairs, files, legs, options)
    by_recorder = samples.partition_by("recorder_id", as_dict=True) if samples.height else {}
    rows = []
    for recorder in sorted(files["recorder_id"].unique()):
        own = by_recorder.get((recorder,), samples.clear())
        by_id = own.filter(pl.col("rank") < RANK_OF_TIME)
        row = _clock(by_id, options, _LEAST_SHARE_BY_ID) or _clock(own, options, _LEAST_SHARE_BY_PHONE)
        rows.append((recorder, *(row or (0, by_id["anchor"].n_unique(), False))))
    return pl.DataFrame(rows, schema=RECORDER_CLOCK_SCHEMA, orient="row")


def _samples(
    pairs: pl.DataFrame, files: pl.DataFrame, legs: pl.DataFrame, options: PlanOptions
) -> pl.DataFrame:
    """`recorder_id`, `file`, `rank`, `anchor` (number of the start of talk) and `apart`: each file beside each start."""
    limit = options.slack // _MICROSECOND
    own = files.filter(~pl.col("is_shared")).select("file", "recorder_id", "begin")
    anchors = _starts_of_talk(legs).with_row_index("anchor")
    return (
        pairs.join(own, on="file")
        .join(anchors, on="leg")
        .with_columns(apart=pl.col("begin") - pl.col("talk"))
        .filter(pl.col("apart").abs() <= limit)
        .sort("recorder_id", "apart", "anchor", "file")
    )


def _starts_of_talk(legs: pl.DataFrame) -> pl.DataFrame:
    """`leg`, `talk`: when it began, and when each of its holds ended."""
    told = legs.filter(pl.col("is_answered") & pl.col("is_start_told"))
    resumed = (
        told.select("leg", hold="hold_segments")
        .explode("hold")
        .select("leg", talk=pl.col("hold").struct.field("end_time").dt.epoch("us"))
        .drop_nulls()
    )
    return pl.concat([told.select("leg", talk="begin"), resumed]).unique().sort("leg", "talk")


def _clock(samples: pl.DataFrame, options: PlanOptions, least_share: float) -> tuple[int, int, bool] | None:
    """`clock_offset_ms`, `sample_count` and True; None where the samples do not tell."""
    if samples.is_empty():
        return None
    apart = samples["apart"].to_numpy()
    first, last = _fullest(apart, options.clock_tolerance // _MICROSECOND)
    those = samples[first:last]
    count = those["anchor"].n_unique()
    share = those["file"].n_unique() / samples["file"].n_unique()
    if count < options.least_clock_samples or share < least_share:
        return None
    # The lower median, in whole milliseconds rounded down: a clock that is moved moves it by just as much.
    return int(apart[first + (last - first - 1) // 2]) // 1000, count, True


def _fullest(apart: Microseconds, tolerance: int) -> tuple[int, int]:
    """The stretch of the sorted values that holds most of them within `tolerance` of its middle: first, one past last."""
    ends = np.searchsorted(apart, apart + 2 * tolerance, side="right")
    counts = ends - np.arange(len(apart))
    best = np.flatnonzero(counts == counts.max())
    # Of equally full places the one with the smallest offset: clocks are rather right than wrong.
    middle = apart[best + (counts[best] - 1) // 2]
    chosen = int(best[np.argmin(np.abs(middle))])
    return chosen, int(ends[chosen])
