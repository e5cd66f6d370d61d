"""Dagster's own PostgreSQL storage, with connections that are kept.

Dagster opens one for each statement, some three hundred for a run of a window: more time than the run's own statements take. Its
web server keeps them instead, and so does this storage everywhere, by the same means. `dagster.yaml` names it.
"""

from collections.abc import Mapping
from typing import Any, Self, cast

from dagster._core.storage.config import PostgresStorageConfig
from dagster._serdes import ConfigurableClassData
from dagster_postgres.storage import DagsterPostgresStorage
from dagster_postgres.utils import get_token_provider_from_config, pg_url_from_config

STATEMENT_TIMEOUT_MS = 300_000
RECYCLED_AFTER_S = 600
MOST_AT_ONCE = 30


class PooledPostgresStorage(DagsterPostgresStorage):
    """Runs, events and schedules in one PostgreSQL, over a few connections that stay open."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for storage in (self.run_storage, self.event_log_storage, self.schedule_storage):
            storage.optimize_for_webserver(STATEMENT_TIMEOUT_MS, RECYCLED_AFTER_S, MOST_AT_ONCE)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """The storage that a configuration in the form of Dagster's own asks for."""
        config = cast("PostgresStorageConfig", config_value)
        return cls(
            pg_url_from_config(config),
            config.get("should_autocreate_tables", True),
            inst_data,
            get_token_provider_from_config(config),
        )
