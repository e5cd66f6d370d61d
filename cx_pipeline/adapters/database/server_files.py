"""Files of the embedded server: who owns them, where its socket lies, what its log says."""

import hashlib
import os
import re
import stat
import tempfile
from pathlib import Path

from cx_pipeline.adapters.database.postmaster import SOCKET_NAME
from cx_pipeline.adapters.database.server_account import let_account_reach, server_account
from cx_pipeline.core.errors import ConfigurationError

LONGEST_SOCKET_PATH_BYTES = 103
"""macOS allows 103, Linux 107."""
LONGEST_LOG_BYTES = 10_000_000

_LOG_PREFIX = re.compile(r"^.*? \[\d+\] [A-Z]+: ")
_PLAIN_PATH = re.compile(r"[\w./+@%:=-]+", re.ASCII)
"""Paths that need no quoting in PostgreSQL's list of socket folders."""


def account_owns(path: Path) -> None:
    """Give a file or folder to the server's account, where that is not ours."""
    account = server_account()
    if account is not None:
        os.chown(path, account.pw_uid, account.pw_gid)


def quoted(value: str) -> str:
    """A value of `postgresql.conf`."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def socket_folder(data: Path) -> str:
    """Where the socket goes: the data folder, or where that is too long for a socket, a short private one.

    Raises:
        ConfigurationError: none of the short folders can be used.
    """
    if _takes_a_socket(data):
        return str(data)
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    name = "cx-pipeline-" + hashlib.sha256(f"{data}:{os.geteuid()}".encode()).hexdigest()[:12]
    for parent in filter(None, [runtime, tempfile.gettempdir(), "/tmp"]):  # noqa: S108
        folder = Path(parent) / name
        if _takes_a_socket(folder) and _made_private(folder):
            return str(folder)
    message = f"the path of {data} is too long for a socket, and no short folder can be used: set CX_HOME or TMPDIR to a shorter one"
    raise ConfigurationError(message)


def _takes_a_socket(folder: Path) -> bool:
    path = str(folder / SOCKET_NAME)
    return len(os.fsencode(path)) <= LONGEST_SOCKET_PATH_BYTES and _PLAIN_PATH.fullmatch(path) is not None


def _made_private(folder: Path) -> bool:
    """Whether the folder is (now) one that only the server's account may enter: others must not plant one."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        account = server_account()
        owner = os.geteuid() if account is None else account.pw_uid
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), owner):
            return False
        folder.chmod(0o700)
        account_owns(folder)
        if account is not None:
            let_account_reach(folder)
    except OSError:
        return False
    return True


def shorten_log(log: Path) -> None:
    """Begin a new log where the old one has grown long; one old one is kept."""
    if log.exists() and log.stat().st_size > LONGEST_LOG_BYTES:
        log.replace(log.with_suffix(".old"))


def last_complaint(log: Path) -> str:
    """What a log ends with: one line, for an error message."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return "it left no log"
    said = [_LOG_PREFIX.sub("", line).strip() for line in lines if line.strip()]
    return "; ".join(said[-2:]) or "it said nothing"
