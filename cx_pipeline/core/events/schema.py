"""The call event: one row for one fact that a source reported (specification of correlation, section 1)."""

import polars as pl

UTC_MICROSECONDS = pl.Datetime("us", "UTC")

EVENT_SCHEMA = pl.Schema(
    {
        "tenant_id": pl.String(),
        "source": pl.String(),
        "listener_id": pl.String(),
        "event_time": UTC_MICROSECONDS,
        "received_at": UTC_MICROSECONDS,
        "event_name": pl.String(),
        "event_code": pl.Int32(),
        "global_call_id": pl.String(),
        "previous_global_call_id": pl.String(),
        "link_id": pl.String(),
        "link_role": pl.String(),
        "jtapi_id": pl.String(),
        "connection_id": pl.String(),
        "extension": pl.String(),
        "terminal": pl.String(),
        "calling_extension": pl.String(),
        "called_extension": pl.String(),
        "calling_terminal": pl.String(),
        "called_terminal": pl.String(),
        "direction": pl.String(),
        "cause": pl.String(),
        "feature_reason": pl.String(),
    }
)
"""The columns that a source may give, in the order in which we write them. Times are UTC, microseconds."""

STORED_EVENT_SCHEMA = pl.Schema(
    {
        "event_id": pl.String(),
        "arrival_sequence": pl.Int64(),
        "call_key": pl.String(),
        "previous_call_key": pl.String(),
        **EVENT_SCHEMA,
    }
)
"""What the event store adds: the hash of the identity, the order of arrival and the normalised call keys."""

RAW_WINDOW_SCHEMA = pl.Schema({**STORED_EVENT_SCHEMA, "in_window": pl.Boolean()})
"""A window's raw partition: every fact of every call that has a fact in the window."""

IDENTITY_COLUMNS = (
    "tenant_id",
    "source",
    "listener_id",
    "call_key",
    "event_name",
    "event_time",
    "extension",
    "terminal",
    "connection_id",
)
"""What two reports of the same fact share. The time of arrival is not part of it."""


def with_event_columns(events: pl.LazyFrame) -> pl.LazyFrame:
    """Give `events` every column of `EVENT_SCHEMA`: a missing one reads as null, an unknown one is left alone."""
    present = events.collect_schema()
    missing = [
        pl.lit(None, dtype=dtype).alias(name) for name, dtype in EVENT_SCHEMA.items() if name not in present
    ]
    return events.with_columns(missing) if missing else events
