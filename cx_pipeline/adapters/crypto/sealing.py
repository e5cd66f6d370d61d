"""One way to write and to read a recording's bytes, whatever it is sealed by."""

from types import TracebackType
from typing import BinaryIO, Protocol, Self

from cx_pipeline.adapters.crypto.file_keys import Sealing
from cx_pipeline.adapters.crypto.legacy import CfbReader, CfbWriter
from cx_pipeline.adapters.crypto.plaintext import PlainReader, PlaintextReader
from cx_pipeline.adapters.crypto.sealed import SealedReader, SealingWriter


class PlaintextWriter(Protocol):
    """Takes a file's bytes from first to last. `close` ends them; the file below stays open."""

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Take more; all of it, always."""

    def close(self) -> None:
        """Write what is left. A sealed file that was not closed is refused by its readers."""

    def __enter__(self) -> Self:
        """Itself."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, where there was no error."""


class PlainWriter:
    """Passes on what is written to it, as it is."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Pass it on; all of it."""
        view = memoryview(data).cast("B")
        left = view
        while left:
            left = left[self._target.write(left) :]
        return len(view)

    def close(self) -> None:
        """Nothing is left to write."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_writer(target: BinaryIO, sealing: Sealing) -> PlaintextWriter:
    """What seals into `target` as `sealing` says.

    Raises:
        ConfigurationError: the key for CFB is the published one.
    """
    if sealing.file_key is None or sealing.method == "none":
        return PlainWriter(target)
    if sealing.method == "cfb":
        return CfbWriter(target, sealing.file_key.secret)
    return SealingWriter(target, sealing.file_key)


def open_reader(source: BinaryIO, sealing: Sealing) -> PlaintextReader:
    """What opens `source`, which was written as `sealing` says.

    Raises:
        BrokenSealError: the sealed file was changed, or is another than the key's.
        StorageUnavailableError: the storage does not answer.
    """
    if sealing.file_key is None or sealing.method == "none":
        return PlainReader(source)
    if sealing.method == "cfb":
        return CfbReader(source, sealing.file_key.secret)
    return SealedReader(source, sealing.file_key)
