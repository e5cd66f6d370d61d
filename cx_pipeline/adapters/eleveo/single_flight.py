"""Work that several want at once, done once: the first does it, the others wait for what comes of it."""

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as WaitedTooLong
from threading import Lock
from typing import Generic, TypeVar

from cx_pipeline.core.errors import CxError, DestinationUnavailableError

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Thread-safe."""

    def __init__(self, patience_s: float) -> None:
        """`patience_s`: so long somebody waits for the work of another."""
        self._patience_s = patience_s
        self._lock = Lock()
        self._under_way: dict[Hashable, Future[T]] = {}

    def done(self, key: Hashable, work: Callable[[], T]) -> T:
        """What comes of the work for this key.

        Raises:
            DestinationUnavailableError: another does it, and it takes too long.
            Exception: whatever the work raises; for those who waited, errors of ours of the same type and text.
        """
        with self._lock:
            future = self._under_way.get(key)
            is_ours = future is None
            if future is None:
                future = self._under_way[key] = Future()
        return self._worked(key, future, work) if is_ours else self._awaited(future)

    def _worked(self, key: Hashable, future: "Future[T]", work: Callable[[], T]) -> T:
        try:
            result = work()
        except BaseException as error:
            self._forget(key)
            future.set_exception(error)
            raise
        self._forget(key)
        future.set_result(result)
        return result

    def _awaited(self, future: "Future[T]") -> T:
        try:
            return future.result(self._patience_s)
        except WaitedTooLong:
            raise DestinationUnavailableError("the same recording is being fetched, and takes long") from None
        except CxError as error:
            raise type(error)(str(error)) from None

    def _forget(self, key: Hashable) -> None:
        with self._lock:
            del self._under_way[key]
