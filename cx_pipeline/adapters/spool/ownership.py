"""Who writes where: each process has a folder of its own below the spool's, held by a lock that dies with it."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from cx_pipeline.adapters.spool.segment import force_folder_to_disk
from cx_pipeline.adapters.storage.storage_faults import storage_faults
from cx_pipeline.core.errors import ConfigurationError

_LOCK_NAME = "lock"
_MOST_OWNERS = 1000


class OwnedFolder:
    """A folder that nobody else writes to, until `release` or the end of this process."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Let others have it; a second time does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with suppress(OSError):
                os.close(descriptor)


def take_folder(root: Path) -> OwnedFolder:
    """The first folder below `root` that nobody has, or a new one.

    Raises:
        StorageUnavailableError: the disk is full, or does not answer.
        ConfigurationError: the folder's rights are wrong.
    """
    with storage_faults(f"make the spool's folder {root}"):
        for number in range(1, _MOST_OWNERS):
            path = root / str(number)
            _make(path)
            if owned := _locked(path):
                return owned
    raise ConfigurationError(f"{root} has {_MOST_OWNERS} owners: give the gateway a spool of its own")


def left_folders(root: Path, own: OwnedFolder) -> list[OwnedFolder]:
    """The folders below `root` whose owners are dead, now held; the caller releases them.

    Raises:
        StorageUnavailableError: the disk does not answer.
        ConfigurationError: the folder's rights are wrong.
    """
    with storage_faults(f"read the spool's folder {root}"):
        others = sorted(path for path in root.iterdir() if path.name.isdigit() and path != own.path)
        return [owned for path in others if (owned := _locked(path))]


def _make(path: Path) -> None:
    if path.is_dir():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=0o750, exist_ok=True)
    for folder in (path.parent, path.parent.parent):
        force_folder_to_disk(folder)


def _locked(path: Path) -> OwnedFolder | None:
    descriptor = os.open(path / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        os.close(descriptor)
        raise
    return OwnedFolder(path, descriptor)
