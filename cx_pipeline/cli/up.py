"""`cx-pipeline up`: database, web UI and daemon together, until Ctrl-C."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click
import httpx

from cx_pipeline.adapters.database.connection import open_engine
from cx_pipeline.adapters.database.embedded import find_embedded, start_embedded, stop_embedded
from cx_pipeline.adapters.database.migrate import migrate
from cx_pipeline.adapters.processes.dagster_home import (
    DEFINITIONS,
    LOCATION,
    DagsterHome,
    prepare_dagster_home,
)
from cx_pipeline.adapters.processes.supervisor import Program, Supervisor
from cx_pipeline.core.errors import ConfigurationError, CxError, DatabaseUnavailableError
from cx_pipeline.settings import Settings, load_settings

READY_TIMEOUT_S = 180.0
_STEP_S = 0.2
_REQUEST_TIMEOUT_S = 10.0
_PREPARE_TIMEOUT_S = 300
_STATUS = """
{
  workspaceOrError { ... on Workspace { locationEntries {
    locationOrLoadError { __typename ... on PythonError { message } }
  } } }
  instance { daemonHealth { allDaemonStatuses { required healthy } } }
}
"""


_UNREACHABLE = "DagsterUserCodeUnreachableError"
"""The web UI asked before the code server answered; it asks again."""


class NotReadyError(CxError):
    """The web UI or the code location did not come up."""


class _Ended(BaseException):
    """A signal asked this process to end."""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", default=3000, show_default=True, help="Port of the web UI; 0 takes a free one.")
@click.option(
    "--once-ready",
    metavar="COMMAND",
    help="Run this command when all is up ($CX_UP_URL is the address), then end with its exit code.",
)
def up(host: str, port: int, once_ready: str | None) -> None:
    """Start database, web UI and daemon; Ctrl-C ends all.

    The schedule and the sensors are on: the open window is computed each minute, and windows for which something
    came late are computed anew.
    """
    settings = load_settings()
    with _ending_on_signals(), _database(settings):
        click.echo("Preparing the database")
        engine = open_engine(settings)
        migrate(engine)
        engine.dispose()
        home = prepare_dagster_home(settings)
        _prepare_storage(home)
        port = _free_port(host, port)
        url, logs = f"http://{host}:{port}", settings.home.absolute() / "logs"
        with Supervisor({**home.environment, "CX_PUBLIC_URL": _public_url(settings, url)}) as supervisor:
            click.echo("Starting web UI and daemon")
            _guard_database(settings, supervisor)
            code_server, *others = _programs(home, logs, host, port)
            supervisor.start(code_server)
            _wait_until(lambda: _listens(home.socket), supervisor, logs)
            for program in others:
                supervisor.start(program)
            with httpx.Client(base_url=url, timeout=_REQUEST_TIMEOUT_S, trust_env=False) as client:
                _wait_until(lambda: _is_ready(client), supervisor, logs)
            click.echo(f"Ready: {url}   (logs: {logs})")
            if once_ready is not None:
                sys.exit(_exit_code_of(once_ready, url))
            click.echo("Ctrl-C ends all.")
            _look_after(settings, supervisor)


def _exit_code_of(command: str, url: str) -> int:
    environment = {**os.environ, "CX_UP_URL": url}
    # The user's own command line, given to the user's own shell.
    return subprocess.run(command, shell=True, env=environment, check=False).returncode  # noqa: S602


def _programs(home: DagsterHome, logs: Path, host: str, port: int) -> list[Program]:
    """Code server first, as the two others ask it."""
    workspace = ["--workspace", str(home.workspace)]
    python = [sys.executable, "-m"]
    code_server = [
        *python,
        "dagster",
        "api",
        "grpc",
        "--socket",
        str(home.socket),
        "--module-name",
        DEFINITIONS,
    ]
    web = [*python, "dagster_webserver", "--host", host, "--port", str(port), *workspace]
    return [
        Program("code server", [*code_server, "--location-name", LOCATION], logs / "code-server.log"),
        Program("web UI", web, logs / "web.log"),
        Program("daemon", [*python, "dagster._daemon", "run", *workspace], logs / "daemon.log"),
    ]


def _prepare_storage(home: DagsterHome) -> None:
    """Make Dagster's tables before its processes start, in a process of its own: this one does not load Dagster."""
    prepared = subprocess.run(
        [sys.executable, "-m", "cx_pipeline.orchestration.prepare"],
        env={**os.environ, **home.environment},
        capture_output=True,
        text=True,
        timeout=_PREPARE_TIMEOUT_S,
        check=False,
    )
    if prepared.returncode:
        last = (prepared.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise NotReadyError(f"Dagster's storage could not be made ready: {last}")


def _wait_until(condition: Callable[[], bool], supervisor: Supervisor, logs: Path) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not condition():
        fallen = supervisor.revive()
        if fallen or time.monotonic() > deadline:
            what = f"the {fallen[0]} ended" if fallen else f"not ready after {READY_TIMEOUT_S:.0f} s"
            raise NotReadyError(f"{what}: see the logs in {logs}")
        time.sleep(_STEP_S)


def _listens(path: Path) -> bool:
    """Whether somebody accepts connections at a socket; what a killed server left behind accepts none."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def _is_ready(client: httpx.Client) -> bool:
    """Whether the web UI answers, the definitions are loaded, and the daemon is at work."""
    try:
        answer = client.post("/graphql", json={"query": _STATUS})
    except httpx.TransportError:
        return False
    if not answer.is_success:
        return False
    data = answer.json()["data"]
    for entry in data["workspaceOrError"].get("locationEntries", []):
        loaded = entry["locationOrLoadError"] or {}
        if loaded.get("__typename") == "PythonError" and _UNREACHABLE not in loaded["message"]:
            raise NotReadyError(f"the definitions cannot be loaded: {loaded['message'].strip()}")
        if loaded.get("__typename") == "RepositoryLocation":
            daemons = data["instance"]["daemonHealth"]["allDaemonStatuses"]
            return all(daemon["healthy"] for daemon in daemons if daemon["required"])
    return False


def _look_after(settings: Settings, supervisor: Supervisor) -> None:
    """Begin anew whatever falls over, the database first, until a signal ends this."""
    while True:
        if settings.database_url is None and find_embedded(settings) is None:
            click.echo("The database ended: starting it again", err=True)
            try:
                _guard_database(settings, supervisor)
            except DatabaseUnavailableError as error:
                click.echo(f"{error}; trying again", err=True)
        for name in supervisor.revive():
            click.echo(f"The {name} ended: starting it again", err=True)
        time.sleep(_STEP_S)


def _guard_database(settings: Settings, supervisor: Supervisor) -> None:
    """Find or start the embedded database, and let it go when this process is killed."""
    if settings.database_url is None:
        supervisor.guard(start_embedded(settings).pid)


@contextmanager
def _database(settings: Settings) -> Iterator[None]:
    """The embedded database, if it is the one: stopped at the end, as everything is."""
    try:
        yield
    finally:
        if settings.database_url is None:
            stop_embedded(settings)


@contextmanager
def _ending_on_signals() -> Iterator[None]:
    """End in order on Ctrl-C and on the signals of a service manager or a closed terminal; once, not again meanwhile."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def end(_number: int, _frame: FrameType | None) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise _Ended

    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    except _Ended:
        click.echo("Ended.")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _public_url(settings: Settings, url: str) -> str:
    return str(settings.public_url) if "public_url" in settings.model_fields_set else url


def _free_port(host: str, port: int) -> int:
    """The port, or a free one for 0; web UI and links have to agree on it before it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            message = f"cannot listen at {host}:{port} ({error.strerror}): choose another with --port, 0 takes a free one"
            raise ConfigurationError(message) from None
        return int(probe.getsockname()[1])
