"""Sealed files in memory, for the tests of what becomes of them."""

import io

from cx_pipeline.adapters.crypto.file_keys import FileKey
from cx_pipeline.adapters.crypto.sealed import SealedReader, SealingWriter

KEY = FileKey("11111111-2222-8333-8444-555555555555", "acme", bytes(range(32)))
OTHER_KEY = FileKey("99999999-2222-8333-8444-555555555555", "acme", bytes(range(1, 33)))
TAG_BYTES = 16


def sealed(plaintext: bytes, key: FileKey = KEY, *, segment_bytes: int = 65_536) -> bytes:
    """The sealed file of that plaintext, with a fresh salt."""
    target = io.BytesIO()
    with SealingWriter(target, key, segment_bytes=segment_bytes) as writer:
        writer.write(plaintext)
    return target.getvalue()


def reader(content: bytes, key: FileKey = KEY) -> SealedReader:
    """A reader of such a file."""
    return SealedReader(io.BytesIO(content), key)


def opened(content: bytes, key: FileKey = KEY) -> bytes:
    """All of its plaintext."""
    return b"".join(reader(content, key))


def header_bytes(key: FileKey = KEY) -> int:
    """Size of a header."""
    return 96 + len(key.tenant_id)


def segments(content: bytes, segment_bytes: int) -> tuple[bytes, list[bytes]]:
    """Header and segments of a file."""
    start, stride = header_bytes(), segment_bytes + TAG_BYTES
    body = content[start:]
    return content[:start], [body[place : place + stride] for place in range(0, len(body), stride)]
