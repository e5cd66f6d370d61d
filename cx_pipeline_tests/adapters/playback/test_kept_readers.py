"""Open files are shared and kept a little, looked at again every two seconds, and never closed under a reader."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from cx_pipeline.adapters.crypto.plaintext import PlainReader, PlaintextReader
from cx_pipeline.adapters.playback.file_state import Identity
from cx_pipeline.adapters.playback.kept_readers import (
    CHECKED_FOR_S,
    KEPT_FOR_S,
    MOST_KEPT,
    KeptReaders,
    Opening,
)
from cx_pipeline.adapters.playback.source import ErasedError, Playable


class Shelf:
    """Files in memory, which counts how they are opened, closed and asked for."""

    def __init__(self) -> None:
        self.content, self.state = b"first", 1
        self.opened = self.closed = self.asked = 0
        self.is_erased = False
        self.now_s = 1000.0
        self.readers = KeptReaders(Opening(self._open, self._identity, self._require), lambda: self.now_s)

    @contextmanager
    def _open(self, _: Playable) -> Iterator[PlaintextReader]:
        self._refuse_erased()
        self.opened += 1
        with io.BytesIO(self.content) as file:
            yield PlainReader(file)
        self.closed += 1

    def _identity(self, _: Playable) -> Identity:
        return (self.state,)

    def _require(self, _: Playable) -> None:
        self.asked += 1
        self._refuse_erased()

    def _refuse_erased(self) -> None:
        if self.is_erased:
            raise ErasedError("it was erased")

    def read(self, name: str = "one") -> bytes:
        with self.readers.open(playable(name)) as audio:
            return audio.read_at(0, 100)


def playable(name: str) -> Playable:
    return Playable("acme", name, "1", "audio/wav", "one.wav")


def test_one_file_is_opened_once_for_all_who_read() -> None:
    shelf = Shelf()
    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(lambda _: shelf.read(), range(100))) == {b"first"}
    assert (shelf.opened, shelf.closed, shelf.asked) == (1, 0, 0)


def test_a_file_may_be_read_two_seconds_after_it_was_last_asked() -> None:
    shelf = Shelf()
    with shelf.readers.open(playable("one")) as audio:
        shelf.is_erased = True
        assert audio.read_at(0, 5) == b"first"
        shelf.now_s += CHECKED_FOR_S + 0.1
        for _ in range(2):
            with pytest.raises(ErasedError):
                audio.read_at(0, 5)
    with pytest.raises(ErasedError):
        shelf.read()
    assert len(shelf.readers) == 0
    assert shelf.opened == shelf.closed == 1


def test_another_file_in_its_place_is_for_who_comes_later() -> None:
    shelf = Shelf()
    with shelf.readers.open(playable("one")) as old:
        shelf.content, shelf.state = b"second", 2
        shelf.now_s += CHECKED_FOR_S + 0.1
        assert shelf.read() == b"second"
        assert old.read_at(0, 100) == b"first"
    assert shelf.opened == 2


def test_what_nobody_reads_any_more_is_closed() -> None:
    shelf = Shelf()
    shelf.read("idle")
    with shelf.readers.open(playable("busy")):
        shelf.now_s += KEPT_FOR_S + 1
        shelf.readers.sweep()
        assert (len(shelf.readers), shelf.closed) == (1, 1)
    shelf.readers.close()
    assert (len(shelf.readers), shelf.closed) == (0, 2)


def test_no_more_than_so_many_are_kept() -> None:
    shelf = Shelf()
    for number in range(MOST_KEPT + 10):
        shelf.read(str(number))
    assert (len(shelf.readers), shelf.closed) == (MOST_KEPT, 10)


def test_what_is_read_while_all_is_closed_closes_with_its_reader() -> None:
    shelf = Shelf()
    with shelf.readers.open(playable("one")) as audio:
        shelf.readers.close()
        assert audio.read_at(0, 5) == b"first"
        assert shelf.closed == 0
    assert shelf.closed == 1


def test_a_file_that_cannot_be_opened_is_tried_again() -> None:
    shelf = Shelf()
    shelf.is_erased = True
    with pytest.raises(ErasedError):
        shelf.read()
    shelf.is_erased = False
    assert shelf.read() == b"first"
