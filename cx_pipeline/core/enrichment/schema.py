"""What Cisco's reporting databases tell of a call, and what a leg looks like once it has its record."""

import polars as pl

from cx_pipeline.core.calls.schema import LEG_SCHEMA
from cx_pipeline.core.events.schema import UTC_MICROSECONDS

CISCO_RECORD_SCHEMA = pl.Schema(
    {
        "record_id": pl.String(),
        "source": pl.String(),
        "tenant_id": pl.String(),
        "jtapi_id": pl.String(),
        "call_key": pl.String(),
        "peripheral_id": pl.String(),
        "ani": pl.String(),
        "dialled_number": pl.String(),
        "wrap_up": pl.String(),
        "agent_id": pl.String(),
        "agent_name": pl.String(),
        "extension": pl.String(),
        "ended_at": UTC_MICROSECONDS,
        "dialler_call_id": pl.String(),
        "call_result": pl.Int64(),
        "disposition": pl.Int64(),
        "conversation_type": pl.String(),
        "talk_s": pl.Int64(),
        "hold_s": pl.Int64(),
        "work_s": pl.Int64(),
        "ring_s": pl.Int64(),
        "queue_s": pl.Int64(),
        "custom_variables": pl.String(),
        "raw": pl.String(),
    }
)
"""One row for each record of an agent's share in a call, whatever the flavour of the database.

`record_id` is unique and lasting: the source's name and the row's own key. `tenant_id` is null where the source does
not tell. `call_key` is `jtapi_id` in the form of the legs' call keys. `talk_s` is without hold. `custom_variables` and
`raw` are JSON objects: the call variables by name, and the row as it came.
"""

INBOUND, OUTBOUND, RESERVATION = "INBOUND", "OUTBOUND", "RESERVATION"
"""Values of `conversation_type`. A reservation call holds an agent for a dialler: it belongs to no leg."""

ENRICHED_HOLD_SEGMENT = pl.Struct(
    {
        "start_time": UTC_MICROSECONDS,
        "end_time": UTC_MICROSECONDS,
        "duration_ms": pl.Int64(),
        "is_synthetic": pl.Boolean(),
    }
)
"""A hold. A synthetic one is known from the record alone: its length is known, its place is not (both times null)."""

_OF_THE_LEG = {name: dtype for name, dtype in LEG_SCHEMA.items() if name != "evidence"}

ENRICHED_LEG_SCHEMA = pl.Schema(
    {
        **_OF_THE_LEG,
        "hold_segments": pl.List(ENRICHED_HOLD_SEGMENT),
        "origin": pl.String(),
        "cx_call_id": pl.String(),
        "enrichment_status": pl.String(),
        "enrichment_reason": pl.String(),
        "enrichment_tries": pl.Int32(),
        "is_decided": pl.Boolean(),
        "record_id": pl.String(),
        "match_method": pl.String(),
        "match_distance_ms": pl.Int64(),
        "runner_up_record_id": pl.String(),
        "runner_up_distance_ms": pl.Int64(),
        "service_identifier": pl.String(),
        "customer_identifier": pl.String(),
        "agent_id": pl.String(),
        "agent_name": pl.String(),
        "wrap_up": pl.String(),
        "call_result": pl.Int64(),
        "disposition": pl.Int64(),
        "talk_s": pl.Int64(),
        "hold_s": pl.Int64(),
        "work_s": pl.Int64(),
        "ring_s": pl.Int64(),
        "queue_s": pl.Int64(),
        "cisco_duration_ms": pl.Int64(),
        "has_duration_mismatch": pl.Boolean(),
        "has_extension_mismatch": pl.Boolean(),
        "custom_variables": pl.String(),
    }
)
"""The leg's columns without its evidence, and what its record adds.

`cx_call_id` is the call id of all messages and links: the dialler's where its record bears one, else `call_id`.
`cisco_duration_ms` is talk and hold of the record; `duration_ms` stays that of the events.
"""

FROM_EVENTS, FROM_RECORD = "events", "cisco_record"
"""Values of `origin`: a leg that events tell, and one of an outage of which only its record tells."""

COMPLETE, PENDING, AMBIGUOUS, PARTIAL = "COMPLETE", "PENDING", "AMBIGUOUS", "PARTIAL"
"""Values of `enrichment_status`. COMPLETE: it has its record. PENDING: a record may still come. AMBIGUOUS: several
records may be its own, none was taken. PARTIAL: the last try found none. `is_decided`: its messages may leave, which
is so for COMPLETE, PARTIAL, and for what is still AMBIGUOUS at the last try."""

BY_EXTENSION, BY_TIME = "EXTENSION", "TIME"
"""Values of `match_method`: the record is of the leg's own extension; or it bears another or none, and time decided."""

HEARTBEAT_GAP_SCHEMA = pl.Schema(
    {
        "tenant_id": pl.String(),
        "source": pl.String(),
        "gap_start": UTC_MICROSECONDS,
        "gap_end": UTC_MICROSECONDS,
    }
)
"""Times at which no listener of a source was up, as their heartbeats say. `tenant_id` null: of all tenants."""
