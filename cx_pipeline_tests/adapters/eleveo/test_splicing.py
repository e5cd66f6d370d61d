"""Files of different kinds become one."""

import io
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from cx_pipeline.adapters.eleveo import splicing
from cx_pipeline.adapters.eleveo.splicing import Part, splice
from cx_pipeline.core.errors import InputError

STEADY = 8000


def part(samples: npt.NDArray[Any], offset_ms: int, rate_hz: int = 8000, subtype: str = "PCM_16") -> Part:
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format="WAV", subtype=subtype)
    return Part("x", file, offset_ms)


def level(seconds: float, value: int, rate_hz: int = 8000) -> npt.NDArray[np.int16]:
    return np.full(round(seconds * rate_hz), value, dtype=np.int16)


def spliced(*parts: Part) -> tuple[npt.NDArray[np.int16], int]:
    target = io.BytesIO()
    size_bytes = splice(parts, target)
    assert size_bytes == len(target.getvalue())
    samples, rate_hz = soundfile.read(io.BytesIO(target.getvalue()), dtype="int16", always_2d=True)
    return samples, rate_hz


def test_a_gap_is_silent_and_the_samples_are_exact() -> None:
    noise = np.random.default_rng(1).integers(-32768, 32767, 80_000, dtype=np.int16)
    samples, rate_hz = spliced(part(noise, 0), part(noise, 12_500))
    assert (rate_hz, samples.shape) == (8000, (180_000, 1))
    np.testing.assert_array_equal(samples[:, 0], np.concatenate([noise, np.zeros(20_000, np.int16), noise]))


def test_of_two_that_overlap_the_later_counts_from_its_start() -> None:
    samples, _ = spliced(part(level(3, 100), 0), part(level(1, 200), 1000))
    assert [int(samples[frame, 0]) for frame in (0, 7999, 8000, 15_999)] == [100, 100, 200, 200]
    assert len(samples) == 16_000


def test_a_mixed_couple_is_heard_on_both_sides_of_a_stereo_file() -> None:
    stereo = np.stack([level(1, 100), level(1, 200)], axis=1)
    samples, _ = spliced(part(level(1, 50), 0), part(stereo, 1000))
    assert samples[0].tolist() == [50, 50]
    assert samples[8000].tolist() == [100, 200]


def test_the_highest_rate_counts_and_places_are_kept() -> None:
    samples, rate_hz = spliced(part(level(1, STEADY), 0), part(level(1, STEADY, 16_000), 2000, 16_000))
    assert rate_hz == 16_000
    assert len(samples) == 48_000
    assert abs(int(samples[8000, 0]) - STEADY) < 20
    assert not samples[16_400:32_000].any()
    assert samples[32_000, 0] == STEADY


@pytest.mark.parametrize("subtype", ["ULAW", "ALAW", "PCM_24", "FLOAT", "PCM_U8"])
def test_whatever_a_couple_is_encoded_in_it_comes_as_16_bit(subtype: str) -> None:
    samples, _ = spliced(part(level(1, STEADY) / 32768, 0, subtype=subtype))
    assert abs(int(samples[100, 0]) - STEADY) < 300


@pytest.mark.parametrize(
    "content", [b"", b"<html>no audio</html>", b"RIFF\x00\x00\x00\x00WAVE", b"\xff" * 5000]
)
def test_what_is_no_audio_is_refused(content: bytes) -> None:
    file: BinaryIO = io.BytesIO(content)
    with pytest.raises(InputError, match="couple x of Eleveo cannot be decoded"):
        splice([Part("x", file, 0)], io.BytesIO())


def test_more_than_two_channels_and_more_than_a_wav_file_holds_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(InputError, match="has 3 channels"):
        splice([part(np.zeros((100, 3), np.int16), 0)], io.BytesIO())
    monkeypatch.setattr(splicing, "MOST_BYTES", 20_000)
    with pytest.raises(InputError, match="longer together"):
        splice([part(level(1, 1), 0), part(level(1, 1), 9000)], io.BytesIO())
