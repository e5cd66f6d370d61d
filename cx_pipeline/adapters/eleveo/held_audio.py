"""Merged audio, held for a while: in files that have no name, so that nothing of it is left by whoever is killed.

A browser asks for a recording in many ranges; it is fetched once. Its file lies in the cache folder without a name, held by
its descriptor alone, so the system frees it with this process, however that ends: there is no plaintext to be found on disk
afterwards, and nothing to clean up.
"""

import os
import tempfile
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import BinaryIO, cast

from cx_pipeline.adapters.eleveo.single_flight import SingleFlight
from cx_pipeline.adapters.storage.storage_faults import storage_faults

MOST_BYTES = 2 << 30
"""So much is held, beside what is being played."""
KEPT_S = 900.0
"""So long after its last use a file is held."""


@dataclass
class _Held:
    file: BinaryIO
    size_bytes: int
    used_at: float
    users: int = 0

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset` on."""
        wanted = max(0, min(length, self.size_bytes - offset))
        with storage_faults("read the audio of a leg from Eleveo"):
            data = os.pread(self.file.fileno(), wanted, offset)
            while len(data) < wanted and (
                more := os.pread(self.file.fileno(), wanted - len(data), offset + len(data))
            ):
                data += more
        return data


class HeldAudio:
    """Files by key; each is made once. Thread-safe."""

    def __init__(
        self,
        folder: Path,
        *,
        patience_s: float,
        most_bytes: int = MOST_BYTES,
        kept_s: float = KEPT_S,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._folder, self._most_bytes, self._kept_s, self._clock = folder, most_bytes, kept_s, clock
        self._lock = Lock()
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._flight = SingleFlight[_Held](patience_s)
        self._finalizer = weakref.finalize(self, _close_all, self._held)

    def close(self) -> None:
        """Let go of all files."""
        self._finalizer()

    def nameless_file(self) -> BinaryIO:
        """An empty file in the folder, gone when it is closed.

        Raises:
            StorageUnavailableError: the storage is away or full.
            ConfigurationError: it refuses us.
        """
        with storage_faults(f"keep audio of Eleveo in {self._folder}"):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return cast("BinaryIO", tempfile.TemporaryFile(dir=self._folder, prefix="."))

    @contextmanager
    def opened(self, key: str, make: Callable[[BinaryIO], None]) -> Iterator[_Held]:
        """The file of a key, made by `make` where it is not held.

        Raises:
            DestinationUnavailableError: another makes it, and it takes too long.
            StorageUnavailableError: it cannot be kept.
            Exception: what `make` raises.
        """
        held = self._used(key) or self._made(key, make)
        try:
            yield held
        finally:
            self._released(held)

    def _made(self, key: str, make: Callable[[BinaryIO], None]) -> _Held:
        while True:
            self._flight.done(key, lambda: self._make(key, make))
            # What was made for another may be gone before it is taken, where little may be held.
            if (held := self._used(key)) is not None:
                return held

    def _make(self, key: str, make: Callable[[BinaryIO], None]) -> _Held:
        with self._lock:
            if key in self._held:  # made between our look and our turn
                return self._held[key]
        file = self.nameless_file()
        try:
            make(file)
            with storage_faults("keep the audio of a leg from Eleveo"):
                file.flush()
                size_bytes = os.fstat(file.fileno()).st_size
        except BaseException:
            file.close()
            raise
        held = _Held(file, size_bytes, self._clock())
        with self._lock:
            self._held[key] = held
            self._let_go(but=held)
        return held

    def _used(self, key: str) -> _Held | None:
        with self._lock:
            held = self._held.get(key)
            if held is not None:
                held.users += 1
                held.used_at = self._clock()
                self._held.move_to_end(key)
            return held

    def _released(self, held: _Held) -> None:
        with self._lock:
            held.users -= 1
            held.used_at = self._clock()
            self._let_go()

    def _let_go(self, but: _Held | None = None) -> None:
        """Close what nobody uses and is old or too much, the least recently used first."""
        oldest = self._clock() - self._kept_s
        total = sum(held.size_bytes for held in self._held.values())
        for key, held in list(self._held.items()):
            is_wanted = held.used_at >= oldest and total <= self._most_bytes
            if held.users == 0 and held is not but and not is_wanted:
                del self._held[key]
                held.file.close()
                total -= held.size_bytes


def _close_all(held: OrderedDict[str, _Held]) -> None:
    while held:
        held.popitem()[1].file.close()
