"""set_recording_name.lua: names of bridged calls, as the platform's readers expect them, and never one that is taken."""

from pathlib import Path

import pytest

from cx_pipeline.core.recording.file_names import facts_of_name
from cx_pipeline_tests.lua.switch import CHANNEL, Switch
from cx_pipeline_tests.lua.test_record import HOSTILE

EPOCH = "1780912800"
BRIDGE = {"sip_h_X-Call-Id": "abc-123", "destination_number": "1005", "caller_id_number": "+18005550199"}


def path_of(switch: Switch) -> Path:
    switch.run("set_recording_name")
    return Path(switch.variable("cx_recording_path") or "")


def test_an_inbound_call_is_named_by_dialog_agent_number_and_second(switch: Switch) -> None:
    switch.channel(BRIDGE)

    path = path_of(switch)

    assert path == switch.bridges / "20260608" / f"abc-123:1005:+18005550199:{EPOCH}.wav"
    assert switch.variable("recording_filename") == switch.variable("record_name") == path.name
    assert switch.variable("record_path") == str(path.parent)
    facts = facts_of_name(str(path))
    assert (facts.dialog_id, facts.agent_extension, facts.customer_number) == (
        "abc-123",
        "1005",
        "+18005550199",
    )


def test_the_script_starts_no_recording_of_its_own(switch: Switch) -> None:
    switch.channel(BRIDGE)

    path = path_of(switch)

    assert switch.executed("record_session") == []
    assert switch.variable("recording_command") == f"nolocal:execute_on_answer=record_session {path}"


def test_a_consult_call_is_named_by_its_channel_and_ends_the_recording_before(switch: Switch) -> None:
    switch.channel({**BRIDGE, "sip_h_X-CallType": "CONSULT"})

    assert path_of(switch).name == f"{CHANNEL}.wav"
    assert switch.executed("stop_record_session") == ["all"]


def test_an_outbound_call_is_named_by_the_customers_leg(switch: Switch) -> None:
    switch.channel({**BRIDGE, "sip_h_X-CallType": "OUT", "customer_leg_uuid": "cust-1"})
    assert path_of(switch).name == "cust-1.wav"

    switch.channel({**BRIDGE, "sip_h_X-CallType": "OUT"})
    assert path_of(switch).name == f"{CHANNEL}.wav"


def test_a_call_without_an_agent_is_named_by_its_channel(switch: Switch) -> None:
    switch.channel({"caller_id_number": "+18005550199"})

    assert path_of(switch).name == f"{CHANNEL}.wav"


def test_a_taken_name_becomes_the_channels_with_a_number(switch: Switch) -> None:
    switch.channel({**BRIDGE, "sip_h_X-CallType": "CONSULT"})
    folder = switch.bridges / "20260608"
    folder.mkdir(parents=True)
    for name in (f"{CHANNEL}.wav", f"{CHANNEL}_1.wav"):
        (folder / name).write_text("older")

    assert path_of(switch).name == f"{CHANNEL}_2.wav"


def test_the_dial_plans_folder_counts_where_it_lies_below_the_configured_one(switch: Switch) -> None:
    cases = (
        (f"{switch.bridges}/north/20260608/", switch.bridges / "north" / "20260608"),
        ("/etc", switch.bridges / "20260608"),
        (f"{switch.bridges}/../../etc", switch.bridges / "20260608"),
        ("relative", switch.bridges / "20260608"),
    )
    for asked, folder in cases:
        switch.channel({**BRIDGE, "record_path": asked})
        assert path_of(switch).parent == folder


@pytest.mark.parametrize("value", HOSTILE)
def test_no_call_data_leaves_the_folder(switch: Switch, value: str | bytes) -> None:
    names = ("sip_h_X-Call-Id", "destination_number", "caller_id_number", "record_ext", "customer_leg_uuid")
    switch.channel(dict.fromkeys(names, value))

    path = path_of(switch)

    assert path.parent == switch.bridges / "20260608"
    assert path.suffix == ".wav"
    assert len(path.name) <= 200
    assert set(path.stem) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-:+")
    assert ".." not in path.name


def test_a_channel_without_a_usable_identifier_is_not_named(switch: Switch) -> None:
    switch.channel({**BRIDGE, "uuid": "a b; c"})

    assert path_of(switch) == Path()
    assert "no usable identifier" in switch.log
