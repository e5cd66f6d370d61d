from dataclasses import replace
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest

from cx_pipeline.adapters.audio.decoding import Int16s
from cx_pipeline.adapters.audio.reading import AudioInputs
from cx_pipeline.adapters.audio.rendering import Rendering
from cx_pipeline.core.errors import InputError
from cx_pipeline.core.recording.mix_plan import MixPlan
from cx_pipeline.core.recording.parameters import MixParameters
from cx_pipeline.core.recording.rendered import ChannelFigures
from cx_pipeline_tests.adapters.audio.made_audio import (
    babble,
    mix_plan,
    noise,
    placed,
    tone,
    wav_input,
)

NORMALISED = MixParameters(is_normalised=True)
LONG = 150_000
"""Frames that are several blocks."""


def rendered(plan: MixPlan, root: Path) -> tuple[Int16s, tuple[ChannelFigures, ...], int]:
    with AudioInputs(plan.inputs, [root]) as inputs:
        rendering = Rendering(plan, inputs)
        blocks = [block.copy() for block in rendering.blocks()]
        return np.concatenate(blocks), rendering.figures, rendering.clipped_frames


def audio(plan: MixPlan, root: Path) -> Int16s:
    return rendered(plan, root)[0]


@pytest.mark.parametrize("encoding", ["PCM_16", "ALAW", "ULAW", "PCM_U8"])
def test_interleaving_without_gain_is_bit_exact(encoding: str, tmp_path: Path) -> None:
    near = wav_input(tmp_path / "near.wav", noise(LONG, 1), subtype=encoding)
    far = wav_input(tmp_path / "far.wav", noise(LONG, 2), subtype=encoding)
    found = audio(mix_plan([near, far], [placed(near, 0), placed(far, 1)], LONG), tmp_path)
    with AudioInputs([near, far], [tmp_path]) as inputs:
        expected = [inputs.opened(each.manifest_id).int16(0, 0, LONG) for each in (near, far)]
    assert np.array_equal(found, np.stack(expected, axis=1))


def test_segments_lie_where_they_are_placed_and_all_else_is_silence(tmp_path: Path) -> None:
    first = wav_input(tmp_path / "first.wav", noise(70_000, 1))
    second = wav_input(tmp_path / "second.wav", noise(60_000, 2))
    placements = [placed(second, 0, 80_000, source_start=500), placed(first, 0, 7)]
    found = audio(mix_plan([first, second], placements, LONG), tmp_path)
    expected = np.zeros((LONG, 2), dtype=np.int16)
    expected[7:70_007, 0] = noise(70_000, 1)
    expected[80_000:139_500, 0] = noise(60_000, 2)[500:]
    assert np.array_equal(found, expected)


def test_the_channels_of_a_file_with_both_sides_stay_what_they_are(tmp_path: Path) -> None:
    sides = np.stack([noise(9000, 1), noise(9000, 2)], axis=1)
    both = wav_input(tmp_path / "both.wav", sides)
    placements = [placed(both, 0), placed(both, 1, source_channel=1)]
    assert np.array_equal(audio(mix_plan([both], placements, 9000), tmp_path), sides)


def test_a_header_that_was_never_finished_costs_no_frame(tmp_path: Path) -> None:
    near = wav_input(tmp_path / "near.wav", noise(LONG))
    content = bytearray(Path(near.file).read_bytes())
    content[4:8] = content[near.data_offset_bytes - 4 : near.data_offset_bytes] = bytes(4)
    Path(near.file).write_bytes(content)
    plan = mix_plan([near], [placed(near, 0)], LONG, channel_names=("near",))
    assert np.array_equal(audio(plan, tmp_path)[:, 0], noise(LONG))


def test_a_plan_longer_than_its_files_ends_in_silence_and_a_shorter_one_cuts_them(tmp_path: Path) -> None:
    near = wav_input(tmp_path / "near.wav", noise(1000))
    for frames in (400, 3000):
        plan = mix_plan([near], [placed(near, 0)], frames, channel_names=("near",))
        found = audio(plan, tmp_path)[:, 0]
        assert found.tolist() == [*noise(1000)[:frames].tolist(), *[0] * (frames - 1000)]


def test_voices_on_one_channel_are_added_up_and_what_is_too_loud_is_counted(tmp_path: Path) -> None:
    near = wav_input(tmp_path / "near.wav", np.array([100, 30_000, -30_000, 5], dtype=np.int16))
    far = wav_input(tmp_path / "far.wav", np.array([23, 10_000, -10_000, -5], dtype=np.int16))
    plan = mix_plan([near, far], [placed(near, 0), placed(far, 0)], 4, channel_names=("all",))
    found, _, clipped = rendered(plan, tmp_path)
    assert found[:, 0].tolist() == [123, 32767, -32768, 0]
    assert clipped == 2


@pytest.mark.parametrize(
    ("source_hz", "output_hz"), [(8000, 16000), (16000, 8000), (8000, 48000), (44100, 16000), (11025, 8000)]
)
def test_an_impulse_stays_at_its_moment_when_the_rate_changes(
    source_hz: int, output_hz: int, tmp_path: Path
) -> None:
    seconds, moments_s = 12, [0.5, 3.0, 8.192, 11.0]
    samples = np.zeros(seconds * source_hz, dtype=np.int16)
    samples[[round(moment * source_hz) for moment in moments_s]] = 20_000
    near = wav_input(tmp_path / "near.wav", samples, source_hz)
    start = output_hz // 10
    plan = mix_plan(
        [near],
        [placed(near, 0, start)],
        (seconds + 1) * output_hz,
        rate_hz=output_hz,
        channel_names=("near",),
    )
    found = audio(plan, tmp_path)[:, 0].astype(np.int64)
    for moment in moments_s:
        frame = start + round(round(moment * source_hz) * output_hz / source_hz)
        around = np.abs(found[frame - output_hz // 20 : frame + output_hz // 20])
        assert abs(int(around.argmax()) - output_hz // 20) <= max(1, output_hz // source_hz // 2)
    end = start + seconds * output_hz
    assert not found[:start].any()
    assert not found[end:].any()


def test_a_tone_keeps_its_shape_when_the_rate_changes(tmp_path: Path) -> None:
    near = wav_input(tmp_path / "near.wav", tone(40_000, 440, 8000))
    plan = mix_plan([near], [placed(near, 0)], 80_000, rate_hz=16000, channel_names=("near",))
    found = audio(plan, tmp_path)[:, 0].astype(np.float64)
    expected = tone(80_000, 440, 16000).astype(np.float64)
    assert np.abs(found - expected)[800:-800].max() <= 4


def test_fades_are_straight_lines(tmp_path: Path) -> None:
    near = wav_input(tmp_path / "near.wav", np.full(1000, 10_000, dtype=np.int16))
    plan = mix_plan([near], [placed(near, 0, fade_in=400, fade_out=400)], 1000, channel_names=("near",))
    found = audio(plan, tmp_path)[:, 0].astype(np.int64)
    assert np.abs(found[:400] - (np.arange(400) + 0.5) * 25).max() <= 2
    assert np.abs(found[400:600] - 10_000).max() <= 2
    assert np.abs(found[600:] - (np.arange(400)[::-1] + 0.5) * 25).max() <= 2


def test_a_gain_is_applied_with_dither_and_only_where_something_sounds(tmp_path: Path) -> None:
    near = wav_input(tmp_path / "near.wav", tone(8000))
    plan = mix_plan([near], [placed(near, 0, 4000, gain=0.5)], 16_000, channel_names=("near",))
    found = audio(plan, tmp_path)[:, 0].astype(np.float64)
    error = found[4000:12_000] - tone(8000) / 2
    assert np.abs(error).max() <= 1.5
    assert 0.4 < error.std() < 0.6  # rounding and triangular dither: sqrt(1/12 + 1/6)
    assert abs(error.mean()) < 0.03
    assert not found[:4000].any()
    assert not found[12_000:].any()


def test_one_channel_with_a_gain_leaves_the_other_bit_exact(tmp_path: Path) -> None:
    near, far = (
        wav_input(tmp_path / "near.wav", noise(9000, 1)),
        wav_input(tmp_path / "far.wav", noise(9000, 2)),
    )
    found = audio(mix_plan([near, far], [placed(near, 0, gain=0.7), placed(far, 1)], 9000), tmp_path)
    assert np.array_equal(found[:, 1], noise(9000, 2))


def test_equal_plans_give_equal_samples_and_another_recording_other_dither(tmp_path: Path) -> None:
    near = wav_input(tmp_path / "near.wav", noise(LONG))
    plan = mix_plan([near], [placed(near, 0, gain=0.5), placed(near, 1, gain=0.5)], LONG)
    found = audio(plan, tmp_path)
    assert np.array_equal(found, audio(plan, tmp_path))
    assert not np.array_equal(found[:, 0], found[:, 1])
    other = replace(plan, recording_id="00000000-0000-8000-8000-000000000001")
    assert not np.array_equal(found, audio(other, tmp_path))


@pytest.mark.parametrize("rate_hz", [8000, 16000])
@pytest.mark.parametrize("kept_bytes", [0, 48_000_000])
def test_each_channel_comes_to_its_target_by_itself(
    rate_hz: int, kept_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cx_pipeline.adapters.audio.rendering._MOST_KEPT_BYTES", kept_bytes)
    near = wav_input(tmp_path / "near.wav", babble(LONG, 1, amplitude=0.02))
    far = wav_input(tmp_path / "far.wav", babble(LONG, 2, amplitude=0.15))
    frames = LONG * rate_hz // 8000
    plan = mix_plan(
        [near, far], [placed(near, 0), placed(far, 1)], frames, rate_hz=rate_hz, parameters=NORMALISED
    )
    found, figures, _ = rendered(plan, tmp_path)
    for number, channel in enumerate(figures):
        loudness = pyloudnorm.Meter(rate_hz).integrated_loudness(found[:, number] / 32768)
        assert channel.limited_by is None
        assert loudness == pytest.approx(-23.0, abs=0.2)
        assert channel.loudness_lufs is not None
        assert channel.loudness_lufs + channel.gain_db == pytest.approx(-23.0, abs=0.02)


def test_no_sample_lies_above_the_ceiling_and_the_figures_say_that_it_bound(tmp_path: Path) -> None:
    samples = babble(LONG, 1, amplitude=0.01)
    samples[70_000] = 32_000
    near = wav_input(tmp_path / "near.wav", samples)
    plan = mix_plan([near], [placed(near, 0)], LONG, channel_names=("near",), parameters=NORMALISED)
    found, figures, _ = rendered(plan, tmp_path)
    assert np.abs(found.astype(np.int64)).max() <= 32768 * 10 ** (-1 / 20)
    assert figures[0].limited_by == "ceiling"
    assert figures[0].peak_dbfs == pytest.approx(-1.0, abs=0.01)


def test_silence_is_left_alone_when_levels_are_set(tmp_path: Path) -> None:
    hiss = noise(LONG, amplitude=2e-5)
    near = wav_input(tmp_path / "near.wav", hiss)
    plan = mix_plan([near], [placed(near, 0)], LONG, parameters=NORMALISED)
    found, figures, _ = rendered(plan, tmp_path)
    assert np.array_equal(found[:, 0], hiss)
    assert not found[:, 1].any()
    assert [(each.gain_db, each.loudness_lufs, each.silence_share) for each in figures] == [
        (0.0, None, 1.0)
    ] * 2


def test_what_is_quieter_than_the_largest_gain_can_lift_says_so(tmp_path: Path) -> None:
    near = wav_input(tmp_path / "near.wav", noise(LONG, amplitude=0.001))
    plan = mix_plan([near], [placed(near, 0)], LONG, channel_names=("near",), parameters=NORMALISED)
    _, figures, _ = rendered(plan, tmp_path)
    assert (figures[0].gain_db, figures[0].limited_by) == (20.0, "largest_gain")


@pytest.mark.parametrize(
    "wrong",
    [
        {"source_start": 900},
        {"channel": 2},
        {"source_channel": 1},
        {"output_start": -1},
        {"manifest_id": "?"},
    ],
)
def test_a_plan_that_places_what_is_not_there_is_refused(wrong: dict[str, object], tmp_path: Path) -> None:
    near = wav_input(tmp_path / "near.wav", noise(1000))
    plan = mix_plan([near], [replace(placed(near, 0), **wrong)], 1000)  # type: ignore[arg-type]
    with AudioInputs(plan.inputs, [tmp_path]) as inputs, pytest.raises(InputError, match="not there"):
        Rendering(plan, inputs)
