"""Signs of life of a listener, every few seconds; those that the gateway did not get are told later.

A listener that heard its source while the gateway was away did listen: without the late beats that would look like a
gap. Of the times of an outage a beat every `SPARSE_S` is kept, which is enough to show none.
"""

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from types import TracebackType
from typing import Self

from cx_pipeline.adapters.listening.event_client import BatchRefusedError
from cx_pipeline.core.errors import CxError
from cx_pipeline.core.listening import ListenerState

EVERY_S = 5.0
SPARSE = timedelta(seconds=20)
MOST_KEPT = 10_000
"""Two days of sparse beats."""


class Beats:
    """A thread that beats for as long as the `with` block lasts, and once more at its end.

    Args:
        tell: sends one beat; what it raises is no failure of the listener.
        source: of the listener's events.
        listener_id: the listener.
        is_connected: whether it hears its source.
        failed_reconnections: how often in a row it tried in vain to.
    """

    def __init__(
        self,
        tell: Callable[[ListenerState], None],
        source: str,
        listener_id: str,
        is_connected: Callable[[], bool],
        failed_reconnections: Callable[[], int],
        *,
        every_s: float = EVERY_S,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._tell, self._source, self._listener_id = tell, source, listener_id
        self._is_connected, self._failed = is_connected, failed_reconnections
        self._every_s, self._clock = every_s, clock
        self._kept: deque[ListenerState] = deque(maxlen=MOST_KEPT)
        self._ending = Event()
        self._thread = Thread(target=self._beat_on, name="beats", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join(self._every_s)

    def first(self) -> None:
        """Beat once before the thread does, and let what comes of it be known; not connected yet.

        Raises:
            TransientError: the gateway does not answer.
            ConfigurationError: it refuses this listener.
        """
        self._tell(
            ListenerState(
                self._source, self._listener_id, self._clock(), is_connected=False, failed_reconnections=0
            )
        )

    def beat(self, *, is_connected: bool) -> None:
        """Beat now, and tell what was not told before."""
        self._keep(
            ListenerState(self._source, self._listener_id, self._clock(), is_connected, self._failed())
        )
        while self._kept:
            try:
                self._tell(self._kept[0])
            except BatchRefusedError:
                pass  # this one beat it will never take
            except CxError:
                return
            self._kept.popleft()

    def _beat_on(self) -> None:
        while not self._ending.is_set():
            self.beat(is_connected=self._is_connected())
            self._ending.wait(self._every_s)
        self.beat(is_connected=False)

    def _keep(self, beat: ListenerState) -> None:
        """Keep a beat; the one before it goes where those around it are near enough and say the same."""
        if len(self._kept) >= 2:
            earlier, last = self._kept[-2], self._kept[-1]
            is_same = earlier.is_connected == last.is_connected == beat.is_connected
            if is_same and beat.beat_at - earlier.beat_at <= SPARSE:
                self._kept.pop()
        self._kept.append(beat)
