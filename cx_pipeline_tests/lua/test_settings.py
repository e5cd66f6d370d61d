"""cx_env.lua and the settings: by service number, without a number ever becoming a path, and never stopping a recording."""

import os
from pathlib import Path

import pytest

from cx_pipeline_tests.lua.conftest import NewSwitch
from cx_pipeline_tests.lua.switch import SCRIPTS, Switch, from_header, runtime


def test_a_service_number_has_its_own_settings_and_the_sites_for_the_rest(new_switch: NewSwitch) -> None:
    entry = '{ ["8001"] = { tenant_id = "north", queue = "Sales", voicemail_enabled = true } }'
    switch = new_switch(settings={"service_numbers": entry})
    switch.channel({"destination_number": "8001"})

    switch.run("cx_env")

    assert switch.variable("cx_is_known_service") == "true"
    assert switch.variable("cx_tenant_id") == "north"
    assert switch.variable("cx_queue") == "Sales"
    assert switch.variable("cx_queue_type") == "NAME"
    assert switch.variable("cx_voicemail_enabled") == "true"
    assert switch.variable("cx_record_path") == str(switch.bridges)


@pytest.mark.parametrize(
    "number", ["9999", "../8001", "8001;x", "__index", "9" * 300, "../../etc/cx_settings"]
)
def test_a_number_without_an_entry_gets_the_sites_settings(switch: Switch, number: str) -> None:
    switch.channel({"destination_number": number})

    switch.run("cx_env")

    assert switch.variable("cx_is_known_service") == "false"
    assert switch.variable("cx_tenant_id") == "default"


@pytest.mark.parametrize(
    "source",
    [
        "return {",
        "return 5",
        "",
        "os.execute('touch x') return {}",
        "while",
        "\x1bLua",
        "error('x')",
        "return { streams = 'relative', rules_timeout_ms = 'x', gateway_url = 'file:///etc/passwd' }",
    ],
)
def test_a_broken_settings_file_is_told_and_does_nothing(switch: Switch, source: str) -> None:
    switch.settings_path.write_bytes(source.encode("latin-1"))
    switch.channel({"sip_from_params": from_header()})
    switch.world.mkdir = lambda path: None

    switch.run("record")

    assert "WARNING record:" in switch.log
    (path,) = switch.executed("record_session")
    assert path.startswith("/var/vrs/recordings/cucmRecording/streams/2026")
    assert switch.requests("evaluate")[0]["_"].url.startswith("http://127.0.0.1:9900/")


def test_a_missing_settings_file_is_told(switch: Switch) -> None:
    switch.settings_path.unlink()
    switch.channel({})
    switch.run("cx_env")
    assert "the defaults hold" in switch.log

    switch.world.globals["cx_settings"] = None
    switch.run("cx_env")
    assert "no settings file is named" in switch.log


@pytest.mark.parametrize(
    "url",
    [
        "http://x/ post evil",
        "http://x/\\nA: b",
        "ftp://x",
        "http://x'",
        "",
        "http://x/?a=$(b)",
        "http://user@x",
    ],
)
def test_an_address_that_could_be_more_than_one_argument_is_not_used(new_switch: NewSwitch, url: str) -> None:
    switch = new_switch(settings={"gateway_url": f'"{url}"'})
    switch.channel({"sip_from_params": from_header()})

    switch.run("record")

    assert "gateway_url is not usable" in switch.log
    assert switch.requests("evaluate")[0]["_"].url.startswith("http://127.0.0.1:9900/")


def test_a_token_comes_from_its_file_and_is_in_no_log(new_switch: NewSwitch, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("tok.en-1\n")
    switch = new_switch(settings={"gateway_token_file": f'"{secret}"'})
    switch.channel({"sip_from_params": from_header()})
    switch.run("record")
    assert "Bearer tok.en-1" in switch.commands("bgapi")[0]
    assert "tok.en-1" not in switch.log

    secret.write_text("bad token' post x")
    switch.run("record")
    assert "bad" not in switch.commands("bgapi")[1]
    assert "gateway_token_file holds no token" in switch.log


def test_the_example_settings_are_usable_as_they_are(switch: Switch) -> None:
    example = SCRIPTS.parent / "deploy" / "freeswitch" / "cx_settings.lua"
    lua = runtime(switch.version)
    lua.execute(f"package.path = '{SCRIPTS}/?.lua'")
    load = lua.eval("function(path) return require('cx.settings').load(require('cx.files'), path) end")

    settings, problems = load(os.fspath(example))

    assert list(problems.values()) == [
        "gateway_token_file holds no token"
    ]  # it is the site's, and not in the repository
    assert settings.service_numbers["8001"].queue == "Sales"
