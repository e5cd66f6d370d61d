import io
import os
import random
import shutil
import struct
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.padding import PKCS7
from hypothesis import given
from hypothesis import strategies as st

from cx_pipeline.adapters.crypto import published_key
from cx_pipeline.adapters.crypto.file_keys import FileKey, Sealing
from cx_pipeline.adapters.crypto.legacy import CfbWriter, LegacyReader
from cx_pipeline.adapters.crypto.sealing import open_reader, open_writer
from cx_pipeline.core.errors import ConfigurationError, InputError
from cx_pipeline_tests.adapters.crypto.sealed_files import KEY
from cx_pipeline_tests.adapters.crypto.vectors import wav

SECRET = bytes(range(100, 132))
RANGES = int(os.environ.get("CX_STRESS_RANGES", "300"))


def by_the_script(plaintext: bytes, *, has_padding: bool, iv: bytes | None = None) -> bytes:
    """As the installed base does it: a few lines with the cryptography library."""
    iv = iv or os.urandom(16)
    if has_padding:
        padder = PKCS7(128).padder()
        plaintext = padder.update(plaintext) + padder.finalize()
    encryptor = Cipher(AES256(SECRET), CFB(iv)).encryptor()
    return iv + encryptor.update(plaintext) + encryptor.finalize()


def reader(content: bytes, secret: bytes = SECRET) -> LegacyReader:
    return LegacyReader(io.BytesIO(content), secret)


@given(st.binary(max_size=300), st.booleans())
def test_both_variants_give_the_wav_and_nothing_else(audio: bytes, has_padding: bool) -> None:
    plaintext = wav(audio)
    found = reader(by_the_script(plaintext, has_padding=has_padding))
    assert b"".join(found) == plaintext
    assert found.size_bytes == len(plaintext)
    assert bool(found.padding_bytes) == has_padding


@pytest.mark.parametrize("count", range(1, 17))
def test_audio_that_ends_as_a_padding_would_is_kept(count: int) -> None:
    plaintext = wav(bytes(64 + 4 - count) + bytes([count]) * count)
    assert len(plaintext) % 16 == 0
    assert b"".join(reader(by_the_script(plaintext, has_padding=False))) == plaintext
    assert b"".join(reader(by_the_script(plaintext, has_padding=True))) == plaintext


@pytest.mark.parametrize("told", [0, 36, 0xFFFFFFFF])
@pytest.mark.parametrize("has_padding", [True, False])
def test_a_header_that_was_never_finished_leaves_the_padding_to_the_frames(
    told: int, has_padding: bool
) -> None:
    length = struct.pack("<I", told)
    plaintext = b"RIFF" + length + wav(b"\x55\x66" * 35)[8:40] + length + b"\x55\x66" * 35
    assert b"".join(reader(by_the_script(plaintext, has_padding=has_padding))) == plaintext


def test_an_unfinished_file_whose_last_byte_looks_like_padding_keeps_whole_frames() -> None:
    plaintext = b"RIFF" + bytes(4) + wav(b"")[8:40] + bytes(4) + bytes(67) + b"\x01"
    assert len(plaintext) % 16 == 0
    assert b"".join(reader(by_the_script(plaintext, has_padding=False))) == plaintext


def test_a_file_whose_end_was_cut_off_keeps_what_is_there() -> None:
    content = by_the_script(wav(b"\x01\x01" * 500), has_padding=True)[: 16 + 480]
    assert b"".join(reader(content)) == wav(b"\x01\x01" * 500)[:480]


def test_a_file_with_chunks_behind_its_told_length_keeps_them() -> None:
    plaintext = wav(b"\x11\x22" * 30) + b"junk"
    assert len(plaintext) % 16
    assert b"".join(reader(by_the_script(plaintext, has_padding=False))) == plaintext


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command is not installed")
@pytest.mark.parametrize("size", [0, 1, 1000, 200_000])
def test_what_the_openssl_command_encrypted_is_read(tmp_path: Path, size: int) -> None:
    plaintext, iv = wav(random.Random(size).randbytes(size)), os.urandom(16)
    command = ["openssl", "enc", "-aes-256-cfb", "-K", SECRET.hex(), "-iv", iv.hex()]
    done = subprocess.run(command, input=plaintext, stdout=subprocess.PIPE, check=True, timeout=60)
    path = tmp_path / "recording.wav"
    path.write_bytes(iv + done.stdout)
    with path.open("rb") as file:
        assert b"".join(LegacyReader(file, SECRET)) == plaintext


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command is not installed")
def test_what_we_write_is_read_by_the_openssl_command() -> None:
    target, plaintext = io.BytesIO(), wav(random.Random(3).randbytes(150_000))
    with CfbWriter(target, SECRET) as writer:
        for start in range(0, len(plaintext), 777):
            writer.write(plaintext[start : start + 777])
    content = target.getvalue()
    command = ["openssl", "enc", "-d", "-aes-256-cfb", "-K", SECRET.hex(), "-iv", content[:16].hex()]
    done = subprocess.run(command, input=content[16:], stdout=subprocess.PIPE, check=True, timeout=60)
    assert done.stdout == plaintext


@pytest.mark.stress
def test_random_ranges_are_those_of_the_plaintext(tmp_path: Path) -> None:
    chance = random.Random(5)
    plaintext = wav(chance.randbytes(300_001))
    path = tmp_path / "recording.wav"
    path.write_bytes(by_the_script(plaintext, has_padding=True))
    with path.open("rb") as file, ThreadPoolExecutor(4) as pool:
        found = LegacyReader(file, SECRET)
        ranges = [(chance.randrange(310_000), chance.choice([0, 1, 15, 17, 90_000])) for _ in range(RANGES)]
        read = list(pool.map(lambda place: found.read_at(*place), ranges))
    assert read == [plaintext[offset : offset + length] for offset, length in ranges]


def test_another_key_is_told_as_such() -> None:
    with pytest.raises(InputError, match="another key") as caught:
        reader(by_the_script(wav(bytes(100)), has_padding=False), bytes(32))
    assert SECRET.hex() not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"short", *(random.Random(size).randbytes(size) for size in (16, 28, 5000))],
    ids=["empty", "short", "an IV", "an IV and some", "much"],
)
def test_what_is_no_such_file_is_refused(content: bytes) -> None:
    with pytest.raises(InputError, match="no WAV file once decrypted"):
        reader(content)


def test_the_smallest_plaintext_that_begins_as_a_wav_is_read() -> None:
    assert reader(by_the_script(b"RIFF\4\0\0\0WAVE", has_padding=False)).size_bytes == 12
    assert reader(by_the_script(b"RIFF\4\0\0\0WAVE", has_padding=True)).size_bytes == 12


def test_every_writing_has_an_iv_of_its_own() -> None:
    targets = [io.BytesIO() for _ in range(20)]
    for target in targets:
        with CfbWriter(target, SECRET) as writer:
            writer.write(bytes(64))
    assert len({target.getvalue()[:16] for target in targets}) == 20
    assert len({target.getvalue()[16:32] for target in targets}) == 20


def test_the_published_key_is_refused_for_writing_and_read_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published_key, "PUBLISHED_KEYS", frozenset({published_key.fingerprint(SECRET)}))
    target = io.BytesIO()
    with pytest.raises(ConfigurationError, match="everybody has it") as caught:
        CfbWriter(target, SECRET)
    assert SECRET.hex() not in str(caught.value)
    assert target.getvalue() == b""
    assert reader(by_the_script(wav(b"ab"), has_padding=True)).size_bytes == len(wav(b"ab"))


def test_one_key_is_known_as_published_by_its_fingerprint() -> None:
    assert all(len(bytes.fromhex(each)) == 32 for each in published_key.PUBLISHED_KEYS)
    assert len(published_key.PUBLISHED_KEYS) == 1
    assert not published_key.is_published(SECRET)


TELLING_BYTES = 12
"""Fewer may stand in a header, or in what is sealed, by chance."""


@pytest.mark.parametrize("method", ["none", "gcm", "cfb"])
@given(content=st.binary(max_size=200), offset=st.integers(0, 210), length=st.integers(0, 210))
def test_all_methods_are_written_and_read_alike(
    method: str, content: bytes, offset: int, length: int
) -> None:
    sealing = Sealing(method, None if method == "none" else FileKey(KEY.file_id, "acme", SECRET))  # type: ignore[arg-type]
    target = io.BytesIO()
    with open_writer(target, sealing) as writer:
        assert writer.write(content) == len(content)
    found = open_reader(io.BytesIO(target.getvalue()), sealing)
    assert found.size_bytes == len(content)
    assert found.read_at(offset, length) == content[offset : offset + length]
    assert b"".join(found.blocks(offset)) == content[offset:]
    assert b"".join(found) == content
    assert (content in target.getvalue()) == (method == "none") or len(content) < TELLING_BYTES
