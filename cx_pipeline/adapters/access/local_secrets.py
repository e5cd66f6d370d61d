"""Secrets of a deployment on one machine, made when they are first wanted and kept in files of their own."""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from pydantic import SecretStr

from cx_pipeline.core.errors import ConfigurationError

_BYTES = 32


def local_secret(path: Path) -> SecretStr:
    """The secret in a file that only its owner may read; the file is made if it is not there.

    Raises:
        ConfigurationError: it can be neither read nor made.
    """
    try:
        if not path.exists():
            _make(path)
        return SecretStr(path.read_text(encoding="utf-8").strip())
    except OSError as error:
        raise ConfigurationError(f"cannot use the secret in {path}: {error.strerror}") from error


def _make(path: Path) -> None:
    """Write it under a name of its own first: who comes second finds a whole file, and takes that one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(
        prefix=f".{path.name}-", dir=path.parent
    )  # for its owner only, as mkstemp makes it
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(part)
    finally:
        Path(part).unlink(missing_ok=True)
