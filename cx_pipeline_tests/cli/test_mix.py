"""`cx-pipeline mix`: manifests in, one recording for each call out, and nothing left out without a word."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from click.testing import CliRunner, Result
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

from cx_pipeline.cli.main import cli

RATE_HZ = 8_000
TEN = datetime(2026, 6, 8, 10, tzinfo=UTC)
Samples = npt.NDArray[np.int16]


def voice(seed: int, seconds: float) -> Samples:
    return np.random.default_rng(seed).integers(-9000, 9000, round(seconds * RATE_HZ), dtype=np.int16)


def leave(folder: Path, name: str, samples: Samples, start_s: float = 0.0, **told: Any) -> Path:
    """A recorder's file with its manifest beside it; the manifest's path."""
    folder.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / f"{name}.wav", samples, RATE_HZ, subtype="PCM_16")
    start = TEN + timedelta(seconds=start_s)
    length = timedelta(seconds=len(samples) / RATE_HZ)
    fields: dict[str, Any] = {
        "tenantId": "acme",
        "recorderId": "fs1",
        "recordingType": "BIB",
        "side": name.partition("-")[0],
        "globalCallId": "1_167890",
        "refci": "77",
        "agentExtension": "1005",
        "startTime": start.isoformat(),
        "endTime": (start + length).isoformat(),
        "filePath": str(folder / f"{name}.wav"),
    }
    path = folder / f"{name}.json"
    path.write_text(
        json.dumps({key: value for key, value in {**fields, **told}.items() if value is not None})
    )
    return path


def mix(*arguments: str | Path, env: Mapping[str, str] | None = None) -> Result:
    return CliRunner().invoke(cli, ["mix", *map(str, arguments)], env=dict(env or {}))


def made(out: Path) -> list[dict[str, Any]]:
    """The descriptions of the recordings, in the order of their starts."""
    found = [json.loads(path.read_text()) for path in out.rglob("*.json")]
    return sorted(found, key=lambda each: str(each["startTime"]))


def audio(out: Path, metadata: Mapping[str, Any]) -> Samples:
    samples, rate = soundfile.read(out / metadata["file"]["path"], dtype="int16", always_2d=True)
    assert rate == metadata["sampleRate"]
    found: Samples = samples
    return found


def test_near_and_far_end_become_one_file_with_every_sample_where_it_was(tmp_path: Path) -> None:
    near, far = voice(1, 4.0), voice(2, 4.0)
    manifests = leave(tmp_path / "in", "near", near), leave(tmp_path / "in", "far", far, 0.5)
    result = mix(*manifests, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    (metadata,) = made(tmp_path / "out")
    samples = audio(tmp_path / "out", metadata)
    assert samples.shape == (4.5 * RATE_HZ, 2)
    assert (samples[: 4 * RATE_HZ, 0] == near).all()
    assert not samples[4 * RATE_HZ :, 0].any()
    assert (samples[RATE_HZ // 2 :, 1] == far).all()
    assert metadata["startTime"] == "2026-06-08T10:00:00.000000Z"
    assert "1 recording in" in result.output


def test_each_call_has_a_file_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    leave(folder, "near-a", voice(1, 2.0))
    leave(folder, "far-a", voice(2, 2.0), globalCallId=None)
    leave(folder, "near-b", voice(3, 3.0), 10.0, globalCallId="1_167891", refci="78")
    result = mix(folder, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert [each["duration"] for each in made(tmp_path / "out")] == [2000, 3000]
    assert [len(each["inputs"]) for each in made(tmp_path / "out")] == [2, 1]
    assert "is missing for" in result.output


def test_a_second_run_makes_no_second_recording(tmp_path: Path) -> None:
    manifest = leave(tmp_path / "in", "near", voice(1, 2.0))
    for _ in range(2):
        assert mix(manifest, "--out", tmp_path / "out").exit_code == 0
    assert len(made(tmp_path / "out")) == 1


def test_what_was_refused_is_told_with_its_reason_and_the_rest_is_mixed(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    leave(folder, "near", voice(1, 2.0))
    leave(folder, "far", voice(2, 2.0))
    (folder / "far.wav").unlink()
    leave(folder, "near-empty", voice(3, 0.0))
    (folder / "torn.json").write_text("{")
    result = mix(folder, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert len(made(tmp_path / "out")) == 1
    told = result.output.replace("\n", " ")
    assert "far.json: MISSING" in told
    assert "near-empty.json: EMPTY" in told
    assert "torn.json: NOT_JSON" in told
    assert "1 recording in" in told
    assert "3 refused" in told


def test_a_file_outside_of_the_roots_is_not_opened(tmp_path: Path) -> None:
    elsewhere = leave(tmp_path / "elsewhere", "near", voice(1, 2.0))
    manifest = tmp_path / "in" / "near.json"
    manifest.parent.mkdir()
    manifest.write_text(elsewhere.read_text())
    refused = mix(manifest, "--out", tmp_path / "out")
    assert refused.exit_code == 1
    assert "OUTSIDE_ROOTS" in refused.output
    assert made(tmp_path / "out") == []
    assert mix(manifest, "--out", tmp_path / "out", "--root", tmp_path / "elsewhere").exit_code == 0
    assert len(made(tmp_path / "out")) == 1


def test_what_lies_between_two_segments_is_cut_where_that_is_wanted(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    leave(folder, "near-1", voice(1, 2.0))
    leave(folder, "near-2", voice(2, 2.0), 32.0, refci="78")
    assert mix(folder, "--out", tmp_path / "kept").exit_code == 0
    assert mix(folder, "--out", tmp_path / "cut", "--hold", "cut", "--hold-fade-ms", "50").exit_code == 0
    (kept,), (cut,) = made(tmp_path / "kept"), made(tmp_path / "cut")
    assert (kept["duration"], cut["duration"]) == (34_000, 4_000)
    assert [(each["kind"], each["time"]) for each in cut["markers"]] == [
        ("HOLD_END", 2000),
        ("HOLD_START", 2000),
    ]


@pytest.mark.parametrize("audio_format", ["flac", "opus", "mp3"])
def test_layout_rate_and_format_are_as_asked_for(tmp_path: Path, audio_format: str) -> None:
    manifests = leave(tmp_path / "in", "near", voice(1, 2.0)), leave(tmp_path / "in", "far", voice(2, 2.0))
    options = ("--layout", "mono", "--sample-rate", "16000", "--format", audio_format, "--normalise")
    result = mix(*manifests, "--out", tmp_path / "out", *options)
    assert result.exit_code == 0, result.output
    (metadata,) = made(tmp_path / "out")
    assert (metadata["sampleRate"], metadata["format"], metadata["container"]) == (
        16_000,
        "mono",
        audio_format,
    )
    assert audio(tmp_path / "out", metadata).shape[1] == 1


def test_with_a_key_the_file_is_sealed_as_the_installed_base_does(tmp_path: Path) -> None:
    key = bytes(range(32))
    (tmp_path / "key").write_text(key.hex())
    near = voice(1, 2.0)
    manifest = leave(tmp_path / "in", "near", near)
    result = mix(manifest, "--out", tmp_path / "out", "--key-file", tmp_path / "key")
    assert result.exit_code == 0, result.output
    (metadata,) = made(tmp_path / "out")
    sealed = (tmp_path / "out" / metadata["file"]["path"]).read_bytes()
    opened = Cipher(algorithms.AES(key), CFB(sealed[:16])).decryptor().update(sealed[16:])
    (tmp_path / "opened.wav").write_bytes(opened)
    samples, _ = soundfile.read(tmp_path / "opened.wav", dtype="int16", always_2d=True)
    assert (samples[:, 0] == near).all()
    assert key.hex() not in result.output


def test_nothing_to_mix_is_told(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    result = mix(tmp_path / "in", "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert "0 recordings in" in result.output
