"""The application's tables, as SQLAlchemy Core sees them. The migrations make them; a test compares the two.

Columns that hold an event, a call or a leg are derived from the schemas of the core, so that a column exists once.
"""

from typing import Any

import polars as pl
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Sequence,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID
from sqlalchemy.types import TypeEngine

from cx_pipeline.core.calls.schema import CALL_SCHEMA, LEG_SCHEMA
from cx_pipeline.core.directory import (
    AGENT_SCHEMA,
    CLUSTER_SCHEMA,
    DOMAIN_SCHEMA,
    RANGE_SCHEMA,
    SERVICE_NUMBER_SCHEMA,
)
from cx_pipeline.core.events.schema import EVENT_SCHEMA

metadata = MetaData()

_IDS = frozenset({"call_id", "leg_id", "manifest_id"})
_ALWAYS_THERE = frozenset({"tenant_id", "source", "listener_id", "event_time", "received_at", "event_name"})


def database_type(name: str, dtype: pl.DataType) -> TypeEngine[Any]:
    """The type of the column that holds a frame's column: structures are jsonb, lists of text are text[]."""
    if name in _IDS:
        return UUID(as_uuid=False)
    if dtype == pl.List(pl.String()):
        return ARRAY(Text)
    if isinstance(dtype, pl.List | pl.Struct):
        return JSONB()
    if isinstance(dtype, pl.Datetime):
        return DateTime(timezone=True)
    plain: dict[pl.DataType, TypeEngine[Any]] = {
        pl.String(): Text(),
        pl.Int32(): Integer(),
        pl.Int64(): BigInteger(),
        pl.Boolean(): Boolean(),
    }
    return plain[dtype]


def frame_columns(schema: pl.Schema, *, required: frozenset[str]) -> list[Column[Any]]:
    """Columns for those of a frame; `required` are never null."""
    return [
        Column(name, database_type(name, dtype), nullable=name not in required)
        for name, dtype in schema.items()
    ]


def moment(name: str, *, is_now: bool = False) -> Column[Any]:
    """A time that is never null; `is_now`: by default that of the transaction."""
    return Column(
        name, DateTime(timezone=True), nullable=False, server_default=func.now() if is_now else None
    )


arrival = Sequence("jtapi_event_arrival", metadata=metadata, data_type=BigInteger)

jtapi_event = Table(
    "jtapi_event",
    metadata,
    Column("event_id", UUID(as_uuid=False), nullable=False),
    Column("arrival_sequence", BigInteger, arrival, server_default=arrival.next_value(), nullable=False),
    Column("call_key", Text, nullable=False),
    Column("previous_call_key", Text),
    *frame_columns(EVENT_SCHEMA, required=_ALWAYS_THERE),
    PrimaryKeyConstraint("event_id", "event_time"),
    Index("jtapi_event_by_time", "event_time"),
    Index("jtapi_event_by_call_key", "call_key", "event_time"),
    Index("jtapi_event_by_arrival", "arrival_sequence"),
    postgresql_partition_by="RANGE (event_time)",
)
"""Call events, one partition for each UTC day (`partitions.py`). Sorted by `arrival_sequence`, they are sorted by
commit too: inserting transactions take `INTAKE_LOCK` just before they number their rows."""
Index(
    "jtapi_event_by_previous_call_key",
    jtapi_event.c.previous_call_key,
    jtapi_event.c.event_time,
    postgresql_where=jtapi_event.c.previous_call_key.is_not(None),
)
Index(
    "jtapi_event_by_link",
    jtapi_event.c.link_id,
    jtapi_event.c.event_time,
    postgresql_where=jtapi_event.c.link_id.is_not(None),
)
Index(
    "jtapi_event_ahead",
    jtapi_event.c.received_at,
    postgresql_where=text("event_time - received_at > interval '5 seconds'"),
)

event_retention = Table(
    "event_retention",
    metadata,
    Column(
        "is_the_only_row",
        Boolean,
        CheckConstraint("is_the_only_row"),
        primary_key=True,
        server_default=true(),
    ),
    moment("dropped_before"),
)
"""Up to when events were dropped, if ever: what was computed of them must not be computed again without them."""

quarantined_input = Table(
    "quarantined_input",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("file_name", Text, nullable=False),
    Column("file_sha256", Text, nullable=False),
    Column("line_number", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("row_text", Text, nullable=False),
    moment("seen_at", is_now=True),
    UniqueConstraint("file_sha256", "line_number", "reason"),
)
"""Rows of input that could not become events, with the reason: nothing vanishes."""

call = Table(
    "call",
    metadata,
    *frame_columns(
        CALL_SCHEMA, required=frozenset({"call_id", "tenant_id", "root_call_key", "call_keys", "status"})
    ),
    moment("window_start"),
    Column("high_water", BigInteger, nullable=False),
    moment("written_at", is_now=True),
    PrimaryKeyConstraint("call_id"),
    Index("call_by_window", "window_start"),
    Index("call_by_root", "root_call_key", "start_time"),
    Index("call_by_key", "call_keys", postgresql_using="gin"),
)
"""Calls. `window_start` names the window that owns the row, `high_water` what its last writer had seen."""
Index(
    "call_in_progress",
    call.c.last_fact_time,
    postgresql_where=call.c.status == "IN_PROGRESS",
)

call_leg = Table(
    "call_leg",
    metadata,
    *frame_columns(
        LEG_SCHEMA, required=frozenset({"leg_id", "leg_key", "call_id", "tenant_id", "leg_number", "status"})
    ),
    moment("window_start"),
    Column("high_water", BigInteger, nullable=False),
    moment("written_at", is_now=True),
    PrimaryKeyConstraint("leg_id"),
    Index("call_leg_by_call", "call_id", "leg_number"),
    Index("call_leg_by_window", "window_start"),
    Index("call_leg_by_agent", "tenant_id", "agent_extension", "start_time"),
)
"""Legs. Always owned by the same window as their call."""

quarantined_event = Table(
    "quarantined_event",
    metadata,
    moment("window_start"),
    Column("reason", Text, nullable=False),
    Column("event_time", DateTime(timezone=True)),
    Column("global_call_id", Text),
    Column("row_text", Text, nullable=False),
    Column("high_water", BigInteger, nullable=False),
    Index("quarantined_event_by_window", "window_start"),
)
"""What the correlation of a window could not use."""

window_computation = Table(
    "window_computation",
    metadata,
    moment("window_start"),
    moment("window_end"),
    Column("high_water", BigInteger, nullable=False),
    moment("computed_at", is_now=True),
    Column("run_id", Text, nullable=False),
    Column("input_count", BigInteger, nullable=False),
    Column("used_count", BigInteger, nullable=False),
    Column("duplicate_count", BigInteger, nullable=False),
    Column("quarantined_count", BigInteger, nullable=False),
    PrimaryKeyConstraint("window_start"),
)
"""The newest computation of each window: what had arrived by then, and what it counted."""

open_call_key = Table(
    "open_call_key",
    metadata,
    moment("window_start"),
    Column("tenant_id", Text, nullable=False),
    Column("call_key", Text, nullable=False),
    PrimaryKeyConstraint("window_start", "tenant_id", "call_key"),
)
"""Keys of the calls that a window's computation saw and that had not ended."""

directory_agent = Table("directory_agent", metadata, *frame_columns(AGENT_SCHEMA, required=frozenset()))
directory_service_number = Table(
    "directory_service_number", metadata, *frame_columns(SERVICE_NUMBER_SCHEMA, required=frozenset())
)
directory_range = Table("directory_range", metadata, *frame_columns(RANGE_SCHEMA, required=frozenset()))
directory_domain = Table("directory_domain", metadata, *frame_columns(DOMAIN_SCHEMA, required=frozenset()))
directory_cluster = Table("directory_cluster", metadata, *frame_columns(CLUSTER_SCHEMA, required=frozenset()))
