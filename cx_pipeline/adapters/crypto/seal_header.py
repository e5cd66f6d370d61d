"""The header of a sealed file, and what is derived of it: `docs/formats.md` describes it byte by byte."""

import hmac
import struct
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cx_pipeline.adapters.crypto.file_keys import FileKey
from cx_pipeline.core.errors import BrokenSealError

MAGIC: Final = b"\x89CXSEAL\n"
"""Not a text's beginning, and another one after a transfer that changes line ends or drops the eighth bit."""
VERSION: Final = 1
AES_256_GCM: Final = 1
SEGMENT_BYTES: Final = 65_536
LARGEST_SEGMENT_BYTES: Final = 1 << 20
TAG_BYTES: Final = 16
SALT_BYTES: Final = 32
CHECK_BYTES: Final = 32
LONGEST_TENANT_BYTES: Final = 1024
MOST_SEGMENTS: Final = 1 << 32

_FIXED = struct.Struct(">8sBBHI16s32s")
_POSITION = struct.Struct(">IB")
_PURPOSE = b"cx-pipeline-seal-1"

HEAD_BYTES: Final = _FIXED.size + LONGEST_TENANT_BYTES + CHECK_BYTES
"""As many bytes of a file's beginning hold its whole header, whatever the tenant's name."""


@dataclass(frozen=True, slots=True)
class SealHeader:
    """What stands before the segments, in the clear: which key the file wants and how it is cut."""

    file_id: str
    tenant_id: str
    salt: bytes
    check: bytes = b""
    """Proves that the header is as it was written, to who has the file's key; empty while it is being made."""
    segment_bytes: int = SEGMENT_BYTES

    @property
    def size_bytes(self) -> int:
        """Of the whole header."""
        return len(self.fields) + CHECK_BYTES

    @property
    def fields(self) -> bytes:
        """The header without its check."""
        tenant = self.tenant_id.encode()
        if len(tenant) > LONGEST_TENANT_BYTES:
            raise ValueError(f"the tenant's id has more than {LONGEST_TENANT_BYTES} bytes")
        file_id = UUID(self.file_id).bytes
        fixed = _FIXED.pack(MAGIC, VERSION, AES_256_GCM, len(tenant), self.segment_bytes, file_id, self.salt)
        return fixed + tenant


class SegmentCipher:
    """Seals and opens the segments of one file. Of each file and each writing it has a key of its own."""

    def __init__(self, header: SealHeader, file_key: FileKey) -> None:
        self._fields = header.fields
        derived = HKDF(
            algorithm=SHA256(), length=32 + CHECK_BYTES, salt=header.salt, info=_PURPOSE + self._fields
        ).derive(file_key.secret)
        self._aes, self.check = AESGCM(derived[:32]), derived[32:]

    def is_check(self, check: bytes) -> bool:
        """Whether a header with this check was written with this key, and is as it was written."""
        return hmac.compare_digest(self.check, check)

    def sealed(self, plaintext: bytes | bytearray | memoryview, number: int, *, is_last: bool) -> bytes:
        """The segment with its tag."""
        return self._aes.encrypt(_nonce(number, is_last), plaintext, self._bound(number, is_last))

    def opened(self, segment: bytes, number: int, *, is_last: bool) -> bytes:
        """The plaintext. Raises cryptography's InvalidTag where it is another segment, or was changed."""
        return self._aes.decrypt(_nonce(number, is_last), segment, self._bound(number, is_last))

    def _bound(self, number: int, is_last: bool) -> bytes:
        return self._fields + _POSITION.pack(number, is_last)


def _nonce(number: int, is_last: bool) -> bytes:
    """12 bytes: seven zeros, the segment's number, 1 for the last one (the STREAM construction)."""
    return bytes(7) + _POSITION.pack(number, is_last)


def is_sealed(head: bytes) -> bool:
    """Whether a file that begins with these bytes (8 are enough) is a sealed one of ours."""
    return head.startswith(MAGIC)


def header_of(head: bytes) -> SealHeader:
    """The header at the beginning of a sealed file: its first `HEAD_BYTES`, or all if it has less.

    Whether it is true only the file's key tells: `SegmentCipher.is_check`.

    Raises:
        BrokenSealError: it is no header of a sealed file.
    """
    if not is_sealed(head):
        raise BrokenSealError("it does not begin as a sealed file does")
    if len(head) < _FIXED.size:
        raise BrokenSealError("its header is cut")
    _, version, algorithm, tenant_bytes, segment_bytes, file_id, salt = _FIXED.unpack_from(head)
    if version != VERSION or algorithm != AES_256_GCM:
        raise BrokenSealError(
            f"its format is {version}.{algorithm}, and this release knows {VERSION}.{AES_256_GCM} only: "
            "it was changed, or written by a newer release"
        )
    if not 1 <= segment_bytes <= LARGEST_SEGMENT_BYTES or tenant_bytes > LONGEST_TENANT_BYTES:
        raise BrokenSealError("its header was changed")
    end = _FIXED.size + tenant_bytes
    if len(head) < end + CHECK_BYTES:
        raise BrokenSealError("its header is cut")
    try:
        tenant = head[_FIXED.size : end].decode()
    except UnicodeDecodeError:
        raise BrokenSealError("its header was changed: the tenant is no text") from None
    return SealHeader(
        file_id=str(UUID(bytes=file_id)),
        tenant_id=tenant,
        salt=salt,
        check=head[end : end + CHECK_BYTES],
        segment_bytes=segment_bytes,
    )


def plaintext_bytes(body_bytes: int, segment_bytes: int = SEGMENT_BYTES) -> int | None:
    """Size of the plaintext of so many bytes of segments; none if no plaintext has that size."""
    count = segments_of(body_bytes, segment_bytes)
    last = body_bytes - (count - 1) * (segment_bytes + TAG_BYTES)
    is_possible = last > TAG_BYTES or (count == 1 and last == TAG_BYTES)
    return body_bytes - count * TAG_BYTES if is_possible and count <= MOST_SEGMENTS else None


def segments_of(body_bytes: int, segment_bytes: int = SEGMENT_BYTES) -> int:
    """How many segments so many bytes are; one at least."""
    return max(1, -(-body_bytes // (segment_bytes + TAG_BYTES)))


def sealed_bytes(audio_bytes: int, tenant_id: str, segment_bytes: int = SEGMENT_BYTES) -> int:
    """Size of the sealed file of so many bytes."""
    count = max(1, -(-audio_bytes // segment_bytes))
    return _FIXED.size + len(tenant_id.encode()) + CHECK_BYTES + audio_bytes + count * TAG_BYTES
