"""Recorders' files are opened below the roots only, and nothing that is no plain file is waited for."""

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cx_pipeline.adapters.freeswitch import stream_files
from cx_pipeline.adapters.freeswitch.stream_files import (
    StreamFacts,
    StreamProblemError,
    delete_stream,
    open_stream,
    probe,
)
from cx_pipeline.core.errors import StorageUnavailableError
from cx_pipeline_tests.adapters.freeswitch.recorder import wav


@pytest.fixture(params=["by descriptor", "by name"])
def root(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root of streams; each test is done both ways in which files are opened."""
    if request.param == "by name":
        monkeypatch.setattr(stream_files, "_O_PATH", None)
    (tmp_path / "streams").mkdir()
    return tmp_path / "streams"


def problem_of(path: Path | str, *roots: Path) -> str:
    with pytest.raises(StreamProblemError) as raised, open_stream(path, roots):
        pass
    assert probe(path, roots).file_problem == raised.value.problem
    return raised.value.problem


def test_a_file_below_a_root_is_opened_and_told_of(root: Path, tmp_path: Path) -> None:
    (root / "a.wav").write_bytes(wav(100))
    with open_stream(root / "a.wav", [tmp_path / "other", root]) as file:
        assert file.read() == wav(100)
    assert probe(str(root / "a.wav"), [root]) == StreamFacts(
        str(root / "a.wav"), None, 244, "PCM_16", 8000, 1, 100, 44, is_header_unfinished=False
    )


def test_links_within_the_roots_are_followed_and_told_resolved(root: Path, tmp_path: Path) -> None:
    (root / "day").mkdir()
    (root / "day" / "a.wav").write_bytes(wav(1))
    (root / "link.wav").symlink_to("day/a.wav")
    (root / "today").symlink_to("day")
    (tmp_path / "mount").symlink_to(root)
    for path in (
        root / "link.wav",
        root / "today" / "a.wav",
        tmp_path / "mount" / "link.wav",
        f"{root}/x/../day/a.wav",
    ):
        (root / "x").mkdir(exist_ok=True)
        assert probe(path, [tmp_path / "mount"]).real_path == str(root / "day" / "a.wav")


def test_whatever_leads_out_of_the_roots_is_refused(root: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.wav"
    secret.write_bytes(wav(1))
    (tmp_path / "streams-of-others").mkdir()
    (tmp_path / "streams-of-others" / "a.wav").write_bytes(wav(1))
    (root / "file.wav").symlink_to(secret)
    (root / "folder").symlink_to(tmp_path)
    (root / "twice.wav").symlink_to("file.wav")
    for path in (
        secret,
        f"{root}/../secret.wav",
        root / "file.wav",
        root / "twice.wav",
        root / "folder" / "secret.wav",
        tmp_path / "streams-of-others" / "a.wav",
        "/etc/passwd",
        "/proc/self/mem",
        "/dev/zero",
        f"/proc/self/root{secret}",
        "streams/a.wav",
        f"{root}/a\0.wav",
        "",
    ):
        assert problem_of(path, root) == "OUTSIDE_ROOTS", path
    assert problem_of(root / "a.wav") in {"OUTSIDE_ROOTS", "MISSING"}


def test_what_is_no_plain_file_is_refused_at_once(root: Path) -> None:
    os.mkfifo(root / "pipe.wav")
    (root / "folder.wav").mkdir()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(root / "socket.wav"))
    listener.close()
    for name in ("pipe.wav", "folder.wav", "socket.wav"):
        assert problem_of(root / name, root) == "NOT_AUDIO"
    assert problem_of(root, root) == "NOT_AUDIO"


def test_what_is_not_there_is_missing(root: Path) -> None:
    (root / "a.wav").write_bytes(wav(1))
    (root / "nowhere.wav").symlink_to("not there.wav")
    (root / "loop.wav").symlink_to("loop.wav")
    names = ("b.wav", "nowhere.wav", "a.wav/b.wav", "x" * 300, "b/c/d.wav", "loop.wav", "\ud800.wav")
    assert {name: problem_of(f"{root}/{name}", root) for name in names} == dict.fromkeys(names, "MISSING")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "EMPTY"),
        (wav(0), "EMPTY"),
        (wav(100)[:44], "EMPTY"),
        (wav(100)[:45], "EMPTY"),
        (wav(100)[:20], "EMPTY"),
        (wav(100)[:46], None),
        (b"no audio", "NOT_AUDIO"),
        (b"OggS" + b"\0" * 100, "NOT_AUDIO"),
    ],
)
def test_what_is_in_a_file_is_told(root: Path, content: bytes, problem: str | None) -> None:
    (root / "a.wav").write_bytes(content)
    facts = probe(root / "a.wav", [root])
    assert (facts.file_problem, facts.file_size_bytes) == (problem, len(content))


@pytest.mark.parametrize(
    ("code", "kind", "problem"),
    [
        (errno.EIO, StorageUnavailableError, "UNREADABLE"),
        (errno.ESTALE, StorageUnavailableError, "UNREADABLE"),
        (errno.ETIMEDOUT, StorageUnavailableError, "UNREADABLE"),
        (errno.EACCES, StreamProblemError, "UNREADABLE"),
        (errno.EPERM, StreamProblemError, "UNREADABLE"),
    ],
)
def test_a_storage_that_fails_is_told_from_a_file_that_is_not_there(
    root: Path, monkeypatch: pytest.MonkeyPatch, code: int, kind: type[Exception], problem: str
) -> None:
    (root / "a.wav").write_bytes(wav(1))

    def failing(*arguments: Any, **options: Any) -> int:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", failing)
        with pytest.raises(kind, match=os.strerror(code)):
            open_stream(root / "a.wav", [root])
        assert probe(root / "a.wav", [root]).file_problem == problem


def descriptors() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


@pytest.fixture
def no_leak() -> Iterator[None]:
    before = len(descriptors())
    yield
    assert len(descriptors()) == before


@pytest.mark.usefixtures("no_leak")
def test_no_descriptor_is_left_open(root: Path) -> None:
    (root / "a.wav").write_bytes(wav(1))
    (root / "out.wav").symlink_to("/etc/passwd")
    os.mkfifo(root / "pipe.wav")
    for name in ("a.wav", "out.wav", "pipe.wav", "none.wav"):
        probe(root / name, [root])


def test_a_file_is_deleted_and_twice_is_no_fault(root: Path) -> None:
    (root / "a.wav").write_bytes(wav(1))
    assert delete_stream(root / "a.wav", [root]) == 46
    assert delete_stream(root / "a.wav", [root]) is None
    assert delete_stream(root / "gone" / "a.wav", [root]) is None


def test_nothing_is_deleted_outside_of_the_roots_nor_what_a_link_leads_to(root: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.wav"
    secret.write_bytes(wav(1))
    (root / "folder").symlink_to(tmp_path)
    (root / "link.wav").symlink_to(secret)
    (root / "day").mkdir()
    for path in (secret, root / "folder" / "secret.wav", f"{root}/../secret.wav", "secret.wav"):
        with pytest.raises(StreamProblemError, match=r"leads out|no absolute path"):
            delete_stream(path, [root])
    with pytest.raises(StreamProblemError, match="no plain file"):
        delete_stream(root / "day", [root])
    delete_stream(root / "link.wav", [root])
    assert not (root / "link.wav").is_symlink()
    assert secret.exists()
