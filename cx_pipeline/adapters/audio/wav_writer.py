"""WAV files written from first byte to last, so that they can be sealed and hashed while they are written.

The header stands first, so the length must be known. Above 4 GiB the file becomes RF64 (EBU Tech 3306). Markers follow
the audio as a `cue ` chunk with a `labl` for each in a `LIST` of type `adtl` (Microsoft, Multimedia Programming
Interface 1.0), which players and editors show. Numbers are little-endian.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cx_pipeline.core.recording.mix_plan import Marker

SAMPLE_BYTES = 2
"""16 bit, the only width that is written."""
_PCM, _EXTENSIBLE = 0x0001, 0xFFFE
_PCM_SUBFORMAT = bytes.fromhex("0100000000001000800000aa00389b71")
_LONG = 0xFFFFFFFF
_CHUNK_HEAD_BYTES = 8


class Sink(Protocol):
    """What takes bytes in order."""

    def write(self, data: bytes | memoryview, /) -> object:
        """Take all of them."""


@dataclass(frozen=True, slots=True)
class WavForm:
    """What the header has to tell."""

    sample_rate_hz: int
    channels: int
    frames: int
    markers: tuple[Marker, ...] = ()

    @property
    def data_bytes(self) -> int:
        """Size of the audio."""
        return self.frames * self.channels * SAMPLE_BYTES


def wav_header(form: WavForm) -> bytes:
    """Everything that stands before the audio."""
    fmt = _chunk(b"fmt ", _format(form))
    rest_bytes = (
        4 + len(fmt) + _CHUNK_HEAD_BYTES + form.data_bytes + form.data_bytes % 2 + len(_markers(form))
    )
    if rest_bytes < _LONG:
        riff = struct.pack("<4sI4s", b"RIFF", rest_bytes, b"WAVE")
        return riff + fmt + struct.pack("<4sI", b"data", form.data_bytes)
    ds64_bytes = 28
    whole = rest_bytes + _CHUNK_HEAD_BYTES + ds64_bytes
    ds64 = _chunk(b"ds64", struct.pack("<QQQI", whole, form.data_bytes, form.frames, 0))
    return struct.pack("<4sI4s", b"RF64", _LONG, b"WAVE") + ds64 + fmt + struct.pack("<4sI", b"data", _LONG)


def wav_trailer(form: WavForm) -> bytes:
    """Everything that stands behind the audio."""
    return b"\0" * (form.data_bytes % 2) + _markers(form)


def _format(form: WavForm) -> bytes:
    frame_bytes = form.channels * SAMPLE_BYTES
    rate = form.sample_rate_hz
    plain = struct.pack("<HIIHH", form.channels, rate, rate * frame_bytes, frame_bytes, 8 * SAMPLE_BYTES)
    if form.channels <= 2:
        return struct.pack("<H", _PCM) + plain
    # More channels than two want the extensible format; mask 0: they stand for no loudspeaker.
    extension = struct.pack("<HHI", 22, 8 * SAMPLE_BYTES, 0) + _PCM_SUBFORMAT
    return struct.pack("<H", _EXTENSIBLE) + plain + extension


def _markers(form: WavForm) -> bytes:
    markers = [marker for marker in form.markers if 0 <= marker.frame < _LONG]
    if not markers:
        return b""
    return _cue(markers) + _labels(markers)


def _cue(markers: Sequence[Marker]) -> bytes:
    points = b"".join(
        struct.pack("<II4sIII", number, marker.frame, b"data", 0, 0, marker.frame)
        for number, marker in enumerate(markers, start=1)
    )
    return _chunk(b"cue ", struct.pack("<I", len(markers)) + points)


def _labels(markers: Sequence[Marker]) -> bytes:
    labels = b"".join(
        _chunk(b"labl", struct.pack("<I", number) + marker.label.replace("\0", "").encode() + b"\0")
        for number, marker in enumerate(markers, start=1)
    )
    return _chunk(b"LIST", b"adtl" + labels)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack("<4sI", name, len(content)) + content + b"\0" * (len(content) % 2)
