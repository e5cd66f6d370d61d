"""Frames as Parquet files below a storage root: one for each window and asset, whole or not there at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl
from filelock import FileLock, Timeout

from cx_pipeline.core.errors import ConfigurationError, InputError, TransientError
from cx_pipeline.core.frames import FrameContract, frame_path
from cx_pipeline.core.windows import Window

TEMPORARY_SUFFIX = ".part"
_LOCK_TIMEOUT_S = 30
_HIGH_WATER = "cx:high_water"
_IS_OPEN = "cx:is_open"


@dataclass(frozen=True, slots=True)
class FrameMark:
    """What a frame was computed from: arrivals up to `high_water`, of a window that was open or not."""

    high_water: int
    is_open: bool


@dataclass(frozen=True, slots=True)
class StoredFrame:
    """A frame as it lies in the store."""

    frame: pl.DataFrame
    mark: FrameMark


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a write did. `is_kept` is false where a newer computation was there, and stays."""

    path: Path
    rows: int
    size_bytes: int
    is_kept: bool


class FrameStore:
    """Frames below a local folder (or one that is mounted).

    A file is written under a temporary name, forced to disk and renamed: a reader sees the old frame or the new one,
    whatever is killed when. Equal frames with equal marks give equal bytes. A frame of a lower mark never replaces
    one of a higher mark. An object store would replace the two private methods that touch files.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, frame: pl.DataFrame, contract: FrameContract, window: Window, mark: FrameMark) -> Receipt:
        """Store the window's frame in the contract's columns and order.

        Raises:
            SchemaError: the frame has not the contract's columns and types.
            ConfigurationError: the storage root cannot be written to, or its disk is full.
        """
        conformed = contract.conform(frame)
        path = self._path(contract.name, window)
        metadata = {_HIGH_WATER: str(mark.high_water), _IS_OPEN: str(mark.is_open).lower()}
        try:
            with self._temporary(path) as temporary:
                conformed.write_parquet(temporary, compression="zstd", statistics=True, metadata=metadata)
                _force_to_disk(temporary)
                is_kept = self._publish(temporary, path, mark)
        except OSError as error:
            raise ConfigurationError(
                f"cannot write {path}: {error.strerror}; check CX_STORAGE_ROOT, its rights and the free space"
            ) from error
        return Receipt(path, conformed.height, path.stat().st_size, is_kept)

    def read(self, contract: FrameContract, window: Window) -> StoredFrame:
        """The window's frame.

        Raises:
            InputError: there is none: the asset has to be materialised for this window first.
            SchemaError: what lies there has not the contract's columns and types.
        """
        path = self._path(contract.name, window)
        try:
            # One open file: metadata and rows are of the same frame, even if another is put in its place meanwhile.
            with path.open("rb") as file:
                mark = _mark_of(path, pl.read_parquet_metadata(file))
                file.seek(0)
                frame = pl.read_parquet(file)
        except FileNotFoundError:
            message = (
                f"there is no frame of {contract.name} for the window {window.key}: materialise it first"
            )
            raise InputError(message) from None
        return StoredFrame(contract.conform(frame), mark)

    def find(self, contract: FrameContract, window: Window) -> StoredFrame | None:
        """The window's frame, null if there is none.

        Raises:
            SchemaError: what lies there has not the contract's columns and types.
        """
        return self.read(contract, window) if self._path(contract.name, window).exists() else None

    def paths(self) -> Iterator[Path]:
        """All files of frames, finished and temporary ones."""
        for pattern in ("*.parquet", f"*{TEMPORARY_SUFFIX}"):
            yield from sorted(self.root.glob(f"*/*/{pattern}"))

    def remove_unnamed(self, named: frozenset[str], older_than: datetime) -> list[Path]:
        """Delete files that are older than `older_than` and whose path below the root is not in `named`."""
        removed = []
        for path in self.paths():
            if path.relative_to(self.root).as_posix() in named:
                continue
            try:
                if path.stat().st_mtime < older_than.timestamp():
                    path.unlink()
                    removed.append(path)
            except FileNotFoundError:
                continue  # another maintenance was quicker
        return removed

    def _path(self, name: str, window: Window) -> Path:
        return self.root / frame_path(name, window)

    @contextmanager
    def _temporary(self, path: Path) -> Iterator[Path]:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=TEMPORARY_SUFFIX, dir=path.parent)
        os.close(handle)
        try:
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)

    def _publish(self, temporary: Path, path: Path, mark: FrameMark) -> bool:
        try:
            with FileLock(self.root / ".publish.lock", timeout=_LOCK_TIMEOUT_S):
                if (
                    path.exists()
                    and _mark_of(path, pl.read_parquet_metadata(path)).high_water > mark.high_water
                ):
                    return False
                temporary.replace(path)
        except Timeout:
            raise TransientError(f"another process holds {self.root}/.publish.lock: try again") from None
        _force_to_disk(path.parent)
        return True


def _mark_of(path: Path, metadata: dict[str, str]) -> FrameMark:
    try:
        return FrameMark(int(metadata[_HIGH_WATER]), metadata[_IS_OPEN] == "true")
    except (KeyError, ValueError):
        raise InputError(
            f"{path} was not written by this program: move it away and materialise it again"
        ) from None


def _force_to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
