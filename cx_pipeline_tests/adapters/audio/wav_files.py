"""WAV files of every kind that is read, made byte by byte."""

import struct
from dataclasses import dataclass

PCM, FLOAT, ALAW, ULAW = 1, 3, 6, 7
SUBFORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")
ENCODINGS = {
    "PCM_U8": (PCM, 8),
    "PCM_16": (PCM, 16),
    "PCM_24": (PCM, 24),
    "PCM_32": (PCM, 32),
    "FLOAT": (FLOAT, 32),
    "ALAW": (ALAW, 8),
    "ULAW": (ULAW, 8),
}


def chunk(name: bytes, content: bytes, told: int | None = None) -> bytes:
    padded = content + b"\0" * (len(content) % 2)
    return name + struct.pack("<I", len(content) if told is None else told) + padded


@dataclass(frozen=True)
class Wav:
    """A file and the truth about it."""

    encoding: str = "PCM_16"
    channels: int = 1
    rate: int = 8000
    frames: int = 100
    is_extensible: bool = False
    before: tuple[bytes, ...] = ()
    after: tuple[bytes, ...] = ()
    told_data: int | None = None
    told_riff: int | None = None
    block_bytes: int | None = None

    @property
    def bits(self) -> int:
        return ENCODINGS[self.encoding][1]

    @property
    def frame_bytes(self) -> int:
        return self.channels * self.bits // 8

    @property
    def audio(self) -> bytes:
        return bytes((i * 31 + i // 251) % 256 for i in range(self.frames * self.frame_bytes))

    def fmt(self) -> bytes:
        tag, bits = ENCODINGS[self.encoding]
        block = self.frame_bytes if self.block_bytes is None else self.block_bytes
        plain = struct.pack(
            "<HHIIHH",
            0xFFFE if self.is_extensible else tag,
            self.channels,
            self.rate,
            self.rate * self.frame_bytes,
            block,
            bits,
        )
        if not self.is_extensible:
            return plain
        return plain + struct.pack("<HHIH", 22, bits, 0, tag) + SUBFORMAT_TAIL

    @property
    def data_offset(self) -> int:
        return 12 + len(chunk(b"fmt ", self.fmt())) + sum(map(len, self.before)) + 8

    def content(self) -> bytes:
        body = b"WAVE" + chunk(b"fmt ", self.fmt()) + b"".join(self.before)
        body += chunk(b"data", self.audio, self.told_data) + b"".join(self.after)
        return b"RIFF" + struct.pack("<I", len(body) if self.told_riff is None else self.told_riff) + body


def rf64(wav: Wav, *, kind: bytes = b"RF64", told: int | None = None) -> bytes:
    length = len(wav.audio) if told is None else told
    ds64 = chunk(b"ds64", struct.pack("<QQQI", 0, length, wav.frames, 0))
    body = b"WAVE" + ds64 + chunk(b"fmt ", wav.fmt()) + chunk(b"data", wav.audio, 0xFFFFFFFF)
    return kind + struct.pack("<I", 0xFFFFFFFF) + body
