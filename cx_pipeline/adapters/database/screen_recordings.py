"""The files of the screen folder, as the scan found them, and whose legs they are."""

from datetime import datetime

import polars as pl
from sqlalchemy import Engine, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.gateway_tables import screen_recording
from cx_pipeline.adapters.database.snapshot import open_snapshot
from cx_pipeline.adapters.database.staging import stage, staging_table
from cx_pipeline.core.linking.screens import SCREEN_SCHEMA

_FOUND = ("screen_id", "dialog_id", "agent_extension", "start_time", "path", "size_bytes", "modified_at")
_OWNERS = ("screen_id", "tenant_id", "leg_id")
_NEW = staging_table("new_screen_recording", screen_recording, _FOUND)
_OWNED = staging_table("owned_screen_recording", screen_recording, _OWNERS)


class ScreenRecordings:
    """Writes and reads the table. All methods raise DatabaseUnavailableError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def take_in(self, screens: pl.DataFrame) -> int:
        """Keep files that were found; how many are new or changed. Whose they are stays as it is.

        Args:
            screens: SCREEN_SCHEMA without `tenant_id` and `leg_id`.
        """
        if screens.is_empty():
            return 0
        rows = insert(screen_recording).from_select(
            _FOUND, select(*(_NEW.c[name] for name in _FOUND)), include_defaults=False
        )
        changes = {name: rows.excluded[name] for name in ("size_bytes", "modified_at")}
        differs = or_(*(screen_recording.c[name].is_distinct_from(new) for name, new in changes.items()))
        kept = rows.on_conflict_do_update(
            index_elements=["screen_id"], set_={**changes, "seen_at": func.now()}, where=differs
        )
        with database_errors("to keep screen recordings"), self._engine.begin() as connection:
            stage(connection, _NEW, screens)
            return connection.execute(kept.execution_options(preserve_rowcount=True)).rowcount

    def own(self, owners: pl.DataFrame) -> int:
        """Note whose legs they are (`screen_id`, `leg_id`, `tenant_id`); how many that changes."""
        if owners.is_empty():
            return 0
        table = screen_recording.c
        statement = (
            update(screen_recording)
            .values(leg_id=_OWNED.c.leg_id, tenant_id=_OWNED.c.tenant_id)
            .where(table.screen_id == _OWNED.c.screen_id)
            .where(
                table.leg_id.is_distinct_from(_OWNED.c.leg_id)
                | table.tenant_id.is_distinct_from(_OWNED.c.tenant_id)
            )
        )
        with database_errors("to note whose screen recordings are"), self._engine.begin() as connection:
            stage(connection, _OWNED, owners)
            return connection.execute(statement.execution_options(preserve_rowcount=True)).rowcount

    def between(self, start: datetime, end: datetime) -> pl.DataFrame:
        """The recordings that began in `[start, end)`, SCREEN_SCHEMA, sorted."""
        with open_snapshot(self._engine) as snapshot:
            rows = snapshot.frame(
                """
                SELECT screen_id::text AS screen_id, dialog_id, agent_extension, start_time, path, size_bytes, modified_at,
                       tenant_id, leg_id::text AS leg_id
                FROM screen_recording WHERE start_time >= {start} AND start_time < {end} ORDER BY start_time, screen_id
                """,
                start=start,
                end=end,
            )
        return rows.select(pl.col(name).cast(dtype) for name, dtype in SCREEN_SCHEMA.items())
