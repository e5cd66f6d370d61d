"""Ticks that wait a little for what they are there for.

Dagster's daemon looks at sensors every five seconds. A tick that found nothing at that moment and ended would let what comes
right after wait for the next; one that looks again until just before it asks at once.
"""

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE_S = 4.0
"""Below the daemon's five seconds: the next tick is not late because of this one."""
STEP_S = 0.4

Found = TypeVar("Found")


def tick_ends_at() -> float:
    """Until when the tick that begins now may wait, on the clock of `time.monotonic`."""
    return time.monotonic() + PATIENCE_S


def first_found(look: Callable[[], Found | None], until: float) -> Found | None:
    """What `look` finds first, None if it found nothing until then; it looks once at least."""
    while (found := look()) is None and time.monotonic() + STEP_S < until:
        time.sleep(STEP_S)
    return found
