"""The key of one file, and how a file is to be sealed with it."""

from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from cx_pipeline.core.errors import KeyMissingError

SECRET_BYTES = 32
"""AES-256."""

SealingMethod = Literal["none", "gcm", "cfb"]


@dataclass(frozen=True, slots=True)
class FileKey:
    """What a file is sealed with. Its text never shows the secret; it may be handed to a worker process.

    Raises:
        ValueError: `file_id` is no UUID, or the secret has not 32 bytes.
    """

    file_id: str
    """UUID of the file: the recording's id."""
    tenant_id: str
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if str(UUID(self.file_id)) != self.file_id:
            raise ValueError(f"{self.file_id!r} is no UUID in its usual form")
        if len(self.secret) != SECRET_BYTES:
            raise ValueError(f"the key of file {self.file_id} has not {SECRET_BYTES} bytes")


@dataclass(frozen=True, slots=True)
class Sealing:
    """How a file is sealed: not at all, by segments of AES-256-GCM, or as the installed base does (AES-256-CFB).

    Raises:
        KeyMissingError: a method that needs a key came without one.
    """

    method: SealingMethod
    file_key: FileKey | None = None

    def __post_init__(self) -> None:
        if self.method != "none" and self.file_key is None:
            raise KeyMissingError(
                f"sealing by {self.method} needs a key: make one with cx-pipeline keys create"
            )
