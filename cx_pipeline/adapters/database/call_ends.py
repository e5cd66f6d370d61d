"""Ends of calls, as FreeSWITCH's scripts told them."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql import insert

from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.gateway_tables import call_end


class CallEnds:
    """Writes into `call_end`. An end that is told twice is there once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, ends: Sequence[Mapping[str, Any]]) -> int:
        """Note ends of calls; how many were not there yet.

        Args:
            ends: rows of `call_uuid`, `tenant_id`, `recorder_id`, `ended_at`, `details`, `received_at`.

        Raises:
            DatabaseUnavailableError: the database does not answer.
            ConfigurationError: the database has not been migrated.
        """
        if not ends:
            return 0
        rows = insert(call_end).values([dict(end) for end in ends]).on_conflict_do_nothing()
        with database_errors("to note ends of calls"), self._engine.begin() as connection:
            return connection.execute(rows.execution_options(preserve_rowcount=True)).rowcount
