"""`cx-pipeline outbox`: the messages on their way to the conversation manager."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic, sleep

import click
from sqlalchemy import Engine

from cx_pipeline.adapters.ccm.client import base_url
from cx_pipeline.adapters.ccm.delivery import BUDGET_S, DeliveryReport, deliver
from cx_pipeline.adapters.database.connection import open_engine
from cx_pipeline.adapters.database.outbox_reading import OutboxReading, uuids
from cx_pipeline.cli.endings import ending_in_order
from cx_pipeline.cli.main import EXIT_FOUND_PROBLEMS
from cx_pipeline.cli.moments import MOMENT
from cx_pipeline.cli.rendering.console import count_of, open_console
from cx_pipeline.cli.rendering.outbox_report import (
    print_delivery,
    print_message,
    print_messages,
    print_standing,
)
from cx_pipeline.core.messages.outbox_row import DEAD, DELIVERED, WAITING
from cx_pipeline.settings import load_settings

ROUND_S = 60.0
"""So long a run delivers at a time where it goes on until nothing is due."""
PAUSE_S = 1.0
"""Between two looks for what has become due, where it delivers for a given time."""


@click.group(name="outbox")
def outbox() -> None:
    """Look at the messages to the conversation manager, send what is due, put back what is dead."""


@outbox.command(name="list")
@click.option(
    "--status",
    type=click.Choice([WAITING, DELIVERED, DEAD], case_sensitive=False),
    help="Only of this status.",
)
@click.option("--call", metavar="ID", help="Only of this call or leg.")
@click.option("--since", type=MOMENT, metavar="TIME", help="Only those written since, as 2024-01-15T09:00Z.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most so many."
)
def list_messages(status: str | None, call: str | None, since: datetime | None, limit: int) -> None:
    """List the newest messages, in the order in which they were written, and how many there are of each status.

    Exit codes: 0 done; 1 the database does not answer; 2 wrong use.
    """
    with _reading() as (_, reading):
        messages = reading.messages(status=status, call=call, since=since, limit=limit + 1)
        figures = reading.figures(datetime.now(UTC))
    console = open_console()
    if messages:
        print_messages(console, messages[-limit:])
    if len(messages) > limit:
        console.print(f"… and older ones: --limit shows more than {limit}.")
    print_standing(console, figures)


@outbox.command(name="show")
@click.argument("message_id", metavar="ID")
def show(message_id: str) -> None:
    """Show the message ID: how it stands, its other revisions, and what it says.

    Exit codes: 0 shown; 1 there is none; 2 wrong use.
    """
    _require_ids([message_id])
    with _reading() as (_, reading):
        revisions = reading.revisions(message_id)
    if not revisions:
        click.echo(f"The outbox has no message {message_id}.", err=True)
        sys.exit(EXIT_FOUND_PROBLEMS)
    print_message(open_console(), revisions, *uuids([message_id]))


@outbox.command(name="retry")
@click.argument("message_ids", metavar="[ID]…", nargs=-1)
@click.option("--call", metavar="ID", help="All dead messages of this call or leg.")
@click.option("--all-dead", is_flag=True, help="All dead messages.")
def retry(message_ids: Sequence[str], call: str | None, *, all_dead: bool) -> None:
    """Put dead messages back, as if they had never been tried: by their IDs, of a call, or all.

    They go with the next delivery, even where later messages of their call have gone already.

    Exit codes: 0 some were put back; 1 none is dead; 2 wrong use.
    """
    if (bool(message_ids), call is not None, all_dead).count(True) != 1:
        raise click.UsageError("give either message IDs, --call or --all-dead")
    _require_ids(message_ids)
    with _reading() as (_, reading):
        count = reading.retry(now=datetime.now(UTC), message_ids=message_ids, call=call, all_dead=all_dead)
    if not count:
        click.echo("None of these messages is dead.", err=True)
        sys.exit(EXIT_FOUND_PROBLEMS)
    click.echo(f"{count_of(count, 'message')} put back: cx-pipeline outbox run sends what is due.")


@outbox.command(name="run")
@click.option(
    "--once", is_flag=True, help=f"For {BUDGET_S:g} seconds at most, as the pipeline does each minute."
)
@click.option(
    "--for",
    "for_s",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="For so long, waiting for what becomes due.",
)
def run(*, once: bool, for_s: float | None) -> None:
    """Send what is due until nothing is, or until the conversation manager has failed ten times in a row.

    Exit codes: 0 nothing is due any more, or the time is over; 1 the conversation manager fails, or a message is
    dead; 2 wrong use.
    """
    if once and for_s is not None:
        raise click.UsageError("give either --once or --for")
    settings = load_settings()
    base_url(settings)
    console = open_console()
    with _reading() as (engine, reading), ending_in_order():
        if for_s is not None:
            report = _for_a_time(engine, for_s)
        elif once:
            report = deliver(settings, engine)
        else:
            report = _until_nothing_is_due(engine)
        print_delivery(console, report)
        print_standing(console, reading.figures(datetime.now(UTC)))
    if report.is_stopped or report.dead:
        sys.exit(EXIT_FOUND_PROBLEMS)


def _until_nothing_is_due(engine: Engine) -> DeliveryReport:
    total = DeliveryReport()
    while not (total.is_drained or total.is_stopped):
        total = _added(total, deliver(load_settings(), engine, budget_s=ROUND_S))
    return total


def _for_a_time(engine: Engine, seconds: float) -> DeliveryReport:
    """Deliver what is due and what becomes due; a manager that fails is left alone for a while, and asked again."""
    total, end = DeliveryReport(), monotonic() + seconds
    while (left := end - monotonic()) > 0:
        report = deliver(load_settings(), engine, budget_s=min(left, ROUND_S))
        total = _added(total, report)
        pause = BUDGET_S if report.is_stopped else PAUSE_S
        sleep(max(0.0, min(pause, end - monotonic())))
    return total


def _added(total: DeliveryReport, report: DeliveryReport) -> DeliveryReport:
    """Both together; how it ended is for the later one to say."""
    return replace(
        report,
        sent=total.sent + report.sent,
        delivered=total.delivered + report.delivered,
        retried=total.retried + report.retried,
        dead=total.dead + report.dead,
        last_error=report.last_error or total.last_error,
    )


def _require_ids(message_ids: Sequence[str]) -> None:
    wrong = [each for each in message_ids if not uuids([each])]
    if wrong:
        raise click.UsageError(f"{wrong[0]!r} is no message id: cx-pipeline outbox list shows them")


@contextmanager
def _reading() -> Iterator[tuple[Engine, OutboxReading]]:
    engine = open_engine(load_settings())
    try:
        yield engine, OutboxReading(engine)
    finally:
        engine.dispose()
