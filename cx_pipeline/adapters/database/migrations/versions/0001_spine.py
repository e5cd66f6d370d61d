"""Events, calls, legs, computations of windows and the directory."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Written out, not derived from tables.py: what a migration does must never change with the code.

# The hash of an event's identity. quote_nullable tells null from empty, and its quotes and doubled backslashes
# make the text unambiguous; the doubled backslashes are also what the cast to bytea wants. Every part is
# immutable (no time zone, no encoding conversion), so that PostgreSQL inlines the function.
EVENT_ID = """
CREATE FUNCTION jtapi_event_id(
    tenant_id text, source text, listener_id text, call_key text, event_name text,
    event_time timestamptz, extension text, terminal text, connection_id text
) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT encode(substring(sha256((
        quote_nullable(tenant_id) || ',' || quote_nullable(source) || ',' || quote_nullable(listener_id) || ','
        || quote_nullable(call_key) || ',' || quote_nullable(event_name) || ','
        || coalesce(extract(epoch FROM event_time - timestamptz '1970-01-01 00:00:00+00')::text, 'NULL') || ','
        || quote_nullable(extension) || ',' || quote_nullable(terminal) || ',' || quote_nullable(connection_id)
    )::bytea) FROM 1 FOR 16), 'hex')::uuid
$$
"""

EVENTS = (
    "CREATE SEQUENCE jtapi_event_arrival AS bigint",
    EVENT_ID,
    """
    CREATE TABLE jtapi_event (
        event_id uuid NOT NULL,
        arrival_sequence bigint NOT NULL DEFAULT nextval('jtapi_event_arrival'),
        call_key text NOT NULL,
        previous_call_key text,
        tenant_id text NOT NULL,
        source text NOT NULL,
        listener_id text NOT NULL,
        event_time timestamptz NOT NULL,
        received_at timestamptz NOT NULL,
        event_name text NOT NULL,
        event_code integer,
        global_call_id text,
        previous_global_call_id text,
        link_id text,
        link_role text,
        jtapi_id text,
        connection_id text,
        extension text,
        terminal text,
        calling_extension text,
        called_extension text,
        calling_terminal text,
        called_terminal text,
        direction text,
        cause text,
        feature_reason text,
        PRIMARY KEY (event_id, event_time)
    ) PARTITION BY RANGE (event_time)
    """,
    "CREATE INDEX jtapi_event_by_time ON jtapi_event (event_time)",
    "CREATE INDEX jtapi_event_by_call_key ON jtapi_event (call_key, event_time)",
    """
    CREATE INDEX jtapi_event_by_previous_call_key ON jtapi_event (previous_call_key, event_time)
        WHERE previous_call_key IS NOT NULL
    """,
    "CREATE INDEX jtapi_event_by_link ON jtapi_event (link_id, event_time) WHERE link_id IS NOT NULL",
    "CREATE INDEX jtapi_event_by_arrival ON jtapi_event (arrival_sequence)",
    "CREATE INDEX jtapi_event_ahead ON jtapi_event (received_at) WHERE event_time - received_at > interval '5 seconds'",
    """
    CREATE TABLE event_retention (
        is_the_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_the_only_row),
        dropped_before timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE quarantined_input (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        file_name text NOT NULL,
        file_sha256 text NOT NULL,
        line_number bigint NOT NULL,
        reason text NOT NULL,
        row_text text NOT NULL,
        seen_at timestamptz NOT NULL DEFAULT now(),
        UNIQUE (file_sha256, line_number, reason)
    )
    """,
)

CALLS = (
    """
    CREATE TABLE call (
        call_id uuid PRIMARY KEY,
        tenant_id text NOT NULL,
        root_call_key text NOT NULL,
        call_keys text[] NOT NULL,
        status text NOT NULL,
        call_type text,
        direction text,
        start_time timestamptz,
        end_time timestamptz,
        last_fact_time timestamptz,
        participants text[],
        leg_count integer,
        event_count integer,
        window_start timestamptz NOT NULL,
        high_water bigint NOT NULL,
        written_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX call_by_window ON call (window_start)",
    "CREATE INDEX call_by_root ON call (root_call_key, start_time)",
    "CREATE INDEX call_by_key ON call USING gin (call_keys)",
    "CREATE INDEX call_in_progress ON call (last_fact_time) WHERE status = 'IN_PROGRESS'",
    """
    CREATE TABLE call_leg (
        leg_id uuid PRIMARY KEY,
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
        evidence jsonb,
        window_start timestamptz NOT NULL,
        high_water bigint NOT NULL,
        written_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX call_leg_by_call ON call_leg (call_id, leg_number)",
    "CREATE INDEX call_leg_by_window ON call_leg (window_start)",
    "CREATE INDEX call_leg_by_agent ON call_leg (tenant_id, agent_extension, start_time)",
    """
    CREATE TABLE quarantined_event (
        window_start timestamptz NOT NULL,
        reason text NOT NULL,
        event_time timestamptz,
        global_call_id text,
        row_text text NOT NULL,
        high_water bigint NOT NULL
    )
    """,
    "CREATE INDEX quarantined_event_by_window ON quarantined_event (window_start)",
    """
    CREATE TABLE window_computation (
        window_start timestamptz PRIMARY KEY,
        window_end timestamptz NOT NULL,
        high_water bigint NOT NULL,
        computed_at timestamptz NOT NULL DEFAULT now(),
        run_id text NOT NULL,
        input_count bigint NOT NULL,
        used_count bigint NOT NULL,
        duplicate_count bigint NOT NULL,
        quarantined_count bigint NOT NULL
    )
    """,
    """
    CREATE TABLE open_call_key (
        window_start timestamptz NOT NULL,
        tenant_id text NOT NULL,
        call_key text NOT NULL,
        PRIMARY KEY (window_start, tenant_id, call_key)
    )
    """,
)

DIRECTORY = (
    """
    CREATE TABLE directory_agent (
        tenant_id text, extension text, device text, agent_id text, agent_name text, team text, time_zone text,
        valid_from timestamptz, valid_to timestamptz
    )
    """,
    """
    CREATE TABLE directory_service_number (
        tenant_id text, number text, name text, valid_from timestamptz, valid_to timestamptz
    )
    """,
    """
    CREATE TABLE directory_range (
        tenant_id text, first_extension bigint, last_extension bigint, valid_from timestamptz, valid_to timestamptz
    )
    """,
    "CREATE TABLE directory_domain (tenant_id text, domain text, valid_from timestamptz, valid_to timestamptz)",
    "CREATE TABLE directory_cluster (tenant_id text, cluster text, valid_from timestamptz, valid_to timestamptz)",
)


def upgrade() -> None:
    """Make everything."""
    for statement in (*EVENTS, *CALLS, *DIRECTORY):
        op.execute(statement)


def downgrade() -> None:
    """Drop everything, data included."""
    tables = (
        "jtapi_event event_retention quarantined_input call call_leg quarantined_event window_computation open_call_key "
        "directory_agent directory_service_number directory_range directory_domain directory_cluster"
    )
    for table in tables.split():
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION jtapi_event_id")
    op.execute("DROP SEQUENCE jtapi_event_arrival")
