"""The chunks of a RIFF, RF64 or BW64 file: what each is called, where it lies, what `fmt ` and `ds64` say.

Followed: Multimedia Programming Interface (RIFF), the extensible format of Microsoft, EBU Tech 3306 (RF64) and
ITU-R BS.2088 (BW64). All numbers are little-endian; a chunk of odd length is followed by one byte that is not counted.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from cx_pipeline.core.errors import InputError

RIFF_IDS = (b"RIFF", b"RF64", b"BW64")
UNKNOWN_LENGTH = 0xFFFFFFFF
"""Length of a chunk that `ds64` tells, or nobody."""
CHUNK_HEAD_BYTES = 8
RIFF_HEAD_BYTES = 12
_MOST_CHUNKS = 512
"""A file of more chunks than this is no recording; it would only keep us reading."""

_PCM, _FLOAT, _ALAW, _ULAW, _EXTENSIBLE = 0x0001, 0x0003, 0x0006, 0x0007, 0xFFFE
_FMT = struct.Struct("<HHIIHH")
_EXTENSIBLE_BYTES = 40
_SUBFORMAT_AT = 24
_SUBFORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")
"""What follows the format tag in the GUID of an extensible format."""
_DS64 = struct.Struct("<QQQ")
_ENCODINGS = {
    (_PCM, 1): "PCM_U8",
    (_PCM, 2): "PCM_16",
    (_PCM, 3): "PCM_24",
    (_PCM, 4): "PCM_32",
    (_FLOAT, 4): "FLOAT",
    (_ALAW, 1): "ALAW",
    (_ULAW, 1): "ULAW",
}
_MOST_CHANNELS = 64
_LOWEST_RATE_HZ, _HIGHEST_RATE_HZ = 1_000, 768_000


class CutShortError(InputError):
    """The file ends before its audio begins: it was just begun, or a crash left no more of it."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk. `length_bytes` is what its head says, whether there is that much or not."""

    id: bytes
    offset_bytes: int
    """Of its content."""
    length_bytes: int

    @property
    def end_bytes(self) -> int:
        """Where the next chunk begins."""
        return self.offset_bytes + self.length_bytes + self.length_bytes % 2


@dataclass(frozen=True, slots=True)
class Format:
    """What a `fmt ` chunk says."""

    encoding: str
    """As libsndfile names it."""
    sample_rate_hz: int
    channels: int
    bytes_per_frame: int


def read_at(file: BinaryIO, offset: int, length: int) -> bytes:
    """`length` bytes from `offset`; fewer at the end of the file."""
    file.seek(offset)
    parts = []
    while length > 0 and (part := file.read(length)):
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def chunks_from(file: BinaryIO, offset: int, size_bytes: int) -> Iterator[Chunk]:
    """The chunks that begin at `offset`, each one where the one before ends, until the file does."""
    for _ in range(_MOST_CHUNKS):
        head = read_at(file, offset, CHUNK_HEAD_BYTES)
        if len(head) < CHUNK_HEAD_BYTES:
            return
        chunk = Chunk(head[:4], offset + CHUNK_HEAD_BYTES, int.from_bytes(head[4:], "little"))
        yield chunk
        offset = chunk.end_bytes
        if offset >= size_bytes:
            return


def format_of(content: bytes) -> Format:
    """What the content of a `fmt ` chunk means.

    Where the block size does not fit the channels and the bits of a sample, it is not believed: nothing needs it. But
    24 bits in blocks of 4 bytes a channel are 32 bits with 8 of them silent.

    Raises:
        InputError: it makes no sense, or is of an encoding that is not read here.
    """
    if len(content) < _FMT.size:
        raise InputError(f"its fmt chunk has {len(content)} bytes, {_FMT.size} at least are needed")
    tag, channels, rate, _, block_bytes, bits = _FMT.unpack_from(content)
    if tag == _EXTENSIBLE:
        tag = _subformat(content)
    if not 1 <= channels <= _MOST_CHANNELS:
        raise InputError(f"its header tells of {channels} channels")
    if not _LOWEST_RATE_HZ <= rate <= _HIGHEST_RATE_HZ:
        raise InputError(f"its header tells of {rate} frames a second")
    sample_bytes = -(-bits // 8)
    if (tag, sample_bytes) == (_PCM, 3) and block_bytes == 4 * channels:
        sample_bytes = 4
    encoding = _ENCODINGS.get((tag, sample_bytes))
    if encoding is None:
        raise InputError(f"its encoding is not read here (format {tag:#06x} with {bits} bits)")
    return Format(encoding, rate, channels, channels * sample_bytes)


def data_length_of_ds64(content: bytes) -> int | None:
    """The length of the audio as `ds64` tells it; null where it is cut short."""
    return int(_DS64.unpack_from(content)[1]) if len(content) >= _DS64.size else None


def _subformat(content: bytes) -> int:
    guid = content[_SUBFORMAT_AT:_EXTENSIBLE_BYTES]
    if len(guid) < _EXTENSIBLE_BYTES - _SUBFORMAT_AT or guid[2:] != _SUBFORMAT_TAIL:
        raise InputError("its extensible format names no encoding that is read here")
    return int.from_bytes(guid[:2], "little")
