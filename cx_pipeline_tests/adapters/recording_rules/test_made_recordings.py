from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, insert

from cx_pipeline.adapters.database.recording_tables import recording, recording_leg
from cx_pipeline.adapters.recording_rules.made_recordings import made_recordings
from cx_pipeline.core.recording.rule_comparison import MADE_SCHEMA
from cx_pipeline.core.windows import Window

START = datetime(2026, 1, 31, 9, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(hours=1))


def uuid(number: int) -> str:
    return f"00000000-0000-8000-8000-{number:012d}"


def put(engine: Engine, number: int, *legs: int, **row: Any) -> None:
    told = {
        "recording_id": uuid(number),
        "tenant_id": "acme",
        "kind": "LEG",
        "window_start": START,
        "state": "COMPLETED",
        "path": f"acme/{number}.wav",
        "manifest_ids": ["m1", "m2"],
    }
    with engine.begin() as connection:
        connection.execute(insert(recording).values({**told, **row}))
        for leg in legs:
            connection.execute(
                insert(recording_leg).values(recording_id=uuid(number), leg_id=uuid(leg), offset_ms=0)
            )


def test_the_finished_recordings_of_a_window_are_told_with_what_they_hold(engine: Engine) -> None:
    put(engine, 1, 11)
    put(engine, 2, 12, 13, kind="CALL")
    put(engine, 3, kind="FILE", manifest_ids=["m9"])
    put(engine, 4, 14, is_current=False)
    put(engine, 5, 15, path=None, state="FAILED")
    put(engine, 6, 16, window_start=WINDOW.end)
    found = made_recordings(engine, WINDOW)
    assert found.schema == MADE_SCHEMA
    assert sorted(found.rows(), key=str) == [
        (uuid(1), uuid(11), None),
        (uuid(2), uuid(12), None),
        (uuid(2), uuid(13), None),
        (uuid(3), None, "m9"),
    ]


def test_a_window_without_recordings_gives_no_rows(engine: Engine) -> None:
    assert made_recordings(engine, WINDOW).equals(MADE_SCHEMA.to_frame())
