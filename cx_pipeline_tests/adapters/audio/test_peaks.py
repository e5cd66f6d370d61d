"""What is drawn of a recording: levels where they are, speech where it is, whatever the format."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cx_pipeline.adapters.audio.peaks import FULL, MOST_POINTS, AudioPeaks, peaks_of
from cx_pipeline.adapters.crypto.plaintext import PlainReader
from cx_pipeline.core.errors import InputError
from cx_pipeline_tests.adapters.audio.made_audio import tone

RATE_HZ = 8000


def drawn(samples: np.ndarray, format: str = "WAV", subtype: str = "PCM_16") -> AudioPeaks:  # type: ignore[type-arg]
    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, format=format, subtype=subtype)
    file.seek(0)
    return peaks_of(PlainReader(file))


def two_voices(seconds: int = 20) -> np.ndarray:  # type: ignore[type-arg]
    """Left speaks from 2 s to 6 s at a quarter of full scale, right from 10 s to 15 s at a twentieth."""
    samples = np.zeros((seconds * RATE_HZ, 2), dtype=np.int16)
    samples[2 * RATE_HZ : 6 * RATE_HZ, 0] = tone(4 * RATE_HZ, amplitude=0.25)
    samples[10 * RATE_HZ : 15 * RATE_HZ, 1] = tone(5 * RATE_HZ, amplitude=0.05)
    return samples


@pytest.mark.parametrize(
    ("format", "subtype"),
    [("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")],
)
def test_each_channel_shows_when_it_speaks_and_how_loud(format: str, subtype: str) -> None:
    peaks = drawn(two_voices(), format, subtype)
    assert peaks.duration_ms == pytest.approx(20_000, abs=250)
    left, right = peaks.channels
    assert [pytest.approx(span, abs=250) for span in ((2000, 6000),)] == list(left.speech_ms)
    assert [pytest.approx(span, abs=250) for span in ((10_000, 15_000),)] == list(right.speech_ms)
    middle = len(left.peak) * 4 // 20
    loudest, mean = (max(values[middle - 10 : middle + 10]) for values in (left.peak, left.rms))
    assert loudest == pytest.approx(0.25 * FULL, rel=0.12)
    assert mean == pytest.approx(0.25 * FULL / np.sqrt(2), rel=0.12)
    assert left.peak[-1] <= 1
    assert right.peak[middle] <= 1


def test_a_silent_channel_never_speaks() -> None:
    [channel] = drawn(np.zeros(RATE_HZ, dtype=np.int16)).channels
    assert channel.speech_ms == ()
    assert set(channel.peak) == {0}


def test_short_pauses_belong_to_the_speech_and_clicks_do_not() -> None:
    samples = np.zeros(5 * RATE_HZ, dtype=np.int16)
    samples[: 2 * RATE_HZ] = tone(2 * RATE_HZ)
    samples[RATE_HZ : RATE_HZ + RATE_HZ // 4] = 0
    samples[4 * RATE_HZ : 4 * RATE_HZ + 80] = 20_000
    [channel] = drawn(samples).channels
    assert channel.speech_ms == ((0, 2000),)


def test_a_long_recording_has_no_more_points_than_a_picture_shows(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", RATE_HZ, 1, subtype="PCM_16") as file:
        for _ in range(4):
            file.write(tone(60 * RATE_HZ))
    with path.open("rb") as file:
        peaks = peaks_of(PlainReader(file))
    assert peaks.duration_ms == 240_000
    assert len(peaks.channels[0].peak) == MOST_POINTS
    assert peaks.channels[0].speech_ms == ((0, 240_000),)


def test_as_many_channels_as_a_conference_has_are_drawn() -> None:
    samples = np.stack([tone(RATE_HZ, amplitude=0.1 * (number + 1)) for number in range(6)], axis=1)
    loudest = [max(channel.peak) for channel in drawn(samples).channels]
    assert loudest == sorted(loudest)
    assert len(set(loudest)) == 6


@pytest.mark.parametrize("content", [b"", b"no audio at all", b"RIFF\x00\x00\x00\x00WAVE"])
def test_what_is_no_audio_is_refused(content: bytes) -> None:
    with pytest.raises(InputError):
        peaks_of(PlainReader(io.BytesIO(content)))


def test_audio_without_a_frame_has_an_empty_picture() -> None:
    peaks = drawn(np.zeros((0, 2), dtype=np.int16))
    assert peaks.duration_ms == 0
    assert [channel.peak for channel in peaks.channels] == [(), ()]
