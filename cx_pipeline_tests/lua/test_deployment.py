"""deploy/freeswitch: XML that parses, names scripts that exist, and opens no door; and Lua that luacheck and real Luas accept."""

import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cx_pipeline_tests.lua.switch import SCRIPTS

DEPLOY = SCRIPTS.parent / "deploy" / "freeswitch"
XML = sorted(DEPLOY.rglob("*.xml"))
MODES = re.compile(r"media-mode", re.IGNORECASE)
SCRIPT = re.compile(r"[\w./-]+\.lua\b")


def test_there_is_dial_plan_profile_hook_and_list() -> None:
    assert {str(path.relative_to(DEPLOY)) for path in XML} >= {
        "autoload_configs/acl.conf.xml",
        "autoload_configs/lua.conf.xml",
        "dialplan/bridges.xml",
        "dialplan/recording.xml",
        "sip_profiles/recording.xml",
    }


@pytest.mark.parametrize("path", XML, ids=lambda path: path.name)
def test_it_is_well_formed_and_without_a_parameter_that_there_is_not(path: Path) -> None:
    ElementTree.fromstring(path.read_text())

    assert not MODES.search(path.read_text())


def test_every_script_that_is_named_exists() -> None:
    named = set()
    for path in XML:
        for element in ElementTree.fromstring(path.read_text()).iter():
            named |= {name for value in element.attrib.values() for name in SCRIPT.findall(value)}
    named -= {"/etc/freeswitch/cx_settings.lua", "/.lua"}
    for path in SCRIPTS.rglob("*.lua"):
        named |= set(re.findall(r'"lua ([\w.]+\.lua)', path.read_text()))

    assert named >= {"record.lua", "cx_hangup.lua", "encrypt.lua", "set_recording_name.lua", "vc_api.lua"}
    for name in named:
        assert (SCRIPTS / name).is_file(), name


def test_no_list_allows_everybody_and_the_profile_has_one() -> None:
    lists = ElementTree.parse(DEPLOY / "autoload_configs" / "acl.conf.xml").getroot().iter("list")
    names = {item.get("name"): item for item in lists}
    for item in names.values():
        assert item.get("default") == "deny"
        assert all(not str(node.get("cidr")).endswith("/0") for node in item.iter("node"))
    profile = ElementTree.parse(DEPLOY / "sip_profiles" / "recording.xml").getroot()
    told = {param.get("name"): param.get("value") for param in profile.iter("param")}
    assert told["apply-inbound-acl"] in names
    assert told["inbound-proxy-media"] == told["inbound-bypass-media"] == "false"
    assert told["enable-3pcc"] == "true"
    contexts = {
        item.get("name")
        for path in (DEPLOY / "dialplan").glob("*.xml")
        for item in ElementTree.parse(path).getroot().iter("context")
    }
    assert told["context"] in contexts


def test_a_recorded_bridge_is_recorded_once() -> None:
    source = (DEPLOY / "dialplan" / "bridges.xml").read_text()

    assert source.count("recording_command") == 1
    assert "record_session" not in source


def test_the_entry_scripts_are_those_of_the_specification() -> None:
    assert {path.stem for path in SCRIPTS.glob("*.lua")} >= {
        "record",
        "cx_hangup",
        "set_recording_name",
        "recording_pause",
        "recording_resume",
        "encrypt",
        "vc_api",
        "cx_env",
    }


def test_luacheck_finds_nothing() -> None:
    luacheck = shutil.which("luacheck")
    if luacheck is None:
        pytest.skip("luacheck is not installed")
    done = subprocess.run(
        [luacheck, "--no-color", "--codes", "lua", "deploy/freeswitch"],
        cwd=SCRIPTS.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("interpreter", ["lua5.1", "lua5.3"])
def test_a_call_from_start_to_end_runs_in_the_systems_own_lua(interpreter: str, tmp_path: Path) -> None:
    lua = shutil.which(interpreter)
    if lua is None:
        pytest.skip(f"{interpreter} is not installed")
    done = subprocess.run(
        [lua, str(SCRIPTS / "spec" / "call_story.lua"), str(SCRIPTS), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all is well" in done.stdout
