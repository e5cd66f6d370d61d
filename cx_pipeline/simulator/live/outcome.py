"""What the pipeline made of a live site's legs: messages, recordings and links, with the moments at which they were there."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl
from sqlalchemy import Engine, RowMapping, text

from cx_pipeline.adapters.database.enriched_legs import EnrichedLegs
from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.outbox_reading import OutboxReading, StoredMessage

_RECORDINGS = text("""
    SELECT held.leg_id::text AS leg_id, made.recording_id::text AS recording_id, made.state, made.is_current,
        made.received_at, made.started_at, made.completed_at,
        ARRAY(
            SELECT manifest.file_path FROM recording_manifest AS manifest
            WHERE manifest.manifest_id::text = ANY (made.manifest_ids)
        ) AS files
    FROM recording_leg AS held JOIN recording AS made USING (recording_id)
    WHERE held.leg_id::text = ANY (:leg_ids)
    ORDER BY made.received_at
""")
_LINKS = text("""
    SELECT leg_id::text AS leg_id, recording_id::text AS recording_id, state, method, matched_at
    FROM recording_link
    WHERE kind = 'VOICE' AND leg_id::text = ANY (:leg_ids)
""")


@dataclass(frozen=True, slots=True)
class LiveOutcome:
    """What stands in the tables of the legs of some tenants."""

    legs: pl.DataFrame
    """Columns of `ENRICHED_LEG_SCHEMA`."""
    messages: tuple[StoredMessage, ...]
    """In the order in which they were written."""
    recordings: tuple[dict[str, Any], ...]
    """Of each leg those that hold it, oldest first: `leg_id`, `recording_id`, `state`, `is_current`, three moments, `files`."""
    links: tuple[dict[str, Any], ...]
    """`leg_id`, `recording_id`, `state`, `method`, `matched_at`."""


def read_outcome(engine: Engine, tenants: Collection[str]) -> LiveOutcome:
    """Read it.

    Raises:
        DatabaseUnavailableError: the database does not answer.
    """
    legs = EnrichedLegs(engine).of_tenants(tenants)
    leg_ids = legs["leg_id"].to_list()
    messages = OutboxReading(engine).of_legs(leg_ids)
    with database_errors("to read recordings and links"), engine.connect() as connection:
        recordings = connection.execute(_RECORDINGS, {"leg_ids": leg_ids}).mappings().all()
        links = connection.execute(_LINKS, {"leg_ids": leg_ids}).mappings().all()
    return LiveOutcome(legs, tuple(messages), _in_utc(recordings), _in_utc(links))


def _in_utc(rows: Collection[RowMapping]) -> tuple[dict[str, Any], ...]:
    return tuple(
        {name: value.astimezone(UTC) if isinstance(value, datetime) else value for name, value in row.items()}
        for row in rows
    )
