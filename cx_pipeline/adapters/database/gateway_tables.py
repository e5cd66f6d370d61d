"""The tables of links and of the gateway; beside `tables`, in the same metadata."""

from sqlalchemy import BigInteger, Column, DateTime, Double, Identity, Index, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB, UUID

from cx_pipeline.adapters.database.tables import metadata, moment

recording_link = Table(
    "recording_link",
    metadata,
    Column("link_id", UUID(as_uuid=False), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("activity_id", Text, nullable=False),
    Column("conversation_id", Text),
    Column("channel_session_id", Text),
    Column("tenant_id", Text),
    Column("cx_call_id", Text),
    Column("leg_id", UUID(as_uuid=False)),
    Column("leg_key", Text),
    Column("agent_extension", Text),
    Column("start_time", DateTime(timezone=True)),
    Column("end_time", DateTime(timezone=True)),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("method", Text),
    Column("score", Double),
    Column("evidence", JSONB),
    Column("runner_up_id", Text),
    Column("runner_up_score", Double),
    Column("candidate_id", Text),
    Column("recording_id", UUID(as_uuid=False)),
    Column("version", Text),
    Column("message_id", UUID(as_uuid=False)),
    moment("window_start"),
    moment("matched_at", is_now=True),
    moment("changed_at", is_now=True),
    Index("recording_link_by_window", "window_start"),
    Index("recording_link_by_leg", "leg_id"),
    Index("recording_link_by_call", "cx_call_id"),
)
"""What became of each voice activity, `RECORDING_LINK_SCHEMA`; `changed_at`: when what is behind the link last changed."""

screen_recording = Table(
    "screen_recording",
    metadata,
    Column("screen_id", UUID(as_uuid=False), primary_key=True),
    Column("dialog_id", Text, nullable=False),
    Column("agent_extension", Text, nullable=False),
    moment("start_time"),
    Column("path", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("modified_at", DateTime(timezone=True), nullable=False),
    Column("tenant_id", Text),
    Column("leg_id", UUID(as_uuid=False)),
    moment("seen_at", is_now=True),
    Index("screen_recording_by_time", "start_time"),
    Index("screen_recording_by_leg", "leg_id"),
)
"""Files of the screen folder. `path` is below its root; `tenant_id`, `leg_id`: of the leg that it belongs to, once that is known."""

access_log = Table(
    "access_log",
    metadata,
    Column("access_id", BigInteger, Identity(always=True), primary_key=True),
    moment("begun_at", is_now=True),
    moment("last_at", is_now=True),
    Column("tenant_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("access", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("playable_id", Text, nullable=False),
    Column("leg_id", UUID(as_uuid=False)),
    Column("leg_key", Text),
    Column("client", Text),
    Column("user_agent", Text),
    Column("requests", Integer, nullable=False, server_default="1"),
    Column("sent_bytes", BigInteger, nullable=False, server_default="0"),
    Index("access_log_by_time", "begun_at"),
    Index("access_log_by_playable", "playable_id", "begun_at"),
    Index("access_log_by_subject", "subject", "begun_at"),
)
"""Who heard, saw, kept or looked at what (`action`: PLAY, SCREEN, DOWNLOAD), written before the first byte leaves. The ranges that one player
asks for are one row: `requests` and `sent_bytes` grow."""

recording_control = Table(
    "recording_control",
    metadata,
    Column("control_id", BigInteger, Identity(always=True), primary_key=True),
    moment("asked_at", is_now=True),
    Column("done_at", DateTime(timezone=True)),
    Column("tenant_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("call_uuid", Text, nullable=False),
    Column("recorder_id", Text),
    Column("action", Text, nullable=False),
    Column("agent", Text),
    Column("reason", Text),
    Column("outcome", Text),
    Index("recording_control_by_time", "asked_at"),
    Index("recording_control_by_call", "call_uuid", "asked_at"),
)
"""Who had which running recording paused or resumed, and why: written before the recorder is asked. Without `outcome` nobody knows
what came of it."""

call_end = Table(
    "call_end",
    metadata,
    Column("call_uuid", Text, primary_key=True),
    Column("tenant_id", Text, primary_key=True),
    Column("recorder_id", Text),
    Column("ended_at", DateTime(timezone=True)),
    Column("details", JSONB, nullable=False),
    moment("received_at", is_now=True),
    Index("call_end_by_time", "received_at"),
)
"""Ends of calls as FreeSWITCH's scripts told them."""
