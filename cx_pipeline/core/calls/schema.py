"""What the correlation gives: calls, their legs, and what it could not use."""

import polars as pl

from cx_pipeline.core.events.schema import UTC_MICROSECONDS

HOLD_SEGMENT = pl.Struct({"start_time": UTC_MICROSECONDS, "end_time": UTC_MICROSECONDS})

DECISION = pl.Struct(
    {
        "rule": pl.String(),
        "event_time": UTC_MICROSECONDS,
        "kind": pl.String(),
        "extension": pl.String(),
        "call_key": pl.String(),
        "event_id": pl.String(),
    }
)
"""The event that decided something about a leg, and the name of the rule. Null fields: decided by absence."""

EVIDENCE = pl.Struct({"start": DECISION, "end": DECISION, "type": DECISION})

LEG_SCHEMA = pl.Schema(
    {
        "leg_id": pl.String(),
        "leg_key": pl.String(),
        "call_id": pl.String(),
        "tenant_id": pl.String(),
        "root_call_key": pl.String(),
        "leg_number": pl.Int32(),
        "agent_extension": pl.String(),
        "agent_terminal": pl.String(),
        "connection_id": pl.String(),
        "jtapi_id": pl.String(),
        "status": pl.String(),
        "call_type": pl.String(),
        "direction": pl.String(),
        "start_reason": pl.String(),
        "end_reason": pl.String(),
        "rona_reason": pl.String(),
        "ring_time": UTC_MICROSECONDS,
        "start_time": UTC_MICROSECONDS,
        "end_time": UTC_MICROSECONDS,
        "duration_ms": pl.Int64(),
        "held_ms": pl.Int64(),
        "hold_segments": pl.List(HOLD_SEGMENT),
        "is_answered": pl.Boolean(),
        "is_reportable": pl.Boolean(),
        "is_artefact": pl.Boolean(),
        "is_start_estimated": pl.Boolean(),
        "is_end_estimated": pl.Boolean(),
        "has_clock_skew": pl.Boolean(),
        "consult_source": pl.String(),
        "consult_target": pl.String(),
        "consult_result": pl.String(),
        "transferred_from": pl.String(),
        "transferred_to": pl.String(),
        "conference_id": pl.String(),
        "participants": pl.List(pl.String()),
        "other_party": pl.String(),
        "evidence": EVIDENCE,
    }
)
"""One row for each agent's unbroken share in a call; the legs of a call stand together, in the order of their numbers.

Calls stand in an order that depends on the facts alone, not on their arrival.
"""

CALL_SCHEMA = pl.Schema(
    {
        "call_id": pl.String(),
        "tenant_id": pl.String(),
        "root_call_key": pl.String(),
        "call_keys": pl.List(pl.String()),
        "status": pl.String(),
        "call_type": pl.String(),
        "direction": pl.String(),
        "start_time": UTC_MICROSECONDS,
        "end_time": UTC_MICROSECONDS,
        "last_fact_time": UTC_MICROSECONDS,
        "participants": pl.List(pl.String()),
        "leg_count": pl.Int32(),
        "event_count": pl.Int32(),
    }
)
"""One row for each call. `end_time` is null while it is in progress; `last_fact_time` never is."""

QUARANTINE_SCHEMA = pl.Schema(
    {
        "reason": pl.String(),
        "event_time": UTC_MICROSECONDS,
        "global_call_id": pl.String(),
        "row": pl.String(),
    }
)
"""Events that the correlation cannot use: the reason, and the row as it came, as a JSON object."""

COMPLETED = "COMPLETED"
IN_PROGRESS = "IN_PROGRESS"
