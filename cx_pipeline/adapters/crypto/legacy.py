"""Files as the installed base seals them: AES-256-CFB, the IV in the first 16 bytes (guide 17.7.3, `docs/formats.md`).

There are two variants: the plaintext as it is, and the published script's with PKCS7 padding behind it. Nothing in the
file says which; the length that the WAV's own header tells does. Nothing proves a file's content either: CFB lets a
changed bit through. Written only where a tenant asks for it, without padding, with a fresh IV for each writing.
"""

import secrets
from collections.abc import Iterator
from types import TracebackType
from typing import BinaryIO, Self

from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256

from cx_pipeline.adapters.audio.wav_header import read_wav_header
from cx_pipeline.adapters.crypto.byte_sources import ByteSource
from cx_pipeline.adapters.crypto.plaintext import BLOCK_BYTES, as_file, range_within
from cx_pipeline.adapters.crypto.published_key import refuse_published
from cx_pipeline.core.errors import InputError

IV_BYTES = 16
_AES_BLOCK_BYTES = 16
_RIFF_HEAD_BYTES = 12
_RIFF_KINDS = (b"RIFF", b"RF64")
_LARGEST_TOLD_BYTES = 0x7FFF_0000
"""Lengths beyond are what recorders write where they do not know it yet."""


class CfbReader:
    """Opens what `CfbWriter` wrote, whole or by range. Nothing in such a file proves the key or the content.

    Block n is decrypted with the ciphertext of block n − 1, so a range costs no more than its own blocks.
    `source` has to stay open; several threads may read at once.

    Raises (when made, and by all methods):
        StorageUnavailableError: the storage does not answer.
    """

    def __init__(self, source: BinaryIO, secret: bytes) -> None:
        self._source, self._key = ByteSource(source), AES256(secret)
        self.size_bytes = max(0, self._source.size_bytes - IV_BYTES)
        """Of the plaintext."""

    def read_at(self, offset: int, length: int) -> bytes:
        """The plaintext from `offset`; fewer bytes than `length` where it ends, none beyond."""
        return b"".join(self.blocks(offset, length))

    def blocks(self, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The plaintext of a range, or all from `offset`, in pieces of 64 KiB at most."""
        place, end = range_within(self.size_bytes, offset, length)
        while place < end:
            skip = place % _AES_BLOCK_BYTES
            wanted = min(end, place - skip + BLOCK_BYTES) - place
            # The file has the IV where the ciphertext of a block before the first one would be.
            read = self._source.read(place - skip, _AES_BLOCK_BYTES + skip + wanted)
            decryptor = Cipher(self._key, CFB(read[:_AES_BLOCK_BYTES])).decryptor()
            piece = (decryptor.update(read[_AES_BLOCK_BYTES:]) + decryptor.finalize())[skip:]
            if not piece:
                return
            yield piece
            place += len(piece)

    def __iter__(self) -> Iterator[bytes]:
        return self.blocks()


class LegacyReader(CfbReader):
    """Opens a WAV file that the installed base sealed, of either variant: what it gives has no padding.

    Raises (when made):
        InputError: the plaintext is no WAV file: another key, or no file of this format.
        StorageUnavailableError: the storage does not answer; so do all methods.
    """

    def __init__(self, source: BinaryIO, secret: bytes) -> None:
        super().__init__(source, secret)
        head = self.read_at(0, _RIFF_HEAD_BYTES)
        if head[:4] not in _RIFF_KINDS or head[8:] != b"WAVE":
            raise InputError(
                f"{self._source.name} is no WAV file once decrypted: it was sealed with another key, or is no file "
                "that AES-256-CFB sealed"
            )
        self.padding_bytes = self._padding(int.from_bytes(head[4:8], "little") + 8)
        """Of PKCS7, 1 to 16; 0 in files without padding."""
        self.size_bytes -= self.padding_bytes

    def _padding(self, told_bytes: int) -> int:
        """How many bytes of padding there are, by the length that the WAV tells; where it tells none, by its frames."""
        count = self._possible_padding()
        if count == 0 or told_bytes == self.size_bytes:
            return 0
        if told_bytes == self.size_bytes - count:
            return count
        if self.size_bytes < told_bytes < _LARGEST_TOLD_BYTES:
            return 0  # its end was cut off, and a padding with it
        return count if self._has_whole_frames(self.size_bytes - count) else 0

    def _possible_padding(self) -> int:
        if self.size_bytes % _AES_BLOCK_BYTES:
            return 0
        last = self.read_at(self.size_bytes - _AES_BLOCK_BYTES, _AES_BLOCK_BYTES)
        count = last[-1]
        is_padding = 1 <= count <= _AES_BLOCK_BYTES and last.endswith(bytes([count]) * count)
        return count if is_padding else 0

    def _has_whole_frames(self, size_bytes: int) -> bool:
        try:
            header = read_wav_header(as_file(self), size_bytes)
        except InputError:
            return True
        return (size_bytes - header.data_offset_bytes) % header.bytes_per_frame == 0


class CfbWriter:
    """Seals what is written to it into `target`, from first to last, as the installed base reads it: without padding.

    Raises (when made):
        ConfigurationError: the key is the one that was printed in the documentation.
    """

    def __init__(self, target: BinaryIO, secret: bytes) -> None:
        refuse_published(secret, "the key to seal with")
        iv = secrets.token_bytes(IV_BYTES)
        self._encryptor = Cipher(AES256(secret), CFB(iv)).encryptor()
        self._target = target
        self._put(iv)

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Take more plaintext; all of it, always. Errors of the target pass through."""
        view = memoryview(data).cast("B")
        for start in range(0, len(view), BLOCK_BYTES):
            self._put(self._encryptor.update(view[start : start + BLOCK_BYTES]))
        return len(view)

    def close(self) -> None:
        """Nothing is left to write: CFB holds nothing back."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _put(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[self._target.write(left) :]
