"""Bytes of a WAV file's audio as samples, by what libsndfile calls their encoding. Arrays in, arrays out."""

from collections.abc import Callable
from functools import cache
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

Int16s = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

SCALE_INT16 = 32768.0
"""Full scale: a float of 1 is this."""
EXACT_ENCODINGS = frozenset({"PCM_16", "PCM_U8", "PCM_S8", "ALAW", "ULAW"})
"""Encodings whose samples are 16 bit or less: integers hold them without loss."""
BYTES_PER_SAMPLE = MappingProxyType(
    {"PCM_U8": 1, "ALAW": 1, "ULAW": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4}
)
"""The encodings of WAV files that are read here."""


def as_int16(data: Bytes, encoding: str, channels: int, channel: int) -> Int16s:
    """One channel of interleaved frames, without loss.

    Args:
        data: whole frames.
        encoding: one of `EXACT_ENCODINGS` that a WAV file can have.
        channels: of a frame.
        channel: the one that is wanted, from 0.
    """
    if encoding == "PCM_16":
        return data.view("<i2").reshape(-1, channels)[:, channel].astype(np.int16, copy=False)
    samples = data.reshape(-1, channels)[:, channel]
    if encoding == "PCM_U8":
        return (samples.astype(np.int16) - 128) * 256
    return _G711_TABLES[encoding]()[samples]


def as_float32(data: Bytes, encoding: str, channels: int, channel: int) -> Floats:
    """One channel of interleaved frames; full scale is 1. What is no number in a float file is silence."""
    if encoding in EXACT_ENCODINGS:
        return as_int16(data, encoding, channels, channel).astype(np.float32) / np.float32(SCALE_INT16)
    if encoding == "PCM_24":
        octets = data.reshape(-1, channels, 3)[:, channel].astype(np.int32)
        # In the upper three bytes, so that the sign falls into its place.
        words = octets[:, 0] << 8 | octets[:, 1] << 16 | octets[:, 2] << 24
        return words.astype(np.float32) / np.float32(2**31)
    if encoding == "PCM_32":
        words = data.view("<i4").reshape(-1, channels)[:, channel]
        return words.astype(np.float32) / np.float32(2**31)
    floats = data.view("<f4").reshape(-1, channels)[:, channel].astype(np.float32, copy=False)
    return np.nan_to_num(floats, nan=0.0, posinf=1.0, neginf=-1.0)


@cache
def a_law_table() -> Int16s:
    """The sample of each A-law byte (ITU-T G.711, 16 bit)."""
    code = np.arange(256, dtype=np.int32) ^ 0x55
    exponent, mantissa = (code & 0x70) >> 4, code & 0x0F
    magnitude = np.where(
        exponent == 0, (mantissa << 4) + 8, ((mantissa << 4) + 0x108) << np.maximum(exponent - 1, 0)
    )
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


@cache
def mu_law_table() -> Int16s:
    """The sample of each µ-law byte (ITU-T G.711, 16 bit)."""
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    exponent, mantissa = (code & 0x70) >> 4, code & 0x0F
    magnitude = (((mantissa << 3) + 0x84) << exponent) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


_G711_TABLES: MappingProxyType[str, Callable[[], Int16s]] = MappingProxyType(
    {"ALAW": a_law_table, "ULAW": mu_law_table}
)
