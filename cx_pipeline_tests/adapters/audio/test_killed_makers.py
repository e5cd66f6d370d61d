"""Kill -9 while a recording is made: at every step, and at moments of chance."""

import os
import pickle
import random
import subprocess
import sys
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from cx_pipeline.adapters.audio.mixing import STEPS, MixOrder, make_recording
from cx_pipeline.adapters.crypto.file_keys import Sealing
from cx_pipeline.core.recording.parameters import MixParameters
from cx_pipeline.core.recording.rendered import RenderedFile
from cx_pipeline_tests.adapters.audio.made_audio import babble, mix_plan, order_of, placed, wav_input
from cx_pipeline_tests.adapters.audio.test_mixing import FINAL_NAMES, KEY, audio_of, files_below

FRAMES = 400_000
RANDOM_KILLS = int(os.environ.get("CX_STRESS_MIX_KILLS", "3"))
PUBLISHED = STEPS.index("after audio published")


@pytest.fixture(scope="module")
def order(tmp_path_factory: pytest.TempPathFactory) -> MixOrder:
    folder = tmp_path_factory.mktemp("streams")
    near = wav_input(folder / "near.wav", babble(FRAMES, 1))
    far = wav_input(folder / "far.wav", babble(FRAMES, 2))
    parameters = MixParameters(is_normalised=True)
    plan = mix_plan([near, far], [placed(near, 0), placed(far, 1)], FRAMES, parameters=parameters)
    return order_of(plan, folder, sealing=Sealing("gcm", KEY))


@pytest.fixture(scope="module")
def expected(order: MixOrder) -> RenderedFile:
    return make_recording(order)


def maker(order: MixOrder, folder: Path, step: str, nth: int = 1) -> "subprocess.Popen[bytes]":
    (folder / "order").write_bytes(pickle.dumps(order))
    module = "cx_pipeline_tests.adapters.audio.killed_maker"
    return subprocess.Popen(
        [sys.executable, "-m", module, str(folder / "order"), step, str(nth)],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
    )


def require_whole(order: MixOrder, expected: RenderedFile) -> None:
    """What stands under final names is whole, and the next maker completes it, and leaves no trace of the last one."""
    root = order.recordings_root
    if (root / expected.path).exists():
        assert sha256(audio_of(order, expected)).hexdigest() == expected.sha256
    else:
        assert not (root / expected.metadata_path).exists()
    made = make_recording(order)
    assert (made.sha256, made.md5, made.channels) == (expected.sha256, expected.md5, expected.channels)
    assert sha256(audio_of(order, made)).hexdigest() == expected.sha256
    assert files_below(root) == FINAL_NAMES


@pytest.mark.parametrize(("step", "nth"), [*((step, 1) for step in STEPS), ("after block", 4)])
def test_killed_at_any_step_the_next_maker_completes(
    step: str, nth: int, order: MixOrder, expected: RenderedFile, tmp_path: Path
) -> None:
    run = replace(order, recordings_root=tmp_path / "recordings")
    with maker(run, tmp_path, step, nth) as process:
        process.communicate(timeout=120)
    assert process.returncode == -9
    assert (run.recordings_root / expected.path).exists() == (STEPS.index(step) >= PUBLISHED)
    require_whole(run, expected)


@pytest.mark.stress
def test_killed_at_any_moment_the_next_maker_completes(
    order: MixOrder, expected: RenderedFile, tmp_path: Path
) -> None:
    drawn = random.Random(20260301)
    for number in range(RANDOM_KILLS):
        run = replace(order, recordings_root=tmp_path / f"recordings{number}")
        with maker(run, tmp_path, "never") as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(drawn.uniform(0, 0.25))
            process.kill()
        require_whole(run, expected)
