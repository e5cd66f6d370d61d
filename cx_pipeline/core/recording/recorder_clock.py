"""How far a recorder's clock is off from the events', told by when its files begin and end.

A recorder opens its files when talk starts, or when a hold ends, and closes them when talk ends, or a hold starts. So the
moments of its files less those of the talk pile up at the offset, while wrong pairs (a file that a restart opened, a
hold that nobody reported) scatter: the fullest place is found, and the median of what lies there taken. Recorders open
late, each time by another few milliseconds, and close at once: of starts and ends those count that scatter less.
"""

from __future__ import annotations

from dataclasses import dataclass
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
how many starts or ends of talk speak for it."""

_MICROSECOND = timedelta(microseconds=1)
Microseconds = npt.NDArray[np.int64]


_LEAST_SHARE_BY_ID, _LEAST_SHARE_BY_TIME = 1 / 3, 1 / 2
"""Of a recorder's files, how many must begin or end where the offset says; more of those that no id ties."""


_CLOSE_US = 100_000
"""Two moments that differ by no more agree so well that further ones are not asked for."""


def clocks_of(
    pairs: pl.DataFrame, files: pl.DataFrame, legs: pl.DataFrame, options: PlanOptions
) -> pl.DataFrame:
    """The clock of each recorder, `RECORDER_CLOCK_SCHEMA`, sorted by recorder.

    Pairs that an id ties are asked first; where they are too few, those that the phone or a number ties.

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
        clock = _clock(by_id, options, _LEAST_SHARE_BY_ID) or _clock(own, options, _LEAST_SHARE_BY_TIME)
        unknown = (0, by_id["anchor"].n_unique(), False)
        rows.append((recorder, *(unknown if clock is None else (clock.offset_ms, clock.count, True))))
    return pl.DataFrame(rows, schema=RECORDER_CLOCK_SCHEMA, orient="row")


def _samples(
    pairs: pl.DataFrame, files: pl.DataFrame, legs: pl.DataFrame, options: PlanOptions
) -> pl.DataFrame:
    """`recorder_id`, `file`, `rank`, `is_start`, `anchor` (number of the moment of talk) and `apart`.

    Each file's start beside each start of talk of its legs, and its end beside each end.
    """
    limit = options.slack // _MICROSECOND
    moments = pl.concat(
        [
            files.select("file", "recorder_id", is_start=pl.lit(value=True), moment="begin"),
            files.select("file", "recorder_id", is_start=pl.lit(value=False), moment="told_end").drop_nulls(),
        ]
    )
    anchors = _moments_of_talk(legs).with_row_index("anchor")
    return (
        pairs.join(moments, on="file")
        .join(anchors, on=["leg", "is_start"])
        .with_columns(apart=pl.col("moment") - pl.col("talk"))
        .filter(pl.col("apart").abs() <= limit)
        .sort("recorder_id", "apart", "anchor", "file")
    )


def _moments_of_talk(legs: pl.DataFrame) -> pl.DataFrame:
    """`leg`, `is_start`, `talk`: when it began and ended, and when each of its holds ended and began."""
    answered = legs.filter("is_answered")
    holds = answered.select("leg", hold="hold_segments").explode("hold")
    found = [
        answered.filter("is_start_told").select("leg", is_start=pl.lit(value=True), talk="begin"),
        answered.filter("is_end_told").select("leg", is_start=pl.lit(value=False), talk="end"),
        *(
            holds.select(
                "leg",
                is_start=pl.lit(is_start),
                talk=pl.col("hold").struct.field(name).dt.epoch("us"),
            ).drop_nulls()
            for name, is_start in (("end_time", True), ("start_time", False))
        ),
    ]
    return pl.concat(found).unique().sort("leg", "is_start", "talk")


@dataclass(frozen=True, slots=True)
class _Clock:
    offset_ms: int
    count: int


def _clock(samples: pl.DataFrame, options: PlanOptions, least_share: float) -> _Clock | None:
    """What the samples say; none where too few of them agree."""
    if samples.is_empty():
        return None
    apart = samples["apart"].to_numpy()
    first, last = _fullest(apart, options.clock_tolerance // _MICROSECOND)
    those = samples[first:last]
    count = those["anchor"].n_unique()
    share = those["file"].n_unique() / samples["file"].n_unique()
    kinds = [those.filter(kind)["apart"].to_numpy() for kind in (pl.col("is_start"), ~pl.col("is_start"))]
    # A talk that began and ended as much too late, or two that ended so, hardly come about by chance.
    agree_closely = count > 1 and int(apart[last - 1] - apart[first]) <= _CLOSE_US
    if share < least_share or not (agree_closely or count >= options.least_clock_samples):
        return None
    enough = [kind for kind in kinds if 2 * len(kind) >= options.least_clock_samples]
    middle = _median(min(enough or [apart[first:last]], key=_spread))
    return _Clock((middle + 500) // 1000, count)


def _spread(ordered: Microseconds) -> int:
    return _median(np.sort(np.abs(ordered - _median(ordered))))


def _median(ordered: Microseconds) -> int:
    """The lower median: one of the values, so that no rounding comes in."""
    return int(ordered[(len(ordered) - 1) // 2])


def _fullest(apart: Microseconds, tolerance: int) -> tuple[int, int]:
    """The stretch of the sorted values that holds most of them within `tolerance` of its middle: first, one past last."""
    ends = np.searchsorted(apart, apart + 2 * tolerance, side="right")
    counts = ends - np.arange(len(apart))
    best = np.flatnonzero(counts == counts.max())
    # Of equally full places the one with the smallest offset: clocks are rather right than wrong.
    middle = apart[best + (counts[best] - 1) // 2]
    chosen = int(best[np.argmin(np.abs(middle))])
    return chosen, int(ends[chosen])
