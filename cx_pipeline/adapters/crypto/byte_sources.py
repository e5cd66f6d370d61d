"""Reading at a place in a file, for several readers at once."""

import io
import os
from threading import Lock
from typing import BinaryIO

from cx_pipeline.core.errors import StorageUnavailableError


class ByteSource:
    """A file that is read by place. A plain file, or bytes in memory: not one that decodes while it is read.

    Safe for several threads: a file by `pread`, which moves no position; anything else behind a lock. Its size is
    that of the moment at which it was opened here.

    Raises (all methods):
        StorageUnavailableError: the storage does not answer.
    """

    def __init__(self, source: BinaryIO) -> None:
        self.name = str(getattr(source, "name", "the file"))
        self._source, self._lock = source, Lock()
        try:
            self._descriptor: int | None = source.fileno() if hasattr(os, "pread") else None
        except (OSError, AttributeError, io.UnsupportedOperation):
            self._descriptor = None
        try:
            self.size_bytes = self._size()
        except OSError as error:
            raise self._unavailable(error) from None

    def read(self, offset: int, length: int) -> bytes:
        """The bytes of that place; fewer where the file ends."""
        parts: list[bytes] = []
        try:
            while length > 0 and (part := self._read(offset, length)):
                parts.append(part)
                offset, length = offset + len(part), length - len(part)
        except OSError as error:
            raise self._unavailable(error) from None
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _read(self, offset: int, length: int) -> bytes:
        if self._descriptor is not None:
            return os.pread(self._descriptor, length, offset)
        with self._lock:
            self._source.seek(offset)
            return self._source.read(length)

    def _size(self) -> int:
        if self._descriptor is not None:
            return os.fstat(self._descriptor).st_size
        with self._lock:
            return self._source.seek(0, io.SEEK_END)

    def _unavailable(self, error: OSError) -> StorageUnavailableError:
        return StorageUnavailableError(
            f"{self.name} cannot be read: {error.strerror or type(error).__name__}"
        )
