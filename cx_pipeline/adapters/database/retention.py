"""What retention dropped, as those see it who compute windows of what is left."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cx_pipeline.adapters.database.snapshot import Snapshot
from cx_pipeline.core.errors import EventsDroppedError
from cx_pipeline.core.windows import Window


@dataclass(frozen=True, slots=True)
class Retention:
    """Up to when events were dropped, if ever, and how far before a window its calls may reach."""

    dropped_before: datetime | None
    max_silence: timedelta

    def spares(self, window: Window) -> bool:
        """Whether all events are there that the window's calls may need, up to the longest silence before it."""
        return self.dropped_before is None or window.start - self.max_silence >= self.dropped_before

    def require(self, window: Window) -> None:
        """Refuse a window without its events: computed again, its legs would be deleted.

        Raises:
            EventsDroppedError: retention dropped events that the window's calls may need.
        """
        if not self.spares(window):
            message = (
                f"window {window.key}: retention dropped the events before {self.dropped_before:%Y-%m-%d}, which its "
                "calls may need; it keeps the legs that it has, and cannot be computed again"
            )
            raise EventsDroppedError(message)


def retention_of(snapshot: Snapshot, max_silence: timedelta) -> Retention:
    """What retention dropped so far."""
    return Retention(snapshot.frame("SELECT max(dropped_before) FROM event_retention").item(), max_silence)
