"""Recordings: manifests, rules, states, keys, and the recorders' signs of life."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Written out, not derived from recording_tables.py: what a migration does must never change with the code.

STATEMENTS = (
    """
    CREATE TABLE recording_manifest (
        manifest_id uuid NOT NULL,
        tenant_id text NOT NULL,
        source text NOT NULL,
        recording_type text NOT NULL,
        side text NOT NULL,
        call_key text,
        jtapi_id text,
        refci text,
        dialog_id text,
        agent_extension text,
        agent_device text,
        calling_number text,
        called_number text,
        direction text,
        start_time timestamptz NOT NULL,
        end_time timestamptz,
        recorder_id text,
        completion_cause text,
        is_finished boolean NOT NULL,
        masks jsonb,
        manifest_path text,
        file_path text NOT NULL,
        told_size_bytes bigint,
        told_sample_rate_hz integer,
        file_problem text,
        file_size_bytes bigint,
        encoding text,
        sample_rate_hz integer,
        channels integer,
        frames bigint,
        data_offset_bytes bigint,
        is_header_unfinished boolean,
        arrival_sequence bigint GENERATED ALWAYS AS IDENTITY,
        call_id text,
        received_at timestamptz DEFAULT now() NOT NULL,
        probed_at timestamptz,
        PRIMARY KEY (manifest_id),
        UNIQUE (arrival_sequence)
    )
    """,
    """
    CREATE INDEX recording_manifest_by_file ON recording_manifest (file_path)
    """,
    """
    CREATE INDEX recording_manifest_by_time ON recording_manifest (start_time, end_time)
    """,
    """
    CREATE TABLE scanned_folder (
        path text NOT NULL,
        modified_ns bigint NOT NULL,
        look_again_at timestamptz,
        scanned_at timestamptz DEFAULT now() NOT NULL,
        PRIMARY KEY (path)
    )
    """,
    """
    CREATE TABLE scanned_file (
        folder text NOT NULL,
        name text NOT NULL,
        size_bytes bigint NOT NULL,
        manifest_id uuid,
        scanned_at timestamptz DEFAULT now() NOT NULL,
        PRIMARY KEY (folder, name)
    )
    """,
    """
    CREATE TABLE xml_cdr_hour (
        hour_start timestamptz NOT NULL,
        read_at timestamptz NOT NULL,
        PRIMARY KEY (hour_start)
    )
    """,
    """
    CREATE TABLE recording_rule (
        tenant_id text NOT NULL,
        rule_id text NOT NULL,
        name text NOT NULL,
        rule_type text NOT NULL,
        condition jsonb NOT NULL,
        action text NOT NULL,
        parameters jsonb DEFAULT '{}'::jsonb NOT NULL,
        priority integer DEFAULT '0' NOT NULL,
        version integer DEFAULT '1' NOT NULL,
        is_enabled boolean DEFAULT true NOT NULL,
        changed_at timestamptz DEFAULT now() NOT NULL,
        PRIMARY KEY (tenant_id, rule_id)
    )
    """,
    """
    CREATE TABLE recording_rule_set (
        version text NOT NULL,
        rules jsonb NOT NULL,
        loaded_at timestamptz DEFAULT now() NOT NULL,
        PRIMARY KEY (version)
    )
    """,
    """
    CREATE TABLE recording (
        recording_id uuid NOT NULL,
        tenant_id text NOT NULL,
        kind text NOT NULL,
        call_id uuid,
        leg_id uuid,
        window_start timestamptz NOT NULL,
        state text NOT NULL,
        failure text,
        failure_detail text,
        is_current boolean DEFAULT true NOT NULL,
        attempts integer DEFAULT '0' NOT NULL,
        next_attempt_at timestamptz,
        manifest_ids text[] NOT NULL,
        inputs_hash bigint,
        rule_id text,
        rule_version text,
        start_time timestamptz,
        duration_ms bigint,
        layout text,
        format text,
        sample_rate_hz integer,
        channels integer,
        encryption text,
        path text,
        size_bytes bigint,
        audio_bytes bigint,
        sha256 TEXT,
        md5 TEXT,
        warnings text[] DEFAULT '{}'::text[] NOT NULL,
        details jsonb,
        keep_until timestamptz,
        raw_deleted_at timestamptz,
        received_at timestamptz DEFAULT now() NOT NULL,
        started_at timestamptz,
        completed_at timestamptz,
        PRIMARY KEY (recording_id)
    )
    """,
    """
    CREATE INDEX recording_by_call ON recording (call_id)
    """,
    """
    CREATE INDEX recording_by_leg ON recording (leg_id)
    """,
    """
    CREATE INDEX recording_by_window ON recording (window_start)
    """,
    """
    CREATE INDEX recording_unfinished ON recording (window_start)
    WHERE state NOT IN ('COMPLETED', 'SKIPPED', 'FAILED') AND is_current
    """,
    """
    CREATE INDEX recording_raw_to_delete ON recording (completed_at) WHERE raw_deleted_at IS NULL AND state IN ('COMPLETED', 'SKIPPED')
    """,
    """
    CREATE TABLE recording_leg (
        recording_id uuid NOT NULL,
        leg_id uuid NOT NULL,
        offset_ms bigint NOT NULL,
        PRIMARY KEY (recording_id, leg_id)
    )
    """,
    """
    CREATE INDEX recording_leg_by_leg ON recording_leg (leg_id)
    """,
    """
    CREATE TABLE recording_key (
        file_id uuid NOT NULL,
        tenant_id text NOT NULL,
        key_id text NOT NULL,
        wrapped_key bytea,
        created_at timestamptz DEFAULT now() NOT NULL,
        rewrapped_at timestamptz,
        destroyed_at timestamptz,
        destroyed_by text,
        destroyed_reason text,
        PRIMARY KEY (file_id)
    )
    """,
    """
    CREATE INDEX recording_key_by_ring_key ON recording_key (tenant_id, key_id)
    """,
    """
    CREATE TABLE recorder_heartbeat (
        recorder_id text NOT NULL,
        beat_at timestamptz NOT NULL,
        active_recordings integer,
        PRIMARY KEY (recorder_id, beat_at)
    )
    """,
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop them."""
    for table in (
        "recorder_heartbeat",
        "recording_key",
        "recording_leg",
        "recording",
        "recording_rule_set",
        "recording_rule",
        "xml_cdr_hour",
        "scanned_file",
        "scanned_folder",
        "recording_manifest",
    ):
        op.execute(f"DROP TABLE {table}")
