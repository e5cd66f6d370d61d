"""Calls and legs as the tables have them, back in the frames' own schemas."""

from collections.abc import Collection
from typing import LiteralString

import polars as pl
from psycopg import sql
from sqlalchemy import Engine

from cx_pipeline.adapters.database.snapshot import open_snapshot
from cx_pipeline.core.calls.schema import CALL_SCHEMA, LEG_SCHEMA

_ROWS: LiteralString = "SELECT {columns} FROM {table} WHERE {condition} = ANY ({values}) ORDER BY {order}"
_ISO_8601 = "%+"


def read_calls(engine: Engine, tenants: Collection[str]) -> pl.DataFrame:
    """The calls of some tenants, `CALL_SCHEMA`, sorted by tenant and call id.

    Raises:
        DatabaseUnavailableError: the database does not answer, or not in time.
    """
    return read_table(engine, "call", CALL_SCHEMA, ("tenant_id", "call_id"), "tenant_id", tenants)


def read_legs(engine: Engine, tenants: Collection[str]) -> pl.DataFrame:
    """The legs of some tenants, `LEG_SCHEMA`, sorted by tenant, call id and leg number.

    Raises:
        DatabaseUnavailableError: the database does not answer, or not in time.
    """
    order = ("tenant_id", "call_id", "leg_number")
    return read_table(engine, "call_leg", LEG_SCHEMA, order, "tenant_id", tenants)


def read_table(
    engine: Engine,
    table: str,
    schema: pl.Schema,
    order: Collection[str],
    column: LiteralString,
    values: Collection[str],
) -> pl.DataFrame:
    """The rows of a table whose `column` (an expression of text) has one of the values, in the frame's own schema.

    Raises:
        DatabaseUnavailableError: the database does not answer, or not in time.
    """
    columns = sql.SQL(", ").join(selected(name, dtype) for name, dtype in schema.items())
    by = sql.SQL(", ").join(sql.Identifier(name) for name in order)
    with open_snapshot(engine) as snapshot:
        rows = snapshot.frame(
            _ROWS,
            columns=columns,
            table=sql.Identifier(table),
            condition=sql.SQL(column),
            values=list(values),
            order=by,
        )
    return rows.select(restored(name, dtype).alias(name) for name, dtype in schema.items())


def _is_json(dtype: pl.DataType) -> bool:
    return dtype.is_nested() and dtype != pl.List(pl.String())


def selected(name: str, dtype: pl.DataType) -> sql.Composable:
    """A frame's column as a query asks for it."""
    is_text = dtype == pl.String or _is_json(dtype)  # uuid and jsonb come as their text
    cast: LiteralString = "{column}::text AS {column}" if is_text else "{column}"
    return sql.SQL(cast).format(column=sql.Identifier(name))


def restored(name: str, dtype: pl.DataType) -> pl.Expr:
    """What a query gave for a frame's column, in the type of the frame."""
    column = pl.col(name)
    if not _is_json(dtype):
        return column.cast(dtype)
    return _with_times(column.str.json_decode(_as_written(dtype)), dtype)


def _as_written(dtype: pl.DataType) -> pl.DataType:
    """The type as JSON has it: times are text."""
    if isinstance(dtype, pl.List):
        return pl.List(_as_written(dtype.inner))  # type: ignore[arg-type]
    if isinstance(dtype, pl.Struct):
        return pl.Struct({field.name: _as_written(field.dtype) for field in dtype.fields})  # type: ignore[arg-type]
    return pl.String() if isinstance(dtype, pl.Datetime) else dtype


def _with_times(column: pl.Expr, dtype: object) -> pl.Expr:
    if isinstance(dtype, pl.List):
        return column.list.eval(_with_times(pl.element(), dtype.inner))
    if isinstance(dtype, pl.Struct):
        fields = [
            _with_times(column.struct.field(field.name), field.dtype).alias(field.name)
            for field in dtype.fields
        ]
        return pl.when(column.is_not_null()).then(pl.struct(fields))
    if isinstance(dtype, pl.Datetime):
        return column.str.to_datetime(_ISO_8601, time_unit="us", time_zone="UTC")
    return column


def count_quarantined(engine: Engine, tenants: Collection[str]) -> int:
    """How many events of some tenants the correlation of windows could not use.

    Raises:
        DatabaseUnavailableError: the database does not answer, or not in time.
    """
    with open_snapshot(engine) as snapshot:
        return snapshot.number(
            "SELECT count(*) FROM quarantined_event WHERE row_text::jsonb ->> 'tenant_id' = ANY ({tenants})",
            tenants=list(tenants),
        )
