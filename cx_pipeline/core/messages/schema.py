"""The outbox as a table: what a data engineer finds there."""

import polars as pl

from cx_pipeline.core.events.schema import UTC_MICROSECONDS

OUTBOX_MESSAGE_SCHEMA = pl.Schema(
    {
        "message_id": pl.String(),
        "sequence": pl.Int64(),
        "ordering_key": pl.String(),
        "leg_id": pl.String(),
        "intent": pl.String(),
        "ordinal": pl.Int32(),
        "revision": pl.Int32(),
        "payload": pl.String(),
        "fingerprint": pl.String(),
        "destination": pl.String(),
        "status": pl.String(),
        "attempts": pl.Int32(),
        "next_attempt_at": UTC_MICROSECONDS,
        "last_status_code": pl.Int32(),
        "last_error": pl.String(),
        "created_at": UTC_MICROSECONDS,
        "first_attempt_at": UTC_MICROSECONDS,
        "delivered_at": UTC_MICROSECONDS,
        "died_at": UTC_MICROSECONDS,
    }
)
"""One row for each message, from its writing on."""

MAY_BE_NULL = ("last_status_code", "last_error", "first_attempt_at", "delivered_at", "died_at")
