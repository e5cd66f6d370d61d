"""From what a recorder leaves to a finished recording, or the reason why there is none."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from cx_pipeline.adapters.crypto.key_ring import KeyRing
from cx_pipeline.adapters.crypto.key_ring_file import change_ring_file
from cx_pipeline.adapters.crypto.ring_keys import DEFAULT_TENANT, new_key
from cx_pipeline.adapters.mixing.finished_audio import FinishedAudio
from cx_pipeline.core.frames import MIXED_RECORDINGS, RAW_RECORDING_MANIFESTS, RECORDING_DECISIONS
from cx_pipeline.core.recording import planning
from cx_pipeline.settings import load_settings
from cx_pipeline_tests.orchestration.deployment import TEN, call
from cx_pipeline_tests.orchestration.recorded_site import RecordedSite, tones_of

Clock = Callable[[datetime], None]

KEY = "2026-03-02-10:00"
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
START, LASTS = TEN + MINUTE, 20 * SECOND
TALK, END = START + 6 * SECOND, START + LASTS
"""The agent talks from the sixth second on (`call`)."""
LENGTH = END - TALK


@pytest.fixture
def talked(recorded: RecordedSite, clock: Clock) -> RecordedSite:
    """A call of one leg, and the window computed a little after its end."""
    clock(END + 10 * SECOND)
    recorded.deployment.store(*call("1_100", START, lasts=LASTS))
    recorded.deployment.run(KEY)
    return recorded


def leave_both(site: RecordedSite) -> None:
    for side in ("near", "far"):
        site.leave("1_100", side, TALK, LENGTH)


def test_a_leg_with_both_voices_gets_one_recording_with_each_on_its_channel(talked: RecordedSite):
    leave_both(talked)
    checks = talked.checks(talked.record(KEY))
    assert all(checks.values()), checks
    assert talked.states() == [("COMPLETED", None)]
    [audio] = talked.finished()
    assert tones_of(audio) == pytest.approx([440, 1000], abs=1)
    window = talked.deployment.window(KEY)
    frames = talked.deployment.frames
    assert set(frames.read(RAW_RECORDING_MANIFESTS, window).frame["side"]) == {"near", "far"}
    assert frames.read(RECORDING_DECISIONS, window).frame["action"].to_list() == ["RECORD"]
    row = frames.read(MIXED_RECORDINGS, window).frame.row(0, named=True)
    assert (row["state"], row["channels"], row["duration_ms"], row["warnings"]) == (
        "COMPLETED",
        2,
        14_000,
        [],
    )
    description = json.loads(audio.with_suffix(".json").read_text())
    assert (description["agentExtension"], description["globalCallId"]) == ("1001", "1_100")


def test_recordings_are_made_once_however_often_the_window_is_computed(talked: RecordedSite):
    leave_both(talked)
    talked.record(KEY)
    [audio] = talked.finished()
    before = (audio.stat().st_mtime_ns, audio.stat().st_ino)
    talked.deployment.run(KEY)
    talked.record(KEY)
    [again] = talked.finished()
    assert (again, (again.stat().st_mtime_ns, again.stat().st_ino)) == (audio, before)
    assert talked.deployment.value("SELECT attempts FROM recording") == 1


def test_a_leg_without_files_is_waited_for_and_then_lost_with_its_cause(talked: RecordedSite, clock: Clock):
    assert all(talked.checks(talked.record(KEY)).values())
    assert talked.states() == [("RECEIVED", "NO_MANIFEST")]
    clock(END + 31 * MINUTE)
    checks = talked.checks(talked.record(KEY))
    assert not checks["nothing_failed"]
    assert talked.states() == [("FAILED", "NO_MANIFEST")]


def test_what_was_lost_is_made_when_its_files_come_after_all(talked: RecordedSite, clock: Clock):
    clock(END + 31 * MINUTE)
    talked.record(KEY)
    leave_both(talked)
    talked.record(KEY)
    assert talked.states() == [("COMPLETED", None)]


def test_one_voice_waits_a_minute_for_the_other_and_is_then_mixed_alone(talked: RecordedSite, clock: Clock):
    talked.leave("1_100", "near", TALK, LENGTH)
    talked.record(KEY)
    assert talked.states() == [("RULES_PASSED", None)]
    assert talked.finished() == []
    clock(END + 2 * MINUTE)
    talked.record(KEY)
    assert talked.states() == [("COMPLETED", None)]
    assert talked.deployment.value("SELECT warnings FROM recording") == ["one_sided"]
    [audio] = talked.finished()
    assert tones_of(audio) == pytest.approx([440, 0], abs=1)


def test_a_voice_that_comes_late_makes_a_new_recording_in_the_place_of_the_first(
    talked: RecordedSite, clock: Clock
):
    talked.leave("1_100", "near", TALK, LENGTH)
    clock(END + 2 * MINUTE)
    talked.record(KEY)
    [first] = talked.finished()
    talked.leave("1_100", "far", TALK, LENGTH)
    talked.record(KEY)
    assert talked.states() == [("COMPLETED", None)]
    assert talked.deployment.value("SELECT count(*) FROM recording WHERE NOT is_current") == 1
    [second] = [path for path in talked.finished() if path != first]
    assert tones_of(second) == pytest.approx([440, 1000], abs=1)


def test_what_a_rule_leaves_out_is_skipped_with_the_rule_and_nothing_is_mixed(
    talked: RecordedSite, monkeypatch: pytest.MonkeyPatch
):
    rules = talked.streams.parent / "rules.yaml"
    rules.write_text(
        "rules:\n- {tenant: acme, id: short, type: DURATION, condition: {max_s: 15}, action: SKIP, priority: 1}\n"
    )
    monkeypatch.setenv("CX_RECORDING_RULES_FILE", str(rules))
    leave_both(talked)
    talked.record(KEY)
    assert talked.states() == [("SKIPPED", None)]
    assert talked.deployment.rows("SELECT rule_id, cardinality(manifest_ids) FROM recording") == [
        ("short", 2)
    ]
    assert talked.finished() == []


def test_rules_that_do_not_parse_leave_the_last_good_ones_in_force_and_a_check_says_so(
    talked: RecordedSite, monkeypatch: pytest.MonkeyPatch
):
    rules = talked.streams.parent / "rules.yaml"
    rules.write_text("rules:\n- {tenant: acme, id: all, type: DEFAULT, action: SKIP}\n")
    monkeypatch.setenv("CX_RECORDING_RULES_FILE", str(rules))
    leave_both(talked)
    assert talked.checks(talked.record(KEY))["rules"]
    rules.write_text("rules:\n- {tenant: acme, id: all, type: NONSENSE, action: RECORD}\n")
    assert not talked.checks(talked.record(KEY))["rules"]
    assert talked.states() == [("SKIPPED", None)]


def test_a_manifest_that_does_not_parse_is_quarantined_and_the_others_are_used(talked: RecordedSite):
    leave_both(talked)
    (talked.streams / "20260302" / "broken.json").write_text("{no json")
    talked.record(KEY)
    assert talked.states() == [("COMPLETED", None)]
    [(file,)] = talked.deployment.rows("SELECT file_name FROM quarantined_input")
    assert str(file).endswith("broken.json")


def test_a_file_that_is_missing_is_the_cause_of_the_loss(talked: RecordedSite, clock: Clock):
    for side in ("near", "far"):
        talked.leave("1_100", side, TALK, LENGTH).unlink()
    clock(END + 31 * MINUTE)
    checks = talked.checks(talked.record(KEY))
    assert talked.states() == [("FAILED", "FILE_MISSING")]
    assert not checks["nothing_failed"]


def test_without_a_key_nothing_is_written_and_the_next_run_makes_it_once_there_is_one(
    talked: RecordedSite, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CX_RECORDING_ENCRYPTION", "gcm")
    leave_both(talked)
    talked.record(KEY)
    assert talked.states() == [("FAILED", "NO_KEY")]
    assert talked.finished() == []
    ring = talked.streams.parent / "ring.json"
    key_id, key = new_key(END)
    change_ring_file(ring, lambda keys: keys.with_key(DEFAULT_TENANT, key_id, key))
    monkeypatch.setenv("CX_KEY_RING_FILE", str(ring))
    talked.record(KEY)
    assert talked.states() == [("COMPLETED", None)]
    [sealed] = talked.finished()
    assert not sealed.read_bytes().startswith(b"RIFF")
    row = talked.deployment.rows("SELECT recording_id::text, path, encryption, sha256 FROM recording")[0]
    settings = load_settings()
    audio = FinishedAudio(settings, talked.deployment.engine, KeyRing.load(settings))
    assert audio.sha256(str(row[0]), str(row[1]), str(row[2])) == row[3]


def test_what_failed_for_good_is_tried_again_by_a_persons_run_and_by_no_tick(talked: RecordedSite):
    leave_both(talked)
    talked.record(KEY)
    with talked.deployment.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE recording SET state = 'FAILED', failure = 'INPUT', path = NULL")
    talked.record(KEY)
    assert talked.states() == [("FAILED", "INPUT")]
    talked.record(KEY, by_person=True)
    assert talked.states() == [("COMPLETED", None)]


def test_what_becomes_known_of_a_call_after_its_recording_stands_in_its_description_too(
    talked: RecordedSite, monkeypatch: pytest.MonkeyPatch
):
    """Cisco's record comes minutes after the audio."""
    leave_both(talked)
    talked.record(KEY)
    [audio] = talked.finished()
    before = audio.stat().st_mtime_ns
    description = json.loads(audio.with_suffix(".json").read_text())
    assert description["agentName"] is None
    monkeypatch.setenv("CX_DIRECTORY_FILE", str(directory_of(talked)))
    talked.deployment.run(KEY)
    talked.record(KEY)
    assert json.loads(audio.with_suffix(".json").read_text()) == description | {
        "agentName": "Ada Abt",
        "agents": [description["agents"][0] | {"agentName": "Ada Abt"}],
    }
    assert talked.deployment.value("SELECT details ->> 'agentName' FROM recording") == "Ada Abt"
    assert audio.stat().st_mtime_ns == before
    assert talked.deployment.value("SELECT attempts FROM recording") == 1


def test_a_call_of_which_nothing_is_new_is_not_even_planned_again(
    talked: RecordedSite, monkeypatch: pytest.MonkeyPatch
):
    leave_both(talked)
    talked.record(KEY)

    def refused(*_: object) -> None:
        raise AssertionError("planned again")

    monkeypatch.setattr(planning, "_plan_call", refused)
    talked.record(KEY)
    assert talked.states() == [("COMPLETED", None)]


def directory_of(site: RecordedSite) -> Path:
    file = site.streams.parent / "directory.yaml"
    file.write_text("agents:\n- {tenant_id: acme, extension: '1001', agent_name: Ada Abt}\n")
    return file


def test_what_a_killed_run_left_half_way_is_made_by_the_next(talked: RecordedSite):
    leave_both(talked)
    talked.record(KEY)
    [audio] = talked.finished()
    before = audio.read_bytes()
    audio.unlink()
    with talked.deployment.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE recording SET state = 'MIXING', path = NULL, sha256 = NULL")
    talked.record(KEY)
    assert talked.states() == [("COMPLETED", None)]
    assert audio.read_bytes() == before


def test_a_backfill_of_the_window_makes_its_recordings_too(talked: RecordedSite):
    leave_both(talked)
    talked.deployment.run(KEY, job="backfill_job")
    assert talked.states() == [("COMPLETED", None)]
