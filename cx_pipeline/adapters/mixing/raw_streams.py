"""The recorders' own files: deleted once their recording is safe for long enough, and never before."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Row, text, update

from cx_pipeline.adapters.crypto.key_ring import KeyRing
from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.recording_tables import recording
from cx_pipeline.adapters.freeswitch.stream_files import delete_stream
from cx_pipeline.adapters.mixing.finished_audio import FinishedAudio
from cx_pipeline.core.errors import CxError
from cx_pipeline.settings import Settings

RECORDINGS_A_RUN = 5_000

_DUE = text(
    """
    SELECT r.recording_id::text, r.tenant_id, r.state, r.path, r.sha256, r.encryption, r.manifest_ids
    FROM recording AS r
    WHERE r.raw_deleted_at IS NULL AND r.completed_at < :before
      AND (r.state = 'SKIPPED' OR r.state = 'COMPLETED' AND r.is_current)
      -- A file may be part of several recordings: it stays while any of them still needs it.
      AND NOT EXISTS (
        SELECT FROM recording AS other
        WHERE other.manifest_ids && r.manifest_ids AND other.recording_id <> r.recording_id AND other.is_current
          AND (other.state NOT IN ('COMPLETED', 'SKIPPED') OR other.completed_at >= :before)
      )
    ORDER BY r.completed_at LIMIT :limit
    """
)
_FILES = text(
    "SELECT file_path, manifest_path FROM recording_manifest WHERE manifest_id = ANY (CAST(:ids AS uuid[]))"
)


@dataclass(frozen=True, slots=True)
class Deletion:
    """What went. `broken`: recordings whose own file does not hold any more, so that nothing of theirs was deleted."""

    recordings: int
    files: int
    bytes: int
    broken: tuple[str, ...]


class RawStreams:
    """Deletes raw streams after `raw_retention_days`."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine
        self._audio = FinishedAudio(settings, engine, KeyRing.load(settings))

    def delete_due(self, now: datetime) -> Deletion:
        """Delete the files of recordings that were finished long enough ago and whose hash still holds.

        Never those of a recording that failed, or that another recording still needs. Killed half way, the next call
        goes on: a file that is gone already is no fault.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        before = now - timedelta(days=self._settings.raw_retention_days)
        files = size = recordings = 0
        broken = []
        with database_errors("to read recordings"), self._engine.connect() as connection:
            due = connection.execute(_DUE, {"before": before, "limit": RECORDINGS_A_RUN}).all()
        for row in due:
            if row.state == "COMPLETED" and not self._holds(row):
                broken.append(row.recording_id)
                continue
            for path in self._files_of(row.manifest_ids):
                deleted = delete_stream(
                    path, (*self._settings.stream_roots, *self._settings.folders_of_manifests)
                )
                files, size = files + (deleted is not None), size + (deleted or 0)
            self._note(row.recording_id, now)
            recordings += 1
        return Deletion(recordings, files, size, tuple(broken))

    def _holds(self, row: Row[Any]) -> bool:
        try:
            return self._audio.sha256(row.recording_id, row.path, row.encryption) == str(row.sha256)
        except CxError:
            return False

    def _files_of(self, manifest_ids: list[str]) -> list[Path]:
        with database_errors("to read manifests"), self._engine.connect() as connection:
            rows = connection.execute(_FILES, {"ids": manifest_ids}).all()
        return [Path(path) for row in rows for path in (row.file_path, row.manifest_path) if path is not None]

    def _note(self, recording_id: str, now: datetime) -> None:
        noted = update(recording).values(raw_deleted_at=now).where(recording.c.recording_id == recording_id)
        with database_errors("to note a deletion"), self._engine.begin() as connection:
            connection.execute(noted)
