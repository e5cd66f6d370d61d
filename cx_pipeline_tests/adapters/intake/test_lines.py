from io import BytesIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cx_pipeline.adapters.intake.lines import LineBlock, OversizedLine, read_blocks


def lines_of(data: bytes) -> list[bytes]:
    """The lines of `data` by Python's own means: what any cutting into blocks must give."""
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    return [line.removesuffix(b"\r") for line in (lines[:-1] if lines[-1] == b"" else lines)]


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(
    data=st.text("ab\n\r é").map(str.encode),
    block_bytes=st.integers(4, 12),
    max_lines=st.integers(1, 4),
)
def test_blocks_of_any_size_give_every_line_once_with_its_number(
    data: bytes, block_bytes: int, max_lines: int
) -> None:
    pieces = list(
        read_blocks(BytesIO(data), block_bytes=block_bytes, max_lines=max_lines, max_line_bytes=10_000)
    )

    assert all(isinstance(piece, LineBlock) and len(piece) <= max_lines for piece in pieces)
    numbered = [each for piece in pieces if isinstance(piece, LineBlock) for each in piece]
    assert numbered == list(enumerate(lines_of(data), start=1))


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(
    lengths=st.lists(st.integers(0, 30), max_size=12),
    block_bytes=st.integers(4, 40),
    ends_with_newline=st.booleans(),
)
def test_a_line_that_is_too_long_is_told_with_its_length_and_the_others_are_read(
    lengths: list[int], block_bytes: int, ends_with_newline: bool
) -> None:
    lines = [bytes([97 + number % 26]) * length for number, length in enumerate(lengths)]
    data = b"\n".join(lines) + (b"\n" if ends_with_newline else b"")

    pieces = list(read_blocks(BytesIO(data), block_bytes=block_bytes, max_line_bytes=10))

    expected = dict(enumerate(lines_of(data), start=1))
    found: dict[int, bytes] = {}
    for piece in pieces:
        if isinstance(piece, OversizedLine):
            assert piece.length == len(expected[piece.line_number]) > 10
            assert expected[piece.line_number].startswith(piece.head)
            found[piece.line_number] = expected[piece.line_number]
        else:
            found.update(piece)
    assert found == expected


def test_a_line_of_many_megabytes_is_never_held_whole() -> None:
    class EndlessLine:
        """Gives 64 MB without a line end, then one more line."""

        def __init__(self) -> None:
            self.given = 0

        def read(self, size: int, /) -> bytes:
            if self.given > 64_000_000:
                return b""
            self.given += size
            return b"x" * size if self.given <= 64_000_000 else b"\nlast"

    pieces = list(read_blocks(EndlessLine(), block_bytes=1_000_000, max_line_bytes=2_000_000))

    assert isinstance(pieces[0], OversizedLine)
    assert len(pieces[0].head) == 65536
    assert pieces[0].length == 64_000_000
    assert isinstance(pieces[1], LineBlock)
    assert list(pieces[1]) == [(2, b"last")]


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf"])
def test_a_file_without_text_has_no_lines(data: bytes) -> None:
    assert list(read_blocks(BytesIO(data))) == []


def test_a_part_of_a_block_keeps_the_numbers_of_the_file() -> None:
    part = LineBlock.of(b"a\nb\r\n\nd", first_line=7).part(1, 4)

    assert list(part) == [(8, b"b"), (9, b""), (10, b"d")]
    assert part.line(8) == b"b"
