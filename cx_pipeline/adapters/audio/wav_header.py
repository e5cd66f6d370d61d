"""Headers of WAV files as recorders leave them: read without belief, and written anew in a copy.

A recorder that dies leaves a header with lengths of the file's beginning: 0, all bits set, or those of the last time
that it was brought up to date. Then the audio lasts to the end of the file (spec: recording, 2).
"""

import os
import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from cx_pipeline.adapters.audio.wav_chunks import (
    CHUNK_HEAD_BYTES,
    RIFF_HEAD_BYTES,
    RIFF_IDS,
    UNKNOWN_LENGTH,
    Chunk,
    CutShortError,
    Format,
    chunks_from,
    data_length_of_ds64,
    format_of,
    read_at,
)
from cx_pipeline.core.errors import InputError

_LONGEST_FMT_BYTES = 4096
_BLOCK_BYTES = 1024 * 1024
_TAGS_OF_OTHERS = (b"ID3", b"TAG")
"""What programs that tag music put behind the last chunk."""
_KNOWN_AFTER_DATA = frozenset(
    b"LIST,list,INFO,cue ,smpl,inst,plst,fact,bext,iXML,axml,chna,PEAK,id3 ,ID3 ,JUNK,junk,PAD ,FLLR,fmt ,"
    b"_PMX,aXML,levl,umid,cart,afsp,acid,wavl,slnt,note,labl,ltxt,DISP".split(b",")
)
_FORMAT_TAGS = {
    "PCM_U8": 1,
    "PCM_16": 1,
    "PCM_24": 1,
    "PCM_32": 1,
    "FLOAT": 3,
    "ALAW": 6,
    "ULAW": 7,
}
_LARGEST_RIFF = 0xFFFFFFFE


@dataclass(frozen=True, slots=True)
class WavHeader:
    """What a WAV file holds."""

    encoding: str
    """As libsndfile names it: PCM_U8, PCM_16, PCM_24, PCM_32, FLOAT, ALAW, ULAW."""
    sample_rate_hz: int
    channels: int
    bytes_per_frame: int
    frames: int
    """Whole frames that are there."""
    data_offset_bytes: int
    """Where the first frame begins."""
    is_unfinished: bool
    """Whether the lengths in the header were not believed."""


def read_wav_header(file: BinaryIO, size_bytes: int) -> WavHeader:
    """What the header of a WAV file says, set right by the size of the file. The audio is not read.

    Args:
        file: at any position; it is moved.
        size_bytes: of the whole file, as it was when it was looked at: what is written later is not counted.

    Raises:
        CutShortError: the file ends before its audio begins.
        InputError: it is no WAV file, or of an encoding that is not read here.
        OSError: the storage failed.
    """
    head = read_at(file, 0, RIFF_HEAD_BYTES)
    if len(head) < RIFF_HEAD_BYTES and any(kind.startswith(head[:4]) for kind in RIFF_IDS):
        raise CutShortError("the file ends within its header")
    if head[:4] not in RIFF_IDS or head[8:] != b"WAVE":
        raise InputError("it is no WAV file")
    found: Format | None = None
    long_length: int | None = None
    for chunk in chunks_from(file, RIFF_HEAD_BYTES, size_bytes):
        if chunk.id == b"data":
            if found is None:
                raise InputError("its audio begins before its format is told")
            return _header(file, found, chunk, long_length, size_bytes)
        if chunk.id == b"fmt ":
            found = format_of(_content(file, chunk, size_bytes))
        elif chunk.id == b"ds64":
            long_length = data_length_of_ds64(_content(file, chunk, size_bytes))
    raise CutShortError("the file ends before its audio begins")


def repaired_copy(source: BinaryIO, target: Path) -> WavHeader:
    """Write the audio of `source` into the new file `target`, with a header that is right. `source` stays as it is.

    The target appears whole or not at all. Returns the header of the target.

    Raises:
        CutShortError, InputError: as `read_wav_header`.
        OSError: the storage failed.
    """
    header = read_wav_header(source, source.seek(0, os.SEEK_END))
    written = _written_header(header)
    part = target.with_name(f"{target.name}.part")
    try:
        with part.open("wb") as copy:
            copy.write(written)
            _copy(source, copy, header)
            copy.flush()
            os.fsync(copy.fileno())
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return replace(header, data_offset_bytes=len(written), is_unfinished=False)


def _content(file: BinaryIO, chunk: Chunk, size_bytes: int) -> bytes:
    if chunk.offset_bytes + chunk.length_bytes > size_bytes:
        raise CutShortError("the file ends within its header")
    return read_at(file, chunk.offset_bytes, min(chunk.length_bytes, _LONGEST_FMT_BYTES))


def _header(
    file: BinaryIO, found: Format, data: Chunk, long_length: int | None, size_bytes: int
) -> WavHeader:
    there = max(size_bytes - data.offset_bytes, 0)
    told = data.length_bytes
    if told == UNKNOWN_LENGTH:
        told = there + 1 if long_length is None else long_length
    is_unfinished = told > there or not _ends_well(
        file, data.offset_bytes + told, told % 2, size_bytes, found.bytes_per_frame
    )
    length = there if is_unfinished else told
    return WavHeader(
        encoding=found.encoding,
        sample_rate_hz=found.sample_rate_hz,
        channels=found.channels,
        bytes_per_frame=found.bytes_per_frame,
        frames=length // found.bytes_per_frame,
        data_offset_bytes=data.offset_bytes,
        is_unfinished=is_unfinished,
    )


def _ends_well(file: BinaryIO, end: int, padding: int, size_bytes: int, frame_bytes: int) -> bool:
    """Whether what lies behind the told end of the audio is none: nothing, chunks, or the tag of another program.

    Anything else was written by a recorder that did not come to bring its header up to date.
    """
    begin = end + padding  # the byte that evens an odd length is no frame
    if size_bytes - begin < frame_bytes:
        return True
    if read_at(file, end, 3) in _TAGS_OF_OTHERS:
        return True
    for number, chunk in enumerate(chunks_from(file, begin, size_bytes)):
        if number == 0 and chunk.id in _KNOWN_AFTER_DATA:
            return True
        if not all(0x20 <= byte < 0x7F for byte in chunk.id):
            return False
        if chunk.end_bytes in (size_bytes, size_bytes + 1):
            return True
    return False


def _written_header(header: WavHeader) -> bytes:
    length = header.frames * header.bytes_per_frame
    tag = _FORMAT_TAGS[header.encoding]
    content = struct.pack(
        "<HHIIHH",
        tag,
        header.channels,
        header.sample_rate_hz,
        header.sample_rate_hz * header.bytes_per_frame,
        header.bytes_per_frame,
        header.bytes_per_frame // header.channels * 8,
    )
    fact = b""
    if tag != 1:  # what is no plain PCM has an (empty) extension, and tells its frames
        content += struct.pack("<H", 0)
        fact = struct.pack("<4sII", b"fact", 4, min(header.frames, UNKNOWN_LENGTH))
    chunks = struct.pack("<4sI", b"fmt ", len(content)) + content + fact
    padded = length + length % 2
    if 4 + len(chunks) + CHUNK_HEAD_BYTES + padded <= _LARGEST_RIFF:
        riff = struct.pack("<4sI4s", b"RIFF", 4 + len(chunks) + CHUNK_HEAD_BYTES + padded, b"WAVE")
        return riff + chunks + struct.pack("<4sI", b"data", length)
    ds64 = struct.pack("<4sI", b"ds64", 28)
    size = 4 + len(ds64) + 28 + len(chunks) + CHUNK_HEAD_BYTES + padded
    ds64 += struct.pack("<QQQI", size, length, header.frames, 0)
    riff = struct.pack("<4sI4s", b"RF64", UNKNOWN_LENGTH, b"WAVE")
    return riff + ds64 + chunks + struct.pack("<4sI", b"data", UNKNOWN_LENGTH)


def _copy(source: BinaryIO, copy: BinaryIO, header: WavHeader) -> None:
    left = header.frames * header.bytes_per_frame
    position, is_odd = header.data_offset_bytes, left % 2 == 1
    while left:
        block = read_at(source, position, min(left, _BLOCK_BYTES))
        if not block:
            raise InputError("the file became shorter while it was copied")
        copy.write(block)
        position, left = position + len(block), left - len(block)
    if is_odd:
        copy.write(b"\0")
