"""Text files as blocks of whole lines, at constant memory whatever the file."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from cx_pipeline.adapters.intake.chunk import KEPT_TEXT_BYTES

BLOCK_BYTES = 16 * 1024 * 1024
MAX_LINES = 50_000
MAX_LINE_BYTES = 1024 * 1024
"""A longer line is no event: it is counted and its beginning quarantined, but it is never held whole."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NEWLINE = ord("\n")


class ByteStream(Protocol):
    """What a file, plain or unpacked on the fly, must do."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; none at the end."""


@dataclass(frozen=True, slots=True)
class LineBlock:
    """Whole lines that follow each other; `starts` and `ends` (newline excluded) are offsets into `data`."""

    first_line: int
    data: bytes
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]

    @classmethod
    def of(cls, data: bytes, first_line: int = 1) -> "LineBlock":
        """The lines of `data`, the last of which need not end with a newline."""
        ends = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == _NEWLINE).astype(np.int64)
        if data and not data.endswith(b"\n"):
            ends = np.append(ends, len(data))
        starts = np.empty_like(ends)
        starts[:1] = 0
        starts[1:] = ends[:-1] + 1
        return cls(first_line, data, starts, ends)

    def __len__(self) -> int:
        return len(self.starts)

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """Number and bytes of each line, without its newline."""
        for index in range(len(self)):
            yield self.first_line + index, self._line(index)

    def line(self, number: int) -> bytes:
        """The line of that number in the file, without its newline."""
        return self._line(number - self.first_line)

    def _line(self, index: int) -> bytes:
        return self.data[self.starts[index] : self.ends[index]].removesuffix(b"\r")

    def part(self, start: int, stop: int) -> "LineBlock":
        """The lines from index `start` to before `stop`."""
        origin = int(self.starts[start]) if start < len(self) else len(self.data)
        end = int(self.starts[stop]) if stop < len(self) else len(self.data)
        return LineBlock(
            self.first_line + start,
            self.data[origin:end],
            self.starts[start:stop] - origin,
            self.ends[start:stop] - origin,
        )


@dataclass(frozen=True, slots=True)
class OversizedLine:
    """A line too long to be an event: its beginning, and its length in bytes."""

    line_number: int
    head: bytes
    length: int


def read_blocks(
    stream: ByteStream,
    *,
    block_bytes: int = BLOCK_BYTES,
    max_lines: int = MAX_LINES,
    max_line_bytes: int = MAX_LINE_BYTES,
) -> Iterator[LineBlock | OversizedLine]:
    """Cut `stream` into blocks of at most `max_lines` whole lines, and lines that are too long."""
    data = stream.read(block_bytes).removeprefix(BYTE_ORDER_MARK)
    line_number = 1
    while data:
        cut = data.rfind(b"\n") + 1
        if cut:
            block = LineBlock.of(data[:cut], line_number)
            line_number += len(block)
            yield from _pieces(block, max_lines, max_line_bytes)
        rest = data[cut:]
        if len(rest) > max_line_bytes:
            oversized, rest = _skip_line(stream, rest, line_number, block_bytes)
            line_number += 1
            yield oversized
        more = stream.read(block_bytes)
        if not more and rest:
            yield from _pieces(LineBlock.of(rest, line_number), max_lines, max_line_bytes)
            return
        data = rest + more


def _pieces(block: LineBlock, max_lines: int, max_line_bytes: int) -> Iterator[LineBlock | OversizedLine]:
    too_long = np.flatnonzero(block.ends - block.starts > max_line_bytes).tolist()
    start = 0
    for index in [*too_long, len(block)]:
        for first in range(start, index, max_lines):
            yield block.part(first, min(first + max_lines, index))
        if index < len(block):
            line = block.line(block.first_line + index)
            yield OversizedLine(block.first_line + index, line[: KEPT_TEXT_BYTES + 1], len(line))
        start = index + 1


def _skip_line(
    stream: ByteStream, begun: bytes, line_number: int, block_bytes: int
) -> tuple[OversizedLine, bytes]:
    """Read on to the end of the line that `begun` begins, keeping its head only; also what follows it."""
    length = len(begun)
    while more := stream.read(block_bytes):
        end = more.find(b"\n")
        if end >= 0:
            return OversizedLine(line_number, begun[:KEPT_TEXT_BYTES], length + end), more[end + 1 :]
        length += len(more)
    return OversizedLine(line_number, begun[:KEPT_TEXT_BYTES], length), b""
