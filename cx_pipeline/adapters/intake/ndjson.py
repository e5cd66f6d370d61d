"""NDJSON: a JSON object a line.

A block of lines is read by Polars at once where nothing in it is unusual. Where something may be (a line that is
no object, a type that is not text or a whole number, an escape that text must not hold, a key that the first
lines did not have), the block is read line by line instead, which finds exactly the lines that are wrong. Both
ways give the same rows for the same lines. Of a key that is given twice in one object, the first counts.
"""

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

import polars as pl
from polars.exceptions import PolarsError

from cx_pipeline.adapters.intake.chunk import BadRow, ReadChunk, storable_text
from cx_pipeline.adapters.intake.columns import ROW_NUMBER, spellings_in, unknown_columns
from cx_pipeline.adapters.intake.lines import BYTE_ORDER_MARK, LineBlock

_SAMPLE_LINES = 50
_ANY_KEY = r'"\s*:'
_NULL_VALUE = r'[^\\]"\s*:\s*null'
_UNUSUAL_ESCAPE = r"\\u(?:00[0-7]|[dD][89a-fA-F])"
"""Escapes of NUL and other ASCII (which can hide a key), and of surrogates (which may come alone)."""

_JSON_KINDS = {bool: "true or false", float: "a number with a fraction", list: "a list", dict: "an object"}


def read_ndjson_block(block: LineBlock) -> ReadChunk:
    """The rows of a block of NDJSON lines: every column as text, whole numbers as their digits."""
    return _read_at_once(block) or _read_line_by_line(block)


def _read_at_once(block: LineBlock) -> ReadChunk | None:
    """The block read by Polars; None where that would hide something."""
    keys = _keys_of_first_lines(block)
    if not keys:
        return None
    try:
        text = pl.Series([block.data.decode()])
        rows = pl.read_ndjson(block.data, schema=dict.fromkeys(keys, pl.String()))
    except (UnicodeError, PolarsError):
        return None
    if rows.height != len(block) or _holds_unusual_values(text, keys) or _holds_other_keys(text, rows):
        return None
    numbers = pl.int_range(block.first_line, block.first_line + len(block), dtype=pl.Int64, eager=True)
    known = rows.select(numbers.alias(ROW_NUMBER), *spellings_in(keys))
    return ReadChunk(known, [], unknown_columns(keys), lambda number: storable_text(block.line(number)))


def _keys_of_first_lines(block: LineBlock) -> list[str]:
    keys: dict[str, None] = {}
    for _, line in islice(block, _SAMPLE_LINES):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            return []
        if not isinstance(row, dict):
            return []
        keys.update(dict.fromkeys(row))
    return [] if ROW_NUMBER in keys else list(keys)


def _holds_unusual_values(text: pl.Series, keys: list[str]) -> bool:
    """Whether a known column may have a value that is neither text, whole number nor null, or an odd escape."""
    names = "|".join(re.escape(json.dumps(key)[1:-1]) for key in spellings_in(keys))
    unusual = rf'"(?:{names})"\s*:\s*(?:true|false|-?[0-9]+[.eE]|\{{|\[)|{_UNUSUAL_ESCAPE}'
    return bool(text.str.contains(unusual).any())


def _holds_other_keys(text: pl.Series, rows: pl.DataFrame) -> bool:
    """Whether there are more keys in the text than values in the rows: others, nested ones, or one key twice.

    A text value that looks like a key counts as one: then the block is read line by line for nothing. What looks
    like a null within a text looks like a key too, so that the two sums never agree by chance.
    """
    keys = text.str.count_matches(_ANY_KEY).item()
    holds_null = text.str.contains("null", literal=True).item()
    nulls = text.str.count_matches(_NULL_VALUE).item() if holds_null else 0
    values = rows.height * rows.width - sum(rows.null_count().row(0))
    return bool(keys != values + nulls)


def _read_line_by_line(block: LineBlock) -> ReadChunk:
    rows: list[dict[str, str | None]] = []
    numbers: list[int] = []
    bad: list[BadRow] = []
    keys: dict[str, None] = {}
    blank_lines = 0
    for number, line in block:
        stripped = line.removeprefix(BYTE_ORDER_MARK).strip()
        if not stripped:
            blank_lines += 1
            continue
        row = _parse_line(stripped)
        if isinstance(row, str):
            bad.append(BadRow(number, row, storable_text(line)))
            continue
        keys.update(dict.fromkeys(row))
        rows.append(row)
        numbers.append(number)
    columns = {name: [row.get(name) for row in rows] for name in spellings_in(keys)}
    frame = pl.DataFrame(
        {ROW_NUMBER: numbers, **columns},
        schema={ROW_NUMBER: pl.Int64(), **dict.fromkeys(columns, pl.String())},
    )
    return ReadChunk(
        frame, bad, unknown_columns(keys), lambda number: storable_text(block.line(number)), blank_lines
    )


def _parse_line(line: bytes) -> dict[str, str | None] | str:
    """The columns of a line as text, or the reason why it cannot be read."""
    try:
        row = json.loads(line.decode(), object_pairs_hook=_first_of_each, parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        return "INVALID_UTF8"
    except (ValueError, RecursionError) as error:
        return f"BROKEN_LINE: not JSON ({type(error).__name__})"
    if not isinstance(row, dict):
        return "BROKEN_LINE: not a JSON object"
    return _as_text(row)


def _as_text(row: dict[str, Any]) -> dict[str, str | None] | str:
    for name in spellings_in(row):
        value = row[name]
        if value is None:
            continue
        if type(value) is int:
            row[name] = str(value)
        elif not isinstance(value, str):
            return f"WRONG_TYPE: {name} is {_JSON_KINDS.get(type(value), 'no text')}"
        elif not _is_storable(value):
            return f"INVALID_UTF8: {name} holds half a surrogate pair"
    return row


def _is_storable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _first_of_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))


def _refuse_constant(name: str) -> Iterator[None]:
    raise ValueError(f"{name} is no JSON")
