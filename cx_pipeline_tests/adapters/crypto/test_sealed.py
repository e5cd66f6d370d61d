import io
import os
import pickle
import random
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cx_pipeline.adapters.crypto.file_keys import FileKey, Sealing
from cx_pipeline.adapters.crypto.plaintext import as_file
from cx_pipeline.adapters.crypto.seal_header import (
    HEAD_BYTES,
    SegmentCipher,
    header_of,
    plaintext_bytes,
    sealed_bytes,
    segments_of,
)
from cx_pipeline.adapters.crypto.sealed import SealedReader, SealingWriter, is_sealed, read_header
from cx_pipeline.core.errors import BrokenSealError, KeyMissingError, StorageUnavailableError
from cx_pipeline_tests.adapters.crypto.sealed_files import KEY, header_bytes, opened, reader, sealed

RANGES = int(os.environ.get("CX_STRESS_RANGES", "300"))
SIZES = [0, 1, 15, 16, 65_535, 65_536, 65_537, 131_072, 200_001]


@pytest.fixture(scope="module")
def plaintext() -> bytes:
    return random.Random(4).randbytes(1_000_003)


@pytest.fixture
def file(tmp_path: Path, plaintext: bytes) -> Iterator[io.BufferedReader]:
    path = tmp_path / "recording.wav"
    path.write_bytes(sealed(plaintext))
    with path.open("rb") as opened_file:
        yield opened_file


@pytest.mark.parametrize("size", SIZES)
def test_what_was_sealed_comes_back_whole(size: int) -> None:
    plaintext = os.urandom(size)
    content = sealed(plaintext)
    assert opened(content) == plaintext
    assert reader(content).size_bytes == size
    assert len(content) == sealed_bytes(size, KEY.tenant_id)


@given(st.lists(st.binary(max_size=70)), st.integers(1, 40))
def test_pieces_of_any_size_make_the_same_plaintext(pieces: list[bytes], segment_bytes: int) -> None:
    target = io.BytesIO()
    with SealingWriter(target, KEY, segment_bytes=segment_bytes) as writer:
        assert [writer.write(memoryview(piece)) for piece in pieces] == [len(piece) for piece in pieces]
    assert opened(target.getvalue()) == b"".join(pieces)


@given(st.binary(max_size=400), st.integers(1, 64), st.integers(0, 450), st.integers(0, 450))
def test_a_range_is_that_of_the_plaintext(
    plaintext: bytes, segment_bytes: int, offset: int, length: int
) -> None:
    found = reader(sealed(plaintext, segment_bytes=segment_bytes)).read_at(offset, length)
    assert found == plaintext[offset : offset + length]


@pytest.mark.stress
def test_random_ranges_of_a_file_are_those_of_the_plaintext(
    file: io.BufferedReader, plaintext: bytes
) -> None:
    chance, opened_file = random.Random(7), SealedReader(file, KEY)
    for _ in range(RANGES):
        offset = chance.randrange(len(plaintext) + 10)
        length = chance.choice([0, 1, chance.randrange(100), chance.randrange(300_000)])
        assert opened_file.read_at(offset, length) == plaintext[offset : offset + length]


def test_many_threads_read_one_file_at_once(file: io.BufferedReader, plaintext: bytes) -> None:
    opened_file = SealedReader(file, KEY)

    def is_right(seed: int) -> bool:
        offset = random.Random(seed).randrange(len(plaintext))
        return opened_file.read_at(offset, 70_000) == plaintext[offset : offset + 70_000]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(is_right, range(400)))


def test_only_the_segments_of_a_range_are_read(plaintext: bytes) -> None:
    source = CountedReads(sealed(plaintext))
    opened_file = SealedReader(source, KEY)
    source.count = 0
    opened_file.read_at(65_536 * 3 + 10, 65_536)
    assert source.count == 2 * (65_536 + 16)


def test_a_reader_is_a_file_for_libraries_that_want_one(plaintext: bytes) -> None:
    file = as_file(reader(sealed(plaintext)))
    assert file.seek(-100, io.SEEK_END) == len(plaintext) - 100
    assert file.read() == plaintext[-100:]
    assert file.seek(70_000) == 70_000
    assert file.read(5) == plaintext[70_000:70_005]
    with pytest.raises(ValueError, match="before the beginning"):
        file.seek(-1)


def test_a_negative_range_is_a_mistake() -> None:
    for offset, length in ((-1, 5), (0, -1)):
        with pytest.raises(ValueError, match="range"):
            reader(sealed(b"abc")).read_at(offset, length)


def test_the_same_recording_made_again_shares_no_segment_with_the_first() -> None:
    first, second = sealed(bytes(100)), sealed(bytes(100))
    start = header_bytes()
    assert first[32:start] != second[32:start]
    assert first[start:] != second[start:]


def test_a_file_that_was_not_finished_is_refused() -> None:
    target = io.BytesIO()
    writer = SealingWriter(target, KEY)
    writer.write(bytes(200_000))
    with pytest.raises(BrokenSealError):
        opened(target.getvalue())


def test_an_error_within_with_leaves_the_file_unfinished() -> None:
    target = io.BytesIO()

    def mix() -> None:
        with SealingWriter(target, KEY) as writer:
            writer.write(b"half of it")
            raise RuntimeError("mixing failed")

    with pytest.raises(RuntimeError, match="mixing"):
        mix()
    with pytest.raises(BrokenSealError):
        opened(target.getvalue())


def test_a_target_that_fails_once_is_never_finished() -> None:
    target = FullDisk(150_000)
    writer = SealingWriter(target, KEY)
    with pytest.raises(OSError, match="No space"):
        writer.write(bytes(300_000))
    target.room = 1 << 30
    writer.close()
    with pytest.raises(ValueError, match="closed"):
        writer.write(b"more")
    with pytest.raises(BrokenSealError):
        opened(target.getvalue())


def test_closing_twice_writes_once() -> None:
    target = io.BytesIO()
    with SealingWriter(target, KEY) as writer:
        writer.write(b"abc")
        writer.close()
        size = len(target.getvalue())
    assert len(target.getvalue()) == size
    assert opened(target.getvalue()) == b"abc"


def test_a_head_tells_a_sealed_file_and_whose_key_it_wants() -> None:
    content = sealed(b"abc")
    assert is_sealed(content[:8])
    assert not is_sealed(b"RIFF\0\0\0\0WAVE")
    assert not is_sealed(b"")
    header = header_of(content[:HEAD_BYTES])
    assert (header.file_id, header.tenant_id) == (KEY.file_id, KEY.tenant_id)
    assert read_header(io.BytesIO(content)) == header


def test_a_tenant_of_any_name_has_its_place_in_the_header() -> None:
    for tenant in ("", "größe", "t" * 1024):
        key = FileKey(KEY.file_id, tenant, KEY.secret)
        assert opened(sealed(b"abc", key), key) == b"abc"
    with pytest.raises(ValueError, match="1024"):
        sealed(b"abc", FileKey(KEY.file_id, "t" * 1025, KEY.secret))


def test_no_text_of_a_key_has_its_secret() -> None:
    sealing = Sealing("gcm", KEY)
    for text in (repr(KEY), str(KEY), repr(sealing), f"{sealing}"):
        assert "secret" not in text
        assert repr(KEY.secret)[2:-1] not in text
        assert KEY.secret.hex() not in text
    assert pickle.loads(pickle.dumps(sealing)) == sealing


def test_a_key_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="32 bytes") as caught:
        FileKey(KEY.file_id, "acme", b"short-secret")
    assert "short-secret" not in str(caught.value)
    for wrong in ("recording-1", KEY.file_id.upper().replace("1", "a")):
        with pytest.raises(ValueError):
            FileKey(wrong.upper(), "acme", KEY.secret)
    with pytest.raises(KeyMissingError, match="keys create"):
        Sealing("gcm")


@given(st.integers(0, 1 << 48))
def test_the_size_of_a_plaintext_follows_from_that_of_its_file(size: int) -> None:
    body = sealed_bytes(size, "acme") - header_bytes()
    assert plaintext_bytes(body) == size
    assert segments_of(body) == max(1, -(-size // 65_536))


def test_sizes_that_no_plaintext_has_are_none() -> None:
    impossible = [0, 15, 65_552 + 1, 65_552 + 16, 3 * 65_552 + 9, (1 << 32) * 65_552 + 17]
    assert [plaintext_bytes(size) for size in impossible] == [None] * len(impossible)
    assert plaintext_bytes(65_552 + 17) == 65_537


def test_places_beyond_4_gb_are_read_where_they_are() -> None:
    size = 5 * (1 << 30) + 12_345
    source = CipheredOnDemand(size)
    opened_file = SealedReader(source, KEY)
    assert opened_file.size_bytes == size
    offset = 4 * (1 << 30) + 65_530
    number = offset // 65_536
    assert opened_file.read_at(offset, 12) == source.plaintext(number)[-6:] + source.plaintext(number + 1)[:6]
    assert opened_file.read_at(size - 3, 10) == source.plaintext(size // 65_536)[-3:]


def test_memory_stays_as_it_is_however_long_the_file(tmp_path: Path) -> None:
    path, block = tmp_path / "long.wav", bytes(100_000)
    tracemalloc.start()
    try:
        with path.open("wb") as target, SealingWriter(target, KEY) as writer:
            for _ in range(300):
                writer.write(block)
        with path.open("rb") as source:
            assert sum(map(len, SealedReader(source, KEY))) == 30_000_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


def test_storage_that_fails_is_no_broken_seal(
    file: io.BufferedReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened_file = SealedReader(file, KEY)

    def failing(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "pread", failing)
    with pytest.raises(StorageUnavailableError, match=r"recording\.wav cannot be read: Input/output error"):
        opened_file.read_at(0, 10)


def test_storage_that_gives_less_at_a_time_is_read_on(
    file: io.BufferedReader, plaintext: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, length, offset: pread(fd, min(length, 1000), offset))
    assert b"".join(SealedReader(file, KEY)) == plaintext


class CountedReads(io.BytesIO):
    count = 0

    def read(self, size: int | None = -1) -> bytes:
        content = super().read(size)
        self.count += len(content)
        return content


class FullDisk(io.BytesIO):
    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def write(self, data: object) -> int:
        content = bytes(data)  # type: ignore[call-overload]
        if self.tell() + len(content) > self.room:
            raise OSError(28, "No space left on device")
        return super().write(content)


class CipheredOnDemand(io.BytesIO):
    """A sealed file of any size, of which a segment is made when it is asked for."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._head = sealed(b"")[: header_bytes()]
        self._cipher = SegmentCipher(header_of(self._head), KEY)
        self._size, self._last = size, size // 65_536
        self._place = 0

    def plaintext(self, number: int) -> bytes:
        return (number.to_bytes(8, "big") * 8192)[: min(65_536, self._size - number * 65_536)]

    def seek(self, offset: int, whence: int = 0) -> int:
        self._place = sealed_bytes(self._size, KEY.tenant_id) if whence == io.SEEK_END else offset
        return self._place

    def read(self, size: int | None = -1) -> bytes:
        if self._place == 0:
            return self._head
        number, rest = divmod(self._place - len(self._head), 65_552)
        assert rest == 0
        return self._cipher.sealed(self.plaintext(number), number, is_last=number == self._last)[:size]
