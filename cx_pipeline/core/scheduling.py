"""When windows are computed, and as of when: decisions only, over values that the orchestration reads."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cx_pipeline.core.events.vocabulary import ENDING_KINDS, kind_of
from cx_pipeline.core.windows import Window, window_of


def as_of(window: Window, now: datetime, max_silence: timedelta) -> datetime:
    """The moment from which a computation of `window` at `now` looks at calls that fell silent.

    It is the start of the window that is open at `now`, and never later than `max_silence` after `window` ended:
    by then every call that fell silent in it is closed. So two computations give the same legs unless an event came
    or the silence of a call ran out, and all windows computed in one hour look from the same moment: a call that
    leaves the open one is found in the one in which it fell silent (docs/decisions/0011).
    """
    return min(window_of(now, window.length).start, window.end + max_silence)


def silence_ran_out(window: Window, computed_at: datetime, now: datetime, max_silence: timedelta) -> bool:
    """Whether calls that were open in `window` when it was computed may be closed by their silence now."""
    before, after = (as_of(window, moment, max_silence) for moment in (computed_at, now))
    return before < after and after >= window.start + max_silence


def windows_to_refresh(now: datetime, length: timedelta, settle: timedelta) -> list[Window]:
    """The windows that the minute asks for, oldest first: those that ended less than `settle` ago, and the open one."""
    window = window_of(now, length)
    wanted = [window]
    while (window := Window(window.start - length, window.start)).end + settle > now:
        wanted.insert(0, window)
    return wanted


def keys_in_range(first: str, last: str, keys: Collection[str]) -> set[str]:
    """Which of `keys` lie in the inclusive range of window keys (their format sorts by time)."""
    return {key for key in keys if first <= key <= last}


def newest_call_end(newest: Mapping[tuple[str, str], int]) -> int | None:
    """The newest arrival that may have ended a call, given the newest of each (source, event name); null if none."""
    ends = [arrival for (source, name), arrival in newest.items() if kind_of(source, name) in ENDING_KINDS]
    return max(ends, default=None)


@dataclass(frozen=True, slots=True)
class LateState:
    """What the late-data sensor remembers: how far it read arrivals, and which windows wait for what mark.

    `pending` maps a window's key to the arrival sequence that its next computation must have seen. A window leaves
    it when it was computed that far, not when it was asked for: a run that was lost is not forgotten.
    """

    sequence: int = 0
    pending: Mapping[str, int] = field(default_factory=dict)

    def after(self, sequence: int, touched: Mapping[str, int]) -> "LateState":
        """The state once arrivals up to `sequence` were read, which touch the windows (by key) up to the marks."""
        pending = dict(self.pending)
        for key, mark in touched.items():
            pending[key] = max(mark, pending.get(key, 0))
        return LateState(max(self.sequence, sequence), pending)

    def without_computed(self, computed: Mapping[str, int]) -> "LateState":
        """The state without the windows that were computed (key to high-water mark) as far as they wait for."""
        pending = {key: mark for key, mark in self.pending.items() if computed.get(key, -1) < mark}
        return LateState(self.sequence, pending)


def late_windows_to_ask_for(
    state: LateState, *, valid: Collection[str], scheduled: Collection[str], busy: Collection[str], limit: int
) -> dict[str, int]:
    """Which pending windows to ask for now, newest first, with the mark that each must reach; at most `limit`.

    Those that the minute schedule computes anyway are left to it, those that a run is at wait for its end, and those
    that are no partition (before the first window, or still to come) stay pending.
    """
    ready = [key for key in state.pending if key in valid and key not in scheduled and key not in busy]
    return {key: state.pending[key] for key in sorted(ready, reverse=True)[:limit]}


RECORD_RECHECKS = tuple(timedelta(hours=hours) for hours in (2, 4, 8, 16, 24))
"""After its end a window with legs that never got their record is computed again at these ages, in case it came."""
_RECHECK_MARGIN = timedelta(minutes=2)


def record_request(window: Window, last_leg_end: datetime, now: datetime, last_try: timedelta) -> str | None:
    """The run key by which to ask for a window of which legs wait for their records; null if it is not due.

    Each minute while a try is left (`last_try` after the last leg's end), then once at each of `RECORD_RECHECKS`.
    """
    if now < last_leg_end + last_try + _RECHECK_MARGIN:
        return f"{window.key}:records@{now:%Y-%m-%dT%H:%M}"
    reached = [age for age in RECORD_RECHECKS if now >= window.end + age]
    return f"{window.key}:records+{reached[-1] // timedelta(hours=1)}h" if reached else None
