"""The legs of the call that a link names."""

import polars as pl
from sqlalchemy import Engine, Text, cast, or_, select
from sqlalchemy.dialects.postgresql import UUID

from cx_pipeline.adapters.database.call_tables import restored
from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.message_tables import enriched_leg
from cx_pipeline.core.enrichment.schema import ENRICHED_LEG_SCHEMA
from cx_pipeline.core.linking.eleveo_calls import LEG_COLUMNS
from cx_pipeline.core.recording.leg_keys import LegKey

MOST_LEGS = 500
_HOLDS = "hold_segments"
_SCHEMA = pl.Schema({name: ENRICHED_LEG_SCHEMA[name] for name in LEG_COLUMNS})


def legs_of_key(engine: Engine, key: LegKey, tenant_id: str) -> pl.DataFrame:
    """All legs of the calls whose id (ours, or that of messages and links) a key tells, `LEG_COLUMNS`.

    Raises:
        DatabaseUnavailableError: the database does not answer, or not in time.
    """
    table = enriched_leg.c
    is_call = [table.cx_call_id == key.call_text]
    if key.call_id is not None:
        is_call.append(table.call_id == cast(key.call_id, UUID(as_uuid=False)))
    calls = select(table.call_id).where(table.tenant_id == tenant_id, or_(*is_call))
    columns = [table[name] if name != _HOLDS else cast(table[name], Text) for name in LEG_COLUMNS]
    query = select(*columns).where(table.tenant_id == tenant_id, table.call_id.in_(calls)).limit(MOST_LEGS)
    with database_errors("to find the legs of a recording's call"), engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(query)]
    read = pl.Schema({**_SCHEMA, _HOLDS: pl.String()})
    frame = pl.DataFrame(rows, schema=read, orient="row")
    return frame.select(restored(name, dtype).alias(name) for name, dtype in _SCHEMA.items())
