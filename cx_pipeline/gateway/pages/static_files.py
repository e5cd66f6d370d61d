"""Styles and scripts of the pages. They are few and small: read once, served from memory, kept by browsers for ever.

Their address holds the hash of them all, so that a new release is never shown with old scripts, and scripts can
import each other by name.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

FOLDER = Path(__file__).parent / "static"
VERSION_DIGITS = 16
_MEDIA_TYPES = MappingProxyType(
    {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
)


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file."""

    content: bytes
    media_type: str


class StaticFiles:
    """All of them, by name."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._files = {
            path.name: StaticFile(path.read_bytes(), _MEDIA_TYPES[path.suffix])
            for path in sorted(folder.iterdir())
            if path.suffix in _MEDIA_TYPES
        }
        digest = hashlib.sha256()
        for name, file in self._files.items():
            digest.update(f"{name}\0{len(file.content)}\0".encode() + file.content)
        self.version = digest.hexdigest()[:VERSION_DIGITS]
        """Names all files as they are now."""

    def url(self, name: str) -> str:
        """Where a file is found. Raises KeyError if there is none of the name."""
        if name not in self._files:
            raise KeyError(name)
        return f"/static/{self.version}/{name}"

    def find(self, name: str) -> StaticFile | None:
        """A file by its name; names lead nowhere else."""
        return self._files.get(name)
