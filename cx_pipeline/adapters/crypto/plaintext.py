"""What all readers of stored audio have in common, sealed or not, and such a reader as a file."""

import io
from collections.abc import Iterator
from typing import BinaryIO, Protocol, cast

from cx_pipeline.adapters.crypto.byte_sources import ByteSource

BLOCK_BYTES = 65_536


class PlaintextReader(Protocol):
    """The plaintext of a file, by place. Safe for several threads.

    Raises (all methods):
        BrokenSealError: the file is not what was sealed, as far as its format can tell.
        StorageUnavailableError: the storage does not answer.
    """

    @property
    def size_bytes(self) -> int:
        """Of the plaintext."""

    def read_at(self, offset: int, length: int) -> bytes:
        """The plaintext from `offset`; fewer bytes than `length` where it ends, none beyond."""

    def blocks(self, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The plaintext of a range, or all from `offset`, in pieces of 64 KiB at most."""

    def __iter__(self) -> Iterator[bytes]:
        """All of it, in such pieces."""


class PlainReader:
    """A file that is not sealed, read as the sealed ones are."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = ByteSource(source)
        self.size_bytes = self._source.size_bytes
        """Of the file."""

    def read_at(self, offset: int, length: int) -> bytes:
        """The bytes from `offset`; fewer than `length` where the file ends."""
        return b"".join(self.blocks(offset, length))

    def blocks(self, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes of a range, or all from `offset`, in pieces of 64 KiB at most."""
        place, end = range_within(self.size_bytes, offset, length)
        while place < end and (piece := self._source.read(place, min(BLOCK_BYTES, end - place))):
            yield piece
            place += len(piece)

    def __iter__(self) -> Iterator[bytes]:
        return self.blocks()


def range_within(size_bytes: int, offset: int, length: int | None) -> tuple[int, int]:
    """Begin and end of a range within a file of that size. Raises ValueError for negative numbers."""
    if offset < 0 or (length is not None and length < 0):
        raise ValueError("a range begins at 0 or later and has no negative length")
    return offset, size_bytes if length is None else min(size_bytes, offset + length)


def as_file(reader: PlaintextReader, name: str = "plaintext") -> BinaryIO:
    """A reader as a file that can be read and sought, for libraries that want one."""
    return cast("BinaryIO", io.BufferedReader(_PlaintextFile(reader, name), BLOCK_BYTES))


class _PlaintextFile(io.RawIOBase):
    def __init__(self, reader: PlaintextReader, name: str) -> None:
        self.name = name
        self._reader, self._position = reader, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._reader.size_bytes}[whence]
        if base + offset < 0:
            raise ValueError("no place before the beginning")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        piece = self._reader.read_at(self._position, len(buffer))
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)
