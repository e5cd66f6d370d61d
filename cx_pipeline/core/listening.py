"""Whether the listeners listen: what their signs of life say."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cx_pipeline.core.window_checks import Verdict

SILENT_AFTER = timedelta(minutes=1)
"""A listener beats every few seconds: one that did not for so long is gone, or cannot reach us."""
RECONNECTIONS_BEFORE_ALERT = 10
WATCHED_FOR = timedelta(days=1)
"""A listener that gave no sign of life for a day was taken away, not lost."""


@dataclass(frozen=True, slots=True)
class ListenerState:
    """How a listener was when it last beat."""

    source: str
    listener_id: str
    beat_at: datetime
    is_connected: bool
    failed_reconnections: int


def listener_verdict(listeners: Sequence[ListenerState], now: datetime) -> Verdict:
    """Every listener beat lately, and none tried in vain to reach its source ten times or more.

    Args:
        listeners: the newest state of each that beat within `WATCHED_FOR`.
        now: when this is.
    """
    wrong = [told for listener in listeners if (told := _trouble(listener, now))]
    figures = {"listeners": len(listeners), "in_trouble": len(wrong)}
    if wrong:
        return Verdict(False, "; ".join(wrong), figures)
    return Verdict(
        True, f"{len(listeners)} listeners are well" if listeners else "no listener reports", figures
    )


def _trouble(listener: ListenerState, now: datetime) -> str | None:
    name = f"listener {listener.listener_id or '(unnamed)'} of {listener.source}"
    silence = now - listener.beat_at
    if silence > SILENT_AFTER:
        return f"{name} is silent for {int(silence.total_seconds()) // 60} min: see whether it runs"
    if listener.failed_reconnections >= RECONNECTIONS_BEFORE_ALERT:
        return (
            f"{name} failed to reach its source {listener.failed_reconnections} times in a row: calls go unheard, "
            "see to the source or the network"
        )
    return None
