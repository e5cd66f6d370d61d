"""The names under which a file may give the columns of an event, and what each is called here.

Two dialects: the event's own columns (`EVENT_SCHEMA`), and the table in which a JTAPI listener persists its
events (guide 14.1), whose rows are of the source `jtapi_table`. Both in snake_case and in camelCase.
"""

from collections.abc import Iterable

import polars as pl

from cx_pipeline.core.events.schema import EVENT_SCHEMA

TABLE_SOURCE = "jtapi_table"
"""Source of the rows that come in the persisted table's dialect."""

ROW_NUMBER = "row_number"
"""Passenger column: the line (or row, in Parquet) of its file from which an event came."""

TIME_COLUMNS = ("event_time", "received_at")
CODE_COLUMN = "event_code"


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


_TABLE_NAMES = {"event_type": "event_name", "call_direction": "direction", "created_at": "event_time"}

CANONICAL_NAMES: dict[str, str] = {
    **{spelling: name for name in EVENT_SCHEMA for spelling in (name, _camel(name))},
    **{spelling: column for name, column in _TABLE_NAMES.items() for spelling in (name, _camel(name))},
}
"""Every spelling that is understood, and the column of `EVENT_SCHEMA` that it means. Where a row gives a column
under two spellings, the first in this order that is not empty counts."""

IGNORED_NAMES = frozenset({"id"})
"""Columns that are known and say nothing about the event: the persisted table's row id."""

_TABLE_MARKS = ("event_type", "eventType")


def unknown_columns(names: Iterable[str]) -> frozenset[str]:
    """Those of `names` that are no column of an event in either dialect: they are ignored, and reported."""
    return frozenset(name for name in names if name not in CANONICAL_NAMES and name not in IGNORED_NAMES)


def spellings_in(names: Iterable[str]) -> list[str]:
    """Those of `names` that mean a column of an event."""
    return [name for name in names if name in CANONICAL_NAMES]


def with_canonical_names(frame: pl.DataFrame, *, source: str | None = None) -> pl.DataFrame:
    """Give the columns of `frame` their names in `EVENT_SCHEMA`, and the table's rows their source.

    Empty text reads as null: CSV cannot tell the two apart, and the same event must have the same identity from
    whichever kind of file it comes. Unknown columns are left out; `row_number` is kept. `source` is that of the
    rows that name none; it goes before the one that the dialect implies.
    """
    frame = frame.with_columns(_without_empty_text(frame))
    columns: dict[str, list[str]] = {}
    for spelling, name in CANONICAL_NAMES.items():
        if spelling in frame.columns:
            columns.setdefault(name, []).append(spelling)
    named = [pl.coalesce(spellings).alias(name) for name, spellings in columns.items() if name != "source"]
    return frame.select(ROW_NUMBER, *named, *_source(frame, columns.get("source", []), source))


def _without_empty_text(frame: pl.DataFrame) -> list[pl.Expr]:
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    holding_empty = frame.select((pl.col(texts) == "").any()).row(0) if texts else ()
    return [
        pl.when(pl.col(name) != "").then(pl.col(name)).alias(name)
        for name, holds in zip(texts, holding_empty, strict=True)
        if holds
    ]


def _source(frame: pl.DataFrame, given: list[str], default: str | None) -> list[pl.Expr]:
    sources = [pl.col(name) for name in given]
    if default is not None:
        sources.append(pl.lit(default))
    marks = [pl.col(mark).is_not_null() for mark in _TABLE_MARKS if mark in frame.columns]
    if marks:
        sources.append(pl.when(pl.any_horizontal(marks)).then(pl.lit(TABLE_SOURCE)))
    return [pl.coalesce(sources).alias("source")] if sources else []
