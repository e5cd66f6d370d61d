"""What is known of a PostgreSQL server from its data folder: who runs, whether it is ready, who was left over."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil

PID_FILE = "postmaster.pid"
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
    lines = _pid_lines(data)
    if not lines or not lines[0].isdigit() or not _is_server_of(int(lines[0]), data):
        return None
    lines += [""] * (_LINES_OF_A_READY_SERVER - len(lines))
    port = int(lines[3]) if lines[3].isdigit() else 0
    return Postmaster(int(lines[0]), lines[4], port, is_ready=lines[7] == "ready")


def remove_reused_pid(data: Path) -> None:
    """Remove a pid file whose process is another program's by now: PostgreSQL would take it for a server.

    Call this only while no other process can start a server on the folder. Where the process is gone, the file
    is left alone: PostgreSQL sees to that itself.
    """
    lines = _pid_lines(data)
    if not lines or not lines[0].isdigit():
        (data / PID_FILE).unlink(missing_ok=True)  # cut short by a crash: PostgreSQL would refuse it
    elif psutil.pid_exists(int(lines[0])) and not _is_server_of(int(lines[0]), data):
        (data / PID_FILE).unlink(missing_ok=True)


def kill_left_over(data: Path) -> None:
    """Kill the processes that a killed server left on the data folder: a new one would not start beside them."""
    left_over = list(_processes_in(data))
    for process in left_over:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(left_over, timeout=10)


def _pid_lines(data: Path) -> list[str]:
    try:
        return [line.strip() for line in (data / PID_FILE).read_text().splitlines()]
    except FileNotFoundError:
        return []


def _is_server_of(pid: int, data: Path) -> bool:
    try:
        return _works_in(psutil.Process(pid), data)
    except psutil.NoSuchProcess:
        return False


def _works_in(process: psutil.Process, data: Path) -> bool:
    # A server's working folder is its data folder, and so is that of all its children.
    try:
        if process.name() != "postgres" or process.status() == psutil.STATUS_ZOMBIE:
            return False
        return Path(process.cwd()) == data.resolve()
    except psutil.AccessDenied:
        return True  # another user's: do not touch, and let the connection show what it is
    except psutil.NoSuchProcess:
        return False


def _processes_in(data: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter(["name"]):
        if process.info["name"] == "postgres" and _works_in(process, data):
            yield process
