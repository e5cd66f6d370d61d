"""Parquet: typed columns, in batches of rows; a row's number is its place in the file, from 1."""

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
from polars.exceptions import PanicException, PolarsError

from cx_pipeline.adapters.intake.chunk import ReadChunk, storable_text
from cx_pipeline.adapters.intake.columns import CANONICAL_NAMES, ROW_NUMBER, spellings_in, unknown_columns
from cx_pipeline.core.errors import InputError

MAX_ROWS = 50_000

# Polars takes some damage for a fault of its own.
_DAMAGED = (PolarsError, PanicException, OSError)


def read_parquet(path: Path, *, max_rows: int = MAX_ROWS) -> Iterator[ReadChunk]:
    """The rows of a Parquet file.

    Raises:
        InputError: the file is no Parquet or is damaged, or has no column of an event. Chunks that came before
            are whole.
    """
    try:
        frames = pl.scan_parquet(path, glob=False)
        schema = frames.collect_schema()
        _check(schema)
        known = spellings_in(schema.names())
        unknown = unknown_columns(schema.names())
        first_row = 1
        for frame in frames.select(known).collect_batches(chunk_size=max_rows, maintain_order=True):
            for rows in frame.iter_slices(max_rows):
                yield _chunk(rows, first_row, unknown)
                first_row += rows.height
    except _DAMAGED as error:
        raise InputError(f"the Parquet file cannot be read: {_first_line(error)}") from error


def count_parquet_rows(path: Path) -> int:
    """How many rows the file says that it has.

    Raises:
        InputError: the file is no Parquet or is damaged.
    """
    try:
        return int(pl.scan_parquet(path, glob=False).select(pl.len()).collect().item())
    except _DAMAGED as error:
        raise InputError(f"the Parquet file cannot be read: {_first_line(error)}") from error


def _check(schema: pl.Schema) -> None:
    types: dict[str, pl.DataType] = {}
    for spelling in spellings_in(schema.names()):
        name = CANONICAL_NAMES[spelling]
        if types.setdefault(name, schema[spelling]) != schema[spelling]:
            raise InputError(f"the Parquet file has the column {name} twice, with different types")
    if not types:
        raise InputError("the Parquet file has no column of a call event")


def _chunk(rows: pl.DataFrame, first_row: int, unknown: frozenset[str]) -> ReadChunk:
    numbers = pl.int_range(first_row, first_row + rows.height, dtype=pl.Int64, eager=True)

    def row_text(number: int) -> str:
        row = rows.row(number - first_row, named=True)
        return storable_text(json.dumps(row, default=str, ensure_ascii=False).encode(errors="surrogatepass"))

    return ReadChunk(rows.select(numbers.alias(ROW_NUMBER), pl.all()), [], unknown, row_text)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
