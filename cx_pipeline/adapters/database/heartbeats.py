"""The listeners' signs of life, and what else tells whether a call was heard of at all."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import polars as pl
from sqlalchemy import Engine, delete, select
from sqlalchemy.dialects.postgresql import distinct_on, insert

from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.message_tables import listener_heartbeat
from cx_pipeline.adapters.database.snapshot import open_snapshot
from cx_pipeline.core.events.schema import UTC_MICROSECONDS
from cx_pipeline.core.listening import ListenerState

LONGEST_OUTAGE = timedelta(days=7)
"""So far before a time the last sign of life is looked for."""

HEARTBEAT_SCHEMA = pl.Schema(
    {
        "tenant_id": pl.String(),
        "source": pl.String(),
        "listener_id": pl.String(),
        "beat_at": UTC_MICROSECONDS,
        "is_connected": pl.Boolean(),
    }
)
KEYS_WITH_EVENTS_SCHEMA = pl.Schema({"tenant_id": pl.String(), "call_key": pl.String()})


class Heartbeats:
    """Reads and writes heartbeats."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def beat(
        self,
        source: str,
        listener_id: str,
        beat_at: datetime,
        *,
        is_connected: bool,
        failed_reconnections: int = 0,
        tenant_id: str = "",
    ) -> None:
        """Note a sign of life; the same one twice is noted once.

        Args:
            source: of the listener's events.
            listener_id: the listener.
            beat_at: when it beat.
            is_connected: whether it hears its source.
            failed_reconnections: how often in a row it tried in vain to.
            tenant_id: whose calls it hears; empty for all.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        row = insert(listener_heartbeat).values(
            tenant_id=tenant_id,
            source=source,
            listener_id=listener_id,
            beat_at=beat_at,
            is_connected=is_connected,
            failed_reconnections=failed_reconnections,
        )
        with database_errors("to note a heartbeat"), self._engine.begin() as connection:
            connection.execute(row.on_conflict_do_nothing())

    def forget_before(self, moment: datetime) -> int:
        """Delete the heartbeats from before a moment; how many.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        statement = delete(listener_heartbeat).where(listener_heartbeat.c.beat_at < moment)
        with database_errors("to delete heartbeats"), self._engine.begin() as connection:
            return connection.execute(statement.execution_options(preserve_rowcount=True)).rowcount

    def between(self, first: datetime, last: datetime) -> pl.DataFrame:
        """The heartbeats in `[first, last]`, and the newest connected one of each listener before; `HEARTBEAT_SCHEMA`, sorted.

        Raises:
            DatabaseUnavailableError: the database does not answer, or not in time.
        """
        with open_snapshot(self._engine) as snapshot:
            rows = snapshot.frame(
                """
                SELECT nullif(tenant_id, '') AS tenant_id, source, listener_id, beat_at, is_connected FROM (
                    SELECT * FROM listener_heartbeat WHERE beat_at BETWEEN {first} AND {last}
                    UNION ALL (
                        SELECT DISTINCT ON (source, listener_id, tenant_id) * FROM listener_heartbeat
                        WHERE beat_at < {first} AND beat_at >= {earliest} AND is_connected
                        ORDER BY source, listener_id, tenant_id, beat_at DESC
                    )
                ) AS beat ORDER BY source, listener_id, beat_at, tenant_id
                """,
                first=first,
                last=last,
                earliest=first - LONGEST_OUTAGE,
            )
        return rows.select(pl.col(name).cast(dtype) for name, dtype in HEARTBEAT_SCHEMA.items())

    def newest(self, since: datetime) -> list[ListenerState]:
        """The newest heartbeat of each listener that beat since a moment.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        table = listener_heartbeat
        query = (
            select(
                table.c.source,
                table.c.listener_id,
                table.c.beat_at,
                table.c.is_connected,
                table.c.failed_reconnections,
            )
            .ext(distinct_on(table.c.source, table.c.listener_id))
            .where(table.c.beat_at >= since)
            .order_by(table.c.source, table.c.listener_id, table.c.beat_at.desc())
        )
        with database_errors("to read heartbeats"), self._engine.connect() as connection:
            return [
                ListenerState(source, listener, beat_at.astimezone(UTC), is_connected, failed)
                for source, listener, beat_at, is_connected, failed in connection.execute(query)
            ]

    def keys_with_events(self, keys: Collection[str], first: datetime, last: datetime) -> pl.DataFrame:
        """Which call keys have events between two moments, `KEYS_WITH_EVENTS_SCHEMA`.

        Raises:
            DatabaseUnavailableError: the database does not answer, or not in time.
        """
        if not keys:
            return KEYS_WITH_EVENTS_SCHEMA.to_frame()
        with open_snapshot(self._engine) as snapshot:
            rows = snapshot.frame(
                "SELECT DISTINCT tenant_id, call_key FROM jtapi_event WHERE call_key = ANY ({keys}) "
                "AND event_time BETWEEN {first} AND {last} ORDER BY tenant_id, call_key",
                keys=sorted(keys),
                first=first,
                last=last,
            )
        return rows.select(pl.col(name).cast(dtype) for name, dtype in KEYS_WITH_EVENTS_SCHEMA.items())
