"""encrypt.lua: a finished file is handed over, once, whole, and without any cryptography."""

import json

import pytest

from cx_pipeline_tests.lua.switch import CHANNEL, SCRIPTS, Switch


def stopped(switch: Switch, path: str, **headers: str) -> None:
    told = {
        "Record-File-Path": path,
        "Record-Completion-Cause": "success-silence",
        "Unique-ID": CHANNEL,
        "variable_record_ms": "16040",
        **headers,
    }
    switch.run("encrypt", uuid=None, event=told)


def test_a_finished_file_becomes_one_whole_entry(switch: Switch) -> None:
    folder = switch.bridges / "20260608"
    folder.mkdir(parents=True)
    path = folder / "abc-123:1005:+18005550199:1780912800.wav"
    path.write_bytes(b"\0" * 100)

    stopped(switch, str(path))
    stopped(switch, str(path))

    (entry,) = switch.queue.iterdir()
    assert entry.name == "20260608_abc-123_1005_18005550199_1780912800.wav.json"
    assert json.loads(entry.read_text()) == {
        "filePath": str(path),
        "fileSize": 100,
        "completionCause": "success-silence",
        "channelUuid": CHANNEL,
        "recordMs": 16040,
        "recorderId": "recorder-1",
        "stoppedTime": "2026-06-08T10:00:00.123Z",
    }


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "{streams}/../../etc/passwd",
        "{streams}/a b.wav",
        "{streams}/a';rm.wav",
        "{streams}x/a.wav",
        "",
    ],
)
def test_a_file_outside_the_recording_folders_is_not_handed_over(switch: Switch, path: str) -> None:
    stopped(switch, path.format(streams=switch.streams))

    assert list(switch.queue.iterdir()) == []
    assert "not handed over" in switch.log


def test_a_queue_that_cannot_be_written_is_told(switch: Switch) -> None:
    switch.queue.rmdir()

    stopped(switch, f"{switch.streams}/20260608/a.wav")

    assert "ERR encrypt: not handed over for sealing" in switch.log


def test_no_script_runs_a_shell_or_holds_a_key() -> None:
    for path in [*SCRIPTS.glob("*.lua"), *SCRIPTS.glob("cx/*.lua")]:
        source = path.read_text()
        for word in ("os.execute", "io.popen", '"system"', '"bg_system"', "os.tmpname"):
            assert word not in source, f"{path.name} uses {word}"


def test_the_modules_look_at_no_global_of_the_switch() -> None:
    for path in SCRIPTS.glob("cx/*.lua"):
        code = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("--")]
        words = "\n".join(code)
        for name in ("_G", "argv", "env."):
            assert name not in words, f"{path.name} looks at {name}"
