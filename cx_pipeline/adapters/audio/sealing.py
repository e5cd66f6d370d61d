"""Recordings sealed while they are written, and opened to be looked at, by whatever method."""

from collections.abc import Iterable, Iterator
from typing import BinaryIO, Protocol, cast

from cx_pipeline.adapters.crypto.file_keys import FileKey, Sealing
from cx_pipeline.adapters.crypto.sealed import SealedReader, SealingWriter
from cx_pipeline.adapters.storage.recordings import PartFile
from cx_pipeline.core.errors import KeyMissingError

_BLOCK_BYTES = 1 << 20


class SealWriter(Protocol):
    """Takes plaintext in order; the file is whole when it was closed."""

    def write(self, data: bytes | memoryview, /) -> object:
        """Take more."""

    def close(self) -> None:
        """Write what is left. Nothing else is closed."""


class _Unsealed:
    def __init__(self, target: PartFile) -> None:
        self._target = target

    def write(self, data: bytes | memoryview, /) -> int:
        return self._target.write(data)

    def close(self) -> None:
        """There is nothing left."""


def sealing_writer(target: PartFile, sealing: Sealing) -> SealWriter:
    """What takes the plaintext of a file that is to be sealed so."""
    if sealing.method == "none":
        return _Unsealed(target)
    return SealingWriter(cast("BinaryIO", target), _key_of(sealing))


def plaintext_of(file: BinaryIO, sealing: Sealing) -> Iterable[bytes]:
    """The plaintext of a file that was sealed so, in blocks.

    Raises:
        BrokenSealError: it is not what was sealed.
    """
    if sealing.method == "none":
        return _blocks(file)
    return SealedReader(file, _key_of(sealing))


def _key_of(sealing: Sealing) -> FileKey:
    if sealing.file_key is None:
        raise KeyMissingError(f"sealing by {sealing.method} needs a key")
    return sealing.file_key


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(_BLOCK_BYTES):
        yield block
