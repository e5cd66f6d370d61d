"""Voices: any stretch can be made again, and no two are alike."""

import hashlib

import numpy as np
import pytest

from cx_pipeline.simulator.audio.correlation import best_place
from cx_pipeline.simulator.audio.voices import RATE_HZ, SYLLABLE, as_steps, first_frame, said, voice_key

NOW = first_frame(1_772_442_000_000_000)


@pytest.mark.parametrize("first", [0, 1, SYLLABLE - 1, SYLLABLE, 7919])
@pytest.mark.parametrize("count", [1, SYLLABLE, 5000])
def test_a_stretch_is_the_same_whatever_is_made_before_it(first: int, count: int) -> None:
    key = voice_key(3, "red", 17, "1005")
    whole = said(key, NOW, 20_000)
    assert np.array_equal(said(key, NOW + first, count), whole[first : first + count])


def test_what_a_voice_says_does_not_change_unnoticed() -> None:
    """Pinned: whoever changes this changes every simulated recording."""
    frames = as_steps(said(voice_key(0, "red", 1, "outside"), NOW, RATE_HZ))
    assert hashlib.sha256(frames.tobytes()).hexdigest()[:16] == "0f43d239a513d8dd"


def test_voices_differ_by_seed_tenant_call_and_party() -> None:
    keys = {
        voice_key(0, "red", 1, "1005"),
        voice_key(1, "red", 1, "1005"),
        voice_key(0, "blue", 1, "1005"),
        voice_key(0, "red", 2, "1005"),
        voice_key(0, "red", 1, "outside"),
    }
    assert len(keys) == 5


def test_no_voice_is_taken_for_another_nor_for_itself_at_another_time() -> None:
    keys = [voice_key(0, "red", number, "1005") for number in range(12)]
    own = [said(key, NOW, 6 * RATE_HZ) for key in keys]
    for number, key in enumerate(keys):
        content = said(key, NOW + 2 * RATE_HZ, 6000)
        for other, recording in enumerate(own):
            peak = best_place(content, recording, 2 * RATE_HZ)
            if other == number:
                assert (peak.lag, round(peak.fit, 3)) == (0, 1.0)
            else:
                assert peak.fit < 0.45
        later = said(key, NOW + 60 * RATE_HZ, 6 * RATE_HZ)
        assert best_place(content, later, 2 * RATE_HZ).fit < 0.45


def test_voices_sound_like_speech_to_a_meter() -> None:
    frames = said(voice_key(0, "red", 1, "1005"), NOW, 60 * RATE_HZ)
    spectrum = np.abs(np.fft.rfft(frames)) ** 2
    hertz = np.fft.rfftfreq(len(frames), 1 / RATE_HZ)
    speech = spectrum[(hertz > 200) & (hertz < 3400)].sum() / spectrum.sum()
    assert speech > 0.98
    assert np.abs(frames).max() < 0.4 * 32768
    syllables = frames.reshape(-1, SYLLABLE)
    pauses = np.mean(np.abs(syllables).max(axis=1) == 0)
    assert 0.05 < pauses < 0.25
