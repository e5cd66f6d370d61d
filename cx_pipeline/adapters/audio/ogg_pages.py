"""Ogg files with a serial number of our choice: libsndfile draws one, and equal recordings would not be equal.

A page's checksum (RFC 3533: CRC-32 by 0x04C11DB7, from 0, not reflected) is linear, so what another serial number
changes in it follows from the page's length alone, without looking at its audio.
"""

import struct
from collections.abc import Iterator
from functools import lru_cache
from typing import Protocol

from cx_pipeline.core.errors import InputError

_HEAD = struct.Struct("<4sBBqIIIB")
_SERIAL_AT, _CHECKSUM_AT = 14, 22
_SERIAL_END = _SERIAL_AT + 4
_POLYNOMIAL = 0x104C11DB7
_TOP_BIT = 0x80000000


class Readable(Protocol):
    """What bytes come from in order."""

    def read(self, size: int, /) -> bytes:
        """At most so many more."""


def pages_with_serial(source: Readable, serial: int) -> Iterator[bytes]:
    """The pages of an Ogg file of one stream, with another serial number.

    Args:
        source: at the file's beginning.
        serial: 32 bits.

    Raises:
        InputError: it is no Ogg file, or it ends within a page.
    """
    while head := source.read(_HEAD.size):
        if len(head) < _HEAD.size or not head.startswith(b"OggS"):
            raise InputError("the encoder wrote no Ogg file")
        lengths = source.read(head[-1])
        page = bytearray(head + lengths + source.read(sum(lengths)))
        if len(page) != _HEAD.size + head[-1] + sum(lengths):
            raise InputError("the encoder's Ogg file ends within a page")
        wanted = struct.pack("<I", serial)
        change = bytes(old ^ new for old, new in zip(page[_SERIAL_AT:_SERIAL_END], wanted, strict=True))
        (checksum,) = struct.unpack_from("<I", page, _CHECKSUM_AT)
        checksum ^= _times(int.from_bytes(change), _shift(len(page) - _SERIAL_END))
        struct.pack_into("<I", page, _CHECKSUM_AT, checksum)
        page[_SERIAL_AT:_SERIAL_END] = wanted
        yield bytes(page)


@lru_cache(maxsize=4096)
def _shift(following_bytes: int) -> int:
    """By what four bytes are multiplied in the checksum of a page in which so many follow: x^(32 + 8 n)."""
    result, factor, exponent = 1, 2, 32 + 8 * following_bytes
    while exponent:
        if exponent & 1:
            result = _times(result, factor)
        factor = _times(factor, factor)
        exponent >>= 1
    return result


def _times(one: int, other: int) -> int:
    """The product of two polynomials over GF(2), modulo the checksum's."""
    product = 0
    while other:
        if other & 1:
            product ^= one
        one = (one << 1) ^ (_POLYNOMIAL if one & _TOP_BIT else 0)
        other >>= 1
    return product
