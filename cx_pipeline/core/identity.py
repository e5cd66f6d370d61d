"""Deterministic ids: the same thing has the same id on every machine, in every version, on every day.

An id is a UUID of version 8 (RFC 9562) over the MurmurHash3 x64 128 (Austin Appleby, seed 0) of a name. The hash is
stable and named, and it is computed for whole columns: a million names take some tenths of a second, where a million
SHA-1 calls from Python take seconds. It is no secret and no signature: whoever knows the name knows the id.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

SEPARATOR = "\x1f"
"""Between the parts of a name: the ASCII unit separator, which occurs in no part."""

_U64 = np.uint64
_C1, _C2 = _U64(0x87C37B91114253D5), _U64(0x4CF5AD432745937F)
_BLOCK = 16

Words = npt.NDArray[np.uint64]


def name_of(*parts: pl.Expr) -> pl.Expr:
    """One name of several parts, each as text; a null part reads as empty."""
    return pl.concat_str([part.cast(pl.String).fill_null("") for part in parts], separator=SEPARATOR)


def uuid_of(names: pl.Series) -> pl.Series:
    """The UUID of each name, as text in the usual form.

    Args:
        names: texts, without nulls.
    """
    high, low = murmur3_x64_128(names)
    high = (high & _U64(0xFFFFFFFFFFFF0FFF)) | _U64(0x8000)
    low = (low & _U64(0x3FFFFFFFFFFFFFFF)) | _U64(0x8000000000000000)
    return _as_text(high, low).rename(names.name)


def murmur3_x64_128(names: pl.Series) -> tuple[Words, Words]:
    """MurmurHash3 x64 128, seed 0, of the UTF-8 bytes of each text: its two words."""
    with np.errstate(over="ignore"):
        return _hashed(*_padded(names))


def _padded(names: pl.Series) -> tuple[Words, npt.NDArray[np.int64]]:
    """The bytes of each text as words of 8, filled up with zeros to whole blocks and one block more; their lengths."""
    array = names.cast(pl.String).to_arrow().cast(pa.large_string())
    offsets = np.frombuffer(array.buffers()[1], dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    data = np.frombuffer(array.buffers()[2] or b"", dtype=np.uint8)
    lengths = np.diff(offsets)
    width = (int(lengths.max(initial=0)) // _BLOCK + 1) * _BLOCK
    padded = np.zeros((len(lengths), width), dtype=np.uint8)
    if len(lengths) and (lengths == lengths[0]).all():
        padded[:, : lengths[0]] = data[offsets[0] : offsets[-1]].reshape(len(lengths), -1)
    else:
        padded[np.arange(width) < lengths[:, None]] = (
            data[offsets[0] : offsets[-1]] if len(lengths) else data[:0]
        )
    return padded.view("<u8"), lengths


def _hashed(words: Words, lengths: npt.NDArray[np.int64]) -> tuple[Words, Words]:
    h1, h2 = np.zeros(len(words), dtype=_U64), np.zeros(len(words), dtype=_U64)
    whole = lengths // _BLOCK
    for block in range(words.shape[1] // 2):
        k1, k2 = words[:, 2 * block], words[:, 2 * block + 1]
        is_body, is_tail = whole > block, whole == block
        m1, m2 = _mixed(k1, 31, _C1, _C2), _mixed(k2, 33, _C2, _C1)
        b1 = (_rotated(h1 ^ m1, 27) + h2) * _U64(5) + _U64(0x52DCE729)
        b2 = (_rotated(h2 ^ m2, 31) + b1) * _U64(5) + _U64(0x38495AB5)
        # A tail of zeros mixes to zero: what is beyond the text changes nothing.
        h1 = np.where(is_body, b1, np.where(is_tail, h1 ^ m1, h1))
        h2 = np.where(is_body, b2, np.where(is_tail, h2 ^ m2, h2))
    size = lengths.astype(_U64)
    h1, h2 = h1 ^ size, h2 ^ size
    h1 = h1 + h2
    h2 = h2 + h1
    h1, h2 = _finished(h1), _finished(h2)
    h1 = h1 + h2
    return h1, h2 + h1


def _rotated(word: Words, by: int) -> Words:
    return (word << _U64(by)) | (word >> _U64(64 - by))


def _mixed(word: Words, by: int, before: np.uint64, after: np.uint64) -> Words:
    return _rotated(word * before, by) * after


def _finished(word: Words) -> Words:
    word = (word ^ (word >> _U64(33))) * _U64(0xFF51AFD7ED558CCD)
    word = (word ^ (word >> _U64(33))) * _U64(0xC4CEB9FE1A85EC53)
    return word ^ (word >> _U64(33))


_HEX = np.array([f"{byte:02x}".encode() for byte in range(256)], dtype="S2").view(np.uint16)
_DASHES = (8, 13, 18, 23)
_DIGITS = [position for position in range(36) if position not in _DASHES]


def _as_text(high: Words, low: Words) -> pl.Series:
    count = len(high)
    octets = np.stack([high, low], axis=1).astype(">u8").view(np.uint8)
    digits = _HEX[octets].view(np.uint8).reshape(count, 32)
    text = np.full((count, 36), ord("-"), dtype=np.uint8)
    text[:, _DIGITS] = digits
    offsets = np.arange(count + 1, dtype=np.int64) * 36
    array = pa.LargeStringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(text))
    return pl.Series(pl.from_arrow(array))
