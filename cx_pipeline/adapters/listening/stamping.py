"""What a listener adds to an event that does not say it: who heard it, and when. What an event says is never changed."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cx_pipeline.adapters.intake.columns import CANONICAL_NAMES
from cx_pipeline.adapters.intake.lines import BYTE_ORDER_MARK


@dataclass(frozen=True, slots=True)
class Stamp:
    """Puts what is missing at the beginning of a line; a line that is no JSON object stays as it is.

    An event of a JTAPI client carries no time: the listener's clock gives it. That holds only where a line is stamped
    once, as it is heard. In a file, which may be read twice, the same event would get two times and so be two.
    """

    listener_id: str
    source: str | None = None
    tenant_id: str | None = None
    is_heard_now: bool = False
    """Whether the line came in just now, so that the present is the time of an event that bears none."""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def __call__(self, line: bytes) -> bytes:
        """The line with what it lacks of `received_at`, `listener_id`, and of what else is set."""
        text = line.removeprefix(BYTE_ORDER_MARK).strip()
        try:
            event = json.loads(text)
        except (ValueError, RecursionError):
            return line
        if not isinstance(event, dict):
            return line
        missing = self._missing(event)
        if not missing:
            return line
        begin = json.dumps(missing)[:-1]
        return begin.encode() + (b", " if event else b"") + text[1:]

    def _missing(self, event: Mapping[str, object]) -> dict[str, str]:
        said = {column: value for name, column in CANONICAL_NAMES.items() if (value := event.get(name))}
        now = self.clock().isoformat()
        wanted = {
            "event_time": said.get("received_at", now if self.is_heard_now else None),
            "received_at": now,
            "listener_id": self.listener_id,
            "source": self.source,
            "tenant_id": self.tenant_id,
        }
        return {name: value for name, value in wanted.items() if name not in said and isinstance(value, str)}
