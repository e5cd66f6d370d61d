"""A piece of an input file, on its way from bytes to events."""

from collections.abc import Callable
from dataclasses import dataclass, field

import polars as pl

from cx_pipeline.adapters.intake.columns import ROW_NUMBER
from cx_pipeline.core.events.schema import EVENT_SCHEMA

KEPT_TEXT_BYTES = 64 * 1024
"""So much of a row is kept in quarantine. File, hash and line number tell where the whole of it is."""

QUARANTINED_ROW_SCHEMA = pl.Schema(
    {"line_number": pl.Int64(), "reason": pl.String(), "row_text": pl.String()}
)
"""A row that cannot be used: where it stands in its file, why, and as it came."""

NUMBERED_EVENT_SCHEMA = pl.Schema({ROW_NUMBER: pl.Int64(), **EVENT_SCHEMA})
"""An event and the line of the file that gave it."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be read: `reason` is a code, and after a colon the detail."""

    line_number: int
    reason: str
    row_text: str


@dataclass(frozen=True, slots=True)
class ReadChunk:
    """A piece of a file as the reader of its format gives it.

    `rows`: `row_number` and the columns of the file under the names that it gives them, as text, or of whatever
    type a typed format has. `bad_rows`: those that the format itself does not let us read. `row_text`: the row
    that has a number, as it came. `blank_lines` are neither.
    """

    rows: pl.DataFrame
    bad_rows: list[BadRow]
    unknown_columns: frozenset[str]
    row_text: Callable[[int], str]
    blank_lines: int = 0

    @property
    def row_count(self) -> int:
        """How many rows of the file the chunk accounts for."""
        return self.rows.height + len(self.bad_rows)


@dataclass(frozen=True, slots=True)
class EventChunk:
    """A piece of a file as events (`NUMBERED_EVENT_SCHEMA`) and rows for quarantine (`QUARANTINED_ROW_SCHEMA`)."""

    events: pl.DataFrame
    quarantined: pl.DataFrame
    unknown_columns: frozenset[str] = field(default_factory=frozenset)
    blank_lines: int = 0

    @property
    def row_count(self) -> int:
        """How many rows of the file the chunk accounts for: each is an event or quarantined."""
        return self.events.height + self.quarantined.height


def storable_text(raw: bytes) -> str:
    """`raw` as text that PostgreSQL can hold: NUL, and bytes that are no UTF-8, as hexadecimal; cut after 64 KiB."""
    text = raw[:KEPT_TEXT_BYTES].decode("utf-8", errors="backslashreplace").replace("\0", "\\x00")
    return text if len(raw) <= KEPT_TEXT_BYTES else f"{text}… ({len(raw)} bytes)"


def quarantined_rows(bad_rows: list[BadRow]) -> pl.DataFrame:
    """`bad_rows` as a frame of `QUARANTINED_ROW_SCHEMA`."""
    columns = {
        "line_number": [row.line_number for row in bad_rows],
        "reason": [row.reason for row in bad_rows],
        "row_text": [row.row_text for row in bad_rows],
    }
    return pl.DataFrame(columns, schema=QUARANTINED_ROW_SCHEMA)
