"""The gateway: links, screen recordings, who heard what, who paused what."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Written out, not derived from gateway_tables.py: what a migration does must never change with the code.

STATEMENTS = (
    "CREATE INDEX recording_by_manifest ON recording USING gin (manifest_ids)",
    """
    CREATE TABLE recording_link (
        link_id uuid NOT NULL,
        kind text NOT NULL,
        activity_id text NOT NULL,
        conversation_id text,
        channel_session_id text,
        tenant_id text,
        cx_call_id text,
        leg_id uuid,
        leg_key text,
        agent_extension text,
        start_time timestamptz,
        end_time timestamptz,
        state text NOT NULL,
        reason text,
        method text,
        score double precision,
        evidence jsonb,
        runner_up_id text,
        runner_up_score double precision,
        candidate_id text,
        recording_id uuid,
        version text,
        message_id uuid,
        window_start timestamptz NOT NULL,
        matched_at timestamptz DEFAULT now() NOT NULL,
        changed_at timestamptz DEFAULT now() NOT NULL,
        PRIMARY KEY (link_id)
    )
    """,
    "CREATE INDEX recording_link_by_window ON recording_link (window_start)",
    "CREATE INDEX recording_link_by_leg ON recording_link (leg_id)",
    "CREATE INDEX recording_link_by_call ON recording_link (cx_call_id)",
    """
    CREATE TABLE screen_recording (
        screen_id uuid NOT NULL,
        dialog_id text NOT NULL,
        agent_extension text NOT NULL,
        start_time timestamptz NOT NULL,
        path text NOT NULL,
        size_bytes bigint NOT NULL,
        modified_at timestamptz NOT NULL,
        tenant_id text,
        leg_id uuid,
        seen_at timestamptz DEFAULT now() NOT NULL,
        PRIMARY KEY (screen_id)
    )
    """,
    "CREATE INDEX screen_recording_by_time ON screen_recording (start_time)",
    "CREATE INDEX screen_recording_by_leg ON screen_recording (leg_id)",
    """
    CREATE TABLE access_log (
        access_id bigint GENERATED ALWAYS AS IDENTITY,
        begun_at timestamptz DEFAULT now() NOT NULL,
        last_at timestamptz DEFAULT now() NOT NULL,
        tenant_id text NOT NULL,
        subject text NOT NULL,
        access text NOT NULL,
        action text NOT NULL,
        playable_id text NOT NULL,
        leg_id uuid,
        leg_key text,
        client text,
        user_agent text,
        requests integer DEFAULT 1 NOT NULL,
        sent_bytes bigint DEFAULT 0 NOT NULL,
        PRIMARY KEY (access_id)
    )
    """,
    "CREATE INDEX access_log_by_time ON access_log (begun_at)",
    "CREATE INDEX access_log_by_playable ON access_log (playable_id, begun_at)",
    "CREATE INDEX access_log_by_subject ON access_log (subject, begun_at)",
    """
    CREATE TABLE recording_control (
        control_id bigint GENERATED ALWAYS AS IDENTITY,
        asked_at timestamptz DEFAULT now() NOT NULL,
        done_at timestamptz,
        tenant_id text NOT NULL,
        subject text NOT NULL,
        call_uuid text NOT NULL,
        recorder_id text,
        action text NOT NULL,
        agent text,
        reason text,
        outcome text,
        PRIMARY KEY (control_id)
    )
    """,
    "CREATE INDEX recording_control_by_time ON recording_control (asked_at)",
    "CREATE INDEX recording_control_by_call ON recording_control (call_uuid, asked_at)",
    """
    CREATE TABLE call_end (
        call_uuid text NOT NULL,
        tenant_id text NOT NULL,
        recorder_id text,
        ended_at timestamptz,
        details jsonb NOT NULL,
        received_at timestamptz DEFAULT now() NOT NULL,
        PRIMARY KEY (call_uuid, tenant_id)
    )
    """,
    "CREATE INDEX call_end_by_time ON call_end (received_at)",
    # For the search of calls: newest first, and by a number's begin or end.
    "CREATE INDEX enriched_leg_by_time ON enriched_leg (tenant_id, start_time, leg_id)",
    "CREATE INDEX enriched_leg_by_agent_id ON enriched_leg (tenant_id, agent_id, start_time)",
    """
    CREATE INDEX enriched_leg_by_customer_begin
        ON enriched_leg (tenant_id, customer_identifier text_pattern_ops, start_time)
    """,
    """
    CREATE INDEX enriched_leg_by_customer_end
        ON enriched_leg (tenant_id, reverse(customer_identifier) text_pattern_ops, start_time)
    """,
    """
    CREATE INDEX enriched_leg_by_service_begin
        ON enriched_leg (tenant_id, service_identifier text_pattern_ops, start_time)
    """,
    """
    CREATE INDEX enriched_leg_by_service_end
        ON enriched_leg (tenant_id, reverse(service_identifier) text_pattern_ops, start_time)
    """,
)

INDEXES = ("time", "agent_id", "customer_begin", "customer_end", "service_begin", "service_end")
"""Of the legs."""


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop them, with all they hold."""
    for index in INDEXES:
        op.execute(f"DROP INDEX enriched_leg_by_{index}")
    op.execute("DROP INDEX recording_by_manifest")
    for table in ("call_end", "recording_control", "access_log", "screen_recording", "recording_link"):
        op.execute(f"DROP TABLE {table}")
