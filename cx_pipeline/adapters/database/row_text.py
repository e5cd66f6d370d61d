"""Columns of frames as the text that PostgreSQL reads for the types that a CSV file has not: arrays and jsonb."""

import polars as pl
from sqlalchemy import Table


def for_table(frame: pl.DataFrame, table: Table, schema: pl.Schema) -> pl.DataFrame:
    """The columns of `schema` with lists of text as array literals, and structures as JSON; times in JSON are UTC.

    The same value always gives the same text: rows are compared in the database.
    """
    return frame.select(_as_text(name, dtype) for name, dtype in schema.items() if name in table.c)


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if dtype == pl.List(pl.String()):
        return _array(column).alias(name)
    if isinstance(dtype, pl.List | pl.Struct):
        return _json(name)
    return column


def _array(column: pl.Expr) -> pl.Expr:
    item = pl.element().str.replace_all("\\", "\\\\", literal=True).str.replace_all('"', '\\"', literal=True)
    quoted = pl.concat_str(pl.lit('"'), item, pl.lit('"')).fill_null("NULL")
    return pl.concat_str(pl.lit("{"), column.list.eval(quoted).list.join(","), pl.lit("}"))


def _json(name: str) -> pl.Expr:
    # Only structures can be written as JSON: the column goes into one, whose text is then taken off again.
    text = pl.struct(name).struct.json_encode()
    inner = text.str.strip_prefix(f'{{"{name}":').str.strip_suffix("}")
    return pl.when(pl.col(name).is_not_null()).then(inner).alias(name)
