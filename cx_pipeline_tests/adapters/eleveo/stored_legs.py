"""Legs in the table of enriched legs, as a computation of their window would have written them."""

from collections.abc import Mapping
from typing import Any

import polars as pl
from sqlalchemy import Engine, insert

from cx_pipeline.adapters.database.message_tables import enriched_leg


def store(engine: Engine, legs: pl.DataFrame) -> None:
    """Write legs with the columns that `eleveo_candidates` takes."""
    rows = [_row(row, number) for number, row in enumerate(legs.iter_rows(named=True), 1)]
    with engine.begin() as connection:
        connection.execute(insert(enriched_leg), rows)


def _row(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    holds = [{name: time.isoformat() for name, time in hold.items()} for hold in row["hold_segments"]]
    required = {
        "leg_number": number, "status": "COMPLETED", "origin": "events", "enrichment_status": "COMPLETE",
        "high_water": 1, "row_hash": number, "window_start": row["start_time"].replace(minute=0, second=0),
    }  # fmt: skip
    return {**row, **required, "hold_segments": holds}
