"""`cx-pipeline up`: database, web UI, daemon and gateway together, until Ctrl-C."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

from cx_pipeline.adapters.database.connection import open_engine
from cx_pipeline.adapters.database.embedded import find_embedded, start_embedded, stop_embedded
from cx_pipeline.adapters.database.migrate import migrate
from cx_pipeline.adapters.processes.supervisor import Supervisor
from cx_pipeline.cli.local_access import calls_address
from cx_pipeline.cli.running_site import RunningSite, running_site
from cx_pipeline.core.errors import DatabaseUnavailableError
from cx_pipeline.settings import Settings, load_settings

_STEP_S = 0.2


class _Ended(BaseException):
    """A signal asked this process to end."""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", default=3000, show_default=True, help="Port of the web UI; 0 takes a free one.")
@click.option(
    "--once-ready",
    metavar="COMMAND",
    help="Run this command when all is up ($CX_UP_URL and $CX_UP_GATEWAY_URL are the addresses), then end with its exit "
    "code.",
)
def up(host: str, port: int, once_ready: str | None) -> None:
    """Start database, gateway, web UI and daemon; Ctrl-C ends all.

    The schedule and the sensors are on: the open window is computed each minute, and windows for which something
    came late are computed anew.
    """
    settings = load_settings()
    with _ending_on_signals(), _database(settings):
        click.echo("Preparing the database")
        engine = open_engine(settings)
        migrate(engine)
        engine.dispose()
        click.echo("Starting gateway, web UI and daemon")
        with running_site(
            settings, host=host, port=port, prepared=lambda supervisor: _guard_database(settings, supervisor)
        ) as site:
            click.echo(f"Ready: {site.url}   (logs: {site.logs})")
            click.echo(f"Calls and recordings: {calls_address(settings, site.gateway_url)}")
            if once_ready is not None:
                sys.exit(_exit_code_of(once_ready, site))
            click.echo("Ctrl-C ends all.")
            _look_after(settings, site.supervisor)


def _exit_code_of(command: str, site: RunningSite) -> int:
    environment = {**os.environ, "CX_UP_URL": site.url, "CX_UP_GATEWAY_URL": site.gateway_url}
    # The user's own command line, given to the user's own shell.
    return subprocess.run(command, shell=True, env=environment, check=False).returncode  # noqa: S602


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
