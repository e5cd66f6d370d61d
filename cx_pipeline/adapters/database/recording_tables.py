"""The tables of recordings: manifests, rules, states and keys; beside `tables`, in the same metadata."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from cx_pipeline.adapters.database.tables import frame_columns, metadata, moment
from cx_pipeline.core.recording.schema import RECORDING_MANIFEST_SCHEMA

recording_manifest = Table(
    "recording_manifest",
    metadata,
    *frame_columns(
        RECORDING_MANIFEST_SCHEMA,
        required=frozenset(
            {
                "manifest_id",
                "tenant_id",
                "source",
                "recording_type",
                "side",
                "start_time",
                "file_path",
                "is_finished",
            }
        ),
    ),
    Column("arrival_sequence", BigInteger, Identity(always=True), nullable=False, unique=True),
    Column("call_id", Text),
    moment("received_at", is_now=True),
    Column("probed_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("manifest_id"),
    Index("recording_manifest_by_time", "start_time", "end_time"),
    Index("recording_manifest_by_file", "file_path"),
)
"""What recorders left, one row a file. `call_id`: the call's id as the manifest has it, for the job end point."""

scanned_folder = Table(
    "scanned_folder",
    metadata,
    Column("path", Text, primary_key=True),
    Column("modified_ns", BigInteger, nullable=False),
    Column("look_again_at", DateTime(timezone=True)),
    moment("scanned_at", is_now=True),
)
"""Folders of manifests as they were when they were last read whole: one that has not changed since is not listed again,
but for `look_again_at`: then something in it may be ready that was not."""

scanned_file = Table(
    "scanned_file",
    metadata,
    Column("folder", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("manifest_id", UUID(as_uuid=False)),
    moment("scanned_at", is_now=True),
    PrimaryKeyConstraint("folder", "name"),
)
"""Manifest files that were read, by name and size. `manifest_id` null: it could not be used, and is in quarantine."""

xml_cdr_hour = Table(
    "xml_cdr_hour",
    metadata,
    Column("hour_start", DateTime(timezone=True), primary_key=True),
    Column("read_at", DateTime(timezone=True), nullable=False),
)
"""Hours of FusionPBX's call records, by the end of the call, and when each was last read."""

recording_rule = Table(
    "recording_rule",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("rule_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("rule_type", Text, nullable=False),
    Column("condition", JSONB, nullable=False),
    Column("action", Text, nullable=False),
    Column("parameters", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("is_enabled", Boolean, nullable=False, server_default=true()),
    moment("changed_at", is_now=True),
    PrimaryKeyConstraint("tenant_id", "rule_id"),
)
"""Rules of tenants that have no file of them. The tenant's default is the rule of type DEFAULT."""

recording_rule_set = Table(
    "recording_rule_set",
    metadata,
    Column("version", Text, primary_key=True),
    Column("rules", JSONB, nullable=False),
    moment("loaded_at", is_now=True),
)
"""Every set of rules that was ever in force, by its version: the newest is the last good one."""

recording = Table(
    "recording",
    metadata,
    Column("recording_id", UUID(as_uuid=False), primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("call_id", UUID(as_uuid=False)),
    Column("leg_id", UUID(as_uuid=False)),
    Column("window_start", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False),
    Column("failure", Text),
    Column("failure_detail", Text),
    Column("is_current", Boolean, nullable=False, server_default=true()),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_attempt_at", DateTime(timezone=True)),
    Column("manifest_ids", ARRAY(Text), nullable=False),
    Column("inputs_hash", BigInteger),
    Column("rule_id", Text),
    Column("rule_version", Text),
    Column("start_time", DateTime(timezone=True)),
    Column("duration_ms", BigInteger),
    Column("layout", Text),
    Column("format", Text),
    Column("sample_rate_hz", Integer),
    Column("channels", Integer),
    Column("encryption", Text),
    Column("path", Text),
    Column("size_bytes", BigInteger),
    Column("audio_bytes", BigInteger),
    Column("sha256", Text),
    Column("md5", Text),
    Column("warnings", ARRAY(Text), nullable=False, server_default=text("'{}'::text[]")),
    Column("details", JSONB),
    Column("keep_until", DateTime(timezone=True)),
    Column("raw_deleted_at", DateTime(timezone=True)),
    moment("received_at", is_now=True),
    Column("started_at", DateTime(timezone=True)),
    Column("completed_at", DateTime(timezone=True)),
    Index("recording_by_leg", "leg_id"),
    Index("recording_by_call", "call_id"),
    Index("recording_by_window", "window_start"),
)
"""One row for each recording that was asked for. `is_current` false: a newer one of the same leg or call replaced it.

`inputs_hash` is the call's, when it was last planned: equal, there is nothing to do. `details` is what the metadata file holds. A row without `path` has no file (state SKIPPED, FAILED, or not made yet).
"""
Index(
    "recording_raw_to_delete",
    recording.c.completed_at,
    postgresql_where=text("raw_deleted_at IS NULL AND state IN ('COMPLETED', 'SKIPPED')"),
)

Index("recording_by_manifest", recording.c.manifest_ids, postgresql_using="gin")

Index(
    "recording_unfinished",
    recording.c.window_start,
    postgresql_where=text("state NOT IN ('COMPLETED', 'SKIPPED', 'FAILED') AND is_current"),
)

recording_leg = Table(
    "recording_leg",
    metadata,
    Column("recording_id", UUID(as_uuid=False), nullable=False),
    Column("leg_id", UUID(as_uuid=False), nullable=False),
    Column("offset_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("recording_id", "leg_id"),
    Index("recording_leg_by_leg", "leg_id"),
)
"""The legs that a recording holds, and where each begins in it."""

recording_key = Table(
    "recording_key",
    metadata,
    Column("file_id", UUID(as_uuid=False), primary_key=True),
    Column("tenant_id", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("wrapped_key", LargeBinary),
    moment("created_at", is_now=True),
    Column("rewrapped_at", DateTime(timezone=True)),
    Column("destroyed_at", DateTime(timezone=True)),
    Column("destroyed_by", Text),
    Column("destroyed_reason", Text),
    Index("recording_key_by_ring_key", "tenant_id", "key_id"),
)
"""The key of each sealed file, wrapped by a key of the tenant's ring. Without `wrapped_key` no copy can be read again."""

recorder_heartbeat = Table(
    "recorder_heartbeat",
    metadata,
    Column("recorder_id", Text, nullable=False),
    Column("beat_at", DateTime(timezone=True), nullable=False),
    Column("active_recordings", Integer),
    PrimaryKeyConstraint("recorder_id", "beat_at"),
)
"""Signs of life of the recorders."""
