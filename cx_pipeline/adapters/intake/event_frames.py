"""Event files as one frame, for those who work on events without the event store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from cx_pipeline.adapters.intake.chunk import QUARANTINED_ROW_SCHEMA
from cx_pipeline.adapters.intake.columns import CANONICAL_NAMES, ROW_NUMBER, TIME_COLUMNS
from cx_pipeline.adapters.intake.files import FileFormat, InputFile, inspect_file, read_file
from cx_pipeline.adapters.intake.validation import rejected_rows, to_events
from cx_pipeline.core.errors import InputError
from cx_pipeline.core.events.call_keys import call_key
from cx_pipeline.core.events.intake import rejection
from cx_pipeline.core.events.schema import EVENT_SCHEMA

FILE_QUARANTINE_SCHEMA = pl.Schema({"file": pl.String(), **QUARANTINED_ROW_SCHEMA})
"""A row of a file that is no event: where it stands, why, and as it came."""

_TEXT_TYPES = (pl.String, pl.Categorical, pl.Enum, pl.Null)


@dataclass(frozen=True, slots=True)
class EventFrame:
    """Events of files (columns of `EVENT_SCHEMA`, any may be missing, and `event_id` where a file has it).

    `quarantine` (`FILE_QUARANTINE_SCHEMA`) holds the rows that are no events.
    """

    events: pl.LazyFrame
    quarantine: pl.DataFrame


def read_event_files(paths: Sequence[Path]) -> EventFrame:
    """The events of NDJSON, CSV and Parquet files, packed with gzip or not, in both dialects.

    Parquet in the event's own columns and types is only opened here: whoever collects the frame reads it, without
    a look at each row. All other files are read now, row by row, as `cx-pipeline ingest` does.

    Raises:
        InputError: a file cannot be read; the message names it. Nothing of the others is given then.
    """
    frames: list[pl.LazyFrame] = []
    quarantines = [FILE_QUARANTINE_SCHEMA.to_frame()]
    for path in paths:
        try:
            file = inspect_file(path)
            opened = _own_columns(file)
            if opened is None:
                opened, quarantine = _read_rows(file)
                quarantines.append(quarantine)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
        frames.append(opened)
    events = pl.concat(frames, how="diagonal") if frames else pl.LazyFrame(schema=EVENT_SCHEMA)
    return EventFrame(events, pl.concat(quarantines))


def _own_columns(file: InputFile) -> pl.LazyFrame | None:
    """A Parquet file in the event's own columns as it is; null for any other, whose rows need a look."""
    if file.format is not FileFormat.PARQUET:
        return None
    try:
        scanned = pl.scan_parquet(file.path, glob=False)
        schema = scanned.collect_schema()
    except (PolarsError, OSError) as error:
        raise InputError(f"the Parquet file cannot be read: {str(error).strip().splitlines()[0]}") from error
    if not _is_in_own_columns(schema):
        return None
    wanted = {name: dtype for name, dtype in EVENT_SCHEMA.items() if name in schema}
    if schema.get("event_id") == pl.String:
        wanted["event_id"] = pl.String()
    return scanned.select(
        pl.col(name) if schema[name] == dtype else pl.col(name).cast(dtype) for name, dtype in wanted.items()
    )


def _is_in_own_columns(schema: pl.Schema) -> bool:
    if any(CANONICAL_NAMES.get(name, name) != name for name in schema):
        return False  # another dialect
    known = [name for name in schema if name in EVENT_SCHEMA]
    return bool(known) and all(_fits(name, schema[name]) for name in known)


def _fits(name: str, given: pl.DataType) -> bool:
    if name in TIME_COLUMNS:
        return given == pl.Null or (isinstance(given, pl.Datetime) and given.time_zone is not None)
    if EVENT_SCHEMA[name] == pl.Int32:
        return given in (pl.Int8, pl.Int16, pl.Int32, pl.UInt8, pl.UInt16, pl.Null)
    return given in _TEXT_TYPES or given.is_integer()


def _read_rows(file: InputFile) -> tuple[pl.LazyFrame, pl.DataFrame]:
    parts, quarantines = [EVENT_SCHEMA.to_frame()], [QUARANTINED_ROW_SCHEMA.to_frame()]
    for chunk in read_file(file):
        checked = to_events(chunk)
        reason = rejection(call_key(pl.col("global_call_id")))
        judged = checked.events.with_columns(reason=reason)
        rejected = judged.filter(pl.col("reason").is_not_null())
        parts.append(judged.filter(pl.col("reason").is_null()).drop("reason", ROW_NUMBER))
        quarantines += [checked.quarantined, rejected_rows(rejected, chunk)]
    return pl.concat(parts).lazy(), _of_file(quarantines, file.path)


def _of_file(quarantines: Iterable[pl.DataFrame], path: Path) -> pl.DataFrame:
    rows = pl.concat(quarantines).sort("line_number", maintain_order=True)
    name = str(path).encode(errors="backslashreplace").decode()
    return rows.select(pl.lit(name).alias("file"), *QUARANTINED_ROW_SCHEMA)
