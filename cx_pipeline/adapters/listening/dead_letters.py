"""Lines that the gateway takes in no way: kept in a file, each with the reason, so that none is dropped in silence."""

import json
import os
from datetime import datetime
from pathlib import Path

from cx_pipeline.adapters.storage.part_files import make_folder
from cx_pipeline.adapters.storage.storage_faults import storage_faults

_MODE = 0o640


class DeadLetters:
    """A file of JSON lines that only grows: `refused_at`, `reason`, `line` (bytes that are no UTF-8 escaped)."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def keep(self, line: bytes, reason: str, refused_at: datetime) -> None:
        """Add one; it is on disk when this returns.

        Raises:
            StorageUnavailableError: the storage is full, or does not answer.
            ConfigurationError: it refuses us.
        """
        entry = {
            "refused_at": refused_at.isoformat(),
            "reason": reason,
            "line": line.decode("utf-8", "backslashreplace"),
        }
        with storage_faults(f"write {self.path}"):
            make_folder(self.path.parent)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            descriptor = os.open(self.path, flags, _MODE)
            try:
                with os.fdopen(descriptor, "ab", closefd=False) as file:
                    file.write(json.dumps(entry).encode() + b"\n")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
