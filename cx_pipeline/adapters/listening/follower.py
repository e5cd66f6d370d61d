"""A growing file of lines, followed through rotations and across restarts: each line at least once, in order.

What counts is content, not names. The position remembers the inode, and digests of the first bytes and of the last
ones that were read: a file that was renamed is read to its end under its new name, then those that were rotated after
it, then the one that has the name now. One that was copied and cut is read on in its copy. One that was replaced is
read from its start.
"""

import os
from collections.abc import Callable
from pathlib import Path
from time import monotonic, time

from cx_pipeline.adapters.listening.batches import Batch
from cx_pipeline.adapters.listening.positions import Position, PositionFile, Trail, trail_at
from cx_pipeline.adapters.listening.rotation import (
    files_of_inode,
    newer_than,
    packed_since,
    rotated_files,
)
from cx_pipeline.adapters.listening.tailed_file import FileCutError, TailedFile, open_regular
from cx_pipeline.adapters.storage.storage_faults import storage_faults
from cx_pipeline.core.errors import InputError, StorageUnavailableError

GRACE_S = 1.0
"""So long a renamed file must not have grown before the next one is read: its writer may not have noticed yet."""
RETRY_S = 5.0
"""A file that is not there counts as tried in vain once in so many seconds."""
_SLACK_S = 2.0


class FileFollower:
    """The lines of a file, from where its position says.

    Args:
        path: the file; it may appear later.
        positions: where it is kept how far the file was delivered.
        is_once: end at the end of the file, its last line whole even without a newline.
        is_from_start: read the file from its start whatever the position says.
        grace_s: see `GRACE_S`.
        on_notice: is told in words what a person should know.
    """

    is_leased = True
    is_stamped = False

    def __init__(
        self,
        path: Path,
        positions: PositionFile,
        *,
        is_once: bool = False,
        is_from_start: bool = False,
        grace_s: float = GRACE_S,
        on_notice: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._path, self._positions, self._on_notice = path, positions, on_notice
        self._is_once, self._is_from_start, self._grace_s = is_once, is_from_start, grace_s
        self._file: TailedFile | None = None
        self._pending: Batch | None = None
        self._quiet_since: float | None = None
        self._missing_since: float | None = None
        self._is_at_end = self._is_unkept = False
        self._rotated_before: frozenset[tuple[int, int, int]] = frozenset()

    @property
    def is_at_end(self) -> bool:
        """Whether the end was reached that was asked for."""
        return self._is_at_end

    @property
    def has_ended(self) -> bool:
        """Whether it was asked for the file as it is."""
        return self._is_once

    @property
    def is_connected(self) -> bool:
        """Whether there is a file of that name, and it can be read."""
        return self._file is not None and self._missing_since is None

    @property
    def failed_reconnections(self) -> int:
        """How often in a row, every few seconds, the file was not there."""
        since = self._missing_since
        return 0 if since is None else 1 + int((monotonic() - since) / RETRY_S)

    @property
    def waiting(self) -> str:
        """How much of the file that is open was not read."""
        unread = 0 if self._file is None else self._file.unread_bytes
        return f"{unread:,} bytes of {self._path} are not read yet" if unread else ""

    def stop(self) -> None:
        """Read no further: what was not read stays in the file."""
        self._is_at_end = True

    def restart(self) -> None:
        """Let go of the file, and begin anew at the kept position: another listener may have moved it."""
        self._pending = None
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def next_batch(self) -> Batch | None:
        """As `LineSource` says.

        Raises:
            InputError: the file, to be read once, is not there.
            ConfigurationError: it is no regular file, or may not be read.
            StorageUnavailableError: its storage does not answer.
        """
        if self._pending is None:
            try:
                with storage_faults(f"read {self._path}"):
                    self._pending = self._next()
            except StorageUnavailableError:
                self._missing_since = self._missing_since or monotonic()
                self.close()  # a file of a network's storage may have to be opened anew
                raise
        return self._pending

    def delivered(self, batch: Batch) -> None:
        """As `LineSource` says."""
        if isinstance(batch.mark, Position):
            self._keep(batch.mark)
        self._pending = None

    def _next(self) -> Batch | None:
        if self._file is None and not self._open_first():
            return None
        assert self._file is not None  # noqa: S101 - for the type checker: it was opened just now
        try:
            if batch := self._read(self._file, is_final=False):
                return batch
            return self._at_its_end(self._file)
        except FileCutError:
            self._after_a_cut(self._file)
            return None

    def _read(self, file: TailedFile, *, is_final: bool) -> Batch | None:
        lines = file.read_lines(is_final=is_final)
        if not lines:
            return None
        self._quiet_since = None
        return Batch([line for line in lines if line.strip()], file.position)

    def _at_its_end(self, file: TailedFile) -> Batch | None:
        """The last line, or the next file, where nothing will be written to this one any more."""
        following = self._following(file) or self._copied_unread(file)
        if following is None:
            if self._is_once:
                batch = self._read(file, is_final=True)
                self._is_at_end = batch is None
                return batch
            return None
        now = monotonic()
        self._quiet_since = self._quiet_since or now
        if now - self._quiet_since < self._grace_s and not self._is_once:
            return None
        if batch := self._read(file, is_final=True):
            return batch
        self._switch_to(following)
        return None

    def _following(self, file: TailedFile) -> Path | None:
        """The file to read after this one; None while it is still the newest, or its successor is empty."""
        status = file.status
        try:
            current = self._path.stat()
        except FileNotFoundError:
            current = None
        self._missing_since = None if current else self._missing_since or monotonic()
        if current is not None and (current.st_dev, current.st_ino) == (status.st_dev, status.st_ino):
            return None
        rotated = newer_than(self._path, status)
        if rotated:
            return rotated[0].path
        return self._path if current is not None and current.st_size else None

    def _copied_unread(self, file: TailedFile) -> Path | None:
        """A copy that was made of the file, which was then cut, before a byte of it was read; None where there is none."""
        if file.trail.offset or file.trail.ahead:
            return None
        new = [each for each in rotated_files(self._path) if each.content_mark not in self._rotated_before]
        return new[0].path if new else None

    def _switch_to(self, path: Path) -> None:
        try:
            descriptor = open_regular(path)
        except FileNotFoundError:  # renamed just now: looked for again at the next turn
            return
        self._take(descriptor, Trail())
        if path != self._path:
            self._on_notice(f"reading {path}, which was rotated meanwhile")

    def _take(self, descriptor: int, trail: Trail) -> None:
        """Read this file from now on, and keep that: it is found again even if it is renamed before its first line."""
        file = TailedFile(descriptor, trail)
        self.close()
        self._file, self._quiet_since, self._missing_since = file, None, None
        self._rotated_before = frozenset(each.content_mark for each in rotated_files(self._path))
        self._keep(file.position)

    def _keep(self, position: Position) -> None:
        """Keep a position; where the disk does not take it reading goes on, and after a kill some lines come again."""
        try:
            self._positions.save(position)
        except StorageUnavailableError as error:
            if not self._is_unkept:
                self._on_notice(f"{error}: until then, lines may come twice")
            self._is_unkept = True
        else:
            self._is_unkept = False

    def _after_a_cut(self, file: TailedFile) -> None:
        """Go on in the copy that was made before the cut, where there is one; else with what is in the file now."""
        trail = file.trail
        for candidate in reversed(rotated_files(self._path)):
            if not candidate.is_same(file.status) and self._took(candidate.path, trail.is_of, trail):
                self._on_notice(f"{self._path} was cut: reading on in its copy {candidate.path}")
                return
        self._on_notice(f"{self._path} was cut: reading it from its start")
        file.trail = Trail()  # by the open file, which may have been renamed since

    def _took(self, path: Path, is_it: Callable[[int], bool], trail: Trail) -> bool:
        """Open a file and go on in it, if it is the one."""
        try:
            descriptor = open_regular(path)
        except FileNotFoundError:
            return False
        if is_it(descriptor):
            self._take(descriptor, trail)
            return True
        os.close(descriptor)
        return False

    def _open_first(self) -> bool:
        """Open what the position names, or what stands under the name; whether there is anything."""
        position = None if self._is_from_start else self._positions.load()
        if position is not None and self._resumed(position):
            return True
        start = self._path if position is None else self._oldest_since(position)
        try:
            descriptor = open_regular(start)
        except FileNotFoundError:
            if self._is_once:
                raise InputError(f"there is no file {self._path}") from None
            self._note_missing(position)
            return False
        self._take(descriptor, Trail())
        self._is_from_start = False
        return True

    def _note_missing(self, position: Position | None) -> None:
        """Keep since when nothing was there: what appears and is rotated before it is seen is found by that."""
        if position is None:
            self._keep(Position(0, 0, 0, "", "", time()))
            self._is_from_start = False
        self._missing_since = self._missing_since or monotonic()

    def _resumed(self, position: Position) -> bool:
        """Go on in the file that was read, whatever its name is now; whether it was found."""
        if not position.offset and self._written_since(position):
            return False  # it may have been copied and cut before a byte of it was read
        own = [self._path, *files_of_inode(self._path, position.device, position.inode)]
        copies = [file.path for file in reversed(rotated_files(self._path))] if position.offset else []
        for path in [*own, *copies]:
            try:
                descriptor = open_regular(path)
            except FileNotFoundError:
                continue
            status, trail = os.fstat(descriptor), trail_at(descriptor, position)
            is_own = (status.st_dev, status.st_ino) == (position.device, position.inode)
            if trail is not None and (is_own or path in copies):
                self._take(descriptor, trail)
                return True
            os.close(descriptor)
        return False

    def _oldest_since(self, position: Position) -> Path:
        """Where to go on when the file that was read is gone: with the first that was written to since."""
        if packed := packed_since(self._path, position.read_at_s - _SLACK_S):
            self._on_notice(
                f"{', '.join(packed)} may hold lines that were not read: see to them with cx-pipeline ingest"
            )
        elif position.offset:
            self._on_notice(f"{self._path} is not the file that was read before: reading it from its start")
        rotated = self._written_since(position)
        return rotated[0] if rotated else self._path

    def _written_since(self, position: Position) -> list[Path]:
        """The rotated files that were written to after the position was kept, from the oldest to the newest."""
        since_ns = int((position.read_at_s - _SLACK_S) * 1e9)
        return [file.path for file in rotated_files(self._path) if file.modified_ns >= since_ns]
