import shutil
import struct
import subprocess
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cx_pipeline.adapters.audio.formats import encoder_for
from cx_pipeline.adapters.audio.wav_header import read_wav_header
from cx_pipeline.adapters.audio.wav_writer import WavForm, wav_header, wav_trailer
from cx_pipeline.core.errors import ConfigurationError, StorageUnavailableError
from cx_pipeline.core.recording.mix_plan import Marker, MixPlan
from cx_pipeline.core.recording.parameters import MixParameters
from cx_pipeline_tests.adapters.audio.made_audio import chunks_of, mix_plan, tone

MARKERS = (
    Marker("HOLD_START", 8_000, "hold"),
    Marker("HOLD_END", 12_001, "hold ended, Zoë"),
    Marker("TRANSFER", 15_999, "odd"),
)
FRAMES = 16_000
STEREO = np.stack([tone(FRAMES, 300), tone(FRAMES, 700, amplitude=0.15)], axis=1)


def plan_of(format: str, frames: int = FRAMES, rate_hz: int = 8000, channels: int = 2, **others) -> MixPlan:  # type: ignore[no-untyped-def]
    names = tuple(f"channel {number}" for number in range(channels))
    parameters = MixParameters(format=format)
    return mix_plan([], [], frames, rate_hz=rate_hz, channel_names=names, parameters=parameters, **others)


def encoded(plan: MixPlan, samples: np.ndarray = STEREO, block: int = 5_000) -> bytes:
    sink = BytesIO()
    encoder = encoder_for(plan, sink)
    for start in range(0, len(samples), block):
        encoder.write(samples[start : start + block])
    encoder.finish()
    encoder.discard()
    return sink.getvalue()


def cue_points(content: bytes) -> list[tuple[int, str]]:
    """Frame and label of each cue point, as the standard says, read by nothing of ours."""
    chunks = chunks_of(content)
    count = struct.unpack_from("<I", chunks[b"cue "])[0]
    frames = {}
    for number in range(count):
        name, position, kind, start, block, offset = struct.unpack_from(
            "<II4sIII", chunks[b"cue "], 4 + 24 * number
        )
        assert (kind, start, block, position) == (b"data", 0, 0, offset)
        frames[name] = offset
    listed = chunks[b"LIST"]
    assert listed[:4] == b"adtl"
    found, place = [], 4
    while place < len(listed):
        kind, size, name = struct.unpack_from("<4sII", listed, place)
        text = listed[place + 12 : place + 8 + size]
        assert (kind, text[-1:]) == (b"labl", b"\0")
        found.append((frames[name], text[:-1].decode()))
        place += 8 + size + size % 2
    return found


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_a_wav_file_holds_the_samples_and_a_header_that_others_read(channels: int) -> None:
    samples = np.stack([tone(701, 100 * (n + 1)) for n in range(channels)], axis=1)
    content = encoded(plan_of("wav", 701, channels=channels), samples)
    found, rate_hz = soundfile.read(BytesIO(content), dtype="int16", always_2d=True)
    assert rate_hz == 8000
    assert np.array_equal(found, samples)
    header = read_wav_header(BytesIO(content), len(content))
    assert (header.encoding, header.channels, header.frames, header.is_unfinished) == (
        "PCM_16",
        channels,
        701,
        False,
    )


def test_markers_are_cue_points_with_labels() -> None:
    content = encoded(plan_of("wav", markers=MARKERS))
    assert cue_points(content) == [(marker.frame, marker.label) for marker in MARKERS]
    assert chunks_of(content)[b"data"] == STEREO.astype("<i2").tobytes()


def test_without_markers_nothing_follows_the_audio() -> None:
    assert set(chunks_of(encoded(plan_of("wav")))) == {b"fmt ", b"data"}


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
def test_ffprobe_shows_the_markers(tmp_path: Path) -> None:
    (tmp_path / "marked.wav").write_bytes(encoded(plan_of("wav", markers=MARKERS)))
    shown = subprocess.run(
        [
            "ffprobe",
            "-v",
            "error",
            "-show_entries",
            "chapter=start:chapter_tags=title",
            "-of",
            "csv=p=0",
            "marked.wav",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    lines = [line.partition(",") for line in shown.stdout.splitlines()]
    assert [(int(start), title.strip('"')) for start, _, title in lines] == [
        (m.frame, m.label) for m in MARKERS
    ]
    assert shown.stderr == ""


@pytest.mark.skipif(shutil.which("sox") is None, reason="SoX is not installed")
def test_sox_reads_a_marked_file_without_a_word_of_warning(tmp_path: Path) -> None:
    (tmp_path / "marked.wav").write_bytes(encoded(plan_of("wav", markers=MARKERS)))
    told = subprocess.run(
        ["sox", "-V4", "marked.wav", "-t", "s16", "-L", "out.raw"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert (tmp_path / "out.raw").read_bytes() == STEREO.astype("<i2").tobytes()
    assert "WAV Chunk cue" in told.stderr
    assert "WARN" not in told.stderr


def test_a_file_above_4_gib_is_rf64_with_its_lengths_in_64_bits() -> None:
    form = WavForm(48_000, 2, 2**31, MARKERS)
    header = wav_header(form)
    size = len(header) + form.data_bytes + len(wav_trailer(form))
    assert header[:12] == b"RF64\xff\xff\xff\xffWAVE"
    name, length, riff_bytes, data_bytes, frames = struct.unpack_from("<4sIQQQ", header, 12)
    assert (name, length) == (b"ds64", 28)
    assert (riff_bytes, data_bytes, frames) == (size - 8, form.data_bytes, form.frames)
    found = read_wav_header(BytesIO(header), len(header) + form.data_bytes)
    assert (found.frames, found.data_offset_bytes) == (2**31, len(header))


def test_the_longest_file_that_riff_can_tell_is_none_of_rf64() -> None:
    longest = (2**32 - 2 - 36) // 4
    assert wav_header(WavForm(8000, 2, longest)).startswith(b"RIFF")
    assert wav_header(WavForm(8000, 2, longest + 1)).startswith(b"RF64")


def test_flac_holds_the_very_samples() -> None:
    found, _ = soundfile.read(BytesIO(encoded(plan_of("flac"))), dtype="int16")
    assert np.array_equal(found, STEREO)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("format", ["opus", "mp3"])
def test_opus_and_mp3_sound_alike_whatever_the_blocks(format: str, channels: int) -> None:
    samples = STEREO[:, :channels]
    content = encoded(plan_of(format, channels=channels), samples)
    assert content == encoded(plan_of(format, channels=channels), samples, block=1_111)
    found, rate_hz = soundfile.read(BytesIO(content), always_2d=True)
    assert (rate_hz, found.shape) == (8000, samples.shape)
    for number in range(channels):
        middle = slice(2_000, 14_000)
        alike = np.corrcoef(found[middle, number], samples[middle, number])[0, 1]
        assert alike > 0.97


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
@pytest.mark.parametrize("format", ["wav", "flac", "opus", "mp3"])
def test_ffmpeg_decodes_every_format_without_complaint(format: str, tmp_path: Path) -> None:
    (tmp_path / f"out.{format}").write_bytes(encoded(plan_of(format, markers=MARKERS)))
    told = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", f"out.{format}", "-f", "null", "-"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert told.stderr == ""


@pytest.mark.parametrize(
    ("format", "rate_hz", "channels"),
    [("opus", 11_025, 2), ("mp3", 9_000, 1), ("mp3", 8_000, 3), ("flac", 8_000, 9)],
)
def test_what_a_format_cannot_hold_is_refused_with_what_it_can(
    format: str, rate_hz: int, channels: int
) -> None:
    with pytest.raises(ConfigurationError, match=f"{format} takes"):
        encoder_for(plan_of(format, rate_hz=rate_hz, channels=channels), BytesIO())


@pytest.mark.parametrize("format", ["flac", "opus", "mp3"])
def test_a_full_disk_below_the_encoder_is_an_error_and_no_short_file(
    format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(BytesIO):
        def write(self, data: object) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: Full())
    with pytest.raises(StorageUnavailableError, match="No space left"):
        encoded(plan_of(format))
