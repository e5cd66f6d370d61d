"""Finished recordings below their root: whole under their final names, or not there at all.

Files are written under a temporary name in the folder where they are to be, forced to disk, and renamed; then the
folder is forced to disk. Who writes holds a lock on the temporary file, so that what a killed writer left is told from
what another is writing.
"""

import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import BinaryIO, Self
from urllib.parse import quote
from uuid import UUID

from cx_pipeline.adapters.storage.storage_faults import storage_faults
from cx_pipeline.core.errors import CxError, InputError
from cx_pipeline.core.recording.schema import FORMATS

PART_SUFFIX = ".part"
_LONGEST_TENANT = 100
_FILE_MODE = 0o640
_UNSAFE_START = re.compile(r"^\.+")

Plaintext = Callable[[BinaryIO], Iterable[bytes]]
"""Gives the plaintext of an open file, in blocks."""


class RecordingStore:
    """Recordings below a local folder, or one that is mounted.

    Raises (by all methods that touch files):
        StorageUnavailableError: the storage is full, or does not answer: nothing has changed under a final name.
        ConfigurationError: it refuses us: the message names the path.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path_of(self, tenant_id: str, start_time: datetime, recording_id: str, format: str) -> str:
        """Where a recording lies: `{tenant}/{yyyy-mm-dd}/{recording_id}_mixed.{format}`, the day in UTC.

        Raises:
            InputError: the recording's id is no UUID, the tenant has no name, or the format is not known.
        """
        if format not in FORMATS:
            raise InputError(f"recordings are not written as {format!r}")
        return f"{self._folder(tenant_id, start_time)}/{_name(recording_id)}.{format}"

    def metadata_path_of(self, tenant_id: str, start_time: datetime, recording_id: str) -> str:
        """Where its description lies, beside it."""
        return f"{self._folder(tenant_id, start_time)}/{_name(recording_id)}.json"

    @contextmanager
    def part(self, path: str) -> Iterator["PartFile"]:
        """A temporary file for `path`; what was not published at the end is removed."""
        target = self._absolute(path)
        with storage_faults(f"write {target}"):
            _make_folder(target.parent)
            for left in target.parent.glob(f".{target.name}.*{PART_SUFFIX}"):
                with suppress(FileNotFoundError):
                    _remove_abandoned(left, is_told_by_age=False)
            part = PartFile(target)
        with part:
            yield part

    def open(self, path: str) -> BinaryIO:
        """A file of the store, to be read.

        Raises:
            FileNotFoundError: there is none.
        """
        target = self._absolute(path)
        try:
            return target.open("rb")
        except FileNotFoundError:
            raise
        except OSError as error:
            with storage_faults(f"read {target}"):
                raise error

    def holds(self, path: str, sha256: str, plaintext: Plaintext) -> bool:
        """Whether the file is there and its plaintext has this hash. A seal that does not hold is no."""
        digest = hashlib.sha256()
        try:
            with self.open(path) as file, storage_faults(f"read {self._absolute(path)}"):
                for block in plaintext(file):
                    digest.update(block)
        except FileNotFoundError:
            return False
        except CxError as error:
            if error.is_transient:
                raise
            return False
        return digest.hexdigest() == sha256

    def remove(self, path: str) -> bool:
        """Delete a file; whether it was there."""
        target = self._absolute(path)
        with storage_faults(f"delete {target}"):
            try:
                target.unlink()
            except FileNotFoundError:
                return False
            _force_folder(target.parent)
        return True

    def remove_leftovers(self, older_than: datetime) -> list[str]:
        """Delete temporary files of writers that are gone and that were last written before `older_than`."""
        removed = []
        with storage_faults(f"read {self.root}"):
            for part in sorted(self.root.glob(f"*/*/.*{PART_SUFFIX}")):
                with suppress(FileNotFoundError):  # another maintenance was quicker
                    is_old = part.stat().st_mtime < older_than.timestamp()
                    if is_old and _remove_abandoned(part, is_told_by_age=True):
                        removed.append(part.relative_to(self.root).as_posix())
        return removed

    def _folder(self, tenant_id: str, start_time: datetime) -> str:
        return f"{_tenant_folder(tenant_id)}/{start_time.astimezone(UTC):%Y-%m-%d}"

    def _absolute(self, path: str) -> Path:
        relative = PurePosixPath(path)
        if relative.is_absolute() or ".." in relative.parts or not relative.parts:
            raise InputError(f"{path!r} leads out of the recordings' root")
        return self.root / relative


class PartFile:
    """A file that is being written under a temporary name, made when it is entered."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._path, self._descriptor = _locked_part(target)
        self.size_bytes = 0
        self._is_published = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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
        return len(view)

    def force_to_disk(self) -> None:
        """Return when what was written is on disk."""
        with storage_faults(f"write {self._target}"):
            os.fsync(self._descriptor)

    def publish(self) -> None:
        """Give the file, which was forced to disk, its final name; it takes the place of what had it."""
        with storage_faults(f"publish {self._target}"):
            self._path.replace(self._target)
            self._is_published = True
            _force_folder(self._target.parent)


def _tenant_folder(tenant_id: str) -> str:
    """The tenant as the name of one folder: nothing in it leads elsewhere, and no two have the same."""
    if not tenant_id:
        raise InputError("a recording without a tenant has no place")
    name = _UNSAFE_START.sub(
        lambda dots: "%2E" * len(dots[0]), quote(tenant_id, safe="", errors="surrogatepass")
    )
    if len(name) > _LONGEST_TENANT:
        name = f"{name[: _LONGEST_TENANT - 33]}~{hashlib.sha256(tenant_id.encode()).hexdigest()[:32]}"
    return name


def _name(recording_id: str) -> str:
    try:
        return f"{UUID(recording_id)}_mixed"
    except ValueError:
        raise InputError(f"the recording id {recording_id!r} is no UUID") from None


def _locked_part(target: Path) -> tuple[Path, int]:
    """A new temporary file beside `target`, open, with a lock that ends with this process."""
    while True:
        path = target.with_name(f".{target.name}.{secrets.token_hex(8)}{PART_SUFFIX}")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE)
        with suppress(
            OSError
        ):  # not every network's storage has locks: there age alone tells what is left over
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return path, descriptor
        os.close(descriptor)  # another writer took it for a leftover before it was locked


def _remove_abandoned(part: Path, *, is_told_by_age: bool) -> bool:
    """Delete a temporary file to which nobody writes any more; whether that was so.

    Args:
        part: the file.
        is_told_by_age: whether it is one where the storage has no locks to tell by.
    """
    descriptor = os.open(part, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_abandoned = True
    except BlockingIOError:
        is_abandoned = False
    except OSError:
        is_abandoned = is_told_by_age
    try:
        if is_abandoned:
            part.unlink()
    finally:
        os.close(descriptor)
    return is_abandoned


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, each forced to disk in the one that holds it."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _force_folder(folder.parent)


def _force_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
