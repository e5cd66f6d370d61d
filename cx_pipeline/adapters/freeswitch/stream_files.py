"""The only place that opens recorders' files: below the configured roots, plain files, nothing else.

A path comes from a manifest, which anybody may have written who can reach the folder or the gateway. So it is not
looked at and then opened, but opened without reading (`O_PATH`: no device is woken, no pipe waited for), asked where
it really is and what, and only then opened for reading, by the descriptor: between the question and the reading no
link can be put in its place.
"""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cx_pipeline.adapters.audio.wav_chunks import CutShortError
from cx_pipeline.adapters.audio.wav_header import read_wav_header
from cx_pipeline.adapters.freeswitch.path_text import path_of_text, text_of_path
from cx_pipeline.adapters.storage.storage_faults import AWAY
from cx_pipeline.core.errors import InputError, StorageUnavailableError

_O_PATH: int | None = getattr(os, "O_PATH", None)
_DESCRIPTORS = "/proc/self/fd"
_PROBE_BUFFER_BYTES = 4096
_NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL})


class StreamProblemError(InputError):
    """A file of a recorder that cannot be used; `problem` is one of `FILE_PROBLEMS`."""

    def __init__(self, problem: str, message: str) -> None:
        super().__init__(message)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """What a file itself tells: the columns of `RECORDING_MANIFEST_SCHEMA` from `file_problem` on, and its real path."""

    real_path: str | None = None
    """Where it lies, all links resolved; a text (`path_text`) that all functions here take as a path."""
    file_problem: str | None = None
    file_size_bytes: int | None = None
    encoding: str | None = None
    sample_rate_hz: int | None = None
    channels: int | None = None
    frames: int | None = None
    data_offset_bytes: int | None = None
    is_header_unfinished: bool | None = None


def open_stream(path: Path | str, roots: Sequence[Path], *, buffer_bytes: int = -1) -> BinaryIO:
    """Open a recorder's file for reading. The caller closes it. A path may be the text of one that is not UTF-8.

    Raises:
        StreamProblemError: it is missing, leads out of the roots, is no plain file, or may not be read.
        StorageUnavailableError: the storage failed.
    """
    name = path_of_text(str(path))
    with _problems_of(name):
        descriptor, _ = _opened(name, roots)
        return os.fdopen(descriptor, "rb", buffering=buffer_bytes)


def probe(path: Path | str, roots: Sequence[Path]) -> StreamFacts:
    """What a recorder's file tells. What is wrong with it is told as its `file_problem`, never raised."""
    name = path_of_text(str(path))
    try:
        with _problems_of(name):
            descriptor, real_path = _opened(name, roots)
            with os.fdopen(descriptor, "rb", buffering=_PROBE_BUFFER_BYTES) as file:
                return _facts(file, text_of_path(real_path))
    except StreamProblemError as problem:
        return StreamFacts(file_problem=problem.problem)
    except StorageUnavailableError:
        return StreamFacts(file_problem="UNREADABLE")


def delete_stream(path: Path | str, roots: Sequence[Path]) -> int | None:
    """Delete a recorder's file; its size, null if it was gone already. Of a link, only the link goes.

    Raises:
        StreamProblemError: its folder leads out of the roots, or it is no plain file, or may not be deleted.
        StorageUnavailableError: the storage failed.
    """
    name = path_of_text(str(path))
    folder, _, last = name.rpartition("/")
    try:
        with _problems_of(name):
            _require_absolute(name)
            descriptor = os.open(folder or "/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                _require_below(_place_of(descriptor, folder), roots, name)
                found = os.stat(last, dir_fd=descriptor, follow_symlinks=False)
                if not (stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode)):
                    raise StreamProblemError("NOT_AUDIO", f"{name} is no plain file: it is not deleted")
                os.unlink(last, dir_fd=descriptor)
                return found.st_size
            finally:
                os.close(descriptor)
    except StreamProblemError as problem:
        if problem.problem == "MISSING":
            return None
        raise


def _facts(file: BinaryIO, real_path: str) -> StreamFacts:
    size = os.fstat(file.fileno()).st_size
    try:
        header = read_wav_header(file, size)
    except CutShortError:
        return StreamFacts(real_path, "EMPTY", size)
    except InputError:
        return StreamFacts(real_path, "NOT_AUDIO", size)
    return StreamFacts(
        real_path=real_path,
        file_problem=None if header.frames else "EMPTY",
        file_size_bytes=size,
        encoding=header.encoding,
        sample_rate_hz=header.sample_rate_hz,
        channels=header.channels,
        frames=header.frames,
        data_offset_bytes=header.data_offset_bytes,
        is_header_unfinished=header.is_unfinished,
    )


def _opened(name: str, roots: Sequence[Path]) -> tuple[int, str]:
    """A descriptor for reading, and where the file really is."""
    _require_absolute(name)
    if _O_PATH is None or not os.path.isdir(_DESCRIPTORS):  # noqa: PTH112
        return _opened_by_name(name, roots)
    place = os.open(name, _O_PATH | os.O_CLOEXEC)
    try:
        real_path = _place_of(place, name)
        _require_below(real_path, roots, name)
        _require_plain(place, name)
        return os.open(f"{_DESCRIPTORS}/{place}", os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY), real_path
    finally:
        os.close(place)


def _opened_by_name(name: str, roots: Sequence[Path]) -> tuple[int, str]:
    """Where the system cannot say where a descriptor is: opened without waiting, and the name looked at again."""
    real_path = os.path.realpath(name)
    _require_below(real_path, roots, name)
    _require_plain(real_path, name)
    descriptor = os.open(real_path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        _require_plain(descriptor, name)
        is_same = os.path.samestat(os.fstat(descriptor), os.lstat(real_path))
        if not is_same or os.path.realpath(real_path) != real_path:
            raise StreamProblemError("OUTSIDE_ROOTS", f"{name} was exchanged while it was opened")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, real_path


def _place_of(descriptor: int, name: str) -> str:
    with suppress(OSError):
        return os.readlink(f"{_DESCRIPTORS}/{descriptor}")  # noqa: PTH115 - names that are not UTF-8 too
    return os.path.realpath(name)


def _require_absolute(name: str) -> None:
    if not name.startswith("/") or "\0" in name:
        raise StreamProblemError("OUTSIDE_ROOTS", f"{name!r} is no absolute path")


def _require_below(real_path: str, roots: Sequence[Path], name: str) -> None:
    # The root's own links are the operator's: it may lie wherever they lead.
    places = (os.path.realpath(root).rstrip("/") for root in roots)
    if not any(real_path.startswith(f"{place}/") or real_path == place for place in places):
        message = f"{name} leads out of the folders of streams (CX_STREAM_ROOTS): it is not opened"
        raise StreamProblemError("OUTSIDE_ROOTS", message)


def _require_plain(place: int | str, name: str) -> None:
    if not stat.S_ISREG(os.stat(place).st_mode):  # noqa: PTH116 - a descriptor, or a name
        raise StreamProblemError("NOT_AUDIO", f"{name} is no plain file: it is not read")


@contextmanager
def _problems_of(name: str) -> Iterator[None]:
    """What the operating system says of a file, as ours."""
    try:
        yield
    except UnicodeEncodeError:
        raise StreamProblemError("MISSING", "there can be no file of this name") from None
    except OSError as error:
        if error.errno in _NOT_THERE:
            raise StreamProblemError("MISSING", f"{name} is not there") from None
        if error.errno in AWAY or isinstance(error, TimeoutError):
            message = f"{name} cannot be read: {error.strerror}; it is tried again when the storage answers"
            raise StorageUnavailableError(message) from error
        raise StreamProblemError("UNREADABLE", f"{name} cannot be read: {error.strerror}") from None
