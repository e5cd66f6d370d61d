"""Frames of the links: what could be linked, and what became of each voice activity of the conversation manager."""

import polars as pl

from cx_pipeline.core.events.schema import UTC_MICROSECONDS

VOICE, SCREEN = "VOICE", "SCREEN"
"""Values of `kind`: what a link plays."""

LINK_CANDIDATE_SCHEMA = pl.Schema(
    {
        "candidate_id": pl.String(),
        "kind": pl.String(),
        "backend": pl.String(),
        "tenant_id": pl.String(),
        "recording_id": pl.String(),
        "leg_id": pl.String(),
        "leg_key": pl.String(),
        "cx_call_id": pl.String(),
        "call_key": pl.String(),
        "dialog_id": pl.String(),
        "agent_extension": pl.String(),
        "start_time": UTC_MICROSECONDS,
        "end_time": UTC_MICROSECONDS,
        "duration_ms": pl.Int64(),
        "size_bytes": pl.Int64(),
        "version": pl.String(),
    }
)
"""What can be played, one row for each leg that a recording holds, and for each recording without a leg of ours.

`leg_key` is what its URL is made of. `version` changes whenever what is behind the URL does (a hash, or the recording's id). Null:
what is not known; a backend that knows no legs leaves `leg_id` null and tells call ids and times.
"""

RECORDING_LINK_SCHEMA = pl.Schema(
    {
        "link_id": pl.String(),
        "kind": pl.String(),
        "activity_id": pl.String(),
        "conversation_id": pl.String(),
        "channel_session_id": pl.String(),
        "tenant_id": pl.String(),
        "cx_call_id": pl.String(),
        "leg_id": pl.String(),
        "leg_key": pl.String(),
        "agent_extension": pl.String(),
        "start_time": UTC_MICROSECONDS,
        "end_time": UTC_MICROSECONDS,
        "state": pl.String(),
        "reason": pl.String(),
        "method": pl.String(),
        "score": pl.Float64(),
        "evidence": pl.String(),
        "runner_up_id": pl.String(),
        "runner_up_score": pl.Float64(),
        "candidate_id": pl.String(),
        "recording_id": pl.String(),
        "version": pl.String(),
        "message_id": pl.String(),
    }
)
"""One row for each voice activity and kind of which there is something to tell.

`start_time`, `end_time`: of the activity. `evidence` is a JSON object: what tied them, and how far their ends lie apart. `score` is
between 0 and 1. `message_id`: of the message that tells of the link; null where none is to.
"""

LINKED, SHOWN, AMBIGUOUS, UNMATCHED = "LINKED", "SHOWN", "AMBIGUOUS", "UNMATCHED"
"""Values of `state`. LINKED: an id ties them, and the conversation is told. SHOWN: only time does; a person may look. AMBIGUOUS: two
fit alike. UNMATCHED: nothing that can be played fits."""

BY_LEG_ID, BY_CALL_ID, BY_TIME = "leg_id", "call_id", "time"
"""Values of `method`."""
