"""Input files: found, told apart by what they hold, and read as chunks of rows."""

import gzip
import hashlib
import stat
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import polars as pl

from cx_pipeline.adapters.intake.chunk import BadRow, ReadChunk, storable_text
from cx_pipeline.adapters.intake.columns import ROW_NUMBER
from cx_pipeline.adapters.intake.delimited import CsvReader
from cx_pipeline.adapters.intake.lines import (
    BYTE_ORDER_MARK,
    ByteStream,
    LineBlock,
    OversizedLine,
    read_blocks,
)
from cx_pipeline.adapters.intake.ndjson import read_ndjson_block
from cx_pipeline.adapters.intake.parquet import count_parquet_rows, read_parquet
from cx_pipeline.core.errors import InputError

_HEAD_BYTES = 64 * 1024
_GZIP_MAGIC = b"\x1f\x8b"
_PARQUET_MAGIC = b"PAR1"
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_MOST_BINARY_BYTES = 0.1
"""A text file may have a damaged line; where a tenth of its beginning is no text, it is no text file."""


class FileFormat(StrEnum):
    """What a file holds."""

    NDJSON = "NDJSON"
    CSV = "CSV"
    PARQUET = "Parquet"
    NOTHING = "nothing"


_FORMAT_BY_SUFFIX = {
    ".ndjson": FileFormat.NDJSON,
    ".jsonl": FileFormat.NDJSON,
    ".json": FileFormat.NDJSON,
    ".csv": FileFormat.CSV,
    ".tsv": FileFormat.CSV,
}


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that can be read. `sha256` is that of its bytes as they are, packed or not; `size` counts those."""

    path: Path
    size: int
    modified_ns: int
    sha256: str
    is_gzip: bool
    format: FileFormat


Progress = Callable[[int], None]
"""Is told how many bytes of the file have been read so far."""


def inspect_file(path: Path) -> InputFile:
    """Look at a file: that it is there and may be read, its hash, and what it holds.

    Raises:
        InputError: it cannot be read, or it holds no events in a format that we know.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise InputError("is a folder: name the files in it")
        if not stat.S_ISREG(status.st_mode):
            raise InputError("is no regular file: save what it gives into one first")
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            size = stream.tell()
            stream.seek(0)
            is_gzip = stream.read(2) == _GZIP_MAGIC
        kind = _format_of(path, size, is_gzip=is_gzip)
        return InputFile(path, size, status.st_mtime_ns, sha256, is_gzip, kind)
    except OSError as error:
        raise _unreadable(error) from error


def read_file(file: InputFile, progress: Progress = lambda _: None) -> Iterator[ReadChunk]:
    """The rows of a file, in chunks of up to 50,000, at constant memory.

    Raises:
        InputError: the file ends before its time, is damaged, or changed meanwhile. The chunks that came before
            are whole.
    """
    try:
        if file.format is FileFormat.PARQUET:
            yield from _read_parquet(file, progress)
        elif file.format is not FileFormat.NOTHING:
            yield from _read_text_file(file, progress)
        status = file.path.stat()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(_damaged_gzip(error)) from error
    except OSError as error:
        raise _unreadable(error) from error
    if (status.st_size, status.st_mtime_ns) != (file.size, file.modified_ns):
        raise InputError("changed while it was read: run it again when it is complete")
    progress(file.size)


def _read_parquet(file: InputFile, progress: Progress) -> Iterator[ReadChunk]:
    rows_in_all = max(count_parquet_rows(file.path), 1)
    rows = 0
    for chunk in read_parquet(file.path):
        rows += chunk.row_count
        progress(file.size * rows // rows_in_all)
        yield chunk


def _read_text_file(file: InputFile, progress: Progress) -> Iterator[ReadChunk]:
    with file.path.open("rb") as raw:
        for chunk in _read_text(gzip.GzipFile(fileobj=raw) if file.is_gzip else raw, file.format):
            progress(raw.tell())
            yield chunk


def _read_text(stream: ByteStream, kind: FileFormat) -> Iterator[ReadChunk]:
    csv_reader = CsvReader()
    read_block: Callable[[LineBlock], ReadChunk]
    read_block = csv_reader.read if kind is FileFormat.CSV else read_ndjson_block
    for piece in read_blocks(stream):
        yield oversized_row(piece) if isinstance(piece, OversizedLine) else read_block(piece)
    last_rows = csv_reader.finish()
    if last_rows.row_count:
        yield last_rows


def oversized_row(line: OversizedLine) -> ReadChunk:
    """A line that is too long, as a row that cannot be read."""
    no_rows = pl.DataFrame(schema={ROW_NUMBER: pl.Int64()})
    row = BadRow(line.line_number, f"LINE_TOO_LONG: {line.length} bytes", storable_text(line.head))
    return ReadChunk(no_rows, [row], frozenset(), lambda _: row.row_text)


def _format_of(path: Path, size: int, *, is_gzip: bool) -> FileFormat:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if size == 0:
        if {".gz", ".parquet"} & set(suffixes):
            raise InputError("is empty, which no file of its kind is: get it again whole")
        return FileFormat.NOTHING
    head = _head_of(path, is_gzip=is_gzip)
    if head.startswith(_PARQUET_MAGIC):
        if is_gzip:
            raise InputError("is a packed Parquet file: unpack it first")
        return FileFormat.PARQUET
    if not head.removeprefix(BYTE_ORDER_MARK).strip():
        return FileFormat.NOTHING
    _refuse_what_is_no_text(head)
    by_name = next(
        (_FORMAT_BY_SUFFIX[suffix] for suffix in reversed(suffixes) if suffix in _FORMAT_BY_SUFFIX), None
    )
    first_line = head.removeprefix(BYTE_ORDER_MARK).lstrip().split(b"\n", 1)[0].strip()
    by_content = FileFormat.NDJSON if first_line.startswith(b"{") else FileFormat.CSV
    if by_name is not FileFormat.CSV and (first_line == b"[" or first_line.startswith((b"[{", b"[ {"))):
        raise InputError("is a JSON list: write one object a line (jq -c '.[]')")
    return by_name or by_content


def _head_of(path: Path, *, is_gzip: bool) -> bytes:
    try:
        with path.open("rb") as raw:
            return gzip.GzipFile(fileobj=raw).read(_HEAD_BYTES) if is_gzip else raw.read(_HEAD_BYTES)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(_damaged_gzip(error)) from error


def _refuse_what_is_no_text(head: bytes) -> None:
    if head.startswith(_UTF_16_MARKS):
        raise InputError("is UTF-16 text: save it as UTF-8")
    text = head.decode("utf-8", errors="replace")
    odd = sum(
        character == "\ufffd" or (character < " " and character not in "\t\n\r\f") for character in text
    )
    if odd > _MOST_BINARY_BYTES * len(text):
        raise InputError("is a binary file: NDJSON, CSV and Parquet are read, packed with gzip or not")


def _damaged_gzip(error: Exception) -> str:
    return f"the gzip file is cut off or damaged ({error}): get it again whole"


def _unreadable(error: OSError) -> InputError:
    return InputError(f"cannot be read: {error.strerror or type(error).__name__}")
