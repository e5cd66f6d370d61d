"""Rows as a driver gives them, and the expressions that make columns of ours of them, a whole column at a time."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import polars as pl

from cx_pipeline.core.events.schema import UTC_MICROSECONDS

_PLAIN = {bool, int, float, str, Decimal, datetime, date, time, type(None)}
_NUL = "\x00"


def raw_frame(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> pl.DataFrame:
    """The rows as they came, columns named in lower case, as each database folds names its own way."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return pl.DataFrame(
        [_series(name.lower(), values) for name, values in zip(names, columns, strict=True)],
    )


def _series(name: str, values: Sequence[Any]) -> pl.Series:
    kinds = {type(value) for value in values}
    if not kinds <= _PLAIN:
        values = [_as_plain(value) for value in values]
    elif len(kinds - {type(None)}) > 1 and not kinds <= {int, float, bool, type(None)}:
        values = [None if value is None else str(value) for value in values]
    return pl.Series(name, list(values), strict=False)


def _as_plain(value: Any) -> str | None:
    if value is None:
        return None
    return bytes(value).hex() if isinstance(value, bytes | bytearray | memoryview) else str(value)


class Columns:
    """Expressions over a raw frame; a column that it has not is null."""

    def __init__(self, raw: pl.DataFrame) -> None:
        self._schema = raw.schema

    def text(self, name: str) -> pl.Expr:
        """Text without blanks around it; null where nothing is left. A whole number has no decimals."""
        column, dtype = pl.col(name), self._schema.get(name, pl.Null())
        if dtype == pl.Null:
            return pl.lit(None, pl.String).alias(name)
        if dtype.is_float() or dtype.is_decimal():
            whole = column.cast(pl.Int64, strict=False)
            column = pl.when(column == whole).then(whole.cast(pl.String)).otherwise(column.cast(pl.String))
        elif dtype.is_temporal():
            column = _iso(column, dtype)
        else:
            column = column.cast(pl.String)
        stripped = column.str.replace_all(_NUL, "", literal=True).str.strip_chars()
        return pl.when(stripped != "").then(stripped).alias(name)

    def number(self, name: str) -> pl.Expr:
        """Whole number; null where it is none."""
        dtype = self._schema.get(name, pl.Null())
        if dtype == pl.Null:
            return pl.lit(None, pl.Int64).alias(name)
        column = self.text(name) if dtype == pl.String else pl.col(name)
        return column.cast(pl.Int64, strict=False).alias(name)

    def utc(self, name: str) -> pl.Expr:
        """Time in UTC: one without a zone is taken as UTC."""
        dtype = self._schema.get(name, pl.Null())
        if dtype == pl.Null:
            return pl.lit(None, UTC_MICROSECONDS).alias(name)
        if dtype == pl.String:
            return self.text(name).str.to_datetime(time_zone="UTC", time_unit="us", strict=False).alias(name)
        if getattr(dtype, "time_zone", None) is not None:
            return pl.col(name).dt.convert_time_zone("UTC").cast(UTC_MICROSECONDS)
        return pl.col(name).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")

    def raw_json(self) -> pl.Expr:
        """The whole row as a JSON object: times in ISO form, numbers that JSON has not as text."""
        values = [_for_json(name, dtype) for name, dtype in self._schema.items()]
        return pl.struct(values).struct.json_encode()

    def json_of(self, keys: Mapping[str, str]) -> pl.Expr:
        """A JSON object of those text columns that have a value, by the name given for each; null if none has."""
        members = [self._member(name, key) for name, key in keys.items() if name in self._schema]
        if not members:
            return pl.lit(None, pl.String)
        # With `ignore_nulls` what has no value leaves no comma behind.
        inner = pl.concat_str(members, separator=",", ignore_nulls=True)
        return pl.when(inner != "").then(pl.concat_str(pl.lit("{"), inner, pl.lit("}")))

    def _member(self, name: str, key: str) -> pl.Expr:
        value = self.text(name)
        encoded = pl.struct(value.alias(key)).struct.json_encode()
        return pl.when(value.is_not_null()).then(encoded.str.slice(1, encoded.str.len_chars() - 2))


def _for_json(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if dtype == pl.String:
        return column.str.replace_all(_NUL, "", literal=True)
    if dtype.is_temporal():
        return _iso(column, dtype)
    if dtype.is_decimal():
        return column.cast(pl.String)
    return column.fill_nan(None) if dtype.is_float() else column


def _iso(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    return column.dt.to_string("iso:strict") if isinstance(dtype, pl.Datetime) else column.cast(pl.String)
