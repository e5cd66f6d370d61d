"""Work on a storage that may hang: an answer in time, or an error that says who did not give it.

A read from a file server that is away does not return, cannot be interrupted, and keeps its process from ending. So
the work is done by a thread that is left behind if it hangs.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

from cx_pipeline.core.errors import StorageUnavailableError

STORAGE_TIMEOUT_S = 60.0
"""Listing a part of a folder, or opening a file, takes milliseconds; a minute is a hang."""
_LOOK_EVERY_S = 0.5

Result = TypeVar("Result")


class _LeftBehindError(Exception):
    """Raised in the thread that hung, should it ever go on: nobody waits for its work any more."""


class StorageWatch:
    """Watches one thread's work. Only what is done within `operation` is timed."""

    def __init__(self, timeout_s: float = STORAGE_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._under_way: tuple[str, float] | None = None
        self._is_left_behind = False

    @contextmanager
    def operation(self, what: str) -> Iterator[None]:
        """One operation on the storage; `what` says which, for the error: `list /streams`."""
        if self._is_left_behind:
            raise _LeftBehindError(what)
        self._under_way = (what, time.monotonic())
        try:
            yield
        finally:
            self._under_way = None
        if self._is_left_behind:
            raise _LeftBehindError(what)

    def run(self, work: Callable[[], Result]) -> Result:
        """What `work` returns or raises.

        Raises:
            StorageUnavailableError: an operation took longer than the time-out.
        """
        done: Future[Result] = Future()

        def worked() -> None:
            try:
                done.set_result(work())
            except BaseException as error:
                done.set_exception(error)

        threading.Thread(target=worked, name="storage", daemon=True).start()
        while True:
            try:
                done.exception(timeout=min(_LOOK_EVERY_S, self._timeout_s / 4))
            except TimeoutError:
                self._require_answer(done)
            else:
                return done.result()

    def _require_answer(self, done: "Future[Result]") -> None:
        under_way = self._under_way
        if done.done() or under_way is None or time.monotonic() - under_way[1] < self._timeout_s:
            return
        self._is_left_behind = True
        message = f"the storage did not answer within {self._timeout_s:g} s, asked to {under_way[0]}: see whether it is mounted"
        raise StorageUnavailableError(message)
