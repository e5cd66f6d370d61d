"""Enriched legs for tests: one that is known in full, and frames of such with some columns otherwise."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from cx_pipeline.core.enrichment.schema import ENRICHED_LEG_SCHEMA

START = datetime(2026, 6, 8, 10, tzinfo=UTC)
LEG_ID = "0b8a4f3e-6d1c-8a55-9f00-000000000001"
CALL_ID = "7c1d2e3f-0000-8000-8000-000000000001"

KNOWN = {
    "leg_id": LEG_ID,
    "leg_key": f"{CALL_ID}:1005:+18005550199:1780912800000",
    "call_id": CALL_ID,
    "tenant_id": "acme",
    "leg_number": 1,
    "agent_extension": "1005",
    "jtapi_id": "16945106",
    "status": "COMPLETED",
    "call_type": "SIMPLE",
    "direction": "INBOUND",
    "start_reason": "INBOUND",
    "end_reason": "DIALOG_ENDED",
    "start_time": START,
    "end_time": START + timedelta(minutes=5),
    "duration_ms": 300_000,
    "hold_segments": [],
    "is_answered": True,
    "is_reportable": True,
    "other_party": "+18005550199",
    "origin": "events",
    "cx_call_id": CALL_ID,
    "enrichment_status": "COMPLETE",
    "is_decided": True,
    "service_identifier": "8001",
    "customer_identifier": "+18005550199",
    "agent_id": "5001",
    "agent_name": "Anna Muster",
    "wrap_up": "Satisfied",
    "cisco_duration_ms": 301_000,
}


def leg(**otherwise: Any) -> dict[str, Any]:
    """A completed inbound leg with its record, but for the given columns."""
    unknown = set(otherwise) - set(ENRICHED_LEG_SCHEMA)
    assert not unknown, unknown
    return {**dict.fromkeys(ENRICHED_LEG_SCHEMA), **KNOWN, **otherwise}


def legs(*rows: dict[str, Any]) -> pl.DataFrame:
    """A frame of legs."""
    return pl.DataFrame(list(rows), schema=ENRICHED_LEG_SCHEMA, orient="row")


def hold(start_s: int, end_s: int | None) -> dict[str, Any]:
    """A placed hold, in seconds after the leg's start."""
    return {
        "start_time": START + timedelta(seconds=start_s),
        "end_time": None if end_s is None else START + timedelta(seconds=end_s),
        "duration_ms": None if end_s is None else (end_s - start_s) * 1000,
        "is_synthetic": False,
    }


def unplaced_hold(length_s: int) -> dict[str, Any]:
    """A hold that the record alone tells."""
    return {"start_time": None, "end_time": None, "duration_ms": length_s * 1000, "is_synthetic": True}
