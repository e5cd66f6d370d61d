"""A segment that is written: records are on disk when `append` returns."""

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cx_pipeline.adapters.spool.framing import FRAME_BYTES, HEAD_BYTES, SALT_BYTES, end_mark, frames, head
from cx_pipeline.adapters.storage.storage_faults import storage_faults

_FILE_MODE = 0o640
_CLOSED = -1


def framed_bytes(payloads: Sequence[bytes]) -> int:
    """How much the payloads take in a segment."""
    return sum(len(payload) + FRAME_BYTES for payload in payloads)


def force_folder_to_disk(folder: Path) -> None:
    """Return when the names of the folder's files are on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class SegmentWriter:
    """Appends to a new segment. After a failure to force it to disk nothing more is written to it (`is_broken`).

    Raises (all methods but `close`):
        StorageUnavailableError: the disk is full, or does not answer.
        ConfigurationError: the folder's rights are wrong.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_broken = False
        self._salt = secrets.token_bytes(SALT_BYTES)
        with storage_faults(f"write {path}"):
            self._descriptor = os.open(
                path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_APPEND, _FILE_MODE
            )
            try:
                self._write(head(self._salt))
                force_folder_to_disk(path.parent)
            except OSError:
                self.close()
                raise
        self.size_bytes = HEAD_BYTES

    def append(self, payloads: Sequence[bytes]) -> None:
        """Write records behind what is there, and return when all of them are on disk."""
        self._append(frames(self._salt, payloads))

    def end(self) -> None:
        """Mark the segment as whole, and close it."""
        try:
            self._append(end_mark(self._salt))
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the file; a second time does nothing."""
        descriptor, self._descriptor = self._descriptor, _CLOSED
        if descriptor != _CLOSED:
            with suppress(OSError):
                os.close(descriptor)

    def _append(self, data: bytes) -> None:
        with storage_faults(f"write {self.path}"):
            try:
                self._write(data)
                os.fdatasync(self._descriptor)
            except OSError:
                self._take_back()
                raise
        self.size_bytes += len(data)

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self._descriptor, left) :]

    def _take_back(self) -> None:
        """Nobody knows how much of the last records is there: they go, and the segment is left."""
        self.is_broken = True
        with suppress(OSError):
            os.ftruncate(self._descriptor, self.size_bytes)
        self.close()
