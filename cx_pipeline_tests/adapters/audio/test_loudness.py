import numpy as np
import pyloudnorm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cx_pipeline.adapters.audio.levels import ChannelLevels
from cx_pipeline.adapters.audio.loudness import LoudnessMeter, normalising_gain
from cx_pipeline_tests.adapters.audio.made_audio import babble, noise, tone


def measured(samples: np.ndarray, rate_hz: int, block: int) -> LoudnessMeter:
    meter = LoudnessMeter(rate_hz)
    floats = (samples / 32768).astype(np.float32)
    for start in range(0, len(floats), block):
        meter.add(floats[start : start + block])
    return meter


@pytest.mark.parametrize("rate_hz", [8000, 11025, 16000, 44100, 48000])
@pytest.mark.parametrize("kind", ["tone", "noise", "babble", "babble and silence"])
def test_the_loudness_is_that_of_the_library(rate_hz: int, kind: str) -> None:
    frames = 12 * rate_hz
    samples = {
        "tone": tone(frames, 997, rate_hz),
        "noise": noise(frames),
        "babble": babble(frames, 1, rate_hz),
        "babble and silence": np.concatenate([babble(frames, 2, rate_hz), np.zeros(frames, np.int16)]),
    }[kind]
    expected = pyloudnorm.Meter(rate_hz).integrated_loudness(samples / 32768)
    assert measured(samples, rate_hz, 65536).loudness_lufs() == pytest.approx(expected, abs=0.1)


@settings(max_examples=25, deadline=None)
@given(block=st.integers(1, 9000), frames=st.integers(100, 20_000))
def test_how_the_samples_are_cut_into_blocks_changes_nothing(block: int, frames: int) -> None:
    samples = babble(frames, 3)
    whole, cut = measured(samples, 8000, frames), measured(samples, 8000, block)
    assert cut.peak == whole.peak
    if whole.loudness_lufs() is None:
        assert cut.loudness_lufs() is None
    else:
        assert cut.loudness_lufs() == pytest.approx(whole.loudness_lufs(), abs=1e-6)


def test_what_is_shorter_than_a_gating_block_has_a_loudness_too() -> None:
    long = measured(tone(8000, 1000), 8000, 8000).loudness_lufs()
    assert measured(tone(2000, 1000), 8000, 2000).loudness_lufs() == pytest.approx(long, abs=0.5)


@pytest.mark.parametrize(
    "samples", [np.zeros(8000, np.int16), noise(8000, amplitude=1e-5), np.zeros(0, np.int16)]
)
def test_silence_has_no_loudness(samples: np.ndarray) -> None:
    assert measured(samples, 8000, 4000).loudness_lufs() is None


@pytest.mark.parametrize(
    ("loudness_lufs", "peak", "gain_db", "limited_by"),
    [
        (-30.0, 0.1, 7.0, None),
        (-16.0, 0.5, -7.0, None),
        (-50.0, 0.01, 20.0, "largest_gain"),
        (-1.0, 1.0, -20.0, "smallest_gain"),
        (-30.0, 1.0, -1.0, "ceiling"),
        (-50.0, 0.5, 5.0, "ceiling"),
        (None, 0.0, 0.0, None),
    ],
)
def test_the_gain_leads_to_the_target_within_its_limits(
    loudness_lufs: float | None, peak: float, gain_db: float, limited_by: str | None
) -> None:
    gain = normalising_gain(loudness_lufs, peak)
    assert gain.db == pytest.approx(gain_db, abs=0.03)
    assert gain.limited_by == limited_by


def test_levels_say_peak_level_and_share_of_silence() -> None:
    levels = ChannelLevels(8000)
    for block in (np.zeros(8000, np.int16), tone(24_000, 1000, amplitude=0.5)):
        levels.add(block)
    assert levels.peak_dbfs == pytest.approx(-6.02, abs=0.01)
    assert levels.level_dbfs == pytest.approx(-9.03, abs=0.01)
    assert levels.silence_share == 0.25


def test_the_most_negative_sample_is_full_scale() -> None:
    levels = ChannelLevels(8000)
    levels.add(np.array([-32768, 5], dtype=np.int16))
    assert levels.peak_dbfs == 0.0


def test_levels_of_silence_are_not_known() -> None:
    levels = ChannelLevels(8000)
    levels.add(np.zeros(100, np.int16))
    assert (levels.peak_dbfs, levels.level_dbfs, levels.silence_share) == (None, None, 1.0)
    assert ChannelLevels(8000).silence_share == 1.0
