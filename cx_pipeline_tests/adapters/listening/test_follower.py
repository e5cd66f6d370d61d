"""A growing file: each line at least once and in order, whatever happens to the file and to who reads it."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from cx_pipeline.adapters.intake.lines import MAX_LINE_BYTES
from cx_pipeline.adapters.listening.batches import BATCH_LINES
from cx_pipeline.adapters.listening.follower import FileFollower
from cx_pipeline.adapters.listening.positions import PositionFile
from cx_pipeline.core.errors import ConfigurationError, InputError, StorageUnavailableError


class Site:
    """A file, its follower, and what was delivered; a follower may be killed at any time."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "events.ndjson"
        self.positions = PositionFile(folder / "state" / "position.json")
        self.delivered: list[bytes] = []
        self.notices: list[str] = []
        self.follower = self.started()

    def started(self, *, is_once: bool = False, is_from_start: bool = False) -> FileFollower:
        return FileFollower(
            self.path,
            self.positions,
            is_once=is_once,
            is_from_start=is_from_start,
            grace_s=0,
            on_notice=self.notices.append,
        )

    def write(self, *lines: bytes, end: bytes = b"\n") -> None:
        with self.path.open("ab") as file:
            file.write(b"\n".join(lines) + end)

    def deliver(self, turns: int = 20) -> None:
        """Everything that there is now."""
        for _ in range(turns):
            self.deliver_one()

    def deliver_one(self, *, is_killed_after_it: bool = False) -> None:
        batch = self.follower.next_batch()
        if batch is None:
            return
        self.delivered += batch.lines
        if is_killed_after_it:
            self.kill()
        else:
            self.follower.delivered(batch)

    def kill(self) -> None:
        """Begin anew with nothing but what is on disk."""
        self.follower.close()
        self.follower = self.started()

    def rotate(self) -> None:
        """Rename the file and those renamed before, as logrotate does."""
        for number in range(8, 0, -1):
            older = self.path.with_name(f"{self.path.name}.{number}")
            if older.exists():
                older.rename(self.path.with_name(f"{self.path.name}.{number + 1}"))
        if self.path.exists():
            self.path.rename(self.path.with_name(f"{self.path.name}.1"))

    def copy_and_cut(self) -> None:
        """As logrotate does with copytruncate."""
        if self.path.exists():
            self.rotate()
            rotated = self.path.with_name(f"{self.path.name}.1")
            os.link(rotated, self.path)  # the writer keeps its inode
            rotated.unlink()
            shutil.copyfile(self.path, rotated)
            os.truncate(self.path, 0)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_lines_are_read_as_they_come_and_a_partial_one_waits_for_its_end(site: Site):
    site.write(b"1", b"2")
    site.write(b"3", end=b"")
    site.deliver()
    assert site.delivered == [b"1", b"2"]
    site.write(b"4", b"", b"5")
    site.deliver()
    assert site.delivered == [b"1", b"2", b"34", b"5"]


def test_a_file_may_appear_later(site: Site):
    site.deliver()
    assert not site.follower.is_connected
    assert site.follower.failed_reconnections == 1
    site.write(b"1")
    site.deliver()
    assert site.delivered == [b"1"]
    assert site.follower.is_connected
    assert site.follower.failed_reconnections == 0


def test_a_file_that_is_gone_is_no_longer_heard_until_there_is_another(site: Site):
    site.write(b"1")
    site.deliver()
    site.path.unlink()
    site.deliver()
    assert not site.follower.is_connected
    site.write(b"2")
    site.deliver()
    assert site.follower.is_connected
    assert site.delivered == [b"1", b"2"]


def test_a_storage_that_does_not_answer_is_told_and_the_file_opened_anew(
    site: Site, monkeypatch: pytest.MonkeyPatch
):
    site.write(b"1")
    site.deliver()
    site.write(b"2")

    def stale(*_: int) -> bytes:
        raise OSError(errno.ESTALE, "Stale file handle")

    with monkeypatch.context() as patch:
        patch.setattr("os.pread", stale)
        with pytest.raises(StorageUnavailableError):
            site.follower.next_batch()
        assert not site.follower.is_connected
    site.deliver()
    assert site.delivered == [b"1", b"2"]


def test_a_position_that_cannot_be_kept_holds_up_no_line(site: Site, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise StorageUnavailableError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(PositionFile, "save", full)
        site.write(b"1")
        site.deliver()
        site.write(b"2")
        site.deliver()
    assert site.delivered == [b"1", b"2"]
    assert len(site.notices) == 1
    site.kill()
    site.deliver()
    assert site.delivered == [b"1", b"2"] * 2


def test_what_was_delivered_is_not_read_again_and_what_was_not_is(site: Site):
    site.write(*(b"%d" % n for n in range(BATCH_LINES + 2)))
    site.deliver_one()
    site.deliver_one(is_killed_after_it=True)
    site.deliver()
    first, second = range(BATCH_LINES), range(BATCH_LINES, BATCH_LINES + 2)
    assert [int(line) for line in site.delivered] == [*first, *second, *second]


def test_the_same_lines_come_until_they_are_told_to_be_delivered(site: Site):
    site.write(b"1")
    site.follower.next_batch()
    site.write(b"2")
    assert [site.follower.next_batch(), site.follower.next_batch()] == [site.follower.next_batch()] * 2
    site.deliver()
    assert site.delivered == [b"1", b"2"]


def test_a_renamed_file_is_read_to_its_end_before_the_new_one(site: Site):
    site.write(b"1")
    site.deliver()
    with site.path.open("ab") as writer:
        site.rotate()
        site.path.touch()
        site.deliver()
        writer.write(b"2\n3")  # before it noticed
        writer.flush()
        site.deliver()
    site.write(b"4")
    site.deliver()
    assert site.delivered == [b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize("is_copied", [True, False])
def test_several_rotations_while_nobody_reads_lose_nothing(site: Site, is_copied: bool):
    site.write(b"1")
    site.deliver()
    site.follower.close()
    for number in range(2, 5):
        site.write(b"%d" % number)
        site.copy_and_cut() if is_copied else site.rotate()
    site.write(b"5")
    site.kill()
    site.deliver()
    assert site.delivered == [b"1", b"2", b"3", b"4", b"5"]


def test_a_file_that_was_copied_and_cut_before_its_first_line_was_read_is_read_in_its_copy(site: Site):
    site.path.touch()
    site.deliver()
    site.follower.close()
    site.write(b"1")
    site.copy_and_cut()
    site.write(b"2")
    site.kill()
    site.deliver()
    assert site.delivered == [b"1", b"2"]


def test_a_file_that_was_cut_is_read_from_its_start_even_when_it_has_grown_past_the_old_place(site: Site):
    site.write(b"first")
    site.deliver()
    os.truncate(site.path, 0)
    site.write(b"second, which is longer")
    site.deliver()
    assert site.delivered == [b"first", b"second, which is longer"]


def test_a_file_that_was_replaced_is_read_from_its_start(site: Site):
    site.write(b"first")
    site.deliver()
    site.follower.close()
    inode = site.path.stat().st_ino
    site.path.unlink()
    site.write(b"other", b"lines")
    assert (
        site.path.stat().st_ino == inode or True
    )  # the same inode again is the harder case, and may be given
    site.kill()
    site.deliver()
    assert site.delivered == [b"first", b"other", b"lines"]


def test_files_packed_while_nobody_read_are_named(site: Site):
    site.write(b"1")
    site.deliver()
    site.follower.close()
    site.path.unlink()
    site.path.with_name("events.ndjson.1.gz").write_bytes(b"packed")
    site.write(b"2")
    site.kill()
    site.deliver()
    assert "events.ndjson.1.gz" in site.notices[0]
    assert site.delivered == [b"1", b"2"]


def test_a_broken_position_file_means_to_read_from_the_start(site: Site, tmp_path: Path):
    site.write(b"1")
    site.deliver()
    (tmp_path / "state" / "position.json").write_bytes(b'{"offset": 1')
    site.kill()
    site.deliver()
    assert site.delivered == [b"1", b"1"]


def test_once_reads_to_the_end_its_last_line_included(site: Site):
    site.write(b"1")
    site.write(b"2", end=b"")
    site.follower = site.started(is_once=True)
    site.deliver()
    assert site.delivered == [b"1", b"2"]
    assert site.follower.is_at_end
    site.write(b"", b"3")
    site.follower = site.started(is_once=True)
    site.deliver()
    assert site.delivered == [b"1", b"2", b"3"]
    site.follower = site.started(is_once=True, is_from_start=True)
    site.deliver()
    assert site.delivered[3:] == [b"1", b"2", b"3"]


def test_once_wants_a_file_that_is_there(site: Site):
    with pytest.raises(InputError, match="no file"):
        site.started(is_once=True).next_batch()


def test_what_is_no_file_is_refused(site: Site):
    os.mkfifo(site.path)
    with pytest.raises(ConfigurationError, match="standard input"):
        site.follower.next_batch()


def test_a_line_that_is_too_long_is_shortened_and_told_so_and_those_around_it_come(site: Site):
    long = b"x" * (3 * MAX_LINE_BYTES)
    site.write(b"1", long[:MAX_LINE_BYTES], end=b"")
    site.deliver()
    site.write(long[MAX_LINE_BYTES:], end=b"")
    site.deliver()
    assert site.delivered == [b"1"]
    site.write(b"", b"2", b"y" * (MAX_LINE_BYTES - 1), b"3")
    site.deliver()
    _, shortened, *rest = site.delivered
    assert shortened.startswith(b"xxx")
    assert shortened.endswith(f"({len(long)} bytes)".encode())
    assert len(shortened) < MAX_LINE_BYTES
    assert rest == [b"2", b"y" * (MAX_LINE_BYTES - 1), b"3"]
