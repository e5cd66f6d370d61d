"""Files that appear whole or not at all: written under a temporary name, forced to disk, renamed.

Who writes holds a lock on the temporary file, so that what a killed writer left is told from what another is writing.
"""

import fcntl
import os
import secrets
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from cx_pipeline.adapters.storage.storage_faults import storage_faults

PART_SUFFIX = ".part"
_FILE_MODE = 0o640
_FLUSH_BYTES = 4_000_000


class PartFile:
    """A file that is being written under a temporary name. Used in a `with` block.

    While it grows, a thread forces to disk what was written, so that nobody waits long for it at the end and a long
    file does not fill the memory of the system.

    Raises (all methods):
        StorageUnavailableError: the storage is full, or does not answer.
        ConfigurationError: it refuses us.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        with storage_faults(f"write {target}"):
            self._path, self._descriptor = _locked_part(target)
        self.size_bytes = 0
        self._is_published = False
        self._flusher: ThreadPoolExecutor | None = None
        self._flush: Future[None] | None = None
        self._flushed_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._flusher is not None:
            self._flusher.shutdown()
        with suppress(OSError):  # the storage may be away; then maintenance removes it
            if not self._is_published:
                self._path.unlink(missing_ok=True)
        with suppress(OSError):
            os.close(self._descriptor)

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        """Write all of it."""
        view = memoryview(data).cast("B")
        with storage_faults(f"write {self._target}"):
            left = view
            while left:
                left = left[os.write(self._descriptor, left) :]
            self.size_bytes += len(view)
            self._flush_behind()
        return len(view)

    def force_to_disk(self) -> None:
        """Return when what was written is on disk."""
        with storage_faults(f"write {self._target}"):
            if self._flush is not None:
                self._flush.result()
            os.fsync(self._descriptor)

    def publish(self, *, is_folder_forced: bool = True) -> None:
        """Give the file, which was forced to disk, its final name; it takes the place of what had it.

        Args:
            is_folder_forced: whether the name is on disk when this returns; else with the next one of the folder.
        """
        with storage_faults(f"publish {self._target}"):
            self._path.replace(self._target)
            self._is_published = True
            if is_folder_forced:
                force_folder(self._target.parent)

    def _flush_behind(self) -> None:
        if self.size_bytes - self._flushed_bytes < _FLUSH_BYTES:
            return
        if self._flush is not None:
            if not self._flush.done():
                return
            self._flush.result()  # the system tells of a fault once: here, and not at the end
        if self._flusher is None:
            self._flusher = ThreadPoolExecutor(1, thread_name_prefix="flusher")
        self._flush = self._flusher.submit(os.fdatasync, self._descriptor)
        self._flushed_bytes = self.size_bytes


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, each forced to disk in the one that holds it."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    force_folder(folder.parent)


def force_folder(folder: Path) -> None:
    """Return when the names in a folder are on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_abandoned(part: Path) -> bool:
    """Delete a temporary file to which nobody writes any more; whether that was so.

    Where the storage has no locks nothing tells that, and its age, which the caller looked at, has to do.
    """
    descriptor = os.open(part, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        is_abandoned = not _is_locked(descriptor) and _is_same(part, descriptor)
        if is_abandoned:
            part.unlink()
    finally:
        os.close(descriptor)
    return is_abandoned


def _locked_part(target: Path) -> tuple[Path, int]:
    """An empty temporary file beside `target`, open, with a lock that ends with this process.

    What a killed writer of the same target left is used again, so that nothing has to be looked for.
    """
    number = 0
    while True:
        path = target.with_name(f".{target.name}.{number}{PART_SUFFIX}")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, _FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            number += 1  # another is writing the same target
        except OSError:  # not every network's storage has locks: there age alone tells what is left over
            os.close(descriptor)
            path.unlink(missing_ok=True)
            return _new_part(target)
        else:
            # Before it was locked it may have been published, which is the last thing to cut to nothing, or removed.
            if _is_same(path, descriptor):
                os.ftruncate(descriptor, 0)
                return path, descriptor
            os.close(descriptor)


def _new_part(target: Path) -> tuple[Path, int]:
    path = target.with_name(f".{target.name}.{secrets.token_hex(8)}{PART_SUFFIX}")
    return path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE)


def _is_same(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _is_locked(descriptor: int) -> bool:
    """Whether another holds the lock; if not, it is ours now, where there are locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
