"""Open files, kept for a little while: who seeks in a recording asks for many ranges, and opening costs more than reading.

Each kept file is looked at again every two seconds: whether it may still be read (an erased one must fall silent within
seconds, also in mid-stream), and, for who opens it anew, whether it is still the same file.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field

from cx_pipeline.adapters.crypto.plaintext import PlaintextReader
from cx_pipeline.adapters.playback.file_state import Identity
from cx_pipeline.adapters.playback.source import Playable

CHECKED_FOR_S = 2.0
KEPT_FOR_S = 30.0
MOST_KEPT = 64

_Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Opening:
    """How files of one kind are opened and looked at."""

    open: Callable[[Playable], AbstractContextManager[PlaintextReader]]
    identity: Callable[[Playable], Identity]
    require_allowed: Callable[[Playable], None]
    """Raises if it must not be read any more."""


@dataclass(slots=True, eq=False)
class _Kept:
    key: _Key
    playable: Playable
    stack: ExitStack = field(default_factory=ExitStack)
    lock: threading.Lock = field(default_factory=threading.Lock)
    reader: PlaintextReader | None = None
    identity: Identity = ()
    checked_at_s: float = 0.0
    used_at_s: float = 0.0
    users: int = 0
    is_dropped: bool = False


class KeptReader:
    """The bytes of a kept file, for as long as it is held. Thread-safe."""

    def __init__(self, readers: "KeptReaders", kept: _Kept, reader: PlaintextReader) -> None:
        self._readers, self._kept, self._reader = readers, kept, reader

    @property
    def size_bytes(self) -> int:
        """Length of the whole file."""
        return self._reader.size_bytes

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset` on; fewer only at the end. Raises as `AudioSource.open`, and as its reader."""
        self._readers.require_allowed(self._kept)
        return self._reader.read_at(offset, length)


class KeptReaders:
    """Opens files and keeps them open, at most `MOST_KEPT` that nobody reads at the moment. Thread-safe."""

    def __init__(self, opening: Opening, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._opening, self._clock_s = opening, clock_s
        self._lock = threading.Lock()
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()

    @contextmanager
    def open(self, playable: Playable) -> Iterator[KeptReader]:
        """A file's bytes. What `opening` raises comes through."""
        kept = self._taken(playable)
        try:
            yield KeptReader(self, kept, self._reader_of(kept))
        finally:
            self._give_back(kept)

    def require_allowed(self, kept: _Kept) -> None:
        """Ask again whether a file may be read, where that was last asked too long ago."""
        if self._clock_s() - kept.checked_at_s > CHECKED_FOR_S:
            with kept.lock:
                if self._clock_s() - kept.checked_at_s > CHECKED_FOR_S:
                    self._opening.require_allowed(kept.playable)
                    kept.checked_at_s = self._clock_s()

    def sweep(self) -> None:
        """Close what nobody has read for a while."""
        with self._lock:
            idle = [kept for kept in self._kept.values() if self._is_idle(kept)]
            for kept in idle:
                self._drop(kept)
        for kept in idle:
            kept.stack.close()

    def close(self) -> None:
        """Close all; what is still being read closes with its reader."""
        with self._lock:
            unread = [kept for kept in self._kept.values() if not kept.users]
            for kept in list(self._kept.values()):
                self._drop(kept)
        for kept in unread:
            kept.stack.close()

    def __len__(self) -> int:
        return len(self._kept)

    def _taken(self, playable: Playable) -> _Kept:
        key = (playable.playable_id, playable.version, playable.place)
        with self._lock:
            kept = self._kept.get(key)
            if kept is None:
                kept = self._kept[key] = _Kept(key, playable)
            self._kept.move_to_end(key)
            kept.users += 1
            return kept

    def _reader_of(self, kept: _Kept) -> PlaintextReader:
        """Its reader; opened by the first who asks, the others wait. Another file in its place counts anew."""
        with kept.lock:
            try:
                is_due = self._clock_s() - kept.checked_at_s > CHECKED_FOR_S
                if kept.reader is None:
                    self._read_anew(kept)
                elif is_due:
                    self._opening.require_allowed(kept.playable)
                    if self._opening.identity(kept.playable) != kept.identity:
                        self._read_anew(kept)
                    kept.checked_at_s = self._clock_s()
            except BaseException:
                with self._lock:
                    self._drop(kept)
                raise
            assert kept.reader is not None  # noqa: S101 - opened above
            return kept.reader

    def _read_anew(self, kept: _Kept) -> None:
        """The old file, if there is one, stays open for its readers: it closes with the new one."""
        kept.identity = self._opening.identity(kept.playable)
        kept.reader = kept.stack.enter_context(self._opening.open(kept.playable))
        kept.checked_at_s = self._clock_s()

    def _give_back(self, kept: _Kept) -> None:
        closing = []
        with self._lock:
            kept.users -= 1
            kept.used_at_s = self._clock_s()
            if kept.is_dropped and not kept.users:
                closing.append(kept)
            idle = [each for each in self._kept.values() if not each.users]
            for each in idle[: max(0, len(idle) - MOST_KEPT)]:
                self._drop(each)
                closing.append(each)
        for each in closing:
            each.stack.close()

    def _is_idle(self, kept: _Kept) -> bool:
        return not kept.users and self._clock_s() - kept.used_at_s > KEPT_FOR_S

    def _drop(self, kept: _Kept) -> None:
        kept.is_dropped = True
        if self._kept.get(kept.key) is kept:
            del self._kept[kept.key]
