"""What must hold of a computed window, as verdicts: the checks of the assets are these, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from cx_pipeline.core.frames import FrameContract

QUARANTINE_RATE_WARNING = 0.01
"""Above one event in a hundred, a source or a listener is probably misconfigured."""
SKEW_WARNING_MS = 1_000
SKEW_ERROR_MS = 5_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a check passed, in a sentence and figures. `is_grave`: it failed as an error, not as a warning."""

    passed: bool
    description: str
    figures: Mapping[str, int | float | str] = field(default_factory=dict)
    is_grave: bool = True


def schema_verdict(contract: FrameContract, frame: pl.DataFrame) -> Verdict:
    """The frame has the columns and types of its contract, and no null where none may be."""
    problems = contract.problems(frame)
    return Verdict(not problems, "; ".join(problems) or "columns, types and required values are as declared")


def overlap_verdict(legs: pl.DataFrame) -> Verdict:
    """Legs of one extension in one call do not overlap, and none ends before it starts."""
    span = legs.select(
        "call_id", "agent_extension", "start_time", pl.col("end_time").alias("end"), pl.col("leg_id")
    ).sort("call_id", "agent_extension", "start_time", "end", "leg_id", nulls_last=True)
    following = pl.col("start_time").shift(-1).over("call_id", "agent_extension")
    backwards = pl.col("end") < pl.col("start_time")
    overlapping = following.is_not_null() & (pl.col("end").is_null() | (following < pl.col("end")))
    wrong = span.filter(backwards | overlapping)
    if wrong.is_empty():
        return Verdict(True, "no leg overlaps another of its agent and call", {"legs": legs.height})
    first = wrong.row(0, named=True)
    description = (
        f"{wrong.height} legs overlap the next of their agent and call, or end before they start: first "
        f"call {first['call_id']}, extension {first['agent_extension']}, leg {first['leg_id']}"
    )
    return Verdict(False, description, {"legs": legs.height, "wrong": wrong.height})


def balance_verdict(given: int, used: int, duplicates: int, quarantined: int) -> Verdict:
    """Every event that went in was used, a duplicate, or quarantined."""
    figures = {"input": given, "used": used, "duplicates": duplicates, "quarantined": quarantined}
    missing = given - used - duplicates - quarantined
    if not missing:
        return Verdict(True, "input = used + duplicates + quarantined", figures)
    return Verdict(False, f"{missing} of {given} events are neither used, double nor quarantined", figures)


def quarantine_verdict(given: int, quarantined: int) -> Verdict:
    """Few events had to be quarantined."""
    rate = quarantined / given if given else 0.0
    description = f"{quarantined} of {given} events are quarantined ({rate:.2%})"
    return Verdict(rate <= QUARANTINE_RATE_WARNING, description, {"rate": rate}, is_grave=False)


def skew_verdict(skew: pl.DataFrame) -> Verdict:
    """No source's clock runs ahead of ours by more than a second (above five: an error, still not blocking).

    `skew` has one row a source: source, largest_skew_ms, capped.
    """
    ahead = {
        row["source"]: int(row["largest_skew_ms"] or 0) for row in skew.sort("source").iter_rows(named=True)
    }
    wrong = {source: skew_ms for source, skew_ms in ahead.items() if skew_ms > SKEW_WARNING_MS}
    if not wrong:
        return Verdict(True, "clocks agree within a second", ahead)
    told = ", ".join(f"{source} by {skew_ms} ms" for source, skew_ms in wrong.items())
    is_grave = max(wrong.values()) > SKEW_ERROR_MS
    return Verdict(False, f"clocks run ahead of ours: {told}; set them by NTP", ahead, is_grave)


def worst(verdicts: list[tuple[str, Verdict]]) -> Verdict:
    """One verdict over several windows, given with their keys: failed if any failed, naming the first that did."""
    failed = [(key, verdict) for key, verdict in verdicts if not verdict.passed]
    if not failed:
        return (
            verdicts[-1][1] if len(verdicts) == 1 else Verdict(True, f"holds in all {len(verdicts)} windows")
        )
    failed.sort(key=lambda item: not item[1].is_grave)
    key, verdict = failed[0]
    more = f" (and {len(failed) - 1} more windows)" if len(failed) > 1 else ""
    return Verdict(False, f"window {key}: {verdict.description}{more}", verdict.figures, verdict.is_grave)
