"""Simulated files on disk: WAV as FreeSWITCH leaves it, written block by block."""

import os
import struct
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cx_pipeline.simulator.audio.faults import EMPTY, MISSING_FILE, MISSING_SIDE, UNFINISHED
from cx_pipeline.simulator.audio.orders import FileOrder, Heard
from cx_pipeline.simulator.audio.recorders import ALAW, PCM, ULAW
from cx_pipeline.simulator.audio.voices import RATE_HZ, Samples, as_steps, first_frame, said

BLOCK = 1 << 17
"""Frames that are made at once."""
MILLION = 1_000_000
FORMAT_TAGS = {PCM: 1, ALAW: 6, ULAW: 7}


def is_written(order: FileOrder) -> bool:
    """Whether there is a file at all."""
    return not {MISSING_SIDE, MISSING_FILE} & set(order.faults)


def write_wav(order: FileOrder, folder: Path) -> int:
    """Write the file of an order below `folder`; its time stamp is the end of the recording by the recorder's clock.

    Returns:
        Its size in bytes, 0 if there is none.

    Raises:
        OSError: it cannot be written.
    """
    if not is_written(order):
        return 0
    path = folder / order.path
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = 0 if EMPTY in order.faults else order.frames
    with path.open("xb") as target:
        target.write(wav_header(order.encoding, len(order.channels), _told_frames(order, frames)))
        for first in range(0, frames, BLOCK):
            block = recorded(order, first, min(BLOCK, frames - first))
            target.write(encoded(block, order.encoding))
        size = target.tell()
    set_time(path, order)
    return size


def set_time(path: Path, order: FileOrder) -> None:
    """Stamp a file as the recorder's machine would have."""
    stamp = (order.end + order.recorder.offset_ms * 1000) * 1000
    os.utime(path, ns=(stamp, stamp))


def recorded(order: FileOrder, first: int, count: int) -> npt.NDArray[np.int16]:
    """Frames of the file by channel, before they are encoded: (count, channels)."""
    runs = _runs(first, count, order.recorder.drift_ppm)
    base = first_frame(order.start)
    begin, length = base + runs[0][1], runs[-1][1] + runs[-1][2] - runs[0][1]
    silent = [(first_frame(start), first_frame(end)) for start, end in order.masks]
    frames = np.empty((count, len(order.channels)), dtype=np.int16)
    for channel, voices in enumerate(order.channels):
        mixed = as_steps(mixed_voices(voices, begin, length))
        for start, end in silent:
            mixed[max(start - begin, 0) : max(end - begin, 0)] = 0
        for target, source, run in runs:
            place = source - runs[0][1]
            frames[target : target + run, channel] = mixed[place : place + run]
    return frames


def _runs(first: int, count: int, drift_ppm: int) -> list[tuple[int, int, int]]:
    """Where the frames of a block come from: place in the block, moment (in frames, from the file's start), how many.

    Frame n of a drifting crystal is of moment floor(n / (1 + drift)): now and then a moment is told twice or left out.
    """
    breaks = [first, *_jumps(first, count, drift_ppm), first + count]
    return [
        (begin - first, begin * MILLION // (MILLION + drift_ppm), end - begin)
        for begin, end in pairwise(breaks)
        if begin < end
    ]


def _jumps(first: int, count: int, drift_ppm: int) -> list[int]:
    """The frames of a block, after its first one, at which the moment does not go on by one."""
    if drift_ppm == 0:
        return []
    whole, part = MILLION + drift_ppm, abs(drift_ppm)
    steps = range(first * part // whole, (first + count) * part // whole + 2)
    # Told twice: the first frame with n * part / whole > k. Left out: the first one with n * part / whole >= k.
    jumps = [k * whole // part + 1 if drift_ppm > 0 else -(-k * whole // part) for k in steps]
    return [jump for jump in jumps if first < jump < first + count]


def mixed_voices(voices: tuple[Heard, ...], first: int, count: int) -> Samples:
    """The sum of voices, as a bridge mixes them; `first` is a frame since 1970."""
    mixed = np.zeros(count, dtype=np.float32)
    for voice in voices:
        begin = max(first_frame(voice.start), first)
        end = min(first_frame(voice.end), first + count)
        if begin < end:
            mixed[begin - first : end - first] += said(voice.voice_key, begin, end - begin)
    return mixed


def wav_header(encoding: str, channels: int, frames: int) -> bytes:
    """The header of a WAV file at `RATE_HZ` (RIFF; G.711 with the longer `fmt ` and a `fact` chunk)."""
    width = 2 if encoding == PCM else 1
    size = frames * channels * width
    form = struct.pack(
        "<HHIIHH",
        FORMAT_TAGS[encoding],
        channels,
        RATE_HZ,
        RATE_HZ * channels * width,
        channels * width,
        8 * width,
    )
    fact = b""
    if encoding != PCM:
        form += struct.pack("<H", 0)
        fact = b"fact" + struct.pack("<II", 4, frames)
    chunks = b"WAVEfmt " + struct.pack("<I", len(form)) + form + fact + b"data" + struct.pack("<I", size)
    # With no frames told the length of the whole is 0 too, as it is before anybody closes the file.
    return b"RIFF" + struct.pack("<I", len(chunks) + size if frames else 0) + chunks


def encoded(samples: npt.NDArray[np.int16], encoding: str) -> bytes:
    """Interleaved bytes of (frames, channels)."""
    if encoding == PCM:
        return samples.astype("<i2").tobytes()
    return _companding(encoding)[samples.view(np.uint16)].tobytes()


def _told_frames(order: FileOrder, frames: int) -> int:
    return 0 if UNFINISHED & set(order.faults) else frames


@cache
def _companding(encoding: str) -> npt.NDArray[np.uint8]:
    """The byte for each of the 65,536 samples (ITU-T G.711), in the order of their bits read as unsigned."""
    samples = np.arange(1 << 16, dtype=np.uint16).view(np.int16).astype(np.int32)
    return _ulaw(samples) if encoding == ULAW else _alaw(samples)


def _ulaw(samples: npt.NDArray[np.int32]) -> npt.NDArray[np.uint8]:
    magnitude = np.minimum(np.abs(samples), 32635) + 132
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    sign = np.where(samples < 0, 0x80, 0)
    codes: npt.NDArray[np.uint8] = (~(sign | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8)
    return codes


def _alaw(samples: npt.NDArray[np.int32]) -> npt.NDArray[np.uint8]:
    magnitude = np.minimum(np.where(samples < 0, ~samples, samples), 32767) >> 3
    exponent = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 4, 0)
    mantissa = (magnitude >> np.maximum(exponent, 1)) & 0x0F
    sign = np.where(samples < 0, 0, 0x80)
    codes: npt.NDArray[np.uint8] = ((sign | (exponent << 4) | mantissa) ^ 0x55).astype(np.uint8)
    return codes
