"""Folders of manifests, listed some entries at a time: what of them is a manifest, what a folder."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice

from cx_pipeline.adapters.freeswitch.manifest_files import FINISHED, UNFINISHED
from cx_pipeline.adapters.freeswitch.storage_watch import StorageWatch

ENTRIES_AT_A_TIME = 1000
_LATEST_S = 4_102_444_800.0

ListFolder = Callable[[str], AbstractContextManager[Iterator["os.DirEntry[str]"]]]


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file whose name is that of a manifest."""

    name: str
    size_bytes: int
    modified_ns: int

    @property
    def is_unfinished(self) -> bool:
        """Whether its recorder had not come to an end with it."""
        return self.name.endswith(UNFINISHED)


@dataclass(slots=True)
class Listed:
    """Some entries of a folder."""

    entries: int = 0
    folders: list[str] = field(default_factory=list)
    """Names."""
    files: list[ListedFile] = field(default_factory=list)
    linked_folders: int = 0
    """Links to folders: they are not followed, they may lead anywhere, and in circles."""


def list_folder(path: str, watch: StorageWatch, scandir: ListFolder = os.scandir) -> Iterator[Listed]:
    """The entries of a folder, at most `ENTRIES_AT_A_TIME` at a time.

    Raises:
        OSError: it is not there, or cannot be read.
    """
    with watch.operation(f"list {path}"):
        opened = scandir(path)
    with opened as entries:
        while True:
            with watch.operation(f"list {path}"):
                listed = Listed()
                for entry in islice(entries, ENTRIES_AT_A_TIME):
                    listed.entries += 1
                    # An entry that is gone by now is no entry.
                    with suppress(FileNotFoundError):
                        _sort(entry, listed)
            if not listed.entries:
                return
            yield listed


def moment_of_ns(modified_ns: int) -> datetime:
    """A time of modification as a moment. What no clock tells in earnest is brought into 1970 to 2099."""
    return datetime.fromtimestamp(min(max(modified_ns, 0) / 1e9, _LATEST_S), UTC)


def _sort(entry: "os.DirEntry[str]", listed: Listed) -> None:
    if entry.is_dir(follow_symlinks=False):
        listed.folders.append(entry.name)
    elif entry.name.endswith((FINISHED, UNFINISHED)) and not entry.name.startswith("."):
        found = entry.stat(follow_symlinks=False)
        listed.files.append(ListedFile(entry.name, found.st_size, found.st_mtime_ns))
    elif entry.is_symlink():
        with suppress(OSError):  # one that leads nowhere leads to no folder
            listed.linked_folders += entry.is_dir()
