"""Simulated files, read by libsndfile."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cx_pipeline.simulator.audio import wav_files
from cx_pipeline.simulator.audio.faults import EMPTY, MISSING_FILE, UNFINISHED_HEADER
from cx_pipeline.simulator.audio.orders import BIB, NEAR, FileOrder, Heard, Told
from cx_pipeline.simulator.audio.recorders import ALAW, PCM, ULAW, Recorder
from cx_pipeline.simulator.audio.voices import as_steps, first_frame, said, voice_key
from cx_pipeline.simulator.audio.wav_files import encoded, recorded, wav_header, write_wav

START = 1_772_442_000_000_000
SECOND = 1_000_000
KEY = voice_key(0, "red", 1, "1005")


def order(drift_ppm: int = 0, seconds: int = 60, **changes: object) -> FileOrder:
    file = FileOrder(
        recorder=Recorder("red-fs1", 0, drift_ppm),
        recording_type=BIB,
        side=NEAR,
        encoding=PCM,
        start=START,
        end=START + seconds * SECOND,
        channels=((Heard(KEY, START, START + seconds * SECOND),),),
        told=Told(),
        stretches=(),
        tenant_id="red",
        path="20260302/file.wav",
    )
    return replace(file, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("encoding", [PCM, ULAW, ALAW])
def test_libsndfile_reads_what_was_encoded(encoding: str) -> None:
    samples = np.arange(-32768, 32768, 7, dtype=np.int16).reshape(-1, 1)
    file = io.BytesIO(wav_header(encoding, 1, len(samples)) + encoded(samples, encoding))
    info = soundfile.info(file)
    file.seek(0)
    assert (info.subtype, info.samplerate, info.channels, info.frames) == (encoding, 8000, 1, len(samples))
    read, _ = soundfile.read(file, dtype="int16")
    error = np.abs(read.astype(int) - samples[:, 0])
    assert (error <= (0 if encoding == PCM else np.maximum(np.abs(samples[:, 0].astype(int)) / 16, 16))).all()


def test_ulaw_is_that_of_libsndfile() -> None:
    samples = np.arange(-32768, 32768, dtype=np.int32).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, samples, 8000, subtype="ULAW", format="WAV")
    assert file.getvalue()[-65536:] == encoded(samples.reshape(-1, 1), ULAW)


@pytest.mark.parametrize("drift_ppm", [-10_000, -200, 0, 7, 200, 9_999])
def test_a_drifting_recorder_tells_moments_twice_or_leaves_them_out(drift_ppm: int) -> None:
    file = order(drift_ppm, seconds=40)
    assert file.frames == round(40 * 8000 * (1 + drift_ppm / 1e6))
    moments = np.arange(file.frames, dtype=np.int64) * 1_000_000 // (1_000_000 + drift_ppm)
    said_in_all = as_steps(said(KEY, first_frame(START), 40 * 8000 + 10))
    assert np.array_equal(
        recorded(file, 0, file.frames)[:, 0], said_in_all[np.minimum(moments, 40 * 8000 - 1)]
    )


def test_a_file_is_the_same_in_blocks_of_any_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, block in enumerate((1000, 12_345, 1 << 20)):
        monkeypatch.setattr(wav_files, "BLOCK", block)
        write_wav(order(131, path=f"{number}.wav"), tmp_path)
    assert len({(tmp_path / f"{number}.wav").read_bytes() for number in range(3)}) == 1


def test_the_faults_of_files_are_what_they_say(tmp_path: Path) -> None:
    size = write_wav(order(path="whole.wav"), tmp_path)
    assert size == 44 + 60 * 8000 * 2
    assert soundfile.info(tmp_path / "whole.wav").frames == 60 * 8000
    assert write_wav(order(path="empty.wav", faults=(EMPTY,)), tmp_path) == 44
    assert write_wav(order(path="none.wav", faults=(MISSING_FILE,)), tmp_path) == 0
    assert not (tmp_path / "none.wav").exists()
    write_wav(order(path="unfinished.wav", faults=(UNFINISHED_HEADER,)), tmp_path)
    unfinished, whole = ((tmp_path / name).read_bytes() for name in ("unfinished.wav", "whole.wav"))
    assert unfinished[40:44] == unfinished[4:8] == bytes(4)
    assert unfinished[44:] == whole[44:]


def test_masks_are_silent_and_nothing_else_is() -> None:
    whole = recorded(order(), 0, 60 * 8000)[:, 0]
    masked = recorded(order(masks=((START + 10 * SECOND, START + 15 * SECOND),)), 0, 60 * 8000)[:, 0]
    assert not masked[80_000:120_000].any()
    assert np.array_equal(masked[:80_000], whole[:80_000])
    assert np.array_equal(masked[120_000:], whole[120_000:])


def test_a_file_is_as_old_as_its_end_by_the_clock_of_its_recorder(tmp_path: Path) -> None:
    write_wav(order(recorder=Recorder("red-fs1", 2500, 0)), tmp_path)
    assert (tmp_path / "20260302/file.wav").stat().st_mtime == START / SECOND + 62.5


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    write_wav(order(), tmp_path)
    with pytest.raises(FileExistsError):
        write_wav(order(), tmp_path)
