"""record.lua: a forked stream becomes a file with a manifest, whatever the call's data holds and whoever is away."""

import json
from pathlib import Path

import pytest

from cx_pipeline_tests.lua.conftest import NewSwitch
from cx_pipeline_tests.lua.switch import CHANNEL, SIBLING, START_MS, Switch, from_header


def test_a_near_end_stream_is_recorded_under_its_call_key_and_start(switch: Switch) -> None:
    switch.channel({"sip_from_params": from_header(), "sip_h_X-Cisco-Call-ID": "1_291"})

    switch.run("record")

    (path,) = switch.executed("record_session")
    start = START_MS + 5  # the gateway took 5 ms to answer
    assert path == f"{switch.streams}/20260608/1_291_20260608T100000.{start % 1000:03}_near.wav"
    assert Path(path).is_file()
    assert switch.files("*.json.part") == [Path(path.replace(".wav", ".json.part"))]
    assert switch.executed("mkdir") == [f"{switch.streams}/20260608"]


def test_the_unfinished_manifest_tells_all_that_is_known(switch: Switch) -> None:
    switch.channel(
        {
            "sip_from_params": from_header("far", **{"x-nearendguid": "g1", "x-farendguid": "g2"}),
            "sip_h_x-cisco-global-call-id": "291/1",
            "sip_h_x-cisco-jtapi-call-id": "16777507",
            "sip_h_x-cisco-calling-number": "+18005550199",
            "sip_h_X-Cisco-Called-Number": "8001",
            "read_rate": "16000",
        }
    )

    switch.run("record")

    (part,) = switch.files("*.json.part")
    assert part.name.startswith("1_291_")
    assert json.loads(part.read_text()) == {
        "callId": "291/1",
        "globalCallId": "291/1",
        "jtapiCallId": "16777507",
        "refci": "38960750",
        "side": "far",
        "agentExtension": "1005",
        "agentDevice": "SEP001122334455",
        "callingNumber": "+18005550199",
        "calledNumber": "8001",
        "startTime": "2026-06-08T10:00:00.128Z",
        "filePath": str(part).replace(".json.part", ".wav"),
        "recordingType": "BIB",
        "tenantId": "default",
        "sampleRate": 16000,
        "masked": [],
        "recorderId": "recorder-1",
        "channelUuid": CHANNEL,
        "nearEndAddress": "1005",
        "nearEndDevice": "SEP001122334455",
        "nearEndCluster": "c1",
        "nearEndGuid": "g1",
        "farEndAddress": "+18005550199",
        "farEndDevice": "SEP665544332211",
        "farEndCluster": "c1",
        "farEndGuid": "g2",
        "farEndRefci": "38960749",
    }


def test_without_a_call_id_the_refci_names_the_file_and_no_call_id_is_claimed(switch: Switch) -> None:
    switch.channel({"sip_from_params": "x-farend;x-refci=38960750"})

    switch.run("record")

    document = switch.manifest("*.json.part")
    assert Path(document["filePath"]).name == "38960750_20260608T100000.128_far.wav"
    assert document["refci"] == "38960750"
    assert "callId" not in document
    assert "globalCallId" not in document


def test_the_whole_from_header_serves_where_its_parameters_are_not_given(switch: Switch) -> None:
    header = f"<sip:1005@10.0.0.1;{from_header('far')}>;tag=abc"
    switch.channel({"sip_full_from": header, "sip_from_params": "transport=tcp"})

    switch.run("record")

    document = switch.manifest("*.json.part")
    assert (document["side"], document["refci"], document["farEndAddress"]) == (
        "far",
        "38960750",
        "+18005550199",
    )


def test_a_stream_that_does_not_say_whose_voice_it_carries_is_of_both(switch: Switch) -> None:
    switch.channel({})

    switch.run("record")

    document = switch.manifest("*.json.part")
    assert document["side"] == "both"
    assert Path(document["filePath"]).name == f"{CHANNEL}_20260608T100000.128_both.wav"


def test_the_parties_are_told_apart_by_the_direction_and_only_by_it(switch: Switch) -> None:
    switch.channel({"sip_from_params": from_header(), "sip_h_x-cisco-call-direction": "Outbound"})
    switch.run("record")
    outbound = switch.manifest("*.json.part")
    assert (outbound["direction"], outbound["callingNumber"], outbound["calledNumber"]) == (
        "OUTBOUND",
        "1005",
        "+18005550199",
    )
    switch.files("*.json.part")[0].unlink()

    switch.channel({"sip_from_params": from_header(), "sip_h_x-cisco-call-direction": "sideways"})
    switch.run("record")
    unknown = switch.manifest("*.json.part")
    assert not {"direction", "callingNumber", "calledNumber"} & set(unknown)


def test_the_tenant_is_looked_up_by_cluster_and_service_number_and_never_taken_from_the_wire(
    new_switch: NewSwitch,
) -> None:
    switch = new_switch(
        settings={
            "tenants_by_cluster": '{ c1 = "north" }',
            "service_numbers": '{ ["8001"] = { tenant_id = "south" } }',
        }
    )
    cases = (
        ({"sip_from_params": from_header()}, "north"),
        ({"sip_from_params": "x-nearend;x-refci=1", "sip_h_x-cisco-called-number": "8001"}, "south"),
        ({"sip_from_params": "x-nearend;x-refci=1;x-nearendclusterid=../etc"}, "default"),
    )
    for variables, tenant in cases:
        switch.channel(variables)
        switch.run("record")
        (part,) = switch.files("*.json.part")
        assert json.loads(part.read_text())["tenantId"] == tenant
        part.unlink()


def test_the_rule_is_asked_before_the_answer_and_with_what_is_known(new_switch: NewSwitch) -> None:
    switch = new_switch(settings={"gateway_token": '"secret.token-1"'})
    switch.channel({"sip_from_params": from_header(), "sip_h_X-Cisco-Call-ID": "1_291"})

    switch.run("record")

    (asked,) = switch.requests("/vrs/recording-rules/evaluate")
    how = asked.pop("_")
    assert asked == {
        "agentExtension": "1005",
        "agentDevice": "SEP001122334455",
        "globalCallId": "1_291",
        "refci": "38960750",
        "tenantId": "default",
        "timestamp": "2026-06-08T10:00:00.123Z",
    }
    assert how.url == "http://gateway.example:9900/vrs/recording-rules/evaluate"
    assert how.options["append_headers"] == "Authorization: Bearer secret.token-1"
    assert switch.world.answered[CHANNEL] == START_MS + 5
    assert "secret" not in switch.log


def test_a_skip_records_nothing_and_says_so(new_switch: NewSwitch) -> None:
    for body in ('{"record":false}', '{"action":"SKIP","rule":"r1"}', '{"record":false,"action":"SKIP"}'):
        switch = new_switch(answer=lambda _url, _body, body=body: (200, body, 5))
        switch.channel({"sip_from_params": from_header()})

        switch.run("record")

        assert switch.executed("record_session") == []
        assert not switch.streams.exists()
        assert "NOTICE record: not recorded, as the rules say" in switch.log
        assert "38960750" in switch.log
        assert switch.world.answered[CHANNEL]  # else the phone system would call again


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, '{"record":true}'),
        (200, '{"record":true,"action":"SKIP"}'),
        (200, '{"record":false,"action":"RECORD"}'),
        (200, '{"record":"false"}'),
        (200, '{"record":0}'),
        (200, '{"record":null}'),
        (200, '{"record":false'),
        (200, '{"record":false} trailing'),
        (200, '[{"record":false}]'),
        (200, "<html>no</html>"),
        (200, ""),
        (200, None),
        (500, '{"record":false}'),
        (404, '{"record":false}'),
        (302, '{"record":false}'),
        (None, None),
    ],
)
def test_anything_but_a_clear_no_is_recorded(
    new_switch: NewSwitch, status: int | None, body: str | None
) -> None:
    switch = new_switch(answer=lambda _url, _body: (status, body, 5))
    switch.channel({"sip_from_params": from_header()})

    switch.run("record")

    assert len(switch.executed("record_session")) == 1


def test_a_gateway_that_hangs_delays_the_answer_by_half_a_second_and_no_more(new_switch: NewSwitch) -> None:
    switch = new_switch(answer=lambda _url, _body: (200, '{"record":false}', 60_000))
    switch.channel({"sip_from_params": from_header()})

    switch.run("record")

    assert switch.world.answered[CHANNEL] - START_MS == 500
    assert len(switch.executed("record_session")) == 1
    assert "no answer in time" in switch.log


def test_without_events_the_command_itself_limits_the_wait_to_a_second(new_switch: NewSwitch) -> None:
    switch = new_switch(
        answer=lambda _url, _body: (200, '{"record":false}', 60_000), missing=("EventConsumer",)
    )
    switch.channel({"sip_from_params": from_header()})

    switch.run("record")

    assert switch.world.answered[CHANNEL] - START_MS == 1000
    assert len(switch.executed("record_session")) == 1


def test_a_switch_without_mod_curl_records(new_switch: NewSwitch) -> None:
    switch = new_switch(missing=("curl", "bgapi"))
    switch.channel({"sip_from_params": from_header()})

    switch.run("record")

    assert len(switch.executed("record_session")) == 1


def test_a_caller_who_hung_up_leaves_nothing(new_switch: NewSwitch) -> None:
    switch = new_switch()
    switch.channel({"sip_from_params": from_header()})
    switch.world.hung_up[CHANNEL] = True
    switch.run("record")
    assert switch.requests("evaluate") == []

    switch.world.hung_up[CHANNEL] = None
    switch.world.hangs_up_at_answer = True
    switch.run("record")

    assert switch.executed("record_session") == []
    assert not switch.streams.exists()


def test_a_recording_that_the_switch_cannot_open_leaves_a_manifest_that_says_so(switch: Switch) -> None:
    switch.channel({"sip_from_params": from_header()})
    (switch.streams / "20260608").mkdir(parents=True)
    switch.world.is_disk_full = True

    switch.run("record")

    document = switch.manifest()
    assert document["completionCause"] == "RECORDING_NOT_STARTED"
    assert "fileSize" not in document
    assert "ERR record: nothing is recorded" in switch.log
    assert switch.files("*.part") == []
    switch.run("cx_hangup")
    assert switch.manifest() == document


def test_a_folder_that_cannot_be_written_breaks_no_call(switch: Switch) -> None:
    switch.channel({"sip_from_params": from_header()})
    switch.streams.write_text("not a folder")
    switch.world.is_disk_full = True

    switch.run("record")
    switch.run("cx_hangup")

    assert switch.world.hung_up[CHANNEL] is None
    assert "no manifest yet" in switch.log


@pytest.mark.parametrize("suffix", [".wav", ".json", ".json.part"])
def test_a_name_that_is_taken_is_left_alone(switch: Switch, suffix: str) -> None:
    folder = switch.streams / "20260608"
    folder.mkdir(parents=True)
    taken = folder / f"38960750_20260608T100000.128_near{suffix}"
    taken.write_text("older")
    switch.channel({"sip_from_params": from_header()})

    switch.run("record")

    assert taken.read_text() == "older"
    assert switch.executed("record_session") == [f"{folder}/38960750_20260608T100000.128_near_1.wav"]
    assert switch.world.overwritten is None


def test_two_calls_of_one_key_in_the_same_millisecond_get_two_names(switch: Switch) -> None:
    switch.world.tick_ms = 0
    key = {"sip_h_X-Cisco-Call-ID": "1_291"}
    switch.channel({"sip_from_params": "x-nearend;x-refci=1", **key})
    switch.channel({"sip_from_params": "x-nearend;x-refci=2", **key}, uuid=SIBLING)
    # The other call reserved the name and its files are not there yet.
    switch.world.hash["cx_recording_name_1_291_20260608T100000.128_near"] = SIBLING

    switch.run("record")

    (path,) = switch.executed("record_session")
    assert path.endswith("1_291_20260608T100000.128_near_1.wav")


def test_without_mod_hash_it_records_all_the_same(new_switch: NewSwitch) -> None:
    switch = new_switch(missing=("hash",))
    switch.channel({"sip_from_params": from_header()})

    switch.run("record")
    switch.run("cx_hangup")

    assert len(switch.files("*_near.wav")) == len(switch.files("*_near.json")) == 1


def test_a_script_that_fails_records_without_a_manifest_rather_than_not_at_all(switch: Switch) -> None:
    switch.channel({"sip_from_params": from_header()})
    switch.world.clock_ms = 1e300  # no date can be made of it

    switch.run("record")

    assert switch.executed("record_session") == [f"{switch.streams}/{CHANNEL}.wav"]
    assert "recorded without a manifest" in switch.log


def test_the_hang_up_hook_is_set_before_the_recording_starts(switch: Switch) -> None:
    switch.channel({"sip_from_params": from_header()})

    switch.run("record")

    assert switch.variable("session_in_hangup_hook") == "true"
    assert switch.variable("api_hangup_hook") == "lua cx_hangup.lua"


HOSTILE = [
    "../../../etc/passwd",
    "..",
    "/absolute",
    'quo"te',
    "quo'te",
    "line\nfeed",
    "carriage\r\nX-Header: 1",
    "semi;colon",
    "a;rm -rf /",
    b"nul\0byte",
    "100%41%2e%2e%2f",
    "%n%s%d",
    "$(touch x)",
    "`touch x`",
    "${hangup()}",
    "post evil",
    "json http://evil.example post",
    "9" * 300,
    "Zürich-東京-🎧",
    b"\xff\xfe\x80broken",
    "-rf",
    ".hidden",
    "   ",
    "{vars=1}",
    "a b c",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_no_call_data_leaves_the_days_folder_or_becomes_an_option(
    switch: Switch, value: str | bytes, tmp_path: Path
) -> None:
    before = {path for path in tmp_path.rglob("*") if not path.is_relative_to(switch.folder)}
    text = value.encode() if isinstance(value, str) else value
    switch.channel(
        {
            "sip_from_params": b"x-nearend;x-nearendaddr=" + text,
            "sip_h_X-Cisco-Call-ID": text,
            "sip_h_x-cisco-calling-number": text,
            "sip_h_x-cisco-jtapi-call-id": text,
        }
    )

    switch.run("record")
    switch.run("cx_hangup")

    folder = switch.streams / "20260608"
    (path,) = switch.executed("record_session")
    name = path.removeprefix(f"{folder}/")
    assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
    assert not name.startswith((".", "-"))
    assert ".." not in name
    assert len(name) <= 128
    assert switch.executed("mkdir") == [str(folder)]
    assert {path for path in tmp_path.rglob("*") if not path.is_relative_to(switch.folder)} == before
    document = json.loads(folder.joinpath(name.replace(".wav", ".json")).read_bytes())
    assert all("\n" not in str(item) and "\0" not in str(item) for item in document.values())
    for request in switch.world.requests.values():
        assert request.url.startswith("http://gateway.example:9900/")
        assert set(request.options) == {"json", "content-type", "timeout"}
    for command in [*switch.commands("curl"), *switch.commands("bgapi")]:
        assert not set(command) & set("\n\r\"'\0;")
    assert "os.execute" not in switch.log


def test_a_header_of_many_parameters_is_read_for_so_long_and_no_longer(switch: Switch) -> None:
    switch.channel({"sip_from_params": ";".join(f"p{number}={number}" for number in range(100_000))})

    switch.run("record")

    assert len(switch.executed("record_session")) == 1
