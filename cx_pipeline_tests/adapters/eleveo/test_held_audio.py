"""What is held of merged audio, and for how long."""

import errno
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import BinaryIO

import pytest

from cx_pipeline.adapters.eleveo.held_audio import HeldAudio
from cx_pipeline.core.errors import DestinationUnavailableError, InputError, StorageUnavailableError


class Maker:
    """Makes files of a size, and counts."""

    def __init__(self, size: int = 100) -> None:
        self.size, self.count = size, 0

    def __call__(self, target: BinaryIO) -> None:
        self.count += 1
        target.write(b"x" * self.size)


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def hold(tmp_path: Path, now: list[float]) -> Callable[..., HeldAudio]:
    def make(**options: float) -> HeldAudio:
        given = {"patience_s": 5, "most_bytes": 250, "kept_s": 60, **options}
        return HeldAudio(tmp_path / "cache", clock=lambda: now[0], **given)  # type: ignore[arg-type]

    return make


def use(held: HeldAudio, key: str, maker: Callable[[BinaryIO], None]) -> bytes:
    with held.opened(key, maker) as audio:
        return audio.read_at(90, 100)


def test_a_file_is_made_once_and_made_again_after_its_time(
    hold: Callable[..., HeldAudio], now: list[float]
) -> None:
    held, maker = hold(), Maker()
    assert use(held, "a", maker) == use(held, "a", maker) == b"x" * 10
    now[0] = 61
    use(held, "b", Maker())
    use(held, "a", maker)
    assert maker.count == 2
    held.close()


def test_what_was_not_used_for_longest_goes_first_where_it_is_too_much(
    hold: Callable[..., HeldAudio], now: list[float]
) -> None:
    held, makers = hold(), {key: Maker() for key in "abc"}
    for key in ("a", "b", "a", "c", "a", "b"):
        use(held, key, makers[key])
    assert {key: maker.count for key, maker in makers.items()} == {"a": 1, "b": 2, "c": 1}
    held.close()


def test_what_is_being_played_stays_however_long_and_much(
    hold: Callable[..., HeldAudio], now: list[float]
) -> None:
    held, maker = hold(most_bytes=50), Maker()
    with held.opened("a", maker) as audio:
        now[0] = 1000
        use(held, "b", Maker())
        assert audio.read_at(0, 3) == b"xxx"
    use(held, "a", maker)
    assert maker.count == 2
    held.close()


def test_a_file_that_could_not_be_made_is_told_to_who_waits_and_not_held(
    hold: Callable[..., HeldAudio],
) -> None:
    held, entered, leave = hold(), Barrier(2), Barrier(2)

    def fail(target: BinaryIO) -> None:
        entered.wait(5)
        leave.wait(5)
        target.write(b"half")
        raise InputError("no such couple")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(use, held, "a", fail)
        entered.wait(5)
        second = pool.submit(use, held, "a", Maker())
        leave.wait(5)
        assert str(first.exception(5)) == "no such couple"
        # It waited for the first, or came so late that it makes the file itself.
        assert str(second.exception(5)) in {"no such couple", "None"}
    assert use(held, "a", Maker()) == b"x" * 10
    held.close()


def test_a_full_disk_is_a_storage_that_is_away_and_leaves_nothing(hold: Callable[..., HeldAudio]) -> None:
    held = hold()

    def full(target: BinaryIO) -> None:
        raise StorageUnavailableError(f"full ({errno.ENOSPC})")

    with pytest.raises(StorageUnavailableError):
        use(held, "a", full)
    held.close()


def test_who_waits_too_long_for_another_is_told(hold: Callable[..., HeldAudio]) -> None:
    held, entered, leave = hold(patience_s=0.05), Barrier(2), Barrier(2)

    def slow(target: BinaryIO) -> None:
        entered.wait(5)
        leave.wait(5)
        target.write(b"x" * 100)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(use, held, "a", slow)
        entered.wait(5)
        with pytest.raises(DestinationUnavailableError, match="being fetched"):
            use(held, "a", Maker())
        leave.wait(5)
        assert first.result(5) == b"x" * 10
    held.close()
