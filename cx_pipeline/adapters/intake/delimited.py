"""CSV (RFC 4180; also with semicolons, tabs or bars): a header line, then a row a line.

A quoted field may hold line ends, but a row is at most `MAX_ROW_LINES` lines long: a quote that is never closed
costs its own line, not the rest of the file.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

import polars as pl

from cx_pipeline.adapters.intake.chunk import BadRow, ReadChunk, storable_text
from cx_pipeline.adapters.intake.columns import ROW_NUMBER, spellings_in, unknown_columns
from cx_pipeline.adapters.intake.lines import BYTE_ORDER_MARK, LineBlock
from cx_pipeline.core.errors import InputError

MAX_ROW_LINES = 64
_DELIMITERS = ",;\t|"
_NOT_CLOSED = "BROKEN_LINE: a quote that is not closed, or text after one that is"


class CsvReader:
    """Reads the blocks of one CSV file, in their order; the first block begins with the header.

    Raises:
        InputError: the first line is no header with columns of events.
    """

    def __init__(self) -> None:
        self._header: list[str] = []
        self._delimiter = ","
        self._unfinished: list[tuple[int, bytes]] = []

    def read(self, block: LineBlock) -> ReadChunk:
        """The rows of a block. The lines of a row that goes on in the next block are kept for that."""
        if not self._header:
            block = self._after_header(block)
        chunk = None if self._unfinished else self._read_at_once(block)
        return chunk or self._read_row_by_row([*self._unfinished, *block], is_last=False)

    def finish(self) -> ReadChunk:
        """The rows among the lines that no block ended."""
        return self._read_row_by_row(self._unfinished, is_last=True)

    def _after_header(self, block: LineBlock) -> LineBlock:
        """Take the header from the first line that is not blank; what follows it."""
        for taken, (number, line) in enumerate(block, start=1):
            if line.strip():
                self._header, self._delimiter = _header_of(number, line.removeprefix(BYTE_ORDER_MARK))
                return block.part(taken, len(block))
        return block.part(len(block), len(block))

    def _read_at_once(self, block: LineBlock) -> ReadChunk | None:
        """Every line as one row; None where a line is not just that."""
        try:
            lines = block.data.decode().replace("\r\n", "\n").split("\n")[: len(block)]
            rows = list(csv.reader(lines, delimiter=self._delimiter, strict=True))
        except (UnicodeDecodeError, csv.Error):
            return None
        if len(rows) != len(block) or any(len(row) != len(self._header) for row in rows):
            return None
        numbers = range(block.first_line, block.first_line + len(block))
        return self._chunk(numbers, rows, [], lambda number: storable_text(block.line(number)))

    def _read_row_by_row(self, lines: list[tuple[int, bytes]], *, is_last: bool) -> ReadChunk:
        rows: list[list[str]] = []
        bad: list[BadRow] = []
        texts: dict[int, bytes] = {}
        blank_lines = index = 0
        while index < len(lines):
            number, line = lines[index]
            if not line.strip():
                blank_lines += 1
                index += 1
                continue
            offered = [text for _, text in lines[index : index + MAX_ROW_LINES]]
            row, taken = self._parse_row(offered)
            if row == _NOT_CLOSED and taken == len(offered) < MAX_ROW_LINES and not is_last:
                break
            if isinstance(row, str):
                bad.append(BadRow(number, row, storable_text(line)))
                index += 1
                continue
            rows.append(row)
            texts[number] = b"\n".join(offered[:taken])
            index += taken
        self._unfinished = lines[index:]
        return self._chunk(texts, rows, bad, lambda number: storable_text(texts[number]), blank_lines)

    def _parse_row(self, lines: list[bytes]) -> tuple[list[str] | str, int]:
        """The row that begins with the first line, or why there is none; and how many lines were looked at."""
        reader = csv.reader(_decoded(lines), delimiter=self._delimiter, strict=True)
        try:
            row = next(reader)
        except csv.Error:
            return _NOT_CLOSED, reader.line_num
        except UnicodeDecodeError:
            return ("INVALID_UTF8" if reader.line_num == 0 else _NOT_CLOSED), 0
        if len(row) != len(self._header):
            return f"BROKEN_LINE: {len(row)} fields where the header has {len(self._header)}", reader.line_num
        return row, reader.line_num

    def _chunk(
        self,
        numbers: Iterable[int],
        rows: Sequence[list[str]],
        bad: list[BadRow],
        row_text: Callable[[int], str],
        blank_lines: int = 0,
    ) -> ReadChunk:
        columns = list(zip(*rows, strict=True)) or [()] * len(self._header)
        known = {name: columns[self._header.index(name)] for name in spellings_in(self._header)}
        schema = {ROW_NUMBER: pl.Int64(), **dict.fromkeys(known, pl.String())}
        frame = pl.DataFrame({ROW_NUMBER: list(numbers), **known}, schema=schema)
        return ReadChunk(frame, bad, unknown_columns(self._header), row_text, blank_lines)


def _header_of(number: int, line: bytes) -> tuple[list[str], str]:
    """The names of the header, and the delimiter under which most of them are known."""
    readings = []
    for delimiter in _DELIMITERS:
        with suppress(UnicodeDecodeError, csv.Error):
            readings.append((next(csv.reader([line.decode()], delimiter=delimiter, strict=True)), delimiter))
    if not readings:
        raise InputError(f"line {number} is no CSV header")
    header, delimiter = max(readings, key=lambda reading: len(spellings_in(map(str.strip, reading[0]))))
    names = [name.strip() for name in header]
    known = spellings_in(names)
    if not known:
        raise InputError(f"line {number} is no CSV header: it names no column of a call event")
    twice = [name for name, count in Counter(known).items() if count > 1]
    if twice:
        raise InputError(f"line {number}: the header names {', '.join(twice)} twice")
    return names, delimiter


def _decoded(lines: list[bytes]) -> Iterator[str]:
    for line in lines:
        yield line.decode() + "\n"
