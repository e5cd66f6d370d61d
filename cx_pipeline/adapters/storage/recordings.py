"""Finished recordings below their root: whole under their final names, or not there at all."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import quote
from uuid import UUID

from cx_pipeline.adapters.storage.part_files import (
    PART_SUFFIX,
    PartFile,
    force_folder,
    make_folder,
    remove_abandoned,
)
from cx_pipeline.adapters.storage.storage_faults import storage_faults
from cx_pipeline.core.errors import CxError, InputError
from cx_pipeline.core.recording.schema import FORMATS

_LONGEST_TENANT = 100
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
    def part(self, path: str) -> Iterator[PartFile]:
        """A temporary file for `path`; what was not published at the end is removed."""
        target = self._absolute(path)
        with storage_faults(f"write {target}"):
            make_folder(target.parent)
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
            force_folder(target.parent)
        return True

    def remove_leftovers(self, older_than: datetime) -> list[str]:
        """Delete temporary files of writers that are gone and that were last written before `older_than`."""
        removed = []
        with storage_faults(f"read {self.root}"):
            for part in sorted(self.root.glob(f"*/*/.*{PART_SUFFIX}")):
                with suppress(FileNotFoundError):  # another maintenance was quicker
                    is_old = part.stat().st_mtime < older_than.timestamp()
                    if is_old and remove_abandoned(part):
                        removed.append(part.relative_to(self.root).as_posix())
        return removed

    def _folder(self, tenant_id: str, start_time: datetime) -> str:
        return f"{_tenant_folder(tenant_id)}/{start_time.astimezone(UTC):%Y-%m-%d}"

    def _absolute(self, path: str) -> Path:
        relative = PurePosixPath(path)
        if relative.is_absolute() or ".." in relative.parts or not relative.parts:
            raise InputError(f"{path!r} leads out of the recordings' root")
        return self.root / relative


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
