"""However long a call is, mixing it takes the same memory."""

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cx_pipeline.adapters.audio.mixing import MixOrder
from cx_pipeline.core.recording.mix_plan import MixInput
from cx_pipeline.core.recording.parameters import MixParameters
from cx_pipeline_tests.adapters.audio.made_audio import babble, mix_plan, order_of, placed, wav_input

HOURS = float(os.environ.get("CX_STRESS_AUDIO_HOURS", "0.25"))
LARGEST_GROWTH_BYTES = 100_000_000
RATE_HZ = 8000


def long_input(path: Path, seed: int) -> MixInput:
    """A file of `HOURS`, a minute again and again."""
    minute = babble(60 * RATE_HZ, seed)
    planned = wav_input(path, minute)
    repeats = max(1, round(HOURS * 60))
    with soundfile.SoundFile(path, "w", RATE_HZ, 1, "PCM_16") as file:
        for _ in range(repeats):
            file.write(minute)
    return replace(planned, frames=repeats * len(minute), size_bytes=path.stat().st_size)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[MixInput, MixInput]]:
    folder = tmp_path_factory.mktemp("long")
    found = long_input(folder / "near.wav", 1), long_input(folder / "far.wav", 2)
    yield found
    for each in found:
        Path(each.file).unlink()


@pytest.mark.stress
@pytest.mark.parametrize(
    ("rate_hz", "parameters"),
    [
        (8000, MixParameters()),
        (16000, MixParameters(is_normalised=True)),
        (16000, MixParameters(is_normalised=True, format="flac")),
    ],
    ids=["plain", "levelled", "levelled flac"],
)
def test_a_long_call_lets_the_process_grow_by_less_than_100_mb(
    rate_hz: int, parameters: MixParameters, inputs: tuple[MixInput, MixInput], tmp_path: Path
) -> None:
    near, far = inputs
    short = wav_input(tmp_path / "short.wav", np.asarray(babble(RATE_HZ, 1)))
    plans = [
        mix_plan([short], [placed(short, 0)], rate_hz, rate_hz=rate_hz, parameters=parameters),
        mix_plan(
            [near, far],
            [placed(near, 0), placed(far, 1)],
            near.frames * rate_hz // RATE_HZ,
            rate_hz=rate_hz,
            parameters=parameters,
        ),
    ]
    orders: list[MixOrder] = [
        replace(order_of(plan, tmp_path), stream_roots=(tmp_path, Path(near.file).parent)) for plan in plans
    ]
    for number, order in enumerate(orders):
        (tmp_path / f"order{number}").write_bytes(
            pickle.dumps(replace(order, recordings_root=tmp_path / f"recordings{number}"))
        )
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "cx_pipeline_tests.adapters.audio.measured_maker",
            tmp_path / "order0",
            tmp_path / "order1",
        ],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
        timeout=60 + 300 * HOURS,
    )
    assert 0 < int(done.stdout) < LARGEST_GROWTH_BYTES
    made = next((tmp_path / "recordings1").rglob("*_mixed.*"))
    made.unlink()
