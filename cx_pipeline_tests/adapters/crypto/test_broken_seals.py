import io
import os
import random
from collections.abc import Callable

import pytest

from cx_pipeline.adapters.crypto.file_keys import FileKey
from cx_pipeline.adapters.crypto.sealed import SealedReader, read_header
from cx_pipeline.core.errors import BrokenSealError
from cx_pipeline_tests.adapters.crypto.sealed_files import (
    KEY,
    OTHER_KEY,
    header_bytes,
    opened,
    reader,
    sealed,
    segments,
)

FLIPS = int(os.environ.get("CX_STRESS_FLIPS", "200"))
SEGMENT = 64
PLAINTEXT = bytes(range(250))


def flipped(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.parametrize("plaintext", [b"", b"a", PLAINTEXT], ids=["empty", "one byte", "four segments"])
def test_every_single_bit_that_is_not_as_it_was_is_noticed(plaintext: bytes) -> None:
    content = sealed(plaintext, segment_bytes=SEGMENT)
    for bit in range(len(content) * 8):
        with pytest.raises(BrokenSealError):
            opened(flipped(content, bit))


def test_every_bit_of_the_header_and_the_last_segment_is_proved_on_opening() -> None:
    content = sealed(PLAINTEXT, segment_bytes=SEGMENT)
    last = len(content) - (len(PLAINTEXT) % SEGMENT + 16)
    for bit in [*range(header_bytes() * 8), *range(last * 8, len(content) * 8)]:
        with pytest.raises(BrokenSealError):
            reader(flipped(content, bit))


@pytest.mark.stress
def test_bits_of_a_long_file_that_are_not_as_they_were_are_noticed() -> None:
    content, chance = sealed(random.Random(1).randbytes(300_000)), random.Random(2)
    for _ in range(FLIPS):
        with pytest.raises(BrokenSealError):
            opened(flipped(content, chance.randrange(len(content) * 8)))


def test_a_range_beside_a_changed_segment_is_still_given_and_the_changed_one_is_not() -> None:
    content = sealed(PLAINTEXT, segment_bytes=SEGMENT)
    damaged = reader(flipped(content, (header_bytes() + SEGMENT + 16 + 3) * 8))
    assert damaged.read_at(0, SEGMENT) == PLAINTEXT[:SEGMENT]
    with pytest.raises(BrokenSealError, match="segment 1 was changed"):
        damaged.read_at(SEGMENT - 1, 2)


@pytest.mark.parametrize("plaintext", [b"", PLAINTEXT, bytes(4 * SEGMENT)], ids=["empty", "odd", "whole"])
def test_a_file_that_was_cut_anywhere_is_refused_on_opening(plaintext: bytes) -> None:
    content = sealed(plaintext, segment_bytes=SEGMENT)
    for size in range(len(content)):
        with pytest.raises(BrokenSealError):
            reader(content[:size])


@pytest.mark.parametrize("plaintext", [b"", PLAINTEXT, bytes(4 * SEGMENT)], ids=["empty", "odd", "whole"])
def test_a_file_that_was_prolonged_is_refused_on_opening(plaintext: bytes) -> None:
    content = sealed(plaintext, segment_bytes=SEGMENT)
    for more in (*range(1, 200), SEGMENT + 16, 2 * (SEGMENT + 16)):
        with pytest.raises(BrokenSealError):
            reader(content + os.urandom(more))


Rearrangement = Callable[[list[bytes]], list[bytes]]
REARRANGEMENTS: dict[str, Rearrangement] = {
    "first removed": lambda parts: parts[1:],
    "middle removed": lambda parts: [parts[0], *parts[2:]],
    "last removed": lambda parts: parts[:-1],
    "all but the last removed": lambda parts: parts[-1:],
    "two swapped": lambda parts: [parts[1], parts[0], *parts[2:]],
    "last swapped": lambda parts: [*parts[:2], parts[3], parts[2]],
    "one doubled": lambda parts: [parts[0], *parts],
    "last doubled": lambda parts: [*parts, parts[-1]],
    "one in the place of another": lambda parts: [parts[0], parts[0], *parts[2:]],
}


@pytest.mark.parametrize("name", REARRANGEMENTS)
def test_segments_in_another_order_or_number_are_refused(name: str) -> None:
    head, parts = segments(sealed(bytes(4 * SEGMENT), segment_bytes=SEGMENT), SEGMENT)
    assert len(parts) == 4
    with pytest.raises(BrokenSealError):
        opened(head + b"".join(REARRANGEMENTS[name](parts)))


@pytest.mark.parametrize("place", range(4))
def test_a_segment_of_another_file_of_the_same_tenant_and_secret_is_refused(place: int) -> None:
    other = FileKey(OTHER_KEY.file_id, KEY.tenant_id, KEY.secret)
    head, parts = segments(sealed(PLAINTEXT, segment_bytes=SEGMENT), SEGMENT)
    _, others = segments(sealed(PLAINTEXT, other, segment_bytes=SEGMENT), SEGMENT)
    parts[place] = others[place]
    with pytest.raises(BrokenSealError):
        opened(head + b"".join(parts))


@pytest.mark.parametrize("place", range(4))
def test_a_segment_of_an_older_writing_of_the_same_file_is_refused(place: int) -> None:
    _, old = segments(sealed(PLAINTEXT, segment_bytes=SEGMENT), SEGMENT)
    head, parts = segments(sealed(PLAINTEXT, segment_bytes=SEGMENT), SEGMENT)
    parts[place] = old[place]
    with pytest.raises(BrokenSealError):
        opened(head + b"".join(parts))


def test_a_header_of_another_writing_is_refused() -> None:
    head, _ = segments(sealed(PLAINTEXT, segment_bytes=SEGMENT), SEGMENT)
    _, parts = segments(sealed(PLAINTEXT, segment_bytes=SEGMENT), SEGMENT)
    with pytest.raises(BrokenSealError):
        reader(head + b"".join(parts))


def test_another_files_key_and_another_secret_are_told_apart() -> None:
    content = sealed(PLAINTEXT)
    with pytest.raises(BrokenSealError, match=f"names file {KEY.file_id}, wanted was {OTHER_KEY.file_id}"):
        reader(content, OTHER_KEY)
    with pytest.raises(BrokenSealError, match="sealed with another key"):
        reader(content, FileKey(KEY.file_id, KEY.tenant_id, OTHER_KEY.secret))
    with pytest.raises(BrokenSealError, match="names file"):
        reader(content, FileKey(KEY.file_id, "globex", KEY.secret))


def test_a_file_of_a_newer_format_says_so() -> None:
    content = bytearray(sealed(PLAINTEXT))
    content[8] = 2
    with pytest.raises(BrokenSealError, match=r"format is 2\.1.*newer release"):
        reader(bytes(content))


@pytest.mark.parametrize(
    "content", [b"", b"RIFF", b"\x89CXSEAL\n", b"\x89CXSEAL\n" + bytes(20), os.urandom(500)]
)
def test_what_is_no_sealed_file_is_refused_whatever_it_is(content: bytes) -> None:
    with pytest.raises(BrokenSealError, match="the seal of the file is broken"):
        reader(content)
    with pytest.raises(BrokenSealError):
        read_header(io.BytesIO(content))


def test_a_header_that_claims_huge_sizes_takes_no_memory() -> None:
    content = bytearray(sealed(PLAINTEXT))
    content[12:16] = b"\xff\xff\xff\xff"
    with pytest.raises(BrokenSealError, match="header was changed"):
        SealedReader(io.BytesIO(bytes(content)), KEY)
    content = bytearray(sealed(PLAINTEXT))
    content[10:12] = b"\xff\xff"
    with pytest.raises(BrokenSealError, match="header was changed"):
        SealedReader(io.BytesIO(bytes(content)), KEY)
