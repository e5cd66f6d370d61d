"""Which files of a folder were once the followed one: renamed by a rotation, or copied before it was cut."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

_SUFFIX = re.compile(r"[-._](\d[\dTZ:._-]*)")
_COUNTER_DIGITS = 4
"""A number of so many digits counts backwards (`.2` is older than `.1`), a longer one is a date."""
_PACKED = (".gz", ".xz", ".zst", ".bz2")


@dataclass(frozen=True, slots=True, order=True)
class RotatedFile:
    """A file that the followed one may have become; they sort from the oldest to the newest."""

    modified_ns: int
    rank: int
    path: Path
    device: int
    inode: int

    @property
    def content_mark(self) -> tuple[int, int, int]:
        """What stays the same when it is renamed once more, and changes when it is written to."""
        return self.device, self.inode, self.modified_ns

    def is_same(self, status: os.stat_result) -> bool:
        """Whether it is the file of that status."""
        return (self.device, self.inode) == (status.st_dev, status.st_ino)


def rotated_files(path: Path) -> list[RotatedFile]:
    """The rotated files of `path`, from the oldest to the newest; packed ones are not among them."""
    return sorted(
        RotatedFile(status.st_mtime_ns, rank, file, status.st_dev, status.st_ino)
        for file, status, rank in _beside(path)
        if rank is not None and not file.name.endswith(_PACKED)
    )


def packed_since(path: Path, moment_s: float) -> list[str]:
    """Names of rotated and packed files of `path` that were made since a moment: they may hold what was not read."""
    return sorted(
        file.name
        for file, status, rank in _beside(path)
        if rank is not None and file.name.endswith(_PACKED) and status.st_ctime >= moment_s
    )


def files_of_inode(path: Path, device: int, inode: int) -> list[Path]:
    """The files beside `path` that have this inode, whatever their names."""
    return [file for file, status, _ in _beside(path) if (status.st_dev, status.st_ino) == (device, inode)]


def newer_than(path: Path, status: os.stat_result) -> list[RotatedFile]:
    """The rotated files of `path` that were written to later than the one of `status`, which may be one of them."""
    files = rotated_files(path)
    own = next((file for file in files if file.is_same(status)), None)
    if own is not None:
        return [file for file in files if file > own]
    return [file for file in files if file.modified_ns >= status.st_mtime_ns]


def _beside(path: Path) -> Iterator[tuple[Path, os.stat_result, int | None]]:
    """The regular files beside `path`, itself left out, each with its rank where its name is one of a rotation."""
    try:
        files = [file for file in path.parent.iterdir() if file.name != path.name]
    except FileNotFoundError:
        return
    for file in files:
        with suppress(FileNotFoundError):  # renamed once more since the folder was listed
            status = file.lstat()
            if S_ISREG(status.st_mode):
                yield file, status, _rank(path, file.name)


def _rank(path: Path, name: str) -> int | None:
    """`events.ndjson.1`, `events.ndjson-20240115.gz` and `events-20240115.ndjson` are of `events.ndjson`."""
    for packed in _PACKED:
        name = name.removesuffix(packed)
    if name.startswith(path.name):
        middle = name.removeprefix(path.name)
    elif path.suffix and name.startswith(path.stem) and name.endswith(path.suffix):
        middle = name.removeprefix(path.stem).removesuffix(path.suffix)
    else:
        return None
    match = _SUFFIX.fullmatch(middle)
    if match is None:
        return None
    digits = re.sub(r"\D", "", match[1])
    return -int(digits) if len(digits) <= _COUNTER_DIGITS else int(digits)
