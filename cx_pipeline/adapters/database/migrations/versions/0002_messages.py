"""Enriched legs, their messages on the way out, and the listeners' signs of life."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Written out, not derived from message_tables.py: what a migration does must never change with the code.

STATEMENTS = (
    """
    CREATE TABLE enriched_leg (
        leg_id uuid NOT NULL,
        leg_key text NOT NULL,
        call_id uuid NOT NULL,
        tenant_id text NOT NULL,
        root_call_key text,
        leg_number integer NOT NULL,
        agent_extension text,
        agent_terminal text,
        connection_id text,
        jtapi_id text,
        status text NOT NULL,
        call_type text,
        direction text,
        start_reason text,
        end_reason text,
        rona_reason text,
        ring_time timestamptz,
        start_time timestamptz,
        end_time timestamptz,
        duration_ms bigint,
        held_ms bigint,
        hold_segments jsonb,
        is_answered boolean,
        is_reportable boolean,
        is_artefact boolean,
        is_start_estimated boolean,
        is_end_estimated boolean,
        has_clock_skew boolean,
        consult_source text,
        consult_target text,
        consult_result text,
        transferred_from text,
        transferred_to text,
        conference_id text,
        participants text[],
        other_party text,
        origin text NOT NULL,
        cx_call_id text,
        enrichment_status text NOT NULL,
        enrichment_reason text,
        enrichment_tries integer,
        is_decided boolean,
        record_id text,
        match_method text,
        match_distance_ms bigint,
        runner_up_record_id text,
        runner_up_distance_ms bigint,
        service_identifier text,
        customer_identifier text,
        agent_id text,
        agent_name text,
        wrap_up text,
        call_result bigint,
        disposition bigint,
        talk_s bigint,
        hold_s bigint,
        work_s bigint,
        ring_s bigint,
        queue_s bigint,
        cisco_duration_ms bigint,
        has_duration_mismatch boolean,
        has_extension_mismatch boolean,
        custom_variables text,
        window_start timestamptz NOT NULL,
        high_water bigint NOT NULL,
        row_hash bigint NOT NULL,
        written_at timestamptz DEFAULT now() NOT NULL,
        PRIMARY KEY (leg_id)
    )
    """,
    """
    CREATE INDEX enriched_leg_by_agent ON enriched_leg (tenant_id, agent_extension, start_time)
    """,
    """
    CREATE INDEX enriched_leg_by_call ON enriched_leg (call_id, leg_number)
    """,
    """
    CREATE INDEX enriched_leg_by_customer ON enriched_leg (tenant_id, customer_identifier, start_time)
    """,
    """
    CREATE INDEX enriched_leg_by_cx_call ON enriched_leg (cx_call_id)
    """,
    """
    CREATE INDEX enriched_leg_by_window ON enriched_leg (window_start)
    """,
    """
    CREATE INDEX enriched_leg_waiting ON enriched_leg (end_time) WHERE is_reportable AND enrichment_status <> 'COMPLETE'
    """,
    """
    CREATE TABLE vanished_leg (
        leg_id uuid NOT NULL,
        vanished_at timestamptz DEFAULT now() NOT NULL,
        PRIMARY KEY (leg_id)
    )
    """,
    """
    CREATE TABLE message_leg (
        leg_id uuid NOT NULL,
        call_id uuid NOT NULL,
        digest text NOT NULL,
        planned_at timestamptz DEFAULT now() NOT NULL,
        PRIMARY KEY (leg_id)
    )
    """,
    """
    CREATE TABLE outbox_message (
        message_id uuid NOT NULL,
        sequence bigint GENERATED ALWAYS AS IDENTITY,
        ordering_key text NOT NULL,
        leg_id uuid NOT NULL,
        intent text NOT NULL,
        ordinal integer NOT NULL,
        revision integer NOT NULL,
        payload text NOT NULL,
        fingerprint text NOT NULL,
        destination text NOT NULL,
        status text DEFAULT 'WAITING' NOT NULL,
        attempts integer DEFAULT '0' NOT NULL,
        next_attempt_at timestamptz DEFAULT now() NOT NULL,
        last_status_code integer,
        last_error text,
        created_at timestamptz DEFAULT now() NOT NULL,
        first_attempt_at timestamptz,
        delivered_at timestamptz,
        died_at timestamptz,
        PRIMARY KEY (message_id),
        UNIQUE (leg_id, intent, ordinal, revision),
        UNIQUE (sequence)
    )
    """,
    """
    CREATE INDEX outbox_message_dead ON outbox_message (died_at) WHERE status = 'DEAD'
    """,
    """
    CREATE INDEX outbox_message_queue ON outbox_message (sequence) WHERE status = 'WAITING'
    """,
    """
    CREATE INDEX outbox_message_by_key ON outbox_message (ordering_key, sequence)
    """,
    """
    CREATE TABLE call_conversation (
        cx_call_id text NOT NULL,
        conversation_id text,
        channel_session_id text,
        seen_at timestamptz DEFAULT now() NOT NULL,
        PRIMARY KEY (cx_call_id)
    )
    """,
    """
    CREATE TABLE listener_heartbeat (
        tenant_id text NOT NULL,
        source text NOT NULL,
        listener_id text NOT NULL,
        beat_at timestamptz NOT NULL,
        is_connected boolean DEFAULT false NOT NULL,
        failed_reconnections integer DEFAULT '0' NOT NULL,
        PRIMARY KEY (source, listener_id, beat_at, tenant_id)
    )
    """,
    """
    CREATE INDEX listener_heartbeat_by_time ON listener_heartbeat (beat_at)
    """,
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop them."""
    for table in (
        "listener_heartbeat",
        "call_conversation",
        "outbox_message",
        "message_leg",
        "vanished_leg",
        "enriched_leg",
    ):
        op.execute(f"DROP TABLE {table}")
