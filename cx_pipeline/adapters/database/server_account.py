"""The system account that the embedded PostgreSQL runs as: PostgreSQL refuses to run as root."""

import os
import pwd
import stat
import subprocess
from pathlib import Path

import stamina

from cx_pipeline.core.errors import ConfigurationError

ACCOUNT_NAME = "pgserver"
"""The account that is made where we are root; the wheel uses the same name."""

_OTHERS_MAY_ENTER = stat.S_IXOTH
_OTHERS_MAY_READ = stat.S_IROTH


def server_account() -> pwd.struct_passwd | None:
    """The account to run the server as, made if missing; None where our own will do (we are not root).

    Raises:
        ConfigurationError: we are root and the account can neither be found nor made.
    """
    if os.geteuid() != 0:
        return None
    return _find_or_make(ACCOUNT_NAME)


def _find_or_make(name: str) -> pwd.struct_passwd:
    try:
        for attempt in stamina.retry_context(on=subprocess.CalledProcessError, attempts=5, timeout=20):
            with attempt:
                return _found(name) or _made(name)
    except (subprocess.SubprocessError, OSError) as error:
        reason = f"making it failed ({type(error).__name__})"
        message = (
            f"PostgreSQL does not run as root and there is no account {name!r}; {reason}: "
            f"run `useradd --system {name}`, or run as another user, or set CX_DATABASE_URL"
        )
        raise ConfigurationError(message) from None
    raise AssertionError("unreachable")  # pragma: no cover


def _found(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _made(name: str) -> pwd.struct_passwd:
    # Two processes may do this at once: the loser fails, and finds the account at its next attempt.
    command = ["useradd", "--system", "--no-create-home", "--shell", "/bin/sh", name]
    subprocess.run(command, check=True, capture_output=True, timeout=20)
    return pwd.getpwnam(name)


def let_account_reach(path: Path) -> None:
    """Let others pass through (not list) the folders above `path`, where they could not."""
    for folder in path.resolve().parents:
        _add_mode(folder, _OTHERS_MAY_ENTER)


def let_account_run(programs: Path) -> None:
    """Let others read and run an installation of PostgreSQL (`…/bin`), where its files were made private."""
    let_account_reach(programs)
    if (programs / "postgres").stat().st_mode & _OTHERS_MAY_READ:
        return
    for path in [programs.parent, *programs.parent.rglob("*")]:
        is_entered = path.is_dir() or bool(path.stat().st_mode & stat.S_IXUSR)
        _add_mode(path, _OTHERS_MAY_READ | (_OTHERS_MAY_ENTER if is_entered else 0))


def _add_mode(path: Path, mode: int) -> None:
    present = stat.S_IMODE(path.stat().st_mode)
    if present & mode != mode:
        path.chmod(present | mode)
