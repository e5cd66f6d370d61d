import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cx_pipeline.adapters.audio.decoding import EXACT_ENCODINGS, as_float32, as_int16
from cx_pipeline.adapters.audio.reading import AudioInputs
from cx_pipeline.core.errors import InputError
from cx_pipeline.core.recording.mix_plan import MixInput
from cx_pipeline_tests.adapters.audio.made_audio import noise, wav_input

ENCODINGS = ["PCM_16", "PCM_U8", "PCM_24", "PCM_32", "FLOAT", "ALAW", "ULAW"]


@pytest.mark.parametrize("encoding", ["ALAW", "ULAW"])
def test_every_byte_of_g711_is_the_sample_that_libsndfile_makes_of_it(encoding: str, tmp_path: Path) -> None:
    data = np.arange(256, dtype=np.uint8)
    (tmp_path / "all.raw").write_bytes(data.tobytes())
    expected, _ = soundfile.read(
        tmp_path / "all.raw", samplerate=8000, channels=1, subtype=encoding, format="RAW", dtype="int16"
    )
    assert as_int16(data, encoding, 1, 0).tolist() == expected.tolist()


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("channel", [0, 1])
def test_a_channel_is_what_libsndfile_reads(encoding: str, channel: int, tmp_path: Path) -> None:
    samples = np.stack([noise(700, 1, 0.3), noise(700, 2, 0.3)], axis=1)
    planned = wav_input(tmp_path / "in.wav", samples, subtype=encoding)
    with AudioInputs([planned], [tmp_path]) as inputs:
        file = inputs.opened(planned.manifest_id)
        expected, _ = soundfile.read(planned.file, dtype="float32")
        assert file.float32(channel, 100, 500).tolist() == expected[100:600, channel].tolist()
        if encoding in EXACT_ENCODINGS:
            exact, _ = soundfile.read(planned.file, dtype="int16")
            assert file.int16(channel, 100, 500).tolist() == exact[100:600, channel].tolist()


def test_what_is_no_wav_file_is_read_through_libsndfile(tmp_path: Path) -> None:
    samples = np.stack([noise(900, 1), noise(900, 2)], axis=1)
    soundfile.write(tmp_path / "in.flac", samples, 8000, subtype="PCM_16")
    planned = wav_input(tmp_path / "in.wav", samples)
    planned = _of_file(planned, tmp_path / "in.flac")
    with AudioInputs([planned], [tmp_path]) as inputs:
        file = inputs.opened(planned.manifest_id)
        assert file.int16(1, 200, 300).tolist() == samples[200:500, 1].tolist()
        assert file.int16(0, 0, 10).tolist() == samples[:10, 0].tolist()
        assert file.float32(0, 5, 10).tolist() == (samples[5:15, 0] / 32768).tolist()


def test_what_is_no_number_in_a_float_file_is_silence() -> None:
    data = np.frombuffer(struct.pack("<4f", 0.5, float("nan"), float("inf"), float("-inf")), dtype=np.uint8)
    assert as_float32(data, "FLOAT", 1, 0).tolist() == [0.5, 0.0, 1.0, -1.0]


def test_a_file_of_another_size_than_planned_is_refused(tmp_path: Path) -> None:
    planned = wav_input(tmp_path / "in.wav", noise(100))
    with Path(planned.file).open("ab") as file:
        file.write(b"\0\0")
    with AudioInputs([planned], [tmp_path]) as inputs, pytest.raises(InputError, match="was changed"):
        inputs.opened(planned.manifest_id)


def test_a_file_that_is_gone_is_told_by_name(tmp_path: Path) -> None:
    planned = wav_input(tmp_path / "in.wav", noise(100))
    Path(planned.file).unlink()
    with (
        AudioInputs([planned], [tmp_path]) as inputs,
        pytest.raises(InputError, match=r"in\.wav is not there"),
    ):
        inputs.opened(planned.manifest_id)


def test_a_file_outside_the_roots_is_never_opened(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    planned = wav_input(tmp_path / "out.wav", noise(100))
    link = tmp_path / "inside" / "link.wav"
    link.symlink_to(tmp_path / "out.wav")
    for path in (Path(planned.file), link):
        with (
            AudioInputs([_of_file(planned, path)], [tmp_path / "inside"]) as inputs,
            pytest.raises(InputError, match="out of the folders"),
        ):
            inputs.opened(planned.manifest_id)


def test_a_file_that_changes_after_it_was_hashed_is_refused(tmp_path: Path) -> None:
    planned = wav_input(tmp_path / "in.wav", noise(100))
    with AudioInputs([planned], [tmp_path]) as inputs:
        inputs.hash_all()
        with Path(planned.file).open("r+b") as file:
            file.seek(60)
            file.write(b"\1\2")
        with pytest.raises(InputError, match="was changed"):
            inputs.require_unchanged()


def test_more_files_than_may_be_open_at_once_are_read(tmp_path: Path) -> None:
    planned = [wav_input(tmp_path / f"in{n}.wav", noise(20, n)) for n in range(70)]
    with AudioInputs(planned, [tmp_path]) as inputs:
        assert len(inputs.hash_all()) == 70
        for number, each in enumerate(planned):
            assert inputs.opened(each.manifest_id).int16(0, 0, 20).tolist() == noise(20, number).tolist()


def _of_file(planned: MixInput, path: Path) -> MixInput:
    return replace(planned, file=str(path), size_bytes=path.stat().st_size)
