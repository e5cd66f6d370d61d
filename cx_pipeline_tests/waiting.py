"""Waiting for what another thread or process does: as long as it takes, within reason, and no longer than needed."""

import time
from collections.abc import Callable

PATIENCE_S = 60.0
"""A machine that is busy is slow; a test that waits for so long has failed."""


def eventually(is_so: Callable[[], object], within_s: float = PATIENCE_S) -> bool:
    """Whether something becomes so within a time."""
    end = time.monotonic() + within_s
    while not is_so() and time.monotonic() < end:
        time.sleep(0.005)
    return bool(is_so())
