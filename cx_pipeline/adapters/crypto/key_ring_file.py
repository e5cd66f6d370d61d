"""The file of a key ring: who may read it is checked, and a change is written whole or not at all."""

import logging
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from cx_pipeline.adapters.crypto.ring_keys import RingKeys, parse_ring
from cx_pipeline.core.errors import ConfigurationError

PRIVATE = 0o600
_LOCK_WAIT_S = 10
_log = logging.getLogger(__name__)


def read_ring_file(path: Path) -> RingKeys:
    """The keys in a file that nobody else may read.

    A file that its group may read is told of in the log: secrets that are mounted into a container are so.

    Raises:
        ConfigurationError: it is not there, cannot be read, is no key ring, or everybody may read it.
    """
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            _check_mode(path, mode)
            text = file.read()
    except FileNotFoundError:
        raise ConfigurationError(
            f"there is no key ring {path}: cx-pipeline keys create makes it, or CX_KEY_RING_FILE names another one"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the key ring {path} cannot be read ({type(error).__name__})") from None
    return parse_ring(text, f"the key ring {path}")


def change_ring_file(path: Path, change: Callable[[RingKeys], RingKeys]) -> RingKeys:
    """Read the ring (none there: an empty one), change it, write it; one at a time. Returns the new one.

    It is on the disk when this returns. A crash leaves the old file or the new one.

    Raises:
        ConfigurationError: it cannot be read or written, or somebody else changes it for longer than 10 seconds.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock", timeout=_LOCK_WAIT_S):
            ring = change(read_ring_file(path) if path.exists() else RingKeys())
            _write(path.resolve(), ring.as_json())
    except Timeout:
        raise ConfigurationError(f"another process changes the key ring {path}: try again") from None
    except OSError as error:
        raise ConfigurationError(
            f"the key ring {path} cannot be written: {error.strerror or type(error).__name__}"
        ) from None
    return ring


def _check_mode(path: Path, mode: int) -> None:
    if mode & (stat.S_IROTH | stat.S_IWOTH | stat.S_IWGRP):
        raise ConfigurationError(
            f"others than its owner may read or write the key ring {path} ({stat.filemode(mode)}): chmod 600 it, "
            "and take its keys for known"
        )
    if mode & stat.S_IRGRP:
        _log.warning("the group of the key ring %s may read it: chmod 600 it if that is not meant", path)


def _write(path: Path, text: str) -> None:
    before = path.stat() if path.exists() else None
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    part = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            if before is not None:
                # root may add a key to the ring of a service that runs as another user.
                os.fchmod(descriptor, stat.S_IMODE(before.st_mode))
                if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(descriptor, before.st_uid, before.st_gid)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
