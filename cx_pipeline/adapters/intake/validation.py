"""The rows of a file as events: columns by name, values by type, and the rows that fit neither, each with its reason.

A row has one reason, that of its first fault, so that events and quarantined rows add up to the rows read.
"""

from datetime import UTC, datetime

import polars as pl

from cx_pipeline.adapters.intake.chunk import (
    NUMBERED_EVENT_SCHEMA,
    QUARANTINED_ROW_SCHEMA,
    BadRow,
    EventChunk,
    ReadChunk,
    quarantined_rows,
)
from cx_pipeline.adapters.intake.columns import (
    CODE_COLUMN,
    ROW_NUMBER,
    TIME_COLUMNS,
    with_canonical_names,
)
from cx_pipeline.adapters.intake.rfc3339 import parse_times, time_fault
from cx_pipeline.core.events.schema import UTC_MICROSECONDS

EARLIEST_TIME = datetime(2000, 1, 1, tzinfo=UTC)
END_OF_TIME = datetime(2100, 1, 1, tzinfo=UTC)
"""A time before the one or from the other on is no time of a call. The event store makes a partition for each day
that it is given: a clock that stands at the year 1 must not make it many."""

MAX_TEXT_BYTES = 512
"""A longer id, name or number is none; PostgreSQL's indexes take 2,700 bytes over all their columns."""

_CODE = pl.Int32()
_WHOLE_NUMBER = r"^[+-]?\d+$"


def to_events(chunk: ReadChunk, *, source: str | None = None, tenant_id: str | None = None) -> EventChunk:
    """The events of a chunk, and its rows for quarantine.

    Args:
        chunk: rows under the file's own column names.
        source: of the rows that name none.
        tenant_id: of the rows that name none.
    """
    named = with_canonical_names(chunk.rows, source=source)
    columns, faults = [named[ROW_NUMBER]], []
    for name in named.columns:
        if name != ROW_NUMBER:
            values, fault = _convert(named[name])
            columns.append(values)
            faults += [fault] if fault is not None else []
    events = _with_every_column(pl.DataFrame(columns), tenant_id)
    bad_rows = list(chunk.bad_rows)
    if faults:
        reason = pl.DataFrame(faults).select(pl.coalesce(pl.all())).to_series()
        wrong = pl.DataFrame({ROW_NUMBER: named[ROW_NUMBER], "reason": reason}).drop_nulls("reason")
        bad_rows += [BadRow(number, why, chunk.row_text(number)) for number, why in wrong.iter_rows()]
        events = events.filter(reason.is_null())
    return EventChunk(events, quarantined_rows(bad_rows), chunk.unknown_columns, chunk.blank_lines)


def rejected_rows(rejected: pl.DataFrame, chunk: ReadChunk) -> pl.DataFrame:
    """What `core.events.intake.prepare` rejected (`row_number`, `reason`), as `QUARANTINED_ROW_SCHEMA`."""
    texts = [chunk.row_text(number) for number in rejected[ROW_NUMBER]]
    return pl.DataFrame(
        {"line_number": rejected[ROW_NUMBER], "reason": rejected["reason"], "row_text": texts},
        schema=QUARANTINED_ROW_SCHEMA,
    )


def _with_every_column(events: pl.DataFrame, tenant_id: str | None) -> pl.DataFrame:
    missing = [
        pl.lit(None, dtype).alias(name)
        for name, dtype in NUMBERED_EVENT_SCHEMA.items()
        if name not in events.columns
    ]
    events = events.with_columns(missing).select(NUMBERED_EVENT_SCHEMA.names())
    return events.with_columns(pl.col("tenant_id").fill_null(tenant_id)) if tenant_id else events


def _convert(given: pl.Series) -> tuple[pl.Series, pl.Series | None]:
    """The column with its values in the event's type, and the reason by row where a value does not fit."""
    if given.name in TIME_COLUMNS:
        return _convert_times(given)
    if given.name == CODE_COLUMN:
        return _convert_codes(given)
    return _convert_text(given)


def _convert_times(given: pl.Series) -> tuple[pl.Series, pl.Series | None]:
    name = given.name
    if given.dtype == pl.String:
        values = parse_times(given)
        no_time = time_fault(name)
    elif isinstance(given.dtype, pl.Datetime) and given.dtype.time_zone is not None:
        values = given.dt.convert_time_zone("UTC").dt.cast_time_unit("us")
        no_time = pl.lit(f"WRONG_TIME: {name}")
    else:
        is_naive = given.dtype in (pl.Datetime, pl.Date)
        values = pl.Series(name, [None], dtype=UTC_MICROSECONDS).new_from_index(0, len(given))
        no_time = pl.lit(f"TIME_WITHOUT_ZONE: {name}" if is_naive else f"WRONG_TYPE: {name} is {given.dtype}")
    is_sane = values.is_between(EARLIEST_TIME, END_OF_TIME, closed="left")
    if given.is_null().sum() == values.is_null().sum() and is_sane.all():
        return values, None
    reason = (
        pl.when(pl.col("value").is_null() & pl.col(name).is_not_null())
        .then(no_time)
        .when(~pl.col("is_sane"))
        .then(pl.lit(f"TIME_OUT_OF_RANGE: {name} is not in 2000 to 2099"))
    )
    judged = pl.DataFrame({name: given, "value": values, "is_sane": is_sane}).select(reason.alias(name))
    return values, judged[name]


def _convert_codes(given: pl.Series) -> tuple[pl.Series, pl.Series | None]:
    name = given.name
    if given.dtype == pl.String:
        text = given.str.strip_chars()
        is_number = text.str.contains(_WHOLE_NUMBER)
        values = text.cast(_CODE, strict=False)
    elif given.dtype.is_integer() or given.dtype == pl.Null:
        is_number = given.is_not_null()
        values = given.cast(_CODE, strict=False)
    else:
        is_number = pl.Series([False]).new_from_index(0, len(given))
        values = pl.Series(name, [None], dtype=_CODE).new_from_index(0, len(given))
    values = values.set(~is_number.fill_null(value=False), None)
    if given.null_count() == values.null_count():
        return values, None
    reason = pl.when(pl.col(name).is_not_null() & pl.col("value").is_null()).then(
        pl.when(pl.col("is_number"))
        .then(pl.lit(f"NUMBER_OUT_OF_RANGE: {name}"))
        .otherwise(pl.lit(f"WRONG_TYPE: {name} is no whole number"))
    )
    judged = pl.DataFrame({name: given, "value": values, "is_number": is_number}).select(reason.alias(name))
    return values, judged[name]


def _convert_text(given: pl.Series) -> tuple[pl.Series, pl.Series | None]:
    name, dtype = given.name, given.dtype
    if not (dtype.is_integer() or dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null)):
        return (
            pl.Series(name, [None], dtype=pl.String).new_from_index(0, len(given)),
            _where(given.is_not_null(), f"WRONG_TYPE: {name} is {dtype}", name),
        )
    values = given.cast(pl.String)
    too_long = values.str.len_bytes() > MAX_TEXT_BYTES
    holds_nul = values.str.contains("\0", literal=True)
    if not (too_long.any() or holds_nul.any()):
        return values, None
    reason = (
        pl.when(pl.col("holds_nul"))
        .then(pl.lit(f"NUL_CHARACTER: {name}"))
        .when(pl.col("too_long"))
        .then(pl.lit(f"TEXT_TOO_LONG: {name} has more than {MAX_TEXT_BYTES} bytes"))
    )
    judged = pl.DataFrame({"too_long": too_long, "holds_nul": holds_nul}).select(reason.alias(name))
    return values, judged[name]


def _where(condition: pl.Series, reason: str, name: str) -> pl.Series:
    return pl.DataFrame({"is_wrong": condition}).select(pl.when("is_wrong").then(pl.lit(reason)).alias(name))[
        name
    ]
