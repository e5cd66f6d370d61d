"""What the operating system tells of a file without reading it."""

import os
from datetime import UTC, datetime
from pathlib import Path

Identity = tuple[int, ...]
"""What tells one file from another in its place; empty where there is none."""


def identity_of(path: Path) -> Identity:
    """Which file lies there now. Empty also where nobody can tell: opening it says why."""
    found = _stat(path)
    return () if found is None else (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def modified_at(path: Path) -> datetime | None:
    """When a file was last written."""
    found = _stat(path)
    return None if found is None else datetime.fromtimestamp(found.st_mtime, UTC)


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except (OSError, ValueError):
        return None
