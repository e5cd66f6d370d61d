"""A stream that cannot be read again: what was heard is on disk, and goes from there."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cx_pipeline.adapters.listening.segments import SegmentFolder
from cx_pipeline.adapters.listening.standard_input import StandardInput
from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline_tests.waiting import eventually


class Stream:
    """A pipe, and who listens at its end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reader, self.writer = os.pipe()
        self.notices: list[str] = []
        self._opened: list[StandardInput] = []

    def listened(
        self, *, most_bytes: int = 1 << 20, may_read: Callable[[], bool] = lambda: True
    ) -> StandardInput:
        source = StandardInput(
            self.reader,
            self.folder,
            stamped=lambda line: b"+" + line,
            may_read=may_read,
            most_bytes=most_bytes,
            on_notice=self.notices.append,
        )
        self._opened.append(source)
        return source

    def write(self, data: bytes) -> None:
        os.write(self.writer, data)

    def end(self) -> None:
        os.close(self.writer)
        self.writer = -1

    def close(self) -> None:
        if self.writer >= 0:
            self.end()
        for source in self._opened:
            source.close()
        os.close(self.reader)


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[Stream]:
    opened = Stream(tmp_path / "spool")
    yield opened
    opened.close()


def delivered(source: StandardInput) -> list[bytes]:
    """All that comes until the end."""
    lines: list[bytes] = []
    while not source.is_at_end:
        batch = source.next_batch()
        if batch is not None:
            lines += batch.lines
            source.delivered(batch)
        else:
            time.sleep(0.002)
    return lines


def test_lines_come_in_their_order_stamped_when_they_were_heard_and_leave_nothing(stream: Stream):
    source = stream.listened()
    stream.write(b"1\n2")
    stream.write(b"3\n\n4")
    stream.end()
    assert delivered(source) == [b"+1", b"+23", b"+4"]
    source.close()  # the stream's end may be seen only after its last line was delivered
    assert list(stream.folder.glob("*.ndjson")) == []
    assert not source.is_connected


def test_what_was_heard_and_not_delivered_is_what_the_next_start_sends_first(stream: Stream):
    source = stream.listened()
    stream.write(b"1\n2\n")
    assert eventually(source.next_batch)
    source.close()
    again = stream.listened()
    assert "left" in stream.notices[0]
    stream.write(b"3\n")
    stream.end()
    assert delivered(again) == [b"+1", b"+2", b"+3"]


def test_what_was_delivered_is_not_sent_by_the_next_start(stream: Stream):
    source = stream.listened()
    stream.write(b"1\n")
    assert eventually(source.next_batch)
    batch = source.next_batch()
    assert batch is not None
    source.delivered(batch)
    stream.write(b"2\n")
    assert eventually(source.next_batch)
    source.close()
    stream.end()
    assert delivered(stream.listened()) == [b"+2"]


def test_a_stream_is_read_no_further_than_the_disk_s_share(stream: Stream):
    source = stream.listened(most_bytes=10)
    stream.write(b"first line\n")
    assert eventually(lambda: source.waiting)
    stream.write(b"second line\n")
    time.sleep(0.3)
    batch = source.next_batch()
    assert batch is not None
    assert batch.lines == [b"+first line"]
    assert "12 bytes" in source.waiting


def test_a_stream_behind_a_lease_is_left_alone_until_it_is_held(stream: Stream):
    is_held: list[bool] = []
    source = stream.listened(may_read=lambda: bool(is_held))
    stream.write(b"1\n")
    time.sleep(0.05)
    assert source.next_batch() is None
    assert not source.is_connected
    is_held.append(True)
    stream.end()
    assert delivered(source) == [b"+1"]


def test_two_listeners_never_share_a_folder(stream: Stream):
    stream.listened()
    with pytest.raises(ConfigurationError, match="--listener-id"):
        stream.listened()


def test_many_segments_are_read_in_their_order_and_deleted_as_they_are_delivered(tmp_path: Path):
    folder = SegmentFolder(tmp_path, segment_bytes=10)
    for number in range(10):
        folder.append([b"line %d" % number])
    assert len(list(tmp_path.glob("*.ndjson"))) == 5
    lines: list[bytes] = []
    while (found := folder.next_lines()) is not None:
        lines += found[0]
        folder.delivered(found[1])
    assert lines == [b"line %d" % number for number in range(10)]
    assert list(tmp_path.glob("*.ndjson")) == []
    folder.append([b"more"])
    again = folder.next_lines()
    assert again is not None
    assert again[0] == [b"more"]
    folder.close()


def test_a_full_disk_leaves_no_half_of_what_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = SegmentFolder(tmp_path)
    folder.append([b"1"])

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fdatasync", full)
        with pytest.raises(Exception, match="free space"):
            folder.append([b"2"])
    folder.append([b"2"])
    found = folder.next_lines()
    assert found is not None
    assert found[0] == [b"1", b"2"]
    folder.close()
