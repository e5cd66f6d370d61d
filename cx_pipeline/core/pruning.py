"""Which runs and frames the daily maintenance may delete."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

SUPERSEDED_AFTER = timedelta(days=1)
"""A run that a newer one of its window replaced is kept for a day, for who looks for what happened."""


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run that ended: which windows it was for (none: it was for no window)."""

    run_id: str
    windows: frozenset[str]
    ended_at: datetime


def superseded_runs(
    runs: Iterable[FinishedRun],
    newest: Mapping[str, Collection[str]],
    computed_at: Mapping[str, datetime],
    now: datetime,
) -> list[str]:
    """The ids of the runs that may go.

    `newest` maps a window to the runs that made the newest materialisation of any of its assets: they stay for ever.
    `computed_at` maps it to the time of the oldest of these: a run that ended later (it failed, or was cancelled)
    tells of something that nothing has replaced, and stays too.
    """
    return [
        run.run_id
        for run in runs
        if run.windows
        and now - run.ended_at > SUPERSEDED_AFTER
        and all(
            run.run_id not in newest.get(window, ())
            and window in computed_at
            and run.ended_at <= computed_at[window]
            for window in run.windows
        )
    ]
