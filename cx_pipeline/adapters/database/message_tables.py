"""The tables of enriched legs and their messages; beside `tables`, in the same metadata."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import UUID

from cx_pipeline.adapters.database.tables import frame_columns, metadata, moment
from cx_pipeline.core.enrichment.schema import ENRICHED_LEG_SCHEMA

enriched_leg = Table(
    "enriched_leg",
    metadata,
    *frame_columns(
        ENRICHED_LEG_SCHEMA,
        required=frozenset(
            {
                "leg_id",
                "leg_key",
                "call_id",
                "tenant_id",
                "leg_number",
                "status",
                "origin",
                "enrichment_status",
            }
        ),
    ),
    moment("window_start"),
    Column("high_water", BigInteger, nullable=False),
    Column("row_hash", BigInteger, nullable=False),
    moment("written_at", is_now=True),
    PrimaryKeyConstraint("leg_id"),
    Index("enriched_leg_by_call", "call_id", "leg_number"),
    Index("enriched_leg_by_cx_call", "cx_call_id"),
    Index("enriched_leg_by_window", "window_start"),
    Index("enriched_leg_by_agent", "tenant_id", "agent_extension", "start_time"),
    Index("enriched_leg_by_customer", "tenant_id", "customer_identifier", "start_time"),
    Index("enriched_leg_by_agent_id", "tenant_id", "agent_id", "start_time"),
    Index("enriched_leg_by_time", "tenant_id", "start_time", "leg_id"),
)
"""Legs with their Cisco details. `high_water` grows with what its writer had seen; by `row_hash` a writer knows the rows
that it need not send."""
Index(
    "enriched_leg_waiting",
    enriched_leg.c.end_time,
    postgresql_where=text("is_reportable AND enrichment_status <> 'COMPLETE'"),
)

for _column, _name in (("customer_identifier", "customer"), ("service_identifier", "service")):
    _number = enriched_leg.c[_column]
    Index(
        f"enriched_leg_by_{_name}_begin",
        enriched_leg.c.tenant_id,
        _number,
        enriched_leg.c.start_time,
        postgresql_ops={_column: "text_pattern_ops"},
    )
    Index(
        f"enriched_leg_by_{_name}_end",
        enriched_leg.c.tenant_id,
        func.reverse(_number).label("reversed"),
        enriched_leg.c.start_time,
        postgresql_ops={"reversed": "text_pattern_ops"},
    )

vanished_leg = Table(
    "vanished_leg",
    metadata,
    Column("leg_id", UUID(as_uuid=False), primary_key=True),
    moment("vanished_at", is_now=True),
)
"""Legs that a computation deleted, until their messages are taken back; written with the deletion."""

message_leg = Table(
    "message_leg",
    metadata,
    Column("leg_id", UUID(as_uuid=False), primary_key=True),
    Column("call_id", UUID(as_uuid=False), nullable=False),
    Column("digest", Text, nullable=False),
    moment("planned_at", is_now=True),
)
"""What the outbox's messages of a leg were made of: equal digest, nothing to compare."""

outbox_message = Table(
    "outbox_message",
    metadata,
    Column("message_id", UUID(as_uuid=False), primary_key=True),
    Column("sequence", BigInteger, Identity(always=True), nullable=False, unique=True),
    Column("ordering_key", Text, nullable=False),
    Column("leg_id", UUID(as_uuid=False), nullable=False),
    Column("intent", Text, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("payload", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("status", Text, nullable=False, server_default="WAITING"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    moment("next_attempt_at", is_now=True),
    Column("last_status_code", Integer),
    Column("last_error", Text),
    moment("created_at", is_now=True),
    Column("first_attempt_at", DateTime(timezone=True)),
    Column("delivered_at", DateTime(timezone=True)),
    Column("died_at", DateTime(timezone=True)),
    UniqueConstraint("leg_id", "intent", "ordinal", "revision"),
    Index("outbox_message_by_key", "ordering_key", "sequence"),
)
"""Messages on their way out. Status WAITING, DELIVERED or DEAD; within an ordering key they leave in their sequence."""
Index(
    "outbox_message_queue",
    outbox_message.c.sequence,
    postgresql_where=outbox_message.c.status == "WAITING",
)
Index("outbox_message_dead", outbox_message.c.died_at, postgresql_where=outbox_message.c.status == "DEAD")

call_conversation = Table(
    "call_conversation",
    metadata,
    Column("cx_call_id", Text, primary_key=True),
    Column("conversation_id", Text),
    Column("channel_session_id", Text),
    moment("seen_at", is_now=True),
)
"""The conversation of a call, as the conversation manager's list last told."""

listener_heartbeat = Table(
    "listener_heartbeat",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("listener_id", Text, nullable=False),
    moment("beat_at"),
    Column("is_connected", Boolean, nullable=False, server_default=false()),
    Column("failed_reconnections", Integer, nullable=False, server_default="0"),
    PrimaryKeyConstraint("source", "listener_id", "beat_at", "tenant_id"),
    Index("listener_heartbeat_by_time", "beat_at"),
)
"""Signs of life of listeners: when nobody beat, nobody listened. `tenant_id` is empty for a listener of all tenants."""
