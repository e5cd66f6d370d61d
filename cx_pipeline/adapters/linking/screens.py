"""The scan of the folder of screen recordings: `<root>/<date>/<dialogId>_<extension>_<epoch>.mp4` (guide 17.12.5).

Only the folders of dates that matter to a window are looked at, and of these only what changed since. Uploads that run
wait: by their name, or while they grow. Names that cannot be read are counted and told.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
from sqlalchemy import Engine

from cx_pipeline.adapters.database.quarantine import InputQuarantine
from cx_pipeline.adapters.database.scanned_folders import FolderState, ScannedFolders
from cx_pipeline.adapters.database.screen_recordings import ScreenRecordings
from cx_pipeline.adapters.freeswitch.folder_listing import moment_of_ns
from cx_pipeline.adapters.freeswitch.path_text import text_of_path
from cx_pipeline.adapters.freeswitch.storage_watch import StorageWatch
from cx_pipeline.core.errors import StorageUnavailableError
from cx_pipeline.core.identity import name_of, uuid_of
from cx_pipeline.core.linking.screens import SCREEN_SCHEMA, UNDER_WAY, screen_name

STILL = timedelta(seconds=10)
"""A file that was written to less long ago may be growing."""
AROUND_THE_WORLD = timedelta(hours=14)
"""Dates of folders are those of the agents' workstations, wherever they stand."""
UNNAMED = "NOT_A_SCREEN: the name is not <dialogId>_<extension>_<epoch>.mp4"
"""Why a file is in quarantine."""
_STATE = "screens:"
"""Before the paths of these folders, so that what is known of them as folders of manifests stays apart."""


@dataclass(slots=True)
class _Folder:
    """A date's folder while it is read."""

    path: Path
    rows: list[tuple[object, ...]]
    unnamed: list[str]
    look_again_at: datetime | None = None


def scan_screens(root: Path, engine: Engine, since: datetime, until: datetime, now: datetime) -> Counter[str]:
    """Take in what is new of the dates from `since` to `until`.

    Returns:
        `screens_new` (or changed), `screens_waiting` (still uploaded), `screens_unnamed` (names that cannot be
        read, and were not in quarantine before),
        `screen_folders_listed`.

    Raises:
        StorageUnavailableError: the folder is not there, or does not answer.
        DatabaseUnavailableError: the database does not answer.
    """
    watch = StorageWatch()
    return watch.run(lambda: _Scan(root, engine, now, watch).run(_dates(since, until)))


def _dates(since: datetime, until: datetime) -> Iterator[date]:
    day = (since - AROUND_THE_WORLD).astimezone(UTC).date()
    last = (until + AROUND_THE_WORLD).astimezone(UTC).date()
    while day <= last:
        yield day
        day += timedelta(days=1)


class _Scan:
    """One scan."""

    def __init__(self, root: Path, engine: Engine, now: datetime, watch: StorageWatch) -> None:
        self._root, self._now, self._watch = root, now, watch
        self._scanned, self._screens = ScannedFolders(engine), ScreenRecordings(engine)
        self._refused = InputQuarantine(engine)
        self._figures: Counter[str] = Counter()

    def run(self, dates: Iterator[date]) -> Counter[str]:
        with self._watch.operation(f"look at {self._root}"):
            is_there = self._root.is_dir()
        if not is_there:
            raise StorageUnavailableError(
                f"the folder of screen recordings {self._root} is not there: see whether it is mounted (CX_SCREEN_ROOT)"
            )
        for day in dates:
            for name in (day.isoformat(), day.strftime("%Y%m%d")):
                self._look_at(self._root / name)
        return self._figures

    def _look_at(self, path: Path) -> None:
        key = _STATE + text_of_path(str(path))
        try:
            with self._watch.operation(f"look at {path}"):
                modified_ns = path.stat().st_mtime_ns
            known = self._scanned.below([key]).get(key)
            if known is not None and known.modified_ns == modified_ns and not _is_due(known, self._now):
                return
            folder = self._read(path)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise StorageUnavailableError(
                f"the screen recordings in {path} cannot be read: {error.strerror}"
            ) from None
        self._figures["screens_new"] += self._screens.take_in(_frame(folder.rows))
        self._figures["screens_unnamed"] += self._quarantine(folder)
        # A file system may count no finer than two seconds: what just changed may change unseen.
        if self._now - moment_of_ns(modified_ns) < timedelta(seconds=2):
            folder.look_again_at = folder.look_again_at or self._now + STILL
        self._scanned.note_folder(key, FolderState(modified_ns, folder.look_again_at), self._now)

    def _read(self, path: Path) -> _Folder:
        self._figures["screen_folders_listed"] += 1
        folder = _Folder(path, [], [])
        with self._watch.operation(f"list {path}"):
            entries = list(os.scandir(path))
        for entry in entries:
            with self._watch.operation(f"look at {entry.path}"):
                self._take(folder, entry)
        return folder

    def _take(self, folder: _Folder, entry: "os.DirEntry[str]") -> None:
        if entry.name.startswith(".") or not entry.is_file(follow_symlinks=False):
            return
        if entry.name.lower().endswith(UNDER_WAY):
            self._figures["screens_waiting"] += 1
            return
        told = screen_name(entry.name)
        if told is None:
            folder.unnamed.append(entry.name)
            return
        try:
            found = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return
        modified_at = moment_of_ns(found.st_mtime_ns)
        if modified_at + STILL > self._now or not found.st_size:
            self._figures["screens_waiting"] += 1
            folder.look_again_at = self._now + STILL
            return
        path = f"{folder.path.name}/{entry.name}"
        folder.rows.append(
            (told.dialog_id, told.agent_extension, told.start_time, path, found.st_size, modified_at)
        )

    def _quarantine(self, folder: _Folder) -> int:
        """Keep names that cannot be read, each once; how many are new."""
        new = 0
        for name in map(text_of_path, folder.unnamed):
            file_name = f"{text_of_path(str(folder.path))}/{name}"
            row = pl.DataFrame({"line_number": [0], "reason": [UNNAMED], "row_text": [name]})
            known_as = hashlib.sha256(file_name.encode()).hexdigest()
            new += self._refused.record(row, file_name=file_name, file_sha256=known_as)
        return new


def _is_due(known: FolderState, now: datetime) -> bool:
    return known.look_again_at is not None and known.look_again_at <= now


def _frame(rows: list[tuple[object, ...]]) -> pl.DataFrame:
    names = ("dialog_id", "agent_extension", "start_time", "path", "size_bytes", "modified_at")
    frame = pl.DataFrame(rows, schema={name: SCREEN_SCHEMA[name] for name in names}, orient="row")
    ids = uuid_of(frame.select(name_of(pl.lit("screen"), pl.col("path"))).to_series())
    return frame.with_columns(screen_id=ids)
