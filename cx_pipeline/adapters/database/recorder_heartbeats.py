"""The recorders' signs of life: whether a recorder was there when a recording should have been made."""

from datetime import datetime, timedelta

import polars as pl
from sqlalchemy import Engine, delete
from sqlalchemy.dialects.postgresql import insert

from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.recording_tables import recorder_heartbeat
from cx_pipeline.adapters.database.snapshot import open_snapshot
from cx_pipeline.core.events.schema import UTC_MICROSECONDS

LONGEST_OUTAGE = timedelta(days=7)
"""So far before a time the last sign of life is looked for."""

RECORDER_HEARTBEAT_SCHEMA = pl.Schema(
    {"recorder_id": pl.String(), "beat_at": UTC_MICROSECONDS, "active_recordings": pl.Int32()}
)


class RecorderHeartbeats:
    """Reads and writes heartbeats of recorders."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def beat(self, recorder_id: str, beat_at: datetime, *, active_recordings: int | None = None) -> None:
        """Note a sign of life; the same one twice is noted once.

        Args:
            recorder_id: as the recorder's manifests have it.
            beat_at: when it beat.
            active_recordings: how many files it was writing, if it told.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        row = insert(recorder_heartbeat).values(
            recorder_id=recorder_id, beat_at=beat_at, active_recordings=active_recordings
        )
        with database_errors("to note a recorder's heartbeat"), self._engine.begin() as connection:
            connection.execute(row.on_conflict_do_nothing())

    def between(self, first: datetime, last: datetime) -> pl.DataFrame:
        """The heartbeats in `[first, last]`, and the newest of each recorder before; sorted by recorder and time.

        Raises:
            DatabaseUnavailableError: the database does not answer, or not in time.
        """
        with open_snapshot(self._engine) as snapshot:
            rows = snapshot.frame(
                """
                SELECT recorder_id, beat_at, active_recordings FROM (
                    SELECT * FROM recorder_heartbeat WHERE beat_at BETWEEN {first} AND {last}
                    UNION ALL (
                        SELECT DISTINCT ON (recorder_id) * FROM recorder_heartbeat
                        WHERE beat_at < {first} AND beat_at >= {earliest}
                        ORDER BY recorder_id, beat_at DESC
                    )
                ) AS beat ORDER BY recorder_id, beat_at
                """,
                first=first,
                last=last,
                earliest=first - LONGEST_OUTAGE,
            )
        return rows.select(pl.col(name).cast(dtype) for name, dtype in RECORDER_HEARTBEAT_SCHEMA.items())

    def forget_before(self, moment: datetime) -> int:
        """Delete the heartbeats from before a moment; how many.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        statement = delete(recorder_heartbeat).where(recorder_heartbeat.c.beat_at < moment)
        with database_errors("to delete heartbeats"), self._engine.begin() as connection:
            return connection.execute(statement.execution_options(preserve_rowcount=True)).rowcount
