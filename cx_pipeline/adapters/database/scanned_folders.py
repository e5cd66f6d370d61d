"""What is known of folders of manifests: how they were when they were last read, and which of their files were."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.recording_tables import scanned_file, scanned_folder


@dataclass(frozen=True, slots=True)
class FolderState:
    """A folder when it was last read whole."""

    modified_ns: int
    """Its time of modification before it was read."""
    look_again_at: datetime | None
    """When something in it may be ready that was not, though the folder does not change."""


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """A manifest's file that was read. Without `manifest_id`: it could not be used."""

    name: str
    size_bytes: int
    manifest_id: str | None


class ScannedFolders:
    """Reads and writes it. Paths and names are texts (`path_text`)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def below(self, roots: Collection[str]) -> dict[str, FolderState]:
        """The folders that are known at or below the roots, by path.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        if not roots:
            return {}
        path = scanned_folder.c.path
        is_below = or_(*(or_(path == root, path.startswith(f"{root}/", autoescape=True)) for root in roots))
        query = select(path, scanned_folder.c.modified_ns, scanned_folder.c.look_again_at).where(is_below)
        with database_errors("to read scanned folders"), self._engine.connect() as connection:
            return {
                row.path: FolderState(
                    row.modified_ns, row.look_again_at and row.look_again_at.astimezone(UTC)
                )
                for row in connection.execute(query)
            }

    def sizes_of(self, folder: str, names: Collection[str]) -> Mapping[str, int]:
        """The sizes that the named files of a folder had when they were read; those that were not are left out.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        table = scanned_file
        query = select(table.c.name, table.c.size_bytes).where(
            table.c.folder == folder, table.c.name == func.any(list(names))
        )
        with database_errors("to read scanned files"), self._engine.connect() as connection:
            return {name: size for name, size in connection.execute(query)}  # noqa: C416

    def note_files(self, folder: str, files: Iterable[ScannedFile], scanned_at: datetime) -> None:
        """Keep that files of a folder were read.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        rows = [
            {
                "folder": folder,
                "name": file.name,
                "size_bytes": file.size_bytes,
                "manifest_id": file.manifest_id,
                "scanned_at": scanned_at,
            }
            for file in files
        ]
        if not rows:
            return
        row = insert(scanned_file)
        kept = row.on_conflict_do_update(
            index_elements=["folder", "name"],
            set_={name: row.excluded[name] for name in ("size_bytes", "manifest_id", "scanned_at")},
        )
        with database_errors("to note scanned files"), self._engine.begin() as connection:
            connection.execute(kept, rows)

    def note_folder(self, path: str, state: FolderState, scanned_at: datetime) -> None:
        """Keep that a folder was read whole.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        row = insert(scanned_folder).values(
            path=path, modified_ns=state.modified_ns, look_again_at=state.look_again_at, scanned_at=scanned_at
        )
        kept = row.on_conflict_do_update(
            index_elements=["path"],
            set_={name: row.excluded[name] for name in ("modified_ns", "look_again_at", "scanned_at")},
        )
        with database_errors("to note a scanned folder"), self._engine.begin() as connection:
            connection.execute(kept)

    def forget(self, paths: Collection[str]) -> None:
        """Drop what is known of folders that are no more, and of all below them.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        with database_errors("to forget scanned folders"), self._engine.begin() as connection:
            for path in paths:
                for column in (scanned_folder.c.path, scanned_file.c.folder):
                    gone = or_(column == path, column.startswith(f"{path}/", autoescape=True))
                    connection.execute(delete(column.table).where(gone))
