"""The folder of screen recordings, from real files to a link that is told."""

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from cx_pipeline.adapters.database.screen_recordings import ScreenRecordings
from cx_pipeline.adapters.linking.screens import scan_screens
from cx_pipeline.core.errors import StorageUnavailableError
from cx_pipeline.core.linking.schema import SCREEN
from cx_pipeline_tests.adapters.linking.linked_window import (
    NOW,
    WINDOW,
    link,
    messages,
    recording_of,
    settings_for,
    stored_links,
)
from cx_pipeline_tests.core.linking.linked import CALL, a_leg, activity, leg_id
from cx_pipeline_tests.core.messages.enriched_legs import START

LEG = a_leg(1, 600, 900)
TOLD = activity("a1", 601, 901, leg_id=leg_id(1), call_id=CALL)
DAY = "2026-06-08"
NAME = f"{CALL}_1005_{int((START + timedelta(seconds=602)).timestamp())}.mp4"


def put(root: Path, name: str, *, day: str = DAY, age_s: float = 60, content: bytes = b"video") -> Path:
    """A file of the folder, written some time before `NOW`."""
    file = root / day / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    touch(file, age_s)
    touch(file.parent, age_s)
    return file


def touch(path: Path, age_s: float) -> None:
    moment = (NOW - timedelta(seconds=age_s)).timestamp()
    os.utime(path, (moment, moment))


def scanned(root: Path, engine: Engine, later_s: float = 0) -> dict[str, int]:
    return dict(scan_screens(root, engine, WINDOW.start, WINDOW.end, NOW + timedelta(seconds=later_s)))


def rows(engine: Engine) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        found = connection.execute(text("SELECT * FROM screen_recording ORDER BY path")).mappings()
        return [dict(row) for row in found]


def test_a_screen_is_linked_to_its_leg_and_its_conversation_told_once(engine: Engine, tmp_path: Path) -> None:
    put(tmp_path / "screens", NAME)
    settings = settings_for(tmp_path, screen_root=tmp_path / "screens")
    report = link(settings, engine, [TOLD], [LEG], [recording_of(LEG)])
    (screen,) = rows(engine)
    assert (str(screen["leg_id"]), screen["tenant_id"], screen["path"]) == (
        leg_id(1),
        "acme",
        f"{DAY}/{NAME}",
    )
    assert report.pushed == 2
    told = {message["intent"]: json.loads(message["payload"]) for message in messages(engine)}
    body = told["SCREEN_RECORDING"]["body"]
    key = LEG["leg_key"]
    assert body == {
        "legId": key,
        "screenRecordingUrl": f"https://middleware.example/{key.replace('+', '%2B')}/screen-recording-file",
    }
    again = link(settings, engine, [TOLD], [LEG], [recording_of(LEG)])
    assert (again.pushed, again.figures["rows_written"]) == (0, 0)
    assert [row["kind"] for row in stored_links(engine)] == [SCREEN, "VOICE"]


def test_a_screen_that_began_some_seconds_off_is_shown_and_told_to_nobody(
    engine: Engine, tmp_path: Path
) -> None:
    late = f"{CALL}_1005_{int((START + timedelta(seconds=608)).timestamp())}.mp4"
    put(tmp_path / "screens", late)
    settings = settings_for(tmp_path, screen_root=tmp_path / "screens")
    report = link(settings, engine, [TOLD], [LEG], [])
    assert report.links.filter(kind=SCREEN)["state"].to_list() == ["SHOWN"]
    assert rows(engine)[0]["leg_id"] is None
    assert messages(engine) == []


def test_a_folder_that_did_not_change_is_not_opened_again(engine: Engine, tmp_path: Path) -> None:
    put(tmp_path, NAME)
    assert scanned(tmp_path, engine) == {"screen_folders_listed": 1, "screens_new": 1, "screens_unnamed": 0}
    assert scanned(tmp_path, engine, 60) == {}
    put(tmp_path, NAME.replace("1005", "1006"), age_s=50)
    assert scanned(tmp_path, engine, 120)["screens_new"] == 1
    assert len(rows(engine)) == 2


def test_uploads_that_run_wait_by_their_name_or_while_they_grow(engine: Engine, tmp_path: Path) -> None:
    put(tmp_path, NAME + ".part")
    growing = put(tmp_path, NAME, age_s=2)
    touch(growing.parent, 60)
    assert scanned(tmp_path, engine)["screens_waiting"] == 2
    assert rows(engine) == []
    touch(growing.parent, 60)
    assert scanned(tmp_path, engine, 12)["screens_new"] == 1


def test_names_that_cannot_be_read_are_told_once(engine: Engine, tmp_path: Path) -> None:
    put(tmp_path, "holiday.mp4")
    put(tmp_path, NAME)
    assert scanned(tmp_path, engine)["screens_unnamed"] == 1
    touch(tmp_path / DAY, 40)
    assert scanned(tmp_path, engine, 60)["screens_unnamed"] == 0
    with engine.connect() as connection:
        reasons = connection.execute(text("SELECT row_text, reason FROM quarantined_input")).all()
    assert [(name, reason.partition(":")[0]) for name, reason in reasons] == [("holiday.mp4", "NOT_A_SCREEN")]


def test_only_folders_of_dates_that_may_matter_are_looked_at(engine: Engine, tmp_path: Path) -> None:
    for day in ("2026-06-06", "2026-06-07", "20260608", "2026-06-09", "2026-06-10", "other"):
        put(tmp_path, NAME, day=day)
    assert scanned(tmp_path, engine)["screen_folders_listed"] == 3
    assert [row["path"].partition("/")[0] for row in rows(engine)] == ["2026-06-07", "2026-06-09", "20260608"]


def test_a_folder_that_is_not_there_is_an_error_and_a_date_without_one_is_none(
    engine: Engine, tmp_path: Path
) -> None:
    with pytest.raises(StorageUnavailableError, match="CX_SCREEN_ROOT"):
        scanned(tmp_path / "away", engine)
    assert scanned(tmp_path, engine) == {}


def test_a_file_that_is_replaced_keeps_its_row_and_its_owner(engine: Engine, tmp_path: Path) -> None:
    put(tmp_path, NAME)
    scanned(tmp_path, engine)
    table = ScreenRecordings(engine)
    found = table.between(WINDOW.start, WINDOW.end)
    assert table.own(found.with_columns(leg_id=found["screen_id"], tenant_id=found["path"])) == 1
    put(tmp_path, NAME, age_s=40, content=b"a longer video")
    assert scanned(tmp_path, engine, 60)["screens_new"] == 1
    (row,) = rows(engine)
    assert (row["size_bytes"], str(row["leg_id"])) == (14, found["screen_id"].item())
