"""How far a file is read: where, and of which content, so that neither a rename nor a replacement is overlooked."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from cx_pipeline.adapters.storage.part_files import PartFile, make_folder
from cx_pipeline.adapters.storage.storage_faults import storage_faults

REMEMBERED_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Position:
    """How far a file was delivered. The two digests are of its first bytes and of the last ones before `offset`."""

    device: int
    inode: int
    offset: int
    head_sha256: str
    tail_sha256: str
    read_at_s: float
    """When, as seconds since 1970: what was written to other files since may be unread."""


@dataclass(frozen=True, slots=True)
class Trail:
    """What was read of a file: its first bytes, the last ones, and how many in all; and what was seen to follow."""

    offset: int = 0
    head: bytes = b""
    tail: bytes = b""
    ahead: bytes = b""
    """The beginning of a line that was seen unfinished."""

    def after(self, data: bytes) -> "Trail":
        """The trail once `data`, which follows, is read too."""
        return Trail(
            self.offset + len(data),
            (self.head + data)[:REMEMBERED_BYTES] if len(self.head) < REMEMBERED_BYTES else self.head,
            (self.tail + data[-REMEMBERED_BYTES:])[-REMEMBERED_BYTES:],
        )

    def seeing(self, data: bytes) -> "Trail":
        """The trail with the beginning of what follows it."""
        return replace(self, ahead=data[:REMEMBERED_BYTES])

    def is_of(self, descriptor: int) -> bool:
        """Whether an open file still holds what was read and seen: it was neither cut nor written anew."""
        if trail_of(descriptor, self.offset) != replace(self, ahead=b""):
            return False
        return os.pread(descriptor, len(self.ahead), self.offset) == self.ahead

    def position(self, status: os.stat_result, read_at_s: float) -> Position:
        """It, as it is kept."""
        return Position(
            status.st_dev, status.st_ino, self.offset, _digest(self.head), _digest(self.tail), read_at_s
        )


def trail_of(descriptor: int, offset: int) -> Trail | None:
    """The trail of who has read an open file up to `offset`; None where the file is shorter."""
    length = min(offset, REMEMBERED_BYTES)
    head = os.pread(descriptor, length, 0)
    tail = os.pread(descriptor, length, offset - length)
    return Trail(offset, head, tail) if len(head) == len(tail) == length else None


def trail_at(descriptor: int, position: Position) -> Trail | None:
    """The trail up to a position; None where the file does not hold what was read then."""
    trail = trail_of(descriptor, position.offset)
    if trail is None or _digest(trail.head) != position.head_sha256:
        return None
    return trail if _digest(trail.tail) == position.tail_sha256 else None


class PositionFile:
    """Keeps a position. It is replaced whole: after a kill there is the new one or the one before."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Position | None:
        """The position; None where there is none, or none that can be read: then a file is read from its start."""
        try:
            fields = json.loads(self._path.read_bytes())
            return Position(**{name: kind(fields[name]) for name, kind in _FIELDS.items()})
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            return None

    def save(self, position: Position) -> None:
        """Keep a position; it is on disk when this returns.

        Raises:
            StorageUnavailableError: the storage is full, or does not answer.
            ConfigurationError: it refuses us.
        """
        with storage_faults(f"write {self._path}"):
            make_folder(self._path.parent)
        with PartFile(self._path) as file:
            file.write(json.dumps(asdict(position)).encode())
            file.force_to_disk()
            file.publish()

    def forget(self) -> None:
        """Keep none any more."""
        with storage_faults(f"delete {self._path}"):
            self._path.unlink(missing_ok=True)


_FIELDS = {
    "device": int,
    "inode": int,
    "offset": int,
    "head_sha256": str,
    "tail_sha256": str,
    "read_at_s": float,
}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
