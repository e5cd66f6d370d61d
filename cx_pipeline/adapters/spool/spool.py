"""A queue on disk: what was appended is there after a kill or a power failure, and comes out in its order.

<root>/<owner>/lock                          held by the process that writes there
<root>/<owner>/0000000000000001.segment      `framing` says how they look inside
<root>/<owner>/dead/…                        what could not be read or used, with a `.reason` beside it
"""

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from cx_pipeline.adapters.spool.framing import FRAME_BYTES, HEAD_BYTES, read_segment
from cx_pipeline.adapters.spool.ownership import OwnedFolder, left_folders, take_folder
from cx_pipeline.adapters.spool.segment import SegmentWriter, force_folder_to_disk, framed_bytes
from cx_pipeline.adapters.storage.storage_faults import storage_faults
from cx_pipeline.core.errors import StorageUnavailableError

SEGMENT_BYTES = 8 * 1024 * 1024
"""A segment is ended once it is longer; with one that is read, its records are in memory at once."""
_SUFFIX = ".segment"


class SpoolFullError(StorageUnavailableError):
    """The spool has no room for more."""


@dataclass(frozen=True, slots=True)
class Segment:
    """The oldest records, read from disk. `damages`: how many pieces were set aside, as they cannot be read."""

    path: Path
    payloads: tuple[bytes, ...]
    damages: int
    torn_bytes: int


class Spool:
    """A bounded queue of records on disk. Safe to use from several threads; only one process has it.

    Raises (all methods):
        StorageUnavailableError: the disk is full, or does not answer.
        ConfigurationError: the folder's rights are wrong.
    """

    def __init__(self, root: Path, *, limit_bytes: int, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._root, self._limit_bytes, self._segment_bytes = root, limit_bytes, segment_bytes
        self._lock = Lock()
        self._writer: SegmentWriter | None = None
        self._owned = take_folder(root)
        with storage_faults(f"read the spool's folder {self._owned.path}"):
            self._sizes = {path: path.stat().st_size for path in _segments(self._owned.path)}
        self._next_number = max((_number(path) for path in self._sizes), default=0) + 1
        self.adopt_leftovers()

    @property
    def folder(self) -> Path:
        """Where this process's segments are."""
        return self._owned.path

    @property
    def backlog_bytes(self) -> int:
        """How much waits, as it is on disk."""
        return sum(self._sizes.copy().values())

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._sizes

    def append(self, payloads: Sequence[bytes]) -> None:
        """Put records behind what waits; all of them are on disk when this returns.

        Where it raises, some of them may be there all the same.

        Raises:
            SpoolFullError: there is no room for them.
        """
        added = framed_bytes(payloads)
        with self._lock:
            if self.backlog_bytes + added + HEAD_BYTES + FRAME_BYTES > self._limit_bytes:
                raise SpoolFullError(f"the spool {self._root} is full: see why the database does not answer")
            writer = self._writing()
            try:
                writer.append(payloads)
            finally:
                self._account(writer)
            if writer.size_bytes >= self._segment_bytes:
                self._end_segment()

    def oldest(self) -> Segment | None:
        """The oldest segment, of which nothing is written any more; null where nothing waits."""
        with self._lock:
            path = min(self._sizes, key=_number, default=None)
            if path is not None and self._writer is not None and self._writer.path == path:
                self._end_segment()
        if path is None:
            return None
        with storage_faults(f"read {path}"):
            data = path.read_bytes()
        contents = read_segment(data)
        for damage in contents.damages:
            self.set_aside(
                f"{path.stem}-{damage.start}", data[damage.start : damage.end], f"DAMAGED: {damage.reason}"
            )
        return Segment(path, tuple(contents.payloads), len(contents.damages), contents.torn_bytes)

    def remove(self, segment: Segment) -> None:
        """Forget a segment: all that it held is safe elsewhere."""
        with storage_faults(f"remove {segment.path}"):
            segment.path.unlink(missing_ok=True)
        with self._lock:
            self._sizes.pop(segment.path, None)

    def set_aside(self, name: str, content: bytes, reason: str) -> Path:
        """Keep something that cannot be used, and why; a second time does nothing. Where it is kept."""
        dead = self._owned.path / "dead"
        path = dead / name
        with storage_faults(f"write {path}"):
            dead.mkdir(exist_ok=True)
            for target, data in (
                (path, content),
                (dead / f"{name}.reason", json.dumps({"reason": reason}).encode()),
            ):
                _write_whole(target, data)
            force_folder_to_disk(dead)
        return path

    def adopt_leftovers(self) -> int:
        """Take over what dead owners left; how many segments."""
        adopted = 0
        for left in left_folders(self._root, self._owned):
            try:
                with storage_faults(f"take over the spool {left.path}"):
                    adopted += self._adopt(left)
            finally:
                left.release()
        return adopted

    def close(self) -> None:
        """End what is written and let go of the folder."""
        with self._lock:
            try:
                self._end_segment()
            finally:
                self._owned.release()

    def _writing(self) -> SegmentWriter:
        if self._writer is None:
            path = self._owned.path / f"{self._next_number:016}{_SUFFIX}"
            self._next_number += 1
            self._writer = SegmentWriter(path)
        return self._writer

    def _account(self, writer: SegmentWriter) -> None:
        self._sizes[writer.path] = writer.size_bytes
        if writer.is_broken:
            self._writer = None

    def _end_segment(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            with suppress(
                StorageUnavailableError
            ):  # its records are on disk; the mark is for those who look for damage
                writer.end()
            self._sizes[writer.path] = writer.size_bytes

    def _adopt(self, left: OwnedFolder) -> int:
        paths = _segments(left.path)
        for path in paths:
            with self._lock:
                target = self._owned.path / f"{self._next_number:016}{_SUFFIX}"
                self._next_number += 1
                size = path.stat().st_size
                path.rename(target)
                self._sizes[target] = size
        if paths:
            force_folder_to_disk(self._owned.path)
        return len(paths)


def _segments(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"[0-9]*{_SUFFIX}"), key=_number)


def _number(path: Path) -> int:
    return int(path.stem)


def _write_whole(path: Path, data: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
