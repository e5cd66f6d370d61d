"""Frames into temporary tables, by COPY: the fast way into the database, and one that needs no row of Python."""

from collections.abc import Iterable
from typing import Any

import polars as pl
import psycopg
from psycopg import sql
from sqlalchemy import Column, Connection, MetaData, Table
from sqlalchemy.schema import CreateTable

_PIECE_BYTES = 1024 * 1024


def staging_table(name: str, like: Table, columns: Iterable[str], *computed: Column[Any]) -> Table:
    """A temporary table of `columns` with the types that they have in the table `like`, and no constraints.

    The `computed` columns are worked out by the database while it takes the rows in.
    """
    return Table(
        name,
        MetaData(),
        *(Column(column, like.c[column].type) for column in columns),
        *computed,
        prefixes=["TEMPORARY"],
        postgresql_on_commit="DELETE ROWS",
    )


def stage(connection: Connection, table: Table, frame: pl.DataFrame) -> None:
    """Fill the temporary `table` with `frame`, for the rest of this transaction. Null and empty text stay apart.

    Args:
        connection: in a transaction; the table is emptied at its end and kept for the connection's next one.
        table: made by `staging_table`.
        frame: the columns of the table, but those that it computes; others are ignored.
    """
    connection.execute(CreateTable(table, if_not_exists=True))
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError(f"staging needs psycopg 3, not {type(driver).__name__}")
    names = [column.name for column in table.c if column.computed is None]
    copy_statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    data = memoryview(frame.select(names).write_csv(include_header=False).encode())
    with driver.cursor() as cursor, cursor.copy(copy_statement) as copy:
        for start in range(0, len(data), _PIECE_BYTES):
            copy.write(data[start : start + _PIECE_BYTES])
