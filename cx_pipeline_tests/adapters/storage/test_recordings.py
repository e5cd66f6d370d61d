import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cx_pipeline.adapters.storage.recordings import RecordingStore
from cx_pipeline.core.errors import BrokenSealError, ConfigurationError, InputError, StorageUnavailableError

DAY = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
ID = str(UUID(int=7))
PATH = f"acme/2026-03-01/{ID}_mixed.wav"
PLAIN = iter  # of an open file: its lines, which are its bytes


@pytest.fixture
def store(tmp_path: Path) -> RecordingStore:
    return RecordingStore(tmp_path / "recordings")


def put(store: RecordingStore, content: bytes, path: str = PATH) -> None:
    with store.part(path) as part:
        part.write(content)
        part.force_to_disk()
        part.publish()


def parts(store: RecordingStore) -> list[Path]:
    return sorted(store.root.rglob("*.part"))


def test_a_path_names_tenant_day_and_recording(store: RecordingStore) -> None:
    assert store.path_of("acme", DAY, ID, "wav") == PATH
    assert store.path_of("acme", DAY, ID, "opus").endswith(f"{ID}_mixed.opus")
    assert store.metadata_path_of("acme", DAY, ID) == PATH.replace(".wav", ".json")


def test_the_day_is_that_of_utc(store: RecordingStore) -> None:
    local = DAY.astimezone().replace(tzinfo=None).astimezone()
    assert store.path_of("acme", local, ID, "wav") == PATH


@pytest.mark.parametrize(
    "tenant",
    ["..", ".", "../../etc", "/etc", "a/b", "a\\b", ".hidden", "a\0b", "a\nb", "é", "x" * 300, "\ud800"],
)
def test_no_tenant_leads_out_of_the_root(tenant: str, store: RecordingStore) -> None:
    folder, day, name = store.path_of(tenant, DAY, ID, "wav").split("/")
    assert (day, name) == ("2026-03-01", f"{ID}_mixed.wav")
    assert not folder.startswith(".")
    assert len(folder) <= 100
    assert folder.isascii()
    assert folder.isprintable()


@given(st.lists(st.text(min_size=1, max_size=200), min_size=2, max_size=2, unique=True))
def test_no_two_tenants_share_a_folder(tenants: list[str]) -> None:
    store = RecordingStore(Path("/nowhere"))
    first, second = (store.path_of(tenant, DAY, ID, "wav") for tenant in tenants)
    assert first != second


def test_a_recording_without_tenant_id_or_known_format_has_no_place(store: RecordingStore) -> None:
    for tenant, recording, format in (("", ID, "wav"), ("acme", "../x", "wav"), ("acme", ID, "exe")):
        with pytest.raises(InputError):
            store.path_of(tenant, DAY, recording, format)


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "acme/../../x", ""])
def test_no_path_is_opened_outside_of_the_root(path: str, store: RecordingStore) -> None:
    with pytest.raises(InputError, match="out of the recordings' root"):
        store.open(path)


def test_what_was_published_is_there_and_nothing_else(store: RecordingStore) -> None:
    put(store, b"audio")
    with store.open(PATH) as file:
        assert file.read() == b"audio"
    assert [path.name for path in store.root.rglob("*") if path.is_file()] == [f"{ID}_mixed.wav"]
    assert (store.root / PATH).stat().st_mode & 0o007 == 0


def test_what_was_not_published_is_gone(store: RecordingStore) -> None:
    def interrupted() -> None:
        with store.part(PATH) as part:
            part.write(b"half")
            assert not (store.root / PATH).exists()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    assert [path for path in store.root.rglob("*") if path.is_file()] == []


def test_a_reader_has_the_old_file_until_the_new_one_is_whole(store: RecordingStore) -> None:
    put(store, b"old")
    with store.open(PATH) as reader, store.part(PATH) as part:
        part.write(b"new")
        with store.open(PATH) as other:
            assert other.read() == b"old"
        part.publish()
        assert reader.read() == b"old"
    with store.open(PATH) as after:
        assert after.read() == b"new"


def test_a_file_holds_if_its_plaintext_has_the_hash(store: RecordingStore) -> None:
    content = b"some\nlines"
    put(store, content)
    assert store.holds(PATH, sha256(content).hexdigest(), PLAIN)
    assert not store.holds(PATH, sha256(b"other").hexdigest(), PLAIN)
    assert not store.holds(PATH.replace("acme", "none"), sha256(content).hexdigest(), PLAIN)


def test_a_broken_seal_does_not_hold_and_an_absent_storage_is_no_answer(store: RecordingStore) -> None:
    put(store, b"sealed")

    def broken(_: object) -> list[bytes]:
        raise BrokenSealError("changed")

    def away(_: object) -> list[bytes]:
        raise OSError(5, "Input/output error")

    assert not store.holds(PATH, "", broken)
    with pytest.raises(StorageUnavailableError, match="Input/output error"):
        store.holds(PATH, "", away)


def test_a_storage_that_refuses_us_is_told_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "recordings").write_text("a file in the place of the folder")
    with pytest.raises(ConfigurationError, match="recordings"):
        put(RecordingStore(tmp_path / "recordings"), b"")


def left_by_a_killed_writer(store: RecordingStore, path: str = PATH) -> Path:
    program = (
        "import os, sys\nfrom pathlib import Path\n"
        "from cx_pipeline.adapters.storage.recordings import RecordingStore\n"
        f"with RecordingStore(Path({str(store.root)!r})).part({path!r}) as part:\n"
        "    part.write(b'half')\n    os.kill(os.getpid(), 9)\n"
    )
    before = set(parts(store))
    subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[3], check=False, timeout=60)
    (left,) = set(parts(store)) - before
    return left


def test_the_next_writer_removes_what_a_killed_one_left_of_the_same_file(store: RecordingStore) -> None:
    left = left_by_a_killed_writer(store)
    put(store, b"audio", f"acme/2026-03-01/{UUID(int=8)}_mixed.wav")
    assert left.exists()
    put(store, b"audio")
    assert not left.exists()


def test_what_another_writes_at_this_moment_is_left_alone(store: RecordingStore) -> None:
    with store.part(PATH) as slow:
        slow.write(b"slow")
        put(store, b"quick")
        assert store.remove_leftovers(datetime.now(UTC) + timedelta(days=1)) == []
        slow.publish()
    with store.open(PATH) as file:
        assert file.read() == b"slow"


def test_makers_of_one_recording_at_once_leave_one_whole_file(store: RecordingStore) -> None:
    contents = [bytes([number]) * 50_000 for number in range(8)]

    def write_often(content: bytes) -> None:
        for _ in range(40):
            put(store, content)

    with ThreadPoolExecutor(len(contents)) as pool:
        list(pool.map(write_often, contents))
    with store.open(PATH) as file:
        assert file.read() in contents
    assert len([path for path in store.root.rglob("*") if path.is_file()]) == 1


def test_a_storage_without_locks_takes_recordings_too(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    with store.part(PATH) as slow:
        slow.write(b"slow")
        put(store, b"quick")
        slow.publish()
    with store.open(PATH) as file:
        assert file.read() == b"slow"
    assert len([path for path in store.root.rglob("*") if path.is_file()]) == 1


def test_leftovers_are_removed_when_they_are_old(store: RecordingStore) -> None:
    left = left_by_a_killed_writer(store)
    put(store, b"audio", f"acme/2026-03-01/{UUID(int=8)}_mixed.wav")
    now = datetime.now(UTC)
    assert store.remove_leftovers(now - timedelta(hours=1)) == []
    old = (now - timedelta(hours=2)).timestamp()
    os.utime(left, (old, old))
    assert store.remove_leftovers(now - timedelta(hours=1)) == [left.relative_to(store.root).as_posix()]
    assert len([path for path in store.root.rglob("*") if path.is_file()]) == 1


def test_a_file_is_deleted_once(store: RecordingStore) -> None:
    put(store, b"audio")
    assert store.remove(PATH)
    assert not store.remove(PATH)
