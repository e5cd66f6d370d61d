"""Sealed files: written in one go, read in any order, and refused where one bit is not as it was.

AES-256-GCM in segments of 64 KiB after a header (`docs/formats.md`). Each writing draws a salt, and the segments' key
is derived of the file's key, the salt and the whole header: a recording that is made again under the same key never
meets a nonce twice. A segment's number, whether it is the last one, and the header are bound into it, so that none can
be cut, moved, doubled, or taken from another file or an older writing of the same one.
"""

import secrets
from collections.abc import Iterator
from types import TracebackType
from typing import BinaryIO, Self

from cryptography.exceptions import InvalidTag

from cx_pipeline.adapters.crypto.byte_sources import ByteSource
from cx_pipeline.adapters.crypto.file_keys import FileKey
from cx_pipeline.adapters.crypto.plaintext import range_within
from cx_pipeline.adapters.crypto.seal_header import (
    HEAD_BYTES,
    MOST_SEGMENTS,
    SALT_BYTES,
    SEGMENT_BYTES,
    TAG_BYTES,
    SealHeader,
    SegmentCipher,
    header_of,
    is_sealed,
    plaintext_bytes,
    segments_of,
)
from cx_pipeline.core.errors import BrokenSealError

__all__ = ["HEAD_BYTES", "SealedReader", "SealingWriter", "header_of", "is_sealed", "read_header"]


def new_salt() -> bytes:
    """Fresh bytes for each writing. Whatever else is the same, the segments' key is another."""
    return secrets.token_bytes(SALT_BYTES)


class SealingWriter:
    """Seals what is written to it into `target`: from first to last, with one segment in memory.

    `close` writes the last segment; it closes nothing. Without it the file is refused by every reader, so what was
    interrupted never counts as whole: within `with`, an exception leaves it out. Errors of `target` pass through.
    """

    def __init__(self, target: BinaryIO, file_key: FileKey, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        header = SealHeader(file_key.file_id, file_key.tenant_id, new_salt(), segment_bytes=segment_bytes)
        self._cipher = SegmentCipher(header, file_key)
        self._target, self._segment_bytes = target, segment_bytes
        self._pending, self._number = bytearray(), 0
        self._is_closed = False
        self._put(header.fields + self._cipher.check)

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Take more plaintext; all of it, always."""
        if self._is_closed:
            raise ValueError("the sealed file is closed")
        view = memoryview(data).cast("B")
        taken = 0
        while taken < len(view):
            if len(self._pending) == self._segment_bytes:
                self._seal(self._pending, is_last=False)
                self._pending.clear()
            room = self._segment_bytes - len(self._pending)
            part = view[taken : taken + room]
            taken += len(part)
            if len(part) == self._segment_bytes and taken < len(view):
                self._seal(part, is_last=False)  # a whole segment with more behind it: no copy
            else:
                self._pending += part
        return len(view)

    def close(self) -> None:
        """Write the last segment, which says that it is the last. Again: nothing."""
        if not self._is_closed:
            self._seal(self._pending, is_last=True)
            self._is_closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        self._is_closed = True

    def _seal(self, plaintext: bytearray | memoryview, *, is_last: bool) -> None:
        if self._number == MOST_SEGMENTS:
            raise ValueError("no sealed file has more than 2^32 segments")
        self._put(self._cipher.sealed(plaintext, self._number, is_last=is_last))
        self._number += 1

    def _put(self, data: bytes) -> None:
        left = memoryview(data)
        try:
            while left:
                left = left[self._target.write(left) :]
        except BaseException:
            self._is_closed = True  # half a segment may stand there: nothing that follows can make it whole
            raise


class SealedReader:
    """Opens a sealed file: any range of its plaintext, by decrypting only the segments that it touches.

    Several threads may read at once (see `ByteSource` for what `source` may be); `source` has to stay open, and is not
    closed here. What it gives was proved to be as it was sealed, at its place.

    Raises (when made, and by all methods that read):
        BrokenSealError: the file was changed, cut, prolonged, put together of others, or is another than the key's.
            On opening the header and the last segment are proved, so that the size is true.
        StorageUnavailableError: the storage does not answer.
    """

    def __init__(self, source: BinaryIO, file_key: FileKey) -> None:
        self._source = ByteSource(source)
        self.header = self._header_for(file_key)
        self._cipher = SegmentCipher(self.header, file_key)
        if not self._cipher.is_check(self.header.check):
            raise self._broken("its header was changed, or it was sealed with another key")
        body_bytes = self._source.size_bytes - self.header.size_bytes
        size_bytes = plaintext_bytes(body_bytes, self.header.segment_bytes)
        if size_bytes is None:
            raise self._broken("it was cut or prolonged")
        self.size_bytes = size_bytes
        """Of the plaintext."""
        self._count = segments_of(body_bytes, self.header.segment_bytes)
        self._latest = (self._count - 1, self._opened(self._count - 1))

    def read_at(self, offset: int, length: int) -> bytes:
        """The plaintext from `offset`; fewer bytes than `length` where it ends, none beyond."""
        return b"".join(self.blocks(offset, length))

    def blocks(self, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The plaintext of a range, or all from `offset`, in pieces of a segment at most."""
        place, end = range_within(self.size_bytes, offset, length)
        while place < end:
            number, skip = divmod(place, self.header.segment_bytes)
            piece = self._segment(number)[skip : skip + end - place]
            yield piece
            place += len(piece)

    def __iter__(self) -> Iterator[bytes]:
        return self.blocks()

    def _segment(self, number: int) -> bytes:
        # Who reads in small pieces asks for a segment several times. One tuple, so that threads see no half of it.
        known, plaintext = self._latest
        if known != number:
            plaintext = self._opened(number)
            self._latest = (number, plaintext)
        return plaintext

    def _opened(self, number: int) -> bytes:
        is_last = number == self._count - 1
        stride = self.header.segment_bytes + TAG_BYTES
        start = self.header.size_bytes + number * stride
        sealed = self._source.read(start, min(stride, self._source.size_bytes - start))
        try:
            return self._cipher.opened(sealed, number, is_last=is_last)
        except InvalidTag:
            what = (
                "the last segment is missing or was changed" if is_last else f"segment {number} was changed"
            )
            raise self._broken(what) from None

    def _header_for(self, file_key: FileKey) -> SealHeader:
        header = _header_of(self._source)
        if (header.file_id, header.tenant_id) != (file_key.file_id, file_key.tenant_id):
            raise self._broken(f"its header names file {header.file_id}, wanted was {file_key.file_id}")
        return header

    def _broken(self, what: str) -> BrokenSealError:
        return _broken(self._source, what)


def read_header(source: BinaryIO) -> SealHeader:
    """The header of a sealed file, which says whose key it wants; not proved yet.

    Raises:
        BrokenSealError: it is no sealed file.
        StorageUnavailableError: the storage does not answer.
    """
    return _header_of(ByteSource(source))


def _header_of(source: ByteSource) -> SealHeader:
    try:
        return header_of(source.read(0, HEAD_BYTES))
    except BrokenSealError as error:
        raise _broken(source, str(error)) from None


def _broken(source: ByteSource, what: str) -> BrokenSealError:
    return BrokenSealError(f"the seal of {source.name} is broken: {what}")
