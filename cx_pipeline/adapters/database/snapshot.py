"""Reading much at once, consistently: one transaction that sees one moment, whose results come as Arrow (ADBC)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import adbc_driver_postgresql.dbapi as adbc
import polars as pl
from psycopg import sql
from sqlalchemy import Engine

from cx_pipeline.adapters.database.connection import answers_expected, bulk_uri


class Snapshot:
    """A REPEATABLE READ transaction: every statement sees the database as the first one did."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def run(self, statement: LiteralString, **values: Any) -> int:
        """Run a statement that gives no rows; how many rows it wrote. `{name}` stands for a value, quoted here."""
        self._cursor.execute(_filled(statement, values))
        return int(self._cursor.rowcount)

    def frame(self, statement: LiteralString, **values: Any) -> pl.DataFrame:
        """The rows of a query. Types are PostgreSQL's: cast uuid to text in the query."""
        self._cursor.execute(_filled(statement, values))
        return pl.DataFrame(self._cursor.fetch_arrow_table())

    def number(self, statement: LiteralString, **values: Any) -> int:
        """The one integer that a query gives."""
        return int(self.frame(statement, **values).item())


@contextmanager
def open_snapshot(engine: Engine) -> Iterator[Snapshot]:
    """A snapshot of the engine's database, on a connection of its own. What it writes (temporary tables) is undone.

    Raises:
        DatabaseUnavailableError: the database cannot be reached, ended the session, or took too long.
    """
    with (
        answers_expected(),
        adbc.connect(bulk_uri(engine), autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE")
        yield Snapshot(cursor)
        cursor.execute("ROLLBACK")


def _filled(statement: LiteralString, values: dict[str, Any]) -> str:
    # ADBC binds by position and by Arrow type; literals, quoted by psycopg, also let the planner skip partitions.
    parts = {name: v if isinstance(v, sql.Composable) else sql.Literal(v) for name, v in values.items()}
    return sql.SQL(statement).format(**parts).as_string(None)
