"""What is known of a PostgreSQL server from its data folder: who runs, whether it is ready, who was left over."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil

PID_FILE = "postmaster.pid"
SOCKET_NAME = ".s.PGSQL.5432"
_LINES_OF_A_READY_SERVER = 8


@dataclass(frozen=True, slots=True)
class Postmaster:
    """A server process that lives. `socket_folder` and `port` are empty until it got that far."""

    pid: int
    socket_folder: str
    port: int
    is_ready: bool

    def url(self, database: str) -> str:
        """URI of a database of this server, as libpq, psycopg, psycopg2 and ADBC all read it."""
        return (
            f"postgresql://postgres@/{database}?host={quote(self.socket_folder, safe='/')}&port={self.port}"
        )

    @property
    def is_reachable(self) -> bool:
        """Whether it is ready and its socket is still there (a cleaner of temporary files may have taken it)."""
        return self.is_ready and (Path(self.socket_folder) / f".s.PGSQL.{self.port}").is_socket()


def read_postmaster(data: Path) -> Postmaster | None:
    """The server that runs on the data folder; None where there is none, whatever a stale pid file says."""
    lines = _lines(data / PID_FILE)
    if not lines or not lines[0].isdigit() or not _is_server_of(int(lines[0]), data):
        return None
    lines += [""] * (_LINES_OF_A_READY_SERVER - len(lines))
    port = int(lines[3]) if lines[3].isdigit() else 0
    return Postmaster(int(lines[0]), lines[4], port, is_ready=lines[7] == "ready")


def remove_stale_locks(data: Path, socket_folder: str) -> None:
    """Remove lock files of a dead server that PostgreSQL would not see through.

    It looks only whether a process has the number in the file: that may be another program's by now, or the dead
    server itself, which nobody has buried yet (a container's first process often does not). Call this only while no
    other process can start a server on the folder.
    """
    for lock in (data / PID_FILE, Path(socket_folder) / f"{SOCKET_NAME}.lock"):
        lines = _lines(lock)
        if lines is not None and _is_misleading(lines, data):
            lock.unlink(missing_ok=True)


def _is_misleading(lines: list[str], data: Path) -> bool:
    if not lines or not lines[0].isdigit():
        return True  # cut short by a crash
    pid = int(lines[0])
    return psutil.pid_exists(pid) and not _is_server_of(pid, data)


def kill_left_over(data: Path) -> None:
    """Kill the processes that a killed server left on the data folder: a new one would not start beside them."""
    left_over = list(_processes_in(data))
    for process in left_over:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(left_over, timeout=10)


def _lines(lock: Path) -> list[str] | None:
    try:
        return [line.strip() for line in lock.read_text().splitlines()]
    except (FileNotFoundError, NotADirectoryError):
        return None


def _is_server_of(pid: int, data: Path) -> bool:
    try:
        return _works_in(psutil.Process(pid), data)
    except psutil.NoSuchProcess:
        return False


def _works_in(process: psutil.Process, data: Path, *, if_hidden: bool = True) -> bool:
    # A server's working folder is its data folder, and so is that of all its children.
    try:
        if process.name() != "postgres" or process.status() == psutil.STATUS_ZOMBIE:
            return False
        return Path(process.cwd()) == data.resolve()
    except psutil.AccessDenied:
        return if_hidden  # another user's: do not touch, and let the connection show what it is
    except psutil.NoSuchProcess:
        return False


def _processes_in(data: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter(["name"]):
        if process.info["name"] == "postgres" and _works_in(process, data, if_hidden=False):
            yield process
