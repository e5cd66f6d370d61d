"""cx_hangup.lua: the manifest is completed whatever else fails, and who should know is told, for a limited time."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cx_pipeline.core.recording.manifest import parse_manifest
from cx_pipeline.core.recording.schema import BIB, NEAR
from cx_pipeline_tests.lua.conftest import NewSwitch
from cx_pipeline_tests.lua.switch import CHANNEL, START_MS, Switch, from_header, gone

VARIABLES = {
    "sip_from_params": from_header(),
    "sip_h_X-Cisco-Call-ID": "1_291",
    "sip_h_x-cisco-jtapi-call-id": "16777507",
    "sip_h_x-cisco-calling-number": "+18005550199",
    "sip_h_x-cisco-called-number": "8001",
    "sip_h_x-cisco-call-direction": "INBOUND",
}


def record_for(switch: Switch, seconds: int = 30, **variables: str) -> None:
    switch.channel({**VARIABLES, **variables})
    switch.run("record")
    switch.world.clock_ms = switch.world.clock_ms + seconds * 1000
    switch.world.hung_up[CHANNEL] = True


def test_the_finished_manifest_tells_end_size_and_cause(switch: Switch) -> None:
    record_for(switch, record_completion_cause="success-silence")

    switch.run("cx_hangup")

    document = switch.manifest()
    assert document["startTime"] == "2026-06-08T10:00:00.128Z"
    assert document["endTime"] == "2026-06-08T10:00:30.128Z"
    assert document["fileSize"] == Path(document["filePath"]).stat().st_size == 44
    assert document["completionCause"] == "success-silence"
    assert Path(document["filePath"]).is_absolute()
    assert switch.files("*.part") == switch.files("*.tmp") == []


def test_the_pipeline_reads_what_the_scripts_wrote(switch: Switch) -> None:
    record_for(switch, hangup_cause="NORMAL_CLEARING")
    switch.run("cx_hangup")
    (path,) = switch.files("*.json")

    manifest = parse_manifest(json.loads(path.read_bytes()), manifest_path=str(path))

    assert manifest.recording_type == BIB
    assert manifest.side == NEAR
    assert manifest.call_key == "1_291"
    assert manifest.jtapi_id == "16777507"
    assert manifest.refci == "38960750"
    assert (manifest.agent_extension, manifest.agent_device) == ("1005", "SEP001122334455")
    assert (manifest.calling_number, manifest.called_number) == ("+18005550199", "8001")
    assert manifest.direction == "INBOUND"
    assert manifest.start_time == datetime(2026, 6, 8, 10, 0, 0, 128_000, tzinfo=UTC)
    assert manifest.end_time == datetime(2026, 6, 8, 10, 0, 30, 128_000, tzinfo=UTC)
    assert manifest.file_path == str(path).replace(".json", ".wav")
    assert (manifest.told_size_bytes, manifest.told_sample_rate_hz) == (44, 8000)
    assert (manifest.recorder_id, manifest.completion_cause) == ("recorder-1", "NORMAL_CLEARING")
    assert manifest.masks == ()


def test_the_pipeline_reads_a_manifest_whose_recorder_died(switch: Switch) -> None:
    record_for(switch)
    (path,) = switch.files("*.json.part")

    manifest = parse_manifest(json.loads(path.read_bytes()), manifest_path=str(path), is_finished=False)

    assert manifest.end_time is None
    assert not manifest.is_finished
    assert manifest.file_path == str(path).replace(".json.part", ".wav")


def test_a_clock_that_was_set_back_ends_no_recording_before_it_began(switch: Switch) -> None:
    record_for(switch, seconds=-3600)
    switch.run("recording_pause", argv=(CHANNEL, "1005", "card"))

    switch.run("cx_hangup")

    document = switch.manifest()
    assert document["endTime"] == document["startTime"]
    parse_manifest(document)


def test_the_gateway_is_told_of_the_recording(new_switch: NewSwitch) -> None:
    switch = new_switch(settings={"gateway_token": '"secret.token-1"'})
    record_for(switch)

    switch.run("cx_hangup")

    (told,) = switch.requests("/mixer/sip-data")
    how = told.pop("_")
    assert told == switch.manifest()
    assert how.options["append_headers"] == "Authorization: Bearer secret.token-1"
    assert "secret" not in switch.log


@pytest.mark.parametrize("status", [None, 500, 503, 429, 408])
def test_a_gateway_that_does_not_take_it_is_asked_three_times_and_loses_nothing(
    new_switch: NewSwitch, status: int | None
) -> None:
    switch = new_switch(answer=lambda _url, _body: (status, "", 0))
    record_for(switch)

    switch.run("cx_hangup")

    assert len(switch.requests("/mixer/sip-data")) == 3
    assert switch.manifest()["endTime"]
    assert "the folder scan finds it" in switch.log


def test_a_refusal_is_not_repeated(new_switch: NewSwitch) -> None:
    switch = new_switch(answer=lambda _url, _body: (422, "", 0))
    record_for(switch)

    switch.run("cx_hangup")

    assert len(switch.requests("/mixer/sip-data")) == 1


def test_a_gateway_that_hangs_costs_at_most_the_stated_seven_seconds(new_switch: NewSwitch) -> None:
    switch = new_switch(answer=lambda _url, _body: (200, "", 3_600_000))
    record_for(switch)
    before_ms = switch.world.clock_ms

    switch.run("cx_hangup")

    assert switch.world.clock_ms - before_ms == 6750
    assert switch.manifest()["endTime"] == "2026-06-08T10:00:30.623Z"  # the manifest did not wait for it


def test_a_lost_or_broken_part_is_made_anew_from_the_channel(switch: Switch) -> None:
    for spoil in (Path.unlink, lambda path: path.write_bytes(b'{"callId": "half')):
        record_for(switch)
        (part,) = switch.files("*.json.part")
        whole = json.loads(part.read_bytes())
        spoil(part)

        switch.run("cx_hangup")

        document = switch.manifest()
        assert {name: document[name] for name in whole} == whole
        switch.files("*.json")[0].unlink()
        switch.world.hung_up[CHANNEL] = None


def test_a_hang_up_without_a_session_reads_the_hooks_own_variables(switch: Switch) -> None:
    record_for(switch)
    variables = dict(switch.world.variables[CHANNEL].items())

    switch.run("cx_hangup", uuid=None, env={f"variable_{name}": value for name, value in variables.items()})

    assert switch.manifest()["endTime"] == "2026-06-08T10:00:30.128Z"


def test_a_hang_up_twice_changes_nothing_but_the_telling(switch: Switch) -> None:
    record_for(switch)
    switch.run("cx_hangup")
    (path,) = switch.files("*.json")
    first = path.read_bytes()

    switch.run("cx_hangup")

    assert path.read_bytes() == first
    assert switch.files("*.part") == []


@pytest.mark.parametrize("base", ["/etc/passwd", "../x", "/tmp/a;b", "", "/tmp/../etc/x"])
def test_a_base_outside_the_streams_is_no_recording(switch: Switch, base: str) -> None:
    switch.channel({"cx_recording_base": base})

    switch.run("cx_hangup")

    assert switch.requests("/mixer/sip-data") == []
    assert not switch.streams.exists()


def test_names_and_sides_are_let_go_of(switch: Switch) -> None:
    record_for(switch)
    assert dict(switch.world.hash.items())

    switch.run("cx_hangup")

    assert dict(switch.world.hash.items()) == {}


def test_a_channel_that_recorded_nothing_is_no_business_of_ours(switch: Switch) -> None:
    switch.channel({"hangup_cause": "NORMAL_CLEARING"})

    switch.run("cx_hangup")

    assert dict(switch.world.requests.items()) == {}


def test_the_end_of_a_call_of_the_platform_is_told_to_connector_and_gateway(switch: Switch) -> None:
    switch.channel(
        {
            "cx_platform_call": "true",
            "hangup_cause": "NORMAL_CLEARING",
            "recording_filename": "a:1005:1:2.wav",
            "duration": "31",
            "destination_number": "8001",
        }
    )

    switch.run("cx_hangup")

    told = switch.requests("/call-ended")
    assert [item.pop("_").url for item in told] == [
        "http://connector.example:8080/call-ended",
        "http://gateway.example:9900/call-ended",
    ]
    assert told[0] == told[1]
    assert told[0]["uuid"] == CHANNEL
    assert (told[0]["hangupCause"], told[0]["duration"]) == ("NORMAL_CLEARING", 31)
    assert told[0]["recordingFile"] == "a:1005:1:2.wav"
    assert told[0]["serviceIdentifier"] == "8001"


def test_everything_away_costs_a_platform_call_thirteen_and_a_half_seconds_at_most(
    new_switch: NewSwitch,
) -> None:
    switch = new_switch(answer=lambda _url, _body: (200, "", 3_600_000))
    switch.channel({"cx_platform_call": "true"})

    switch.run("cx_hangup")

    assert switch.world.clock_ms - START_MS == 13_500


def test_a_gateway_that_refuses_connections_costs_the_pauses_only(new_switch: NewSwitch) -> None:
    switch = new_switch(answer=gone)
    record_for(switch)
    before_ms = switch.world.clock_ms

    switch.run("cx_hangup")

    assert switch.world.clock_ms - before_ms == 750


def test_a_manifest_that_cannot_be_written_is_told_all_the_same(switch: Switch) -> None:
    record_for(switch)
    (folder,) = switch.streams.iterdir()
    folder.rename(switch.folder / "gone")

    switch.run("cx_hangup")

    (told,) = switch.requests("/mixer/sip-data")
    assert told["refci"] == "38960750"
    assert told["endTime"]
    assert "ERR cx_hangup: the manifest stays unfinished" in switch.log


def test_a_hook_that_died_before_the_renaming_is_made_good_by_the_next(switch: Switch) -> None:
    record_for(switch)
    switch.run("cx_hangup")
    (path,) = switch.files("*.json")
    path.rename(path.with_name(f"{path.name}.part"))

    switch.run("cx_hangup")

    assert switch.files("*.part") == []
    assert parse_manifest(switch.manifest()).end_time
