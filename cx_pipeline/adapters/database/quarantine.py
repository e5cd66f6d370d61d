"""Rows of input that could not become events, kept with their reason: nothing vanishes."""

import polars as pl
import stamina
from sqlalchemy import Engine, select
from sqlalchemy.dialects.postgresql import insert

from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.staging import stage, staging_table
from cx_pipeline.adapters.database.tables import quarantined_input
from cx_pipeline.core.errors import DatabaseUnavailableError

_COLUMNS = ("file_name", "file_sha256", "line_number", "reason", "row_text")
_STAGED = staging_table("quarantined_input_staging", quarantined_input, _COLUMNS)
_INSERT = (
    insert(quarantined_input)
    .from_select(_COLUMNS, select(_STAGED), include_defaults=False)
    .on_conflict_do_nothing()
    .execution_options(preserve_rowcount=True)
)


class InputQuarantine:
    """Writes into `quarantined_input`. A row is there once, however often its file is read."""

    def __init__(self, engine: Engine, *, attempts: int = 6) -> None:
        """`attempts`: how often a database that is not there is tried."""
        self._engine = engine
        self._attempts = attempts

    def record(self, rows: pl.DataFrame, *, file_name: str, file_sha256: str) -> int:
        """Keep rows that could not be used; how many were not there yet.

        Args:
            rows: `line_number`, `reason`, `row_text`.
            file_name: the file that they come from.
            file_sha256: hash of its content, by which it is known again under any name.

        Raises:
            DatabaseUnavailableError: the database was not there, and not after several tries either.
            ConfigurationError: the database has not been migrated.
        """
        if rows.is_empty():
            return 0
        named = rows.select(
            pl.lit(file_name).alias("file_name"),
            pl.lit(file_sha256).alias("file_sha256"),
            "line_number",
            "reason",
            "row_text",
        )
        for attempt in stamina.retry_context(
            on=DatabaseUnavailableError, attempts=self._attempts, timeout=60
        ):
            with attempt:
                new = self._insert(named)
        return new

    def _insert(self, rows: pl.DataFrame) -> int:
        with database_errors(f"to quarantine {rows.height} rows"), self._engine.begin() as connection:
            stage(connection, _STAGED, rows)
            return connection.execute(_INSERT).rowcount
