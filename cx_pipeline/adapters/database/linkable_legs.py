"""The legs around a window, and which window each belongs to: what links of the window may be of."""

from collections.abc import Collection

import polars as pl
from psycopg import sql
from sqlalchemy import Engine

from cx_pipeline.adapters.database.call_tables import selected
from cx_pipeline.adapters.database.snapshot import Snapshot, open_snapshot
from cx_pipeline.core.enrichment.schema import ENRICHED_LEG_SCHEMA
from cx_pipeline.core.events.schema import UTC_MICROSECONDS
from cx_pipeline.core.linking.ownership import AROUND
from cx_pipeline.core.linking.targets import LEG_COLUMNS
from cx_pipeline.core.windows import Window

LINKABLE_LEG_SCHEMA = pl.Schema(
    {**{name: ENRICHED_LEG_SCHEMA[name] for name in LEG_COLUMNS}, "window_start": UTC_MICROSECONDS}
)
"""What of enriched legs links are made by, and the start of their window."""


class LinkableLegs:
    """Reads enriched legs. Raises DatabaseUnavailableError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def around(self, window: Window, leg_ids: Collection[str], call_ids: Collection[str]) -> pl.DataFrame:
        """The legs of the window; those of the windows beside it that ended about then, or go on; and those named.

        Args:
            window: the window.
            leg_ids: UUIDs of further legs that are wanted, wherever they are.
            call_ids: further calls; a call belongs to the window in which it ended, and its first legs ended long before.

        Returns:
            LINKABLE_LEG_SCHEMA, each leg once.
        """
        columns = sql.SQL(", ").join(selected(name, dtype) for name, dtype in LINKABLE_LEG_SCHEMA.items())
        with open_snapshot(self._engine) as snapshot:
            parts = [
                _of_windows(snapshot, columns, window),
                snapshot.frame(
                    "SELECT {columns} FROM enriched_leg WHERE leg_id = ANY ({ids}::uuid[])",
                    columns=columns,
                    ids=list(leg_ids),
                ),
                snapshot.frame(
                    "SELECT {columns} FROM enriched_leg WHERE cx_call_id = ANY ({ids})",
                    columns=columns,
                    ids=list(call_ids),
                ),
            ]
        named = [
            part.select(pl.col(name).cast(dtype) for name, dtype in LINKABLE_LEG_SCHEMA.items())
            for part in parts
        ]
        return pl.concat(named).unique("leg_id", keep="first", maintain_order=True)


def _of_windows(snapshot: Snapshot, columns: sql.Composable, window: Window) -> pl.DataFrame:
    # By the window's own index: the table has none by time alone.
    return snapshot.frame(
        """
        SELECT {columns} FROM enriched_leg
        WHERE window_start = {start}
           OR (window_start = ANY ({beside}::timestamptz[])
               AND (end_time IS NULL OR end_time BETWEEN {since} AND {until}))
        """,
        columns=columns,
        start=window.start,
        beside=[window.start - window.length, window.end],
        since=window.start - AROUND,
        until=window.end + AROUND,
    )
