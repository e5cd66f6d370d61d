"""WAV headers: every kind is read, none is believed against the file's own size, and a copy gets a right one."""

import io
import struct
from pathlib import Path
from typing import Any

import pytest
import soundfile

from cx_pipeline.adapters.audio.wav_chunks import CutShortError
from cx_pipeline.adapters.audio.wav_header import WavHeader, read_wav_header, repaired_copy
from cx_pipeline.core.errors import InputError
from cx_pipeline_tests.adapters.audio.wav_files import ENCODINGS, Wav, chunk, rf64


class Counted(io.BytesIO):
    """A file that counts what is read of it."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data


def header(content: bytes) -> WavHeader:
    return read_wav_header(io.BytesIO(content), len(content))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("is_extensible", [False, True])
def test_every_encoding_is_read(encoding: str, channels: int, is_extensible: bool) -> None:
    wav = Wav(encoding, channels, 16000, is_extensible=is_extensible)
    assert header(wav.content()) == WavHeader(
        encoding, 16000, channels, wav.frame_bytes, 100, wav.data_offset, is_unfinished=False
    )


@pytest.mark.parametrize("kind", [b"RF64", b"BW64", b"RIFF"])
def test_files_beyond_four_gigabytes_tell_their_length_elsewhere(kind: bytes) -> None:
    wav = Wav(channels=2)
    found = header(rf64(wav, kind=kind))
    assert (found.frames, found.is_unfinished) == (100, False)
    assert header(rf64(wav, kind=kind, told=0)).frames == 100
    assert header(rf64(wav, kind=kind, told=2**60)).is_unfinished


def test_chunks_before_the_audio_are_stepped_over_with_their_padding() -> None:
    wav = Wav(before=(chunk(b"LIST", b"INFOodd"), chunk(b"JUNK", b"\0" * 27), chunk(b"fact", b"1234")))
    found = header(wav.content())
    assert (found.frames, found.data_offset_bytes, found.is_unfinished) == (100, wav.data_offset, False)


@pytest.mark.parametrize(
    "after",
    [
        (chunk(b"LIST", b"INFOISFT"),),
        (chunk(b"cue ", b"\0" * 28), chunk(b"LIST", b"adtl")),
        (chunk(b"zzzz", b"what nobody knows"),),
        (b"LIST" + struct.pack("<I", 5000) + b"cut off",),
        (b"ID3\x04\0\0\0\0\0\x7f", b"tagged"),
        (b"\0",),
    ],
)
def test_what_stands_behind_the_audio_is_none(after: tuple[bytes, ...]) -> None:
    found = header(Wav(after=after).content())
    assert (found.frames, found.is_unfinished) == (100, False)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("told", [0, 0xFFFFFFFF, 0x7FFFFFFF, 40, 100_000])
@pytest.mark.parametrize("extra", [b"", b"\x11", b"\x11" * 3])
def test_where_only_the_header_is_unfinished_all_whole_frames_are_there(
    encoding: str, told: int, extra: bytes
) -> None:
    wav = Wav(encoding, 2, frames=500, told_data=told, told_riff=36 + told & 0xFFFFFFFF)
    content = wav.content()[: wav.data_offset + len(wav.audio)] + extra
    found = header(content)
    assert found.frames == (len(wav.audio) + len(extra)) // wav.frame_bytes
    assert found.is_unfinished


def test_a_length_that_was_once_brought_up_to_date_is_not_believed() -> None:
    wav = Wav(frames=1000, told_data=600, told_riff=636)
    assert header(wav.content()).frames == 1000


def test_the_byte_that_evens_an_odd_length_is_no_frame_and_one_behind_nothing_is() -> None:
    odd = Wav("ULAW", frames=101).content()
    assert (header(odd).frames, header(odd).is_unfinished) == (101, False)
    unfinished = Wav("ULAW", frames=1, told_data=0, told_riff=36).content()[:45]
    assert (header(unfinished).frames, header(unfinished).is_unfinished) == (1, True)


def test_an_empty_file_that_says_so_is_finished_and_one_with_chunks_behind_nothing_too() -> None:
    assert header(Wav(frames=0).content()) == WavHeader("PCM_16", 8000, 1, 2, 0, 44, is_unfinished=False)
    found = header(Wav(frames=0, after=(chunk(b"LIST", b"INFO"),)).content())
    assert (found.frames, found.is_unfinished) == (0, False)


def test_a_file_that_grows_while_it_is_read_has_the_size_that_it_had() -> None:
    wav = Wav(frames=1000, told_data=0)
    content = wav.content()
    assert read_wav_header(io.BytesIO(content), wav.data_offset + 500).frames == 250


@pytest.mark.parametrize("block_bytes", [0, 1, 3, 7, 65535])
def test_a_block_size_that_lies_is_not_believed(block_bytes: int) -> None:
    found = header(Wav(block_bytes=block_bytes).content())
    assert (found.frames, found.bytes_per_frame) == (100, 2)


def test_24_bits_in_blocks_of_four_bytes_are_32_bits() -> None:
    found = header(Wav("PCM_24", 2, frames=400, block_bytes=8).content())
    assert (found.encoding, found.bytes_per_frame, found.frames) == ("PCM_32", 8, 300)


@pytest.mark.parametrize("length", range(44))
def test_a_file_that_ends_within_its_header_is_cut_short(length: int) -> None:
    with pytest.raises(CutShortError):
        header(Wav().content()[:length])


def with_fmt(**fields: Any) -> bytes:
    content = bytearray(Wav().content())
    places = {"tag": (20, "<H"), "channels": (22, "<H"), "rate": (24, "<I"), "bits": (34, "<H")}
    for name, value in fields.items():
        struct.pack_into(places[name][1], content, places[name][0], value)
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"OggS" + b"\0" * 100, "no WAV file"),
        (b"RIFF\0\0\0\0AVI " + b"\0" * 100, "no WAV file"),
        (b"ID3\x04" + b"\0" * 100, "no WAV file"),
        (with_fmt(channels=0), "0 channels"),
        (with_fmt(channels=65535), "65535 channels"),
        (with_fmt(rate=0), "0 frames a second"),
        (with_fmt(rate=0xFFFFFFFF), "4294967295 frames a second"),
        (with_fmt(bits=0), "not read here"),
        (with_fmt(bits=64), "not read here"),
        (with_fmt(tag=2), "not read here"),
        (with_fmt(tag=0x55), "not read here"),
        (with_fmt(tag=0xFFFE), "extensible format"),
        (b"RIFF\0\0\0\0WAVE" + chunk(b"data", b"\0" * 100), "before its format"),
        (
            b"RIFF\0\0\0\0WAVE" + chunk(b"fmt ", b"\1\0\1\0") + chunk(b"data", b"\0" * 100),
            "fmt chunk has 4 bytes",
        ),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_cannot_be_read_is_refused_with_its_reason(content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        header(content)
    assert not isinstance(refused.value, CutShortError)


def test_the_audio_is_not_read_and_endless_chunks_come_to_an_end() -> None:
    for content in (Wav(frames=1_000_000).content(), Wav(frames=1_000_000, told_data=0).content()):
        file = Counted(content)
        read_wav_header(file, len(content))
        assert file.count < 200
    endless = b"RIFF\0\0\0\0WAVE" + chunk(b"JUNK", b"") * 100_000
    file = Counted(endless)
    with pytest.raises(InputError):
        read_wav_header(file, len(endless))
    assert file.count < 10_000


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("frames", [0, 1, 333])
def test_a_repaired_copy_holds_every_whole_frame_and_other_programs_read_it(
    encoding: str, frames: int, tmp_path: Path
) -> None:
    wav = Wav(
        encoding, 1, frames=frames, told_data=0xFFFFFFFF, told_riff=0, before=(chunk(b"LIST", b"INFO"),)
    )
    source = tmp_path / "raw.wav"
    source.write_bytes(wav.content() + b"\x01" * (wav.frame_bytes - 1) * (len(wav.audio) % 2 == 0))
    before = source.read_bytes()
    with source.open("rb") as file:
        copied = repaired_copy(file, tmp_path / "copy.wav")
    content = (tmp_path / "copy.wav").read_bytes()
    assert source.read_bytes() == before
    assert header(content) == copied
    assert not copied.is_unfinished
    assert content[copied.data_offset_bytes :][: len(wav.audio)] == wav.audio
    info = soundfile.info(str(tmp_path / "copy.wav"))
    assert (info.frames, info.subtype, info.samplerate) == (copied.frames, encoding, 8000)
    assert struct.unpack("<I", content[4:8])[0] == len(content) - 8


def test_a_copy_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() >= 44:
                raise OSError(5, "Input/output error")
            return super().read(size)

    with pytest.raises(OSError, match="Input/output"):
        repaired_copy(Failing(Wav(frames=5000).content()), tmp_path / "copy.wav")
    assert list(tmp_path.iterdir()) == []
