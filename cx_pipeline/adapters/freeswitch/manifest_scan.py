"""The scan of the folders of manifests: what is new is read and stored, what is known is not opened.

A folder that did not change since it was read whole is not listed; in one that did, only names that are new, or of
another size, are opened. A folder that changed less than two seconds ago counts as changed again: a file system may
count no finer. So a site's hundred thousand files of yesterday cost one look at their folder.
"""

import errno
import os
import stat
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from cx_pipeline.adapters.database.scanned_folders import FolderState, ScannedFolders
from cx_pipeline.adapters.freeswitch.folder_listing import (
    ListedFile,
    ListFolder,
    list_folder,
    moment_of_ns,
)
from cx_pipeline.adapters.freeswitch.manifest_files import refusal
from cx_pipeline.adapters.freeswitch.manifest_intake import FolderReading, ManifestIntake
from cx_pipeline.adapters.freeswitch.path_text import beginnings_of, path_of_text, text_of_path
from cx_pipeline.adapters.freeswitch.storage_watch import StorageWatch
from cx_pipeline.adapters.storage.storage_faults import AWAY
from cx_pipeline.core.errors import StorageUnavailableError

TIME_GRAIN = timedelta(seconds=2)
"""The coarsest that a file system counts times of modification."""
_DEEPEST = 32
_MOST_FAULTS = 3
"""After so many faults of the storage the scan goes no further."""
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR})


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """What a scan goes by."""

    folders: tuple[Path, ...]
    """Where manifests are."""
    roots: tuple[Path, ...]
    """Below which their files must be."""
    abandon_after: timedelta
    """An unfinished manifest older than this is taken as it is."""


class ManifestScan:
    """One scan. Killed at any moment, the next one goes on where it was.

    `figures` counts: folders (`folders_seen`, `folders_listed`, `folders_unreadable`, `linked_folders`), names
    (`names_listed`, `manifests_opened`, `unfinished_waiting`) and what came of them (`manifests_new`,
    `manifests_changed`, `quarantined`: those that were not in quarantine before).
    """

    def __init__(
        self,
        engine: Engine,
        options: ScanOptions,
        now: datetime,
        watch: StorageWatch,
        scandir: ListFolder = os.scandir,
    ) -> None:
        self._options, self._now, self._watch, self._scandir = options, now, watch, scandir
        self._scanned = ScannedFolders(engine)
        self._known: dict[str, FolderState] = {}
        self._children: dict[str, list[str]] = {}
        self._seen: set[tuple[int, int]] = set()
        self._faults: list[str] = []
        self.figures: Counter[str] = Counter()
        self._intake = ManifestIntake(
            engine,
            folders=options.folders,
            roots=options.roots,
            now=now,
            watch=watch,
            figures=self.figures,
        )

    def run(self) -> None:
        """Read what is new.

        Raises:
            StorageUnavailableError: a part of the storage does not answer. What could be read was stored.
            DatabaseUnavailableError: the database does not answer.
        """
        with self._watch.operation("find the folders of manifests"):
            roots = list(dict.fromkeys(os.path.realpath(folder) for folder in self._options.folders))
        self._known = self._scanned.below([text for root in roots for text in beginnings_of(root)])
        for text in self._known:
            path = path_of_text(text)
            self._children.setdefault(path.rpartition("/")[0], []).append(path)
        for root in roots:
            self._go_through(root)
        if self._faults:
            raise StorageUnavailableError(f"not all manifests could be read: {'; '.join(self._faults)}")

    def _go_through(self, root: str) -> None:
        waiting = [(root, 0)]
        while waiting and len(self._faults) < _MOST_FAULTS:
            path, depth = waiting.pop()
            try:
                below = self._look_at(path)
            except OSError as error:
                self._tell(path, error, is_root=depth == 0)
                continue
            if depth < _DEEPEST:
                waiting.extend((child, depth + 1) for child in below)

    def _look_at(self, path: str) -> Sequence[str]:
        """The folders in a folder, whose own files are read if it changed."""
        with self._watch.operation(f"look at {path}"):
            found = os.lstat(path)
        if not stat.S_ISDIR(found.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if (found.st_dev, found.st_ino) in self._seen:  # mounted twice, or below itself
            return ()
        self._seen.add((found.st_dev, found.st_ino))
        self.figures["folders_seen"] += 1
        known = self._known.get(text_of_path(path))
        if known is None or known.modified_ns != found.st_mtime_ns:
            return self._read(path, found.st_mtime_ns)
        if known.look_again_at is not None and known.look_again_at <= self._now:
            return self._read(path, found.st_mtime_ns)
        return self._children.get(path, ())

    def _read(self, path: str, modified_ns: int) -> Sequence[str]:
        folder = FolderReading(path)
        if self._now - moment_of_ns(modified_ns) < TIME_GRAIN:
            folder.look_again(self._now)
        self.figures["folders_listed"] += 1
        below: list[str] = []
        for listed in list_folder(path, self._watch, self._scandir):
            self.figures["names_listed"] += listed.entries
            self.figures["linked_folders"] += listed.linked_folders
            below.extend(f"{path}/{name}" for name in listed.folders)
            self._intake.take_in(folder, [file for file in listed.files if self._is_ready(folder, file)])
        if gone := set(self._children.get(path, ())).difference(below):
            self._scanned.forget([text for each in gone for text in beginnings_of(each)])
        if folder.faults:
            self._faults.append(folder.faults[0])
        else:
            state = FolderState(modified_ns, folder.look_again_at)
            self._scanned.note_folder(text_of_path(path), state, self._now)
        return below

    def _is_ready(self, folder: FolderReading, file: ListedFile) -> bool:
        ready_at = moment_of_ns(file.modified_ns) + self._options.abandon_after
        if not file.is_unfinished or ready_at <= self._now:
            return True
        folder.look_again(ready_at)
        self.figures["unfinished_waiting"] += 1
        return False

    def _tell(self, path: str, error: OSError, *, is_root: bool) -> None:
        """What became of a folder that could not be read: gone, away, or not for us."""
        if is_root:
            self._faults.append(f"{path}: {error.strerror}; see whether its storage is mounted")
        elif error.errno in _GONE:
            self._scanned.forget(beginnings_of(path))
        elif error.errno in AWAY or isinstance(error, TimeoutError):
            self._faults.append(f"{path}: {error.strerror}")
        else:
            self.figures["folders_unreadable"] += 1
            self._intake.quarantine(refusal(path, f"UNREADABLE: the folder cannot be read: {error.strerror}"))
