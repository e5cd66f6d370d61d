"""Linking a window over a real database: what is written, what is pushed, and what a second run does."""

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from cx_pipeline.adapters.database.connection import engine_for
from cx_pipeline.adapters.database.enriched_legs import EnrichedLegs
from cx_pipeline.adapters.database.recording_links import RecordingLinks
from cx_pipeline.core.linking.schema import AMBIGUOUS, LINKED, SHOWN, UNMATCHED
from cx_pipeline.core.linking.signing import is_signature, recording_path
from cx_pipeline.core.messages.parsing import parse
from cx_pipeline_tests.adapters.linking.linked_window import (
    NEXT,
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
KEY = "a key of thirty-two bytes, or so"


def test_a_leg_with_a_recording_is_linked_and_its_conversation_told(engine: Engine, tmp_path: Path) -> None:
    report = link(settings_for(tmp_path), engine, [TOLD], [LEG], [recording_of(LEG)])
    (row,) = report.links.to_dicts()
    (message,) = messages(engine)
    assert (row["state"], row["method"], row["message_id"]) == (LINKED, "leg_id", message["message_id"])
    assert report.pushed == 1
    assert report.figures["expected"] == 1
    assert (message["intent"], message["destination"], message["ordering_key"]) == (
        "VOICE_RECORDING",
        "third-party",
        LEG["call_id"],
    )
    told = json.loads(message["payload"])
    assert parse(message["payload"]).id == message["message_id"]
    assert told["header"] == {
        "intent": "VOICE_RECORDING",
        "conversationId": "conversation",
        "channelSessionId": "session",
        "sender": {"type": "CONNECTOR", "senderName": "CX-Recording-Link-Activities"},
        "timestamp": "2026-06-08T10:15:01.000Z",
    }
    key = LEG["leg_key"]
    assert told["body"] == {
        "legId": key,
        "voiceRecordingUrl": f"https://middleware.example/{key.replace('+', '%2B')}/recording-file",
        "durationSeconds": 300.0,
        "fileSize": 4_800_044,
        "recordingId": "0c000000-0000-8000-8000-000000000001",
    }


def test_a_second_run_writes_nothing_and_pushes_nothing(engine: Engine, tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    first = link(settings, engine, [TOLD], [LEG], [recording_of(LEG)])
    before = stored_links(engine), messages(engine)
    second = link(settings, engine, [TOLD], [LEG], [recording_of(LEG)], now=NOW + timedelta(hours=2))
    assert (second.pushed, second.figures["rows_written"]) == (0, 0)
    assert (stored_links(engine), messages(engine)) == before
    assert second.links.equals(first.links)
    assert RecordingLinks(engine).of_window(WINDOW).drop("evidence").equals(first.links.drop("evidence"))


def test_a_recording_made_anew_keeps_its_message_and_moves_the_version(
    engine: Engine, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path)
    link(settings, engine, [TOLD], [LEG], [recording_of(LEG)])
    (before,), pushed = stored_links(engine), messages(engine)
    report = link(settings, engine, [TOLD], [LEG], [recording_of(LEG, number=2)])
    (after,) = stored_links(engine)
    assert report.pushed == 0
    assert messages(engine) == pushed
    assert after["version"] != before["version"]
    assert after["recording_id"] != before["recording_id"]
    assert after["changed_at"] > before["changed_at"]
    assert after["message_id"] == before["message_id"]


def test_what_changes_beside_the_recording_leaves_the_time_of_its_change(
    engine: Engine, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path)
    link(settings, engine, [TOLD], [LEG], [recording_of(LEG)])
    (before,) = stored_links(engine)
    link(settings, engine, [TOLD | {"conversation_id": "another"}], [LEG], [recording_of(LEG)])
    (after,) = stored_links(engine)
    assert after["conversation_id"] == "another"
    assert after["changed_at"] == before["changed_at"]


@pytest.mark.parametrize(("moved_ms", "pushed"), [(9_000, 0), (11_000, 1)])
def test_a_corrected_start_is_told_only_where_the_old_address_leads_nowhere(
    engine: Engine, tmp_path: Path, moved_ms: int, pushed: int
) -> None:
    settings = settings_for(tmp_path)
    link(settings, engine, [TOLD], [LEG], [recording_of(LEG)])
    moved = a_leg(1, 600 + moved_ms / 1000, 900)
    report = link(settings, engine, [TOLD], [moved], [recording_of(moved)])
    assert report.pushed == pushed
    newest = messages(engine)[-1]
    assert newest["revision"] == pushed
    assert report.links["message_id"].to_list() == [newest["message_id"]]
    assert link(settings, engine, [TOLD], [moved], [recording_of(moved)]).pushed == 0


def test_each_leg_of_a_conference_is_told_of_the_same_recording(engine: Engine, tmp_path: Path) -> None:
    other = a_leg(2, 610, 890, agent_extension="1006")
    told = [TOLD, activity("a2", 611, 891, leg_id=leg_id(2), call_id=CALL, agent_extension="1006")]
    report = link(settings_for(tmp_path), engine, told, [LEG, other], [recording_of(LEG, other)])
    assert report.pushed == 2
    assert report.links["recording_id"].n_unique() == 1
    bodies = [json.loads(message["payload"])["body"] for message in messages(engine)]
    assert {body["legId"] for body in bodies} == {LEG["leg_key"], other["leg_key"]}


def test_what_only_time_ties_and_what_fits_twice_is_stored_and_told_to_nobody(
    engine: Engine, tmp_path: Path
) -> None:
    twin = a_leg(2, 600, 900, call_id="7c1d2e3f-0000-8000-8000-00000000000b", tenant_id="other")
    alone = a_leg(3, 2000, 2300, agent_extension="1007")
    told = [
        activity("by key", 601, 901, call_id="16945106"),
        activity("by time", 2001, 2301, agent_extension="1007"),
        activity("of nobody", 2001, 2301, agent_extension="1099"),
    ]
    made = [recording_of(leg, number=n) for n, leg in enumerate((LEG, twin, alone), start=1)]
    report = link(settings_for(tmp_path), engine, told, [LEG, twin, alone], made)
    states = dict(report.links.select("activity_id", "state").iter_rows())
    assert states == {"by key": AMBIGUOUS, "by time": SHOWN, "of nobody": UNMATCHED}
    assert messages(engine) == []
    assert [row["state"] for row in stored_links(engine)] == [AMBIGUOUS, SHOWN, UNMATCHED]
    assert stored_links(engine)[0]["runner_up_id"]


def test_a_signed_link_is_good_from_its_first_push_and_never_made_anew(
    engine: Engine, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path, link_mode="signed", link_key=KEY, link_hours=24)
    link(settings, engine, [TOLD], [LEG], [recording_of(LEG)])
    (message,) = messages(engine)
    address = urlsplit(json.loads(message["payload"])["body"]["voiceRecordingUrl"])
    right = {name: values[0] for name, values in parse_qs(address.query).items()}
    expires_s = int((NOW + timedelta(hours=24)).timestamp())
    assert unquote(address.path) == recording_path(LEG["leg_key"])
    assert (right["tenant"], int(right["expires"])) == ("acme", expires_s)
    assert is_signature(KEY.encode(), unquote(address.path), "acme", expires_s, right["signature"])
    later = link(settings, engine, [TOLD], [LEG], [recording_of(LEG)], now=NOW + timedelta(days=9))
    assert later.pushed == 0
    assert messages(engine) == [message]


def test_without_a_key_signed_links_wait_until_there_is_one(engine: Engine, tmp_path: Path) -> None:
    report = link(settings_for(tmp_path, link_mode="signed"), engine, [TOLD], [LEG], [recording_of(LEG)])
    assert (report.pushed, report.figures["untold"]) == (0, 1)
    assert report.links["state"].to_list() == [LINKED]
    keyed = settings_for(tmp_path, link_mode="signed", link_key=KEY)
    report = link(keyed, engine, [TOLD], [LEG], [recording_of(LEG)])
    assert (report.pushed, report.figures["untold"]) == (1, 0)


def test_each_activity_is_linked_in_one_window_whatever_lists_it_stands_in(
    engine: Engine, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path)
    late = a_leg(4, 3500, 3599, agent_extension="1007")
    store = EnrichedLegs(engine)
    with engine.begin() as connection:
        for leg, window in ((LEG, WINDOW), (late, WINDOW)):
            connection.execute(
                text(
                    "INSERT INTO enriched_leg (leg_id, leg_key, call_id, cx_call_id, tenant_id, leg_number, status, origin,"
                    " enrichment_status, window_start, high_water, row_hash, agent_extension, start_time, end_time)"
                    " VALUES (:leg_id, :leg_key, :call_id, :cx_call_id, :tenant_id, 1, 'COMPLETED', 'events', 'COMPLETE',"
                    " :window, 1, 1, :agent_extension, :start_time, :end_time)"
                ),
                {**leg, "window": window.start},
            )
    assert store.ids_of(WINDOW).len() == 2
    # By its own clock the second one ended when the next window had begun.
    told = [
        TOLD,
        activity("late", 3501, 3601, call_id=CALL, agent_extension="1007"),
        activity("next", 3700, 3800),
    ]
    made = [recording_of(LEG), recording_of(late, number=2)]
    for _ in range(2):
        first = link(settings, engine, told, [LEG, late], made)
        assert set(first.links["activity_id"]) == {"a1", "late"}
        second = link(settings, engine, told, [], [], window=NEXT)
        assert set(second.links["activity_id"]) == {"next"}
    assert [row["state"] for row in stored_links(engine)] == [LINKED, LINKED, UNMATCHED]
    assert len(messages(engine)) == 2


def test_an_activity_that_is_no_more_takes_its_row_with_it_and_not_its_message(
    engine: Engine, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path)
    link(settings, engine, [TOLD], [LEG], [recording_of(LEG)])
    report = link(settings, engine, [activity("other", 200, 300)], [LEG], [recording_of(LEG)])
    assert report.figures["rows_deleted"] == 1
    assert [row["activity_id"] for row in stored_links(engine)] == ["other"]
    again = link(settings, engine, [TOLD | {"activity_id": "another"}], [LEG], [recording_of(LEG)])
    assert again.pushed == 0
    assert again.links["message_id"].to_list() == [messages(engine)[0]["message_id"]]


def test_a_manager_that_lists_nothing_any_more_takes_no_link_away(engine: Engine, tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    first = link(settings, engine, [TOLD], [LEG], [recording_of(LEG)])
    before = stored_links(engine), messages(engine)
    report = link(settings, engine, [], [LEG], [recording_of(LEG)])
    assert (report.pushed, report.figures["links_kept"]) == (0, 1)
    assert report.links.drop("evidence").equals(first.links.drop("evidence"))
    assert (stored_links(engine), messages(engine)) == before


def test_links_are_found_by_window_call_and_leg(engine: Engine, tmp_path: Path) -> None:
    link(settings_for(tmp_path), engine, [TOLD], [LEG], [recording_of(LEG)])
    links = RecordingLinks(engine)
    for found in (links.of_window(WINDOW), links.of_call(CALL), links.of_leg(leg_id(1))):
        assert found["activity_id"].to_list() == ["a1"]
    assert links.of_leg(leg_id(9)).is_empty()


def test_a_file_without_a_leg_is_linked_by_its_dialog(engine: Engine, tmp_path: Path) -> None:
    manifest = "0d000000-0000-8000-8000-000000000001"
    dialog = "550e8400-e29b-41d4-a716-446655440000"
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO recording_manifest (manifest_id, tenant_id, source, recording_type, side, start_time, file_path,"
                " is_finished, dialog_id, agent_extension) VALUES (:id, 'acme', 'folder', 'EFSWITCH', 'both', :start, '/a.wav',"
                " true, :dialog, '1005')"
            ),
            {"id": manifest, "start": START + timedelta(seconds=600), "dialog": dialog},
        )
    file = recording_of(
        kind="FILE", manifest_ids=[manifest], start_time=START + timedelta(seconds=600), leg_offsets=[]
    )
    report = link(settings_for(tmp_path), engine, [activity("a", 601, 901, call_id=dialog)], [], [file])
    (row,) = report.links.to_dicts()
    assert (row["state"], row["method"], row["tenant_id"], row["leg_id"]) == (LINKED, "call_id", "acme", None)
    assert row["leg_key"] == f"{dialog}:1005::{round((START.timestamp() + 600) * 1000)}"
    assert [message["leg_id"] for message in messages(engine)] == [row["link_id"]]


@pytest.mark.parametrize("point", ["after the messages", "after all"])
def test_killed_at_any_point_the_next_run_does_the_rest_and_no_more(
    point: str, engine: Engine, database_url: SecretStr, tmp_path: Path
) -> None:
    killed = subprocess.run(
        [sys.executable, "-m", __name__, point, str(tmp_path)],
        env={**os.environ, "LINKED_IN": database_url.get_secret_value()},
        check=False,
        timeout=60,
    )
    assert killed.returncode == -signal.SIGKILL
    is_done = point == "after all"
    assert (len(messages(engine)), len(stored_links(engine))) == ((1, 1) if is_done else (0, 0))
    report = link(settings_for(tmp_path), engine, [TOLD], [LEG], [recording_of(LEG)])
    assert (report.pushed, len(messages(engine)), len(stored_links(engine))) == (int(not is_done), 1, 1)


def linked_until_killed(point: str, folder: Path) -> None:
    from cx_pipeline.adapters.database import recording_links

    real = recording_links.write_messages

    def dying(*arguments: Any) -> None:
        real(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)

    if point == "after the messages":
        recording_links.write_messages = dying
    link(
        settings_for(folder),
        engine_for(SecretStr(os.environ["LINKED_IN"])),
        [TOLD],
        [LEG],
        [recording_of(LEG)],
    )
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    linked_until_killed(sys.argv[1], Path(sys.argv[2]))
