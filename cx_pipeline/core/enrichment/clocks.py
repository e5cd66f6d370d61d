"""How far the clock of a Cisco database is off from ours, told by the legs whose record is beyond doubt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from cx_pipeline.core.enrichment.rules import EnrichmentRules

CLOCK_SCHEMA = pl.Schema(
    {
        "source": pl.String(),
        "offset_ms": pl.Int64(),
        "pair_count": pl.UInt32(),
        "is_end_after_work": pl.Boolean(),
    }
)
"""One row a source. `offset_ms`: how far its clock is ahead of ours, 0 where too few pairs tell (`pair_count`: how many
there were). `is_end_after_work`: its records end when the wrap-up work is over, not when the talk is."""

Microseconds = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Clock:
    """What the pairs of one source say, in microseconds."""

    offset: int
    is_end_after_work: bool


def clocks_of(pairs: pl.DataFrame, sources: pl.Series, rules: EnrichmentRules) -> pl.DataFrame:
    """The clock of each source (`CLOCK_SCHEMA`), sorted by source.

    The median difference of the ends of clear pairs counts: a few wrong ends do not move it, and a clock that runs 5 s
    ahead moves it by 5 s.

    Args:
        pairs: legs and records that belong together beyond doubt: `source`, `leg_end`, `record_end`, `work`
            (microseconds).
        sources: the names of all sources of which there are records.
        rules: how many pairs are needed, and how near they must lie.
    """
    slack = rules.match_slack // rules.match_slack.resolution
    apart = pl.col("record_end") - pl.col("leg_end")
    clear = pairs.select("source", "work", apart=apart).filter(pl.col("apart").abs() <= slack)
    rows = []
    for source in sorted(sources.unique().drop_nulls()):
        own = clear.filter(pl.col("source") == source)
        clock = _clock(own["apart"].to_numpy(), own["work"].to_numpy(), rules.least_clear_pairs)
        rows.append((source, clock.offset // 1000, len(own), clock.is_end_after_work))
    return pl.DataFrame(rows, schema=CLOCK_SCHEMA, orient="row")


def _clock(apart: Microseconds, work: Microseconds, least: int) -> _Clock:
    """Of the differences between the records' ends and the legs'.

    Those without wrap-up work tell the offset alone. Where there are too few of them, the records end before or after
    the work, whichever makes the differences vary less.
    """
    if len(apart) < least:
        return _Clock(0, is_end_after_work=False)
    idle = apart[work == 0]
    if len(idle) >= least:
        offset = _median(idle)
    else:
        before, after = _median(apart), _median(apart - work)
        offset = after if _spread(apart - work, after) < _spread(apart, before) else before
    worked, its_work = apart[work > 0], work[work > 0]
    is_after = len(worked) >= least and _spread(worked - its_work, offset) < _spread(worked, offset)
    # Whole milliseconds, rounded down: a clock that is moved moves its offset by just as much.
    return _Clock(offset // 1000 * 1000, is_after)


def _median(values: Microseconds) -> int:
    """The lower median: one of the values, so that no rounding comes in."""
    return int(np.sort(values)[(len(values) - 1) // 2])


def _spread(values: Microseconds, middle: int) -> int:
    return _median(np.abs(values - middle))
