"""The comparison finds nothing wrong with what is right, and says so of what is wrong."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import signal

from cx_pipeline.simulator.audio.comparison import AudioComparison, compare_recordings
from cx_pipeline.simulator.audio.finished import FinishedRecording
from cx_pipeline.simulator.audio.plan import AudioTrouble
from cx_pipeline_tests.simulator.audio.sound import Frames, Mixed, open_sound, recorded, some_legs

CALLS = 7


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Mixed:
    folder = tmp_path_factory.mktemp("audio")
    legs = some_legs(CALLS, seed=8, hours=0.1)
    (folder / "out").mkdir()
    trouble = AudioTrouble(clock_offset_ms=3000, setup_ms=(5, 60))
    audio = recorded(legs, folder / "streams", trouble)
    return Mixed(legs, audio, folder / "streams", folder / "out")


def compared(mixed: Mixed, recordings: list[FinishedRecording]) -> AudioComparison:
    return compare_recordings(recordings, mixed.found, mixed.audio.truth, open_sound)


def longest(mixed: Mixed) -> str:
    """The leg with the longest first talk."""
    truth = mixed.audio.truth.filter(pl.col("talk_number") == 0, ~pl.col("is_in_hold"))
    longest = truth.sort(pl.col("end_time") - pl.col("start_time")).row(-1, named=True)
    return f"leg {longest['call_number']} {longest['leg_number']}"


def kinds(comparison: AudioComparison) -> set[str]:
    return set(comparison.findings["kind"])


def resampled(frames: Frames) -> Frames:
    return np.asarray(signal.resample_poly(frames, 2, 1, axis=0)) * 0.5


def test_nothing_is_wrong_with_recordings_that_are_as_the_truth_says(mixed: Mixed) -> None:
    result = compared(mixed, mixed.all())
    assert result.is_right, result.findings.select("kind", "side", "offset_ms", "fit", "detail").to_dicts()
    assert result.stretches >= 2 * CALLS
    assert result.max_offset_error_ms < 1
    assert result.max_middle_error_ms < 1
    assert result.max_clock_error_ms == 0


@pytest.mark.parametrize(
    ("write", "change"),
    [
        ({"rate": 16000}, resampled),
        ({"subtype": "ULAW"}, None),
        ({"subtype": "ALAW"}, lambda frames: frames * 0.25),
        ({"suffix": "flac", "rate": 16000}, resampled),
        ({}, lambda frames: frames * 3),
        ({}, lambda frames: frames.mean(axis=1, keepdims=True)),
    ],
    ids=["16 kHz", "mu-law", "A-law and quieter", "FLAC at 16 kHz", "louder", "mono"],
)
def test_another_rate_form_or_level_is_not_wrong(
    mixed: Mixed, write: dict[str, object], change: object
) -> None:
    result = compared(mixed, mixed.all(change, **write))  # type: ignore[arg-type]
    assert result.is_right, result.findings.select("kind", "side", "offset_ms", "fit", "detail").to_dicts()
    assert result.max_offset_error_ms < 1


def test_swapped_channels_are_counted(mixed: Mixed) -> None:
    result = compared(mixed, mixed.all(lambda frames: frames[:, ::-1]))
    assert result.swapped_channels == result.findings.height > CALLS
    assert result.stretches == 0
    assert not result.is_right


@pytest.mark.parametrize("shift_ms", [-40, 40, 900, 5000])
def test_a_shift_is_measured(mixed: Mixed, shift_ms: int) -> None:
    leg = longest(mixed)
    recording = mixed.recording(leg)
    moved = replace(recording, start_time=recording.start_time - timedelta(milliseconds=shift_ms))
    result = compared(mixed, [moved])
    assert kinds(result) == {"OFFSET"}
    assert result.max_offset_error_ms == pytest.approx(abs(shift_ms), abs=1)
    assert set(result.findings["offset_ms"].sign()) == {-1.0 if shift_ms > 0 else 1.0}
    assert not result.is_right


def test_a_shift_within_the_tolerance_is_measured_and_no_finding(mixed: Mixed) -> None:
    recording = mixed.recording(longest(mixed))
    moved = replace(recording, start_time=recording.start_time + timedelta(milliseconds=15))
    result = compared(mixed, [moved])
    assert result.max_offset_error_ms == pytest.approx(15, abs=1)
    assert result.findings.is_empty()


def test_an_estimated_offset_counts_for_the_clock_and_not_for_the_place(mixed: Mixed) -> None:
    recording = mixed.recording(longest(mixed))
    taken = {recorder: offset - 30 for recorder, offset in recording.clock_offset_ms.items()}
    later = replace(
        recording, clock_offset_ms=taken, start_time=recording.start_time + timedelta(milliseconds=30)
    )
    result = compared(mixed, [later])
    assert result.max_offset_error_ms < 1
    assert result.max_clock_error_ms == 30


def test_the_audio_of_another_leg_is_wrong_and_told_whose(mixed: Mixed) -> None:
    leg = longest(mixed)
    start, frames = mixed.frames_of(leg)
    other = next(
        other for other in mixed.found["leg_id"] if other != leg and len(mixed.frames_of(other)[1]) > 80_000
    )
    _, others = mixed.frames_of(other)
    count = min(len(frames), len(others))
    result = compared(mixed, [mixed.recording(leg, lambda _: others[:count])])
    assert kinds(result) <= {"WRONG_CONTENT", "MISSING"}
    assert result.wrong_content >= 2
    assert start is not None


def test_the_voice_of_another_agent_of_that_time_is_told(mixed: Mixed) -> None:
    """One side is that of a leg which was recorded at the same moment."""
    truth = mixed.audio.truth.filter(pl.col("side") == "near", ~pl.col("is_in_hold"))
    pairs = truth.join(truth, how="cross", suffix="_other").filter(
        pl.col("call_number") != pl.col("call_number_other"),
        pl.col("start_time") > pl.col("start_time_other"),
        pl.col("start_time") + pl.duration(seconds=20) < pl.col("end_time_other"),
        pl.col("end_time") - pl.col("start_time") > pl.duration(seconds=20),
        pl.col("talk_number") == 0,
        pl.col("talk_number_other") == 0,
    )
    row = pairs.row(0, named=True)
    leg = f"leg {row['call_number']} {row['leg_number']}"
    start, frames = mixed.frames_of(leg)
    began, others = mixed.frames_of(f"leg {row['call_number_other']} {row['leg_number_other']}")
    later = round((start - began).total_seconds() * 8000)
    count = min(len(others) - later, len(frames))
    wrong = frames.copy()
    wrong[:count, 0] = others[later : later + count, 0]
    result = compared(mixed, [mixed.recording(leg, lambda _: wrong)])
    found = result.findings.filter(pl.col("side") == "near")
    assert set(result.findings["side"]) == {"near"}
    assert f"the near end of {row['agent_extension_other']}" in found["detail"][0]


def test_a_stretch_that_is_silent_is_missing(mixed: Mixed) -> None:
    def without_far(frames: Frames) -> Frames:
        return frames * [1, 0]

    result = compared(mixed, [mixed.recording(longest(mixed), without_far)])
    assert kinds(result) == {"MISSING"}
    assert set(result.findings["side"]) == {"far"}
    assert result.missing == result.findings.height >= 1


def test_a_voice_on_both_channels_is_wrong(mixed: Mixed) -> None:
    def both_left(frames: Frames) -> Frames:
        return frames[:, [0, 0]]

    result = compared(mixed, [mixed.recording(longest(mixed), both_left)])
    assert "heard on channel 1 as well" in result.findings["detail"].to_list()
    assert not result.is_right


def test_a_leg_with_audio_and_without_a_recording_is_missing(mixed: Mixed) -> None:
    recordings = mixed.all()
    result = compared(mixed, recordings[1:])
    assert result.missing_legs.height == 1
    assert not result.is_right


def test_what_cannot_be_opened_is_told(mixed: Mixed, tmp_path: Path) -> None:
    recording = replace(mixed.recording(longest(mixed)), path=str(tmp_path / "no such file.wav"))
    result = compared(mixed, [recording])
    assert result.unreadable == 1
    assert not result.is_right


def test_masked_spans_must_be_silent(tmp_path: Path) -> None:
    legs = some_legs(3, seed=1).filter(pl.col("duration_ms") > 30_000)
    streams, out = tmp_path / "streams", tmp_path / "out"
    out.mkdir()
    masked = Mixed(legs, recorded(legs, streams, AudioTrouble(mask=1.0)), streams, out)
    assert masked.audio.truth["masks"].list.len().sum() >= 2
    assert compared(masked, masked.all()).is_right

    def with_noise(frames: Frames) -> Frames:
        return frames + np.random.default_rng(1).normal(0, 0.01, frames.shape)

    result = compared(masked, masked.all(with_noise))
    assert result.unsilenced_masks >= 2
    assert kinds(result) == {"UNSILENCED_MASK"}


def test_recordings_with_cut_holds_are_left_out(mixed: Mixed) -> None:
    result = compared(mixed, [replace(mixed.recording(longest(mixed)), hold="cut")])
    assert result.recordings == 0
    assert result.skipped["holds are cut"] == 1
