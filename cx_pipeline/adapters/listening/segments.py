"""Lines on disk between a source that cannot be read again and the gateway: a folder of files, read in their order."""

import fcntl
import os
from collections.abc import Iterable
from pathlib import Path
from threading import Lock

from cx_pipeline.adapters.listening.positions import Position, PositionFile, Trail, trail_at
from cx_pipeline.adapters.listening.tailed_file import FileCutError, TailedFile, open_regular
from cx_pipeline.adapters.storage.part_files import force_folder, make_folder
from cx_pipeline.adapters.storage.storage_faults import storage_faults
from cx_pipeline.core.errors import ConfigurationError

SEGMENT_BYTES = 16 * 1024 * 1024
_SUFFIX = ".ndjson"
_MODE = 0o640


class SegmentFolder:
    """Written by one thread and read by another, of one process: others are kept out by a lock.

    Raises (all methods):
        StorageUnavailableError: the storage is full, or does not answer.
        ConfigurationError: it refuses us, or another process has the folder.
    """

    def __init__(self, folder: Path, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.folder = folder
        self._segment_bytes = segment_bytes
        self._positions = PositionFile(folder / "position.json")
        self._guard = Lock()
        with storage_faults(f"write {folder}"):
            make_folder(folder)
            self._lock: int | None = _locked(folder / "lock")
        self._sizes = {path: path.stat().st_size for path in sorted(folder.glob(f"[0-9]*{_SUFFIX}"))}
        self._reading: tuple[Path, TailedFile] | None = None
        self._writing: int | None = None
        self._newest: Path | None = None

    def close(self) -> None:
        """Let go of the files and of the lock."""
        if self._reading is not None:
            self._reading[1].close()
        for descriptor in (self._writing, self._lock):
            if descriptor is not None:
                os.close(descriptor)
        self._reading = self._writing = self._lock = None

    @property
    def size_bytes(self) -> int:
        """How much is on disk, delivered parts of files that are not yet deleted included."""
        with self._guard:
            return sum(self._sizes.values())

    @property
    def unread_bytes(self) -> int:
        """How much of it was not read."""
        return self.size_bytes - (0 if self._reading is None else self._reading[1].trail.offset)

    def append(self, lines: Iterable[bytes]) -> None:
        """Add lines; they are on disk when this returns."""
        data = b"".join(line + b"\n" for line in lines)
        with storage_faults(f"write below {self.folder}"):
            if (
                self._newest is None
                or self._sizes.get(self._newest, self._segment_bytes) >= self._segment_bytes
            ):
                self._begin()
            assert self._writing is not None  # noqa: S101 - for the type checker
            start = os.fstat(self._writing).st_size
            try:
                _write_all(self._writing, data)
                os.fdatasync(self._writing)
            except OSError:
                os.ftruncate(
                    self._writing, start
                )  # half of it must not stand before the whole of the next try
                raise
        with self._guard:
            assert self._newest is not None  # noqa: S101 - for the type checker
            self._sizes[self._newest] = start + len(data)

    def next_lines(self) -> tuple[list[bytes], Position] | None:
        """The lines that follow those that were read before, and their position; None where there are none."""
        while (reading := self._opened()) is not None:
            path, file = reading
            is_newest = path == self._newest
            with storage_faults(f"read {path}"):
                try:
                    lines = file.read_lines(is_final=not is_newest)
                except FileCutError:  # taken back, as the disk did not take all of it: written anew soon
                    return None
                if lines:
                    return list(lines), file.position
                if is_newest and not self._segment_bytes <= self._sizes[path] <= file.trail.offset:
                    return None
                self._drop(path)
        return None

    def delivered(self, position: Position) -> None:
        """Note how far the gateway has them."""
        self._positions.save(position)

    def clear(self) -> None:
        """Delete what was delivered, when all was."""
        while (reading := self._opened()) is not None and not reading[1].unread_bytes:
            self._drop(reading[0])

    def _begin(self) -> None:
        """A new file for what comes; numbers only grow."""
        number = 1 + max((int(path.stem) for path in self._sizes), default=0)
        path = self.folder / f"{number:09d}{_SUFFIX}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(path, flags, _MODE)
        force_folder(self.folder)
        if self._writing is not None:
            os.close(self._writing)
        self._writing = descriptor
        with self._guard:
            self._sizes[path] = 0
            self._newest = path

    def _opened(self) -> tuple[Path, TailedFile] | None:
        """The oldest file, from where it was delivered to."""
        if self._reading is None:
            with self._guard:
                oldest = min(self._sizes, default=None)
            if oldest is None:
                return None
            with storage_faults(f"read {oldest}"):
                descriptor = open_regular(oldest)
                position, status = self._positions.load(), os.fstat(descriptor)
                is_its = position is not None and position.inode == status.st_ino
                trail = trail_at(descriptor, position) if position is not None and is_its else None
            self._reading = oldest, TailedFile(descriptor, trail or Trail())
        return self._reading

    def _drop(self, path: Path) -> None:
        """Delete a file of which all was delivered."""
        if self._reading is not None:
            self._reading[1].close()
            self._reading = None
        path.unlink()
        with self._guard:
            self._sizes.pop(path)
            if path == self._newest:
                self._newest = None


def _locked(path: Path) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, _MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise ConfigurationError(
            f"{path.parent} is another listener's that runs: give each a --listener-id of its own"
        ) from None
    return descriptor


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
