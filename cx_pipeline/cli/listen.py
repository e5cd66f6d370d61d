"""`cx-pipeline listen`: call events from a growing file or a stream, to the gateway as they come."""

import hashlib
import re
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import click

from cx_pipeline.adapters.leases.lease import Lease
from cx_pipeline.adapters.listening.batches import LineSource
from cx_pipeline.adapters.listening.beats import Beats
from cx_pipeline.adapters.listening.dead_letters import DeadLetters
from cx_pipeline.adapters.listening.event_client import EventClient
from cx_pipeline.adapters.listening.follower import FileFollower
from cx_pipeline.adapters.listening.listener import Listener
from cx_pipeline.adapters.listening.positions import PositionFile
from cx_pipeline.adapters.listening.stamping import Stamp
from cx_pipeline.adapters.listening.standard_input import StandardInput
from cx_pipeline.adapters.listening.token import ListenerToken
from cx_pipeline.cli.endings import ENDING_SIGNALS
from cx_pipeline.cli.main import EXIT_FOUND_PROBLEMS
from cx_pipeline.core.errors import CxError, TransientError
from cx_pipeline.core.events.vocabulary import JTAPI
from cx_pipeline.core.listening import ListenerState
from cx_pipeline.settings import Settings, load_settings

STANDARD_INPUT = "-"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the command line says."""

    place: str
    gateway: str | None
    token_file: Path | None
    source: str | None
    listener_id: str
    tenant: str | None
    lease: str | None
    is_from_start: bool
    is_once: bool

    @property
    def event_listener_id(self) -> str:
        """Who heard an event. Those who share a lease are one: an event that both send is then one event."""
        return self.lease or self.listener_id

    @property
    def state_name(self) -> str:
        """Name of what is kept about this source: listeners who share a lease, and the folder, share the position."""
        place = self.place if self.place == STANDARD_INPUT else str(Path(self.place).absolute())
        digest = hashlib.sha256(f"{self.event_listener_id}\0{place}".encode()).hexdigest()[:12]
        return f"{re.sub(r'[^A-Za-z0-9._-]', '_', self.event_listener_id)[:60]}-{digest}"


@click.command(name="listen")
@click.argument("place", metavar="FILE|-")
@click.option("--gateway", metavar="URL", help="The gateway. Default: that of the settings.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File of the token. Default: that of the settings.",
)
@click.option(
    "--source",
    metavar="NAME",
    help=f"Source of events that name none; of the signs of life, {JTAPI} if not given.",
)
@click.option("--listener-id", metavar="ID", help="Which listener this is. Default: this host's name.")
@click.option("--tenant", metavar="ID", help="Tenant of events that name none, and of the signs of life.")
@click.option(
    "--from-start", "is_from_start", is_flag=True, help="Read FILE from its start, whatever was read of it."
)
@click.option(
    "--lease",
    metavar="NAME",
    help="Listen only while holding this lease; another that waits for it takes over when this one dies.",
)
@click.option("--once", "is_once", is_flag=True, help="End at the end of FILE instead of waiting for more.")
def listen(**options: Any) -> None:
    """Follow FILE, or read standard input (-), a JSON event a line, and post the events to the gateway.

    FILE may be rotated, cut, replaced, or appear later. How far it was delivered is kept, and the next start goes on
    there: every line arrives at least once, and what arrives twice counts once. Lines of standard input are kept on
    disk until they are delivered. A gateway that is away is waited for. SIGTERM and SIGINT end it in order.

    Exit codes: 0 all that was read is delivered; 1 something is not delivered yet, or was refused; 2 wrong use.
    """
    wanted = _wanted(options)
    settings = load_settings()
    if wanted.place == STANDARD_INPUT and (wanted.is_once or wanted.is_from_start):
        raise click.UsageError("--once and --from-start are for files: standard input is read until its end")
    with ExitStack() as stack:
        lease = stack.enter_context(_lease(settings, wanted.lease)) if wanted.lease else None
        client = stack.enter_context(_client(settings, wanted))
        source = _source(settings, wanted, lease)
        stack.callback(source.close)
        listener = Listener(
            source,
            client,
            stamped=_stamp(wanted),
            dead_letters=DeadLetters(settings.listeners_folder / f"{wanted.state_name}.refused.ndjson"),
            lease=lease,
            on_notice=_say,
        )
        beats = _beats(client, wanted, listener, source)
        _introduce(beats)
        stack.enter_context(beats)
        with _stopping(listener.stop):
            is_all_done = _run(listener, source)
    if not is_all_done:
        sys.exit(EXIT_FOUND_PROBLEMS)


def _wanted(options: dict[str, Any]) -> _Wanted:
    fields = {**options, "listener_id": options["listener_id"] or socket.gethostname()}
    return _Wanted(**fields)


def _lease(settings: Settings, name: str) -> Lease:
    from cx_pipeline.adapters.leases.opening import (
        lease_of,
    )  # the database's drivers take half a second to load

    return lease_of(settings, name)


def _client(settings: Settings, wanted: _Wanted) -> EventClient:
    token = ListenerToken(settings.listener_token, wanted.token_file or settings.listener_token_file)
    return EventClient(wanted.gateway or settings.middleware_url, token)


def _stamp(wanted: _Wanted) -> Stamp:
    is_stream = wanted.place == STANDARD_INPUT
    return Stamp(wanted.event_listener_id, wanted.source, wanted.tenant, is_heard_now=is_stream)


def _source(settings: Settings, wanted: _Wanted, lease: Lease | None) -> LineSource:
    folder = settings.listeners_folder
    if wanted.place == STANDARD_INPUT:
        return StandardInput(
            sys.stdin.fileno(),
            folder / wanted.state_name,
            stamped=_stamp(wanted),
            may_read=lambda: lease is None or lease.is_held,
            on_notice=_say,
        )
    return FileFollower(
        Path(wanted.place).absolute(),
        PositionFile(folder / f"{wanted.state_name}.position.json"),
        is_once=wanted.is_once,
        is_from_start=wanted.is_from_start,
        on_notice=_say,
    )


def _beats(client: EventClient, wanted: _Wanted, listener: Listener, source: LineSource) -> Beats:
    def tell(beat: ListenerState) -> None:
        client.heartbeat(beat, wanted.tenant or "")

    return Beats(
        tell,
        wanted.source or JTAPI,
        wanted.listener_id,
        lambda: listener.is_connected,
        lambda: source.failed_reconnections,
    )


def _introduce(beats: Beats) -> None:
    """The first sign of life: a token that the gateway refuses is told at once, and ends the command.

    Raises:
        ConfigurationError: the gateway refuses this listener.
    """
    try:
        beats.first()
    except TransientError as error:
        _say(f"{error}: waiting for it")


def _run(listener: Listener, source: LineSource) -> bool:
    """Listen until the end; whether all that was read is delivered."""
    is_all_done = True
    try:
        listener.run()
    except CxError as error:
        click.echo(f"cx-pipeline: {error}", err=True)
        is_all_done = False
    _say(str(listener.tally))
    if not is_all_done and source.waiting:
        click.echo(f"cx-pipeline: {source.waiting}: the next start goes on there", err=True)
    return is_all_done and not listener.tally.refused


@contextmanager
def _stopping(stop: Callable[[], None]) -> Iterator[None]:
    """Let the ending signals ask for an end in order, instead of cutting off what is under way."""

    def end(_number: int, _frame: FrameType | None) -> None:
        stop()

    before = {number: signal.signal(number, end) for number in ENDING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(text: str) -> None:
    click.echo(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}Z {text}", err=True)
