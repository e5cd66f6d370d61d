"""Which of the conversation manager's voice activities a window's legs ask for."""

from datetime import datetime, timedelta

import polars as pl

from cx_pipeline.core.windows import Window

AROUND = timedelta(minutes=1)
"""The manager's clock may differ a little from ours."""
LONGEST_CALL = timedelta(hours=24)


def span_of_activities(window: Window, legs: pl.DataFrame, now: datetime) -> tuple[datetime, datetime]:
    """From when to when activities of the window's legs may have begun.

    The window, and before it back to the first leg of the calls that ended in it, a day at most.

    Args:
        window: the window.
        legs: its legs (`start_time`, UTC, not null).
        now: nothing later is asked for.
    """
    first = legs["start_time"].min()
    start = min(window.start, first) if isinstance(first, datetime) else window.start
    last = min(window.end, now) + AROUND
    return max(start - AROUND, window.start - LONGEST_CALL), max(last, window.start)
