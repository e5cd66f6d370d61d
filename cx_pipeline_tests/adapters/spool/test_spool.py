"""The spool: a queue on disk that survives a kill at any instant, bounded, with one owner for each folder."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cx_pipeline.adapters.spool import segment as segment_module
from cx_pipeline.adapters.spool.spool import Spool, SpoolFullError
from cx_pipeline.core.errors import StorageUnavailableError

KILLS = int(os.environ.get("CX_STRESS_KILLS", "3"))
MB = 1_000_000

WRITER = """
import sys
from pathlib import Path
from cx_pipeline.adapters.spool.spool import Spool
spool = Spool(Path(sys.argv[1]), limit_bytes=100_000_000, segment_bytes=5_000)
start = int(sys.argv[2])
for number in range(start, start + 1_000_000):
    spool.append([b"%d " % number + b"x" * (number % 700)])
    print(number, flush=True)
"""


def spool_in(root: Path, *, limit_bytes: int = 10 * MB, segment_bytes: int = 1000) -> Spool:
    return Spool(root, limit_bytes=limit_bytes, segment_bytes=segment_bytes)


def drained(spool: Spool) -> list[bytes]:
    payloads: list[bytes] = []
    while (oldest := spool.oldest()) is not None:
        payloads += oldest.payloads
        spool.remove(oldest)
    return payloads


def test_what_goes_in_comes_out_in_its_order_and_only_what_is_removed_is_gone(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    payloads = [b"%d" % number * 50 for number in range(40)]
    for start in range(0, 40, 4):
        spool.append(payloads[start : start + 4])

    oldest = spool.oldest()
    assert oldest is not None
    assert spool.oldest() == oldest
    assert spool.backlog_bytes == sum(path.stat().st_size for path in spool.folder.glob("*.segment"))
    assert drained(spool) == payloads
    assert spool.is_empty
    assert spool.backlog_bytes == 0
    assert list(spool.folder.glob("*.segment")) == []


def test_what_is_appended_while_it_is_drained_comes_behind(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    spool.append([b"one"])
    first = spool.oldest()
    spool.append([b"two"])
    assert first is not None
    assert first.payloads == (b"one",)
    spool.remove(first)
    assert drained(spool) == [b"two"]


def test_the_next_process_finds_what_the_last_one_left(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    spool.append([b"one", b"two"])
    spool.close()

    assert drained(spool_in(tmp_path)) == [b"one", b"two"]


def test_it_refuses_what_it_has_no_room_for_and_takes_it_once_there_is(tmp_path: Path) -> None:
    spool = spool_in(tmp_path, limit_bytes=2000)
    spool.append([b"x" * 1000])
    with pytest.raises(SpoolFullError, match="is full"):
        spool.append([b"y" * 1000])
    assert drained(spool) == [b"x" * 1000]
    spool.append([b"y" * 1000])
    assert drained(spool) == [b"y" * 1000]


def test_a_second_owner_has_a_folder_of_its_own(tmp_path: Path) -> None:
    first, second = spool_in(tmp_path), spool_in(tmp_path)
    first.append([b"first"])
    second.append([b"second"])

    assert first.folder != second.folder
    assert second.adopt_leftovers() == 0
    assert drained(second) == [b"second"]
    assert drained(first) == [b"first"]


def test_what_a_dead_owner_left_is_taken_over(tmp_path: Path) -> None:
    first, second = spool_in(tmp_path), spool_in(tmp_path)
    second.append([b"mine"])
    first.append([b"left"])
    first.close()

    assert second.adopt_leftovers() == 1
    assert sorted(drained(second)) == [b"left", b"mine"]
    assert drained(spool_in(tmp_path)) == []


def test_damage_is_set_aside_with_its_reason_and_the_rest_is_used(tmp_path: Path) -> None:
    spool = spool_in(tmp_path, segment_bytes=MB)
    spool.append([b"one" * 100, b"two" * 100, b"three" * 100])
    spool.close()
    (path,) = spool.folder.glob("*.segment")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"twotwo", b"twoTwo", 1))

    again = spool_in(tmp_path)
    oldest = again.oldest()

    assert oldest is not None
    assert (oldest.payloads, oldest.damages) == ((b"one" * 100, b"three" * 100), 1)
    (kept,) = (each for each in (again.folder / "dead").iterdir() if not each.suffix)
    assert b"twoTwo" in kept.read_bytes()
    assert json.loads(kept.with_suffix(".reason").read_text())["reason"].startswith("DAMAGED")


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EIO])
def test_a_failing_disk_is_told_and_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: int
) -> None:
    spool = spool_in(tmp_path)
    spool.append([b"one"])

    def fail(_: int) -> None:
        raise OSError(fault, os.strerror(fault))

    with monkeypatch.context() as failing:
        failing.setattr(segment_module.os, "fdatasync", fail)
        with pytest.raises(StorageUnavailableError):
            spool.append([b"two"])
    spool.append([b"three"])

    assert drained(spool) == [b"one", b"three"]


def test_what_was_acknowledged_survives_kills_at_any_moment(tmp_path: Path) -> None:
    acknowledged: list[int] = []
    start = 0
    for kill in range(KILLS):
        command = [sys.executable, "-c", WRITER, str(tmp_path), str(start)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            told = [int(writer.stdout.readline()) for _ in range(30 + 7 * kill)]
            writer.send_signal(signal.SIGKILL)
            told += [int(line) for line in writer.stdout.read().splitlines() if line]
        acknowledged += told
        start = told[-1] + 2  # the one under way may be there or not

    numbers = [int(payload.split()[0]) for payload in drained(spool_in(tmp_path, limit_bytes=100 * MB))]

    assert numbers == sorted(set(numbers))
    assert set(acknowledged) <= set(numbers)
    assert len(set(numbers) - set(acknowledged)) <= KILLS
