"""Which calls belong to a window, and which facts a window needs (specification of correlation, section 6)."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from cx_pipeline.core.calls.correlate import Correlation
from cx_pipeline.core.calls.schema import IN_PROGRESS
from cx_pipeline.core.windows import Window


def belonging_to(correlation: Correlation, window: Window, *, is_open: bool) -> Correlation:
    """Keep the calls that ended in `window`, with their legs; for the open one also those that have not ended.

    The counts and the quarantine stay those of all that was read.
    """
    ended = pl.col("end_time").is_between(window.start, window.end, closed="left")
    belongs = ended | (pl.col("status") == IN_PROGRESS) if is_open else ended
    calls = correlation.calls.filter(belongs.fill_null(value=False))
    legs = correlation.legs.join(calls.select("call_id"), on="call_id", how="semi", maintain_order="left")
    return replace(correlation, calls=calls, legs=legs)


def unfinished_call_keys(correlation: Correlation) -> pl.DataFrame:
    """The keys of the calls that have not ended: `tenant_id`, `call_key`."""
    unfinished = correlation.calls.filter(pl.col("status") == IN_PROGRESS)
    return (
        unfinished.select("tenant_id", call_key="call_keys")
        .explode("call_key")
        .unique()
        .sort("tenant_id", "call_key")
    )
