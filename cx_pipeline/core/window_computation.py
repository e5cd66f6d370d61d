"""A window's legs from its raw partition: a pure function of the events, the directory, the rules and the moment."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from cx_pipeline.core.calls.correlate import Correlation, correlate
from cx_pipeline.core.calls.rules import CorrelationRules
from cx_pipeline.core.calls.windowing import belonging_to, unfinished_call_keys
from cx_pipeline.core.directory import Directory
from cx_pipeline.core.frames import CALL_LEGS, CALLS, QUARANTINED_EVENTS, FrameContract
from cx_pipeline.core.scheduling import as_of
from cx_pipeline.core.window_checks import (
    Verdict,
    balance_verdict,
    overlap_verdict,
    quarantine_verdict,
    schema_verdict,
    skew_verdict,
)
from cx_pipeline.core.windows import Window

BLOCKING_CHECKS = ("schema", "no_overlapping_legs", "events_accounted_for")
WARNING_CHECKS = ("quarantine_rate", "clock_skew")


@dataclass(frozen=True, slots=True)
class WindowLegs:
    """What the window owns, ready to be written once its verdicts allow it."""

    window: Window
    is_open: bool
    correlation: Correlation
    """The calls that belong to the window, with their legs, and what could not be used."""
    open_call_keys: pl.DataFrame
    """tenant_id, call_key of the calls that the window saw and that had not ended."""
    other_calls: pl.DataFrame
    """call_id, end_time (null: not ended) of the calls that the window saw and that are not its own."""
    verdicts: Mapping[str, Verdict]

    @property
    def may_be_written(self) -> bool:
        """Whether all blocking checks passed."""
        return all(self.verdicts[name].passed for name in BLOCKING_CHECKS)

    def frames(self) -> list[tuple[FrameContract, pl.DataFrame]]:
        """The frames that the window stores, each with its contract."""
        return [
            (CALL_LEGS, self.correlation.legs),
            (CALLS, self.correlation.calls),
            (QUARANTINED_EVENTS, self.correlation.quarantine),
        ]


def compute_window(
    events: pl.DataFrame,
    window: Window,
    *,
    rules: CorrelationRules,
    directory: Directory,
    now: datetime,
    had_open_calls: bool,
) -> WindowLegs:
    """Correlate a window's raw partition as it looks at `now`.

    `had_open_calls`: the partition was read while the window was open, so it holds the calls that had not ended.
    """
    whole = correlate(events, rules, directory, as_of(window, now, rules.max_silence))
    is_open = had_open_calls and window.is_open(now)
    own = belonging_to(whole, window, is_open=is_open)
    own = replace(own, quarantine=_within(own.quarantine, window))
    return WindowLegs(
        window=window,
        is_open=is_open,
        correlation=own,
        open_call_keys=unfinished_call_keys(whole),
        other_calls=whole.calls.join(own.calls, on="call_id", how="anti").select("call_id", "end_time"),
        verdicts=_verdicts(events.height, whole, own),
    )


def _within(quarantine: pl.DataFrame, window: Window) -> pl.DataFrame:
    """The events of the window itself: those of its calls' other hours are told by the windows of these hours."""
    inside = pl.col("event_time").is_between(window.start, window.end, closed="left")
    return quarantine.filter(inside | pl.col("event_time").is_null())


def _verdicts(given: int, whole: Correlation, own: Correlation) -> dict[str, Verdict]:
    wrong = [
        verdict
        for contract, frame in (
            (CALL_LEGS, own.legs),
            (CALLS, own.calls),
            (QUARANTINED_EVENTS, own.quarantine),
        )
        if not (verdict := schema_verdict(contract, frame)).passed
    ]
    schema = wrong[0] if wrong else schema_verdict(CALL_LEGS, own.legs)
    return {
        "schema": schema,
        # Without its columns a frame cannot be looked at: the broken schema is the finding.
        "no_overlapping_legs": schema if wrong else overlap_verdict(own.legs),
        # Counted from what came out, not from what the engine says that it counted.
        "events_accounted_for": balance_verdict(
            given, int(whole.calls["event_count"].sum()), whole.counts.duplicates, whole.quarantine.height
        ),
        "quarantine_rate": quarantine_verdict(given, whole.quarantine.height),
        "clock_skew": skew_verdict(whole.skew),
    }
