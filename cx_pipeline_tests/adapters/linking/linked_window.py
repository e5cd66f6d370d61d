"""A window with legs, their recordings and their activities, linked over a real database."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import Engine, text

from cx_pipeline.adapters.linking.window_links import LinkReport, link_window
from cx_pipeline.core.messages.activities import CCM_VOICE_ACTIVITY_SCHEMA
from cx_pipeline.core.recording.schema import MIXED_RECORDING_SCHEMA
from cx_pipeline.core.windows import Window
from cx_pipeline.settings import Settings
from cx_pipeline_tests.core.messages.enriched_legs import START, legs

WINDOW = Window(START, START + timedelta(hours=1))
NEXT = Window(WINDOW.end, WINDOW.end + timedelta(hours=1))
NOW = START + timedelta(minutes=30)


def settings_for(folder: Path, **more: Any) -> Settings:
    return Settings(home=folder, gateway_url="https://middleware.example", _env_file=None, **more)


def recording_of(*rows: dict[str, Any], number: int = 1, **otherwise: Any) -> dict[str, Any]:
    """A finished recording that holds some legs."""
    facts = {
        "recording_id": f"0c000000-0000-8000-8000-{number:012d}",
        "tenant_id": rows[0]["tenant_id"] if rows else "acme",
        "kind": "LEG" if len(rows) == 1 else "CALL",
        "call_id": rows[0]["call_id"] if rows else None,
        "leg_id": rows[0]["leg_id"] if len(rows) == 1 else None,
        "leg_offsets": [{"leg_id": row["leg_id"], "offset_ms": 0} for row in rows],
        "manifest_ids": [],
        "state": "COMPLETED",
        "start_time": rows[0]["start_time"] if rows else START,
        "duration_ms": 300_000,
        "path": "acme/a.wav",
        "size_bytes": 4_800_044,
        "sha256": f"{number:064d}",
        "warnings": [],
    }
    return {**dict.fromkeys(MIXED_RECORDING_SCHEMA), **facts, **otherwise}


def link(
    settings: Settings,
    engine: Engine,
    activities: Sequence[dict[str, Any]],
    known_legs: Sequence[dict[str, Any]],
    recordings: Sequence[dict[str, Any]],
    *,
    window: Window = WINDOW,
    now: datetime = NOW,
) -> LinkReport:
    return link_window(
        settings,
        engine,
        window,
        pl.DataFrame(list(activities), schema=CCM_VOICE_ACTIVITY_SCHEMA, orient="row"),
        legs(*known_legs),
        pl.DataFrame(list(recordings), schema=MIXED_RECORDING_SCHEMA, orient="row"),
        now,
    )


def messages(engine: Engine) -> list[dict[str, Any]]:
    """What the outbox has, in its order."""
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM outbox_message ORDER BY sequence")).mappings()
        return [{**row, "message_id": str(row["message_id"]), "leg_id": str(row["leg_id"])} for row in rows]


def stored_links(engine: Engine) -> list[dict[str, Any]]:
    """The table of links."""
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM recording_link ORDER BY activity_id, kind")).mappings()
        return [dict(row) for row in rows]
