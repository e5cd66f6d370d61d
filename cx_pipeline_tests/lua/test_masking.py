"""recording_pause.lua and recording_resume.lua: silence on both sides, an audit line, and a manifest that tells of it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cx_pipeline.core.recording.manifest import parse_manifest
from cx_pipeline_tests.lua.conftest import NewSwitch
from cx_pipeline_tests.lua.switch import CHANNEL, SIBLING, Switch, from_header

START = datetime(2026, 6, 8, 10, 0, 0, 128_000, tzinfo=UTC)


def recording_pair(switch: Switch) -> None:
    switch.channel({"sip_from_params": from_header("near")})
    switch.channel({"sip_from_params": from_header("far")}, uuid=SIBLING)
    switch.run("record", uuid=CHANNEL)
    switch.run("record", uuid=SIBLING)


def later(switch: Switch, seconds: int) -> None:
    switch.world.clock_ms = switch.world.clock_ms + seconds * 1000


def audit_of(switch: Switch) -> list[dict[str, Any]]:
    (path,) = switch.audit.iterdir()
    return [json.loads(line) for line in path.read_bytes().decode().splitlines()]


def test_both_streams_of_a_leg_are_masked_and_never_paused(switch: Switch) -> None:
    recording_pair(switch)

    answer = switch.run("recording_pause", uuid=None, argv=(CHANNEL, "1005", "card", "number"))

    assert answer == "+OK masked 2 of 2\n"
    near = switch.variable("cx_recording_path", CHANNEL)
    far = switch.variable("cx_recording_path", SIBLING)
    assert switch.commands("uuid_record") == [f"{CHANNEL} mask {near}", f"{SIBLING} mask {far}"]


def test_a_mask_lies_in_the_audit_file_and_in_the_manifest(switch: Switch) -> None:
    recording_pair(switch)
    later(switch, 10)
    switch.run("recording_pause", uuid=None, argv=(SIBLING, "agent-7", "card", "number"))
    later(switch, 20)
    switch.run("recording_resume", uuid=None, argv=(SIBLING, "agent-7", "done"))
    later(switch, 5)
    switch.run("cx_hangup", uuid=CHANNEL)

    document = switch.manifest("*_near.json")
    (mask,) = document["masked"]
    assert (mask["by"], mask["reason"]) == ("agent-7", "card number")
    (parsed,) = parse_manifest(document).masks
    assert parsed.end_time
    assert parsed.end_time - parsed.start_time == timedelta(seconds=20)
    told = [(line["action"], line["by"], line["reason"], line["isDone"]) for line in audit_of(switch)]
    assert told == [("mask", "agent-7", "card number", True)] * 2 + [("unmask", "agent-7", "done", True)] * 2
    assert {line["channelUuid"] for line in audit_of(switch)} == {SIBLING}
    assert switch.log.count("NOTICE recording_pause: audit {") == 2


def test_a_mask_counts_from_before_the_silence_until_after_it(switch: Switch) -> None:
    switch.channel({"sip_from_params": from_header()})
    switch.run("record")
    switch.world.tick_ms = 100  # every look at the clock takes its time
    switch.run("recording_pause", argv=(CHANNEL, "1005", "card"))
    switch.run("recording_resume", argv=(CHANNEL, "1005", "done"))

    (line, *_, last) = audit_of(switch)
    assert last["at"] > line["at"]
    (mask,) = json.loads(switch.files("*_near.json.part")[0].read_text())["masked"]
    assert (mask["from"], mask["to"]) == (line["at"], last["at"])


def test_a_mask_that_is_still_open_at_the_end_lasts_to_the_end(switch: Switch) -> None:
    recording_pair(switch)
    later(switch, 10)
    switch.run("recording_pause", argv=(CHANNEL, "1005", "card"))
    later(switch, 10)

    switch.run("cx_hangup")

    document = switch.manifest("*_near.json")
    assert document["masked"][0]["to"] == document["endTime"]


def test_masking_twice_is_one_mask_and_unmasking_twice_too(switch: Switch) -> None:
    recording_pair(switch)
    for script in ("recording_pause", "recording_pause", "recording_resume", "recording_resume"):
        switch.run(script, argv=(CHANNEL, "1005", "card"))
        later(switch, 1)

    document = json.loads(switch.files("*_near.json.part")[0].read_text())
    assert len(document["masked"]) == 1
    assert document["masked"][0]["to"]


def test_one_side_that_cannot_be_masked_is_told_and_the_other_is_masked_all_the_same(switch: Switch) -> None:
    recording_pair(switch)
    switch.world.recordings[switch.variable("cx_recording_path", SIBLING)] = None

    answer = switch.run("recording_pause", uuid=None, argv=(CHANNEL, "1005", "card"))

    assert answer == "-ERR masked 1 of 2\n"
    assert json.loads(switch.files("*_near.json.part")[0].read_text())["masked"]
    assert json.loads(switch.files("*_far.json.part")[0].read_text())["masked"] == []
    assert [line["isDone"] for line in audit_of(switch)] == [True, False]
    assert "1 of 2 recordings" in switch.log


def test_a_sibling_that_nobody_knows_is_never_passed_over_in_silence(new_switch: NewSwitch) -> None:
    switch = new_switch(missing=("hash",))
    recording_pair(switch)

    assert switch.run("recording_pause", uuid=None, argv=(CHANNEL, "1005", "card")) == "-ERR masked 1 of 2\n"


def test_a_side_that_nobody_records_need_not_be_masked(switch: Switch) -> None:
    recording_pair(switch)
    switch.run("cx_hangup", uuid=SIBLING)

    assert switch.run("recording_pause", uuid=None, argv=(CHANNEL, "1005", "card")) == "+OK masked 1 of 1\n"


@pytest.mark.parametrize(
    "uuid",
    [
        "no such channel",
        "0b7a4f7e-0000-0000-0000-000000000000",
        "all",
        f"{CHANNEL} stop /x",
        "$(x)",
        "",
        "a\nb",
        "-x",
    ],
)
def test_a_channel_that_is_none_masks_nothing(switch: Switch, uuid: str) -> None:
    recording_pair(switch)

    answer = switch.run("recording_pause", uuid=None, argv=(uuid, "1005", "card"))

    assert answer.startswith("-ERR")
    assert switch.commands("uuid_record") == []


def test_a_path_outside_the_recording_folders_is_not_touched(switch: Switch) -> None:
    switch.channel({"cx_recording_path": "/etc/passwd"})

    assert switch.run("recording_pause", argv=(CHANNEL, "1005", "card")) == "-ERR masked 0 of 0\n"
    assert switch.commands("uuid_record") == []


@pytest.mark.parametrize(
    "text", ['quo"te', "line\nfeed", b"nul\0", b"\xff\xfe", "9" * 300, "東京", "%s;--", ""]
)
def test_who_and_why_forge_no_audit_line(switch: Switch, text: str | bytes) -> None:
    recording_pair(switch)
    argument = text.encode() if isinstance(text, str) else text

    switch.run("recording_pause", uuid=None, argv=(CHANNEL, argument, argument))  # type: ignore[arg-type]

    lines = audit_of(switch)
    assert len(lines) == 2
    assert all(len(line["reason"]) <= 200 and len(line["by"]) <= 128 for line in lines)
    parse_manifest(json.loads(switch.files("*_near.json.part")[0].read_bytes()))


def test_a_key_pressed_in_a_bridged_call_masks_the_leg_that_records(switch: Switch) -> None:
    path = f"{switch.bridges}/20260608/a:1005:+1800:1.wav"
    told = {"cx_recording_path": path, "sip_auth_username": "1005"}
    switch.channel({**told, "bridge_uuid": SIBLING})
    switch.channel({**told, "bridge_uuid": CHANNEL}, uuid=SIBLING)
    switch.world.recordings[path] = SIBLING

    switch.run("recording_pause")

    assert switch.commands("uuid_record") == [f"{CHANNEL} mask {path}", f"{SIBLING} mask {path}"]
    (line,) = audit_of(switch)
    assert (line["by"], line["reason"], line["isDone"]) == ("key:1005", "key pressed", True)


def test_an_audit_folder_that_cannot_be_written_masks_all_the_same(switch: Switch) -> None:
    recording_pair(switch)
    switch.audit.rmdir()

    assert switch.run("recording_pause", argv=(CHANNEL, "1005", "card")) == "+OK masked 2 of 2\n"
    assert "the audit line is in this log only" in switch.log
    assert 'audit {"action":"mask"' in switch.log


def test_a_mask_after_the_end_reaches_the_finished_manifest(switch: Switch) -> None:
    recording_pair(switch)
    switch.run("cx_hangup")

    switch.run("recording_pause", uuid=None, argv=(CHANNEL, "1005", "card"))

    assert len(switch.manifest("*_near.json")["masked"]) == 1
    assert switch.files("*_near.json.part") == []
