"""Files of manifests on their way into the table: those that are not known are read, looked at and stored."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
from sqlalchemy import Engine

from cx_pipeline.adapters.database.manifests import Manifests
from cx_pipeline.adapters.database.quarantine import InputQuarantine
from cx_pipeline.adapters.database.scanned_folders import ScannedFile, ScannedFolders
from cx_pipeline.adapters.freeswitch.folder_listing import ListedFile, moment_of_ns
from cx_pipeline.adapters.freeswitch.manifest_files import Refusal, read_manifest_file
from cx_pipeline.adapters.freeswitch.path_text import text_of_path
from cx_pipeline.adapters.freeswitch.probing import with_files
from cx_pipeline.adapters.freeswitch.storage_watch import StorageWatch
from cx_pipeline.core.errors import StorageUnavailableError
from cx_pipeline.core.recording.manifest import Manifest, identified

_BATCH_FILES, _BATCH_BYTES = 500, 8 * 1024 * 1024
_WRITTEN_IN_PLACE = timedelta(minutes=10)
"""A manifest that makes no sense may be half written, as long as it is so young."""
_SOON, _LATER = timedelta(minutes=1), timedelta(minutes=10)


@dataclass(slots=True)
class FolderReading:
    """A folder while it is read."""

    path: str
    look_again_at: datetime | None = None
    faults: list[str] = field(default_factory=list)
    """What the storage did not give: the folder was not read whole."""

    def look_again(self, at: datetime) -> None:
        """Ask for another reading by then, whether the folder changes or not."""
        self.look_again_at = at if self.look_again_at is None else min(self.look_again_at, at)


@dataclass(slots=True)
class _Batch:
    manifests: list[tuple[ListedFile, Manifest]] = field(default_factory=list)
    refusals: list[tuple[ListedFile, Refusal]] = field(default_factory=list)
    size_bytes: int = 0

    @property
    def is_full(self) -> bool:
        return len(self.manifests) + len(self.refusals) >= _BATCH_FILES or self.size_bytes >= _BATCH_BYTES


class ManifestIntake:
    """Takes in the files of folders. Killed at any moment, what it had not noted is read again, to no other effect."""

    def __init__(
        self,
        engine: Engine,
        *,
        folders: Sequence[Path],
        roots: Sequence[Path],
        now: datetime,
        watch: StorageWatch,
        figures: Counter[str],
    ) -> None:
        self._folders, self._roots, self._now, self._watch, self._figures = (
            folders,
            roots,
            now,
            watch,
            figures,
        )
        self._manifests, self._scanned = Manifests(engine), ScannedFolders(engine)
        self._quarantine = InputQuarantine(engine)

    def take_in(self, folder: FolderReading, files: Sequence[ListedFile]) -> None:
        """Read those of the files that are not known in their size, and store what they tell.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        if not files:
            return
        sizes = self._scanned.sizes_of(text_of_path(folder.path), [text_of_path(file.name) for file in files])
        batch = _Batch()
        for file in files:
            if sizes.get(text_of_path(file.name)) == file.size_bytes:
                continue
            self._read(folder, file, batch)
            if batch.is_full:
                self._store(folder, batch)
                batch = _Batch()
        self._store(folder, batch)

    def quarantine(self, refused: Refusal) -> None:
        """Keep something that could not be used; once, however often it is met.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        row = pl.DataFrame({"line_number": [0], "reason": [refused.reason], "row_text": [refused.text]})
        self._figures["quarantined"] += self._quarantine.record(
            row, file_name=refused.path, file_sha256=refused.sha256
        )

    def _read(self, folder: FolderReading, file: ListedFile, batch: _Batch) -> None:
        path = f"{folder.path}/{file.name}"
        self._figures["manifests_opened"] += 1
        try:
            with self._watch.operation(f"open {path}"):
                read = read_manifest_file(path, self._folders)
        except StorageUnavailableError as error:
            folder.faults.append(str(error))
            return
        batch.size_bytes += file.size_bytes
        if isinstance(read, Refusal):
            batch.refusals.append((file, read))
        elif read is not None:
            batch.manifests.append((file, read))

    def _store(self, folder: FolderReading, batch: _Batch) -> None:
        manifests = identified([manifest for _, manifest in batch.manifests])
        if manifests:
            counts = self._manifests.take_in(with_files(manifests, self._roots, self._watch))
            self._figures["manifests_new"] += counts.new
            self._figures["manifests_changed"] += counts.changed
        for file, refused in batch.refusals:
            self.quarantine(refused)
            self._ask_again(folder, file, refused)
        known = [
            ScannedFile(text_of_path(file.name), file.size_bytes, manifest.manifest_id)
            for (file, _), manifest in zip(batch.manifests, manifests, strict=True)
        ]
        unusable = [
            ScannedFile(text_of_path(file.name), file.size_bytes, None)
            for file, refused in batch.refusals
            if not refused.may_pass
        ]
        self._scanned.note_files(text_of_path(folder.path), known + unusable, self._now)

    def _ask_again(self, folder: FolderReading, file: ListedFile, refused: Refusal) -> None:
        modified = moment_of_ns(file.modified_ns)
        if refused.may_pass:
            folder.look_again(self._now + _LATER)
        elif timedelta() <= self._now - modified < _WRITTEN_IN_PLACE:
            folder.look_again(self._now + _SOON)
