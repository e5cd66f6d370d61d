"""What curl began and somebody cut off, curl goes on with."""

import random
import subprocess
from pathlib import Path

from cx_pipeline_tests.gateway.audio.conftest import Stage

AUDIO = random.Random(1).randbytes(1_500_000)


def curl(stage: Stage, url: str, target: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run it; the token stands in a file, where no list of processes shows it."""
    config = target.with_suffix(".curlrc")
    config.write_text(f'header = "Authorization: Bearer {stage.gateway.tokens["player"]}"\n')
    command = [
        "curl",
        "-sS",
        "--noproxy",
        "*",
        "-K",
        str(config),
        "-o",
        str(target),
        *options,
        stage.gateway.url + url,
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_curl_resumes_what_was_cut_off(stage: Stage, tmp_path: Path) -> None:
    url, target = f"/recordings/{stage.made.recording(AUDIO)}/audio", tmp_path / "call.wav"
    target.write_bytes(AUDIO[:700_001])
    assert curl(stage, url, target, "-C", "-").returncode == 0
    assert target.read_bytes() == AUDIO


def test_curl_resumes_over_and_over(stage: Stage, tmp_path: Path) -> None:
    url, target = f"/recordings/{stage.made.recording(AUDIO)}/audio", tmp_path / "call.wav"
    for piece in range(0, len(AUDIO), 400_000):
        done = curl(stage, url, target.with_suffix(".part"), "-r", f"{piece}-{piece + 399_999}")
        assert done.returncode == 0, done.stderr
        with target.open("ab") as file:
            file.write(target.with_suffix(".part").read_bytes())
    assert target.read_bytes() == AUDIO


def test_curl_does_not_take_a_damaged_recording_for_whole(stage: Stage, tmp_path: Path) -> None:
    recording_id = stage.made.recording(AUDIO)
    file = stage.made.path_of(recording_id)
    content = bytearray(file.read_bytes())
    content[1_000_000] ^= 1
    file.write_bytes(content)
    done = curl(stage, f"/recordings/{recording_id}/audio", tmp_path / "call.wav")
    assert done.returncode == 18, done.stderr  # fewer bytes than it was told of
