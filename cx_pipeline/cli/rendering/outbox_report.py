"""Messages of the outbox on the terminal: a table, one in full, and what a delivery did."""

import json
from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cx_pipeline.adapters.ccm.delivery import DeliveryReport
from cx_pipeline.adapters.database.outbox_reading import OutboxFigures, StoredMessage
from cx_pipeline.cli.rendering.console import count_of, time_of_day
from cx_pipeline.core.messages.outbox_row import DEAD, DELIVERED, WAITING

LONGEST_ERROR = 60
WIDE = 140
"""Columns of a terminal on which the call ids have room, too; `outbox show` tells them in any case."""


def print_messages(console: Console, messages: Sequence[StoredMessage]) -> None:
    """The messages as a table, in their order."""
    is_wide = console.width >= WIDE
    table = Table.grid(padding=(0, 1))
    titles = ("Message", *(("Call",) if is_wide else ()), "Intent", "Status", "Tries", "")
    for title in titles:
        table.add_column(no_wrap=bool(title), overflow="fold")
    table.add_row(*titles, style="bold")
    for message in messages:
        cells = (
            message.message_id,
            *((message.ordering_key,) if is_wide else ()),
            _intent(message),
            message.status,
            str(message.attempts),
            _situation(message),
        )
        table.add_row(*map(Text, cells))
    console.print(table)


def print_standing(console: Console, figures: OutboxFigures) -> None:
    """How many messages there are of each status."""
    oldest = (
        f", the oldest since {_moment(figures.oldest_waiting_at)}"
        if figures.oldest_waiting_at is not None
        else ""
    )
    console.print(f"Waiting      {figures.waiting:,}: {figures.due:,} due{oldest}", soft_wrap=True)
    console.print(f"Delivered    {figures.delivered:,}: {figures.retried:,} after more than one attempt")
    newest = f", the newest since {_moment(figures.newest_dead_at)}" if figures.dead else ""
    console.print(f"Dead         {figures.dead:,}{newest}", soft_wrap=True)


def print_delivery(console: Console, report: DeliveryReport) -> None:
    """What a delivery did, and why it ended."""
    console.print(
        f"Sent         {count_of(report.sent, 'attempt')}: {report.delivered:,} delivered, "
        f"{report.retried:,} to be tried again, {report.dead:,} dead"
    )
    if report.last_error is not None:
        console.print(Text(f"Last error   {report.last_error}"), soft_wrap=True)
    if report.is_stopped:
        console.print("Stopped      the conversation manager failed ten times in a row", soft_wrap=True)


def print_message(console: Console, revisions: Sequence[StoredMessage], message_id: str) -> None:
    """One message in full, among its revisions."""
    message = next(each for each in revisions if each.message_id == message_id)
    lines = {
        "Message": message.message_id,
        "Call": message.ordering_key,
        "Leg": message.leg_id,
        "Intent": f"{_intent(message)}, to {message.destination}",
        "Status": f"{message.status} {_situation(message)}".strip(),
        "Written": _moment(message.created_at),
        "Attempts": f"{message.attempts}, the first {_moment(message.first_attempt_at)}"
        if message.first_attempt_at
        else "none",
        "Last answer": str(message.last_status_code or "none"),
    }
    if message.last_error is not None:
        lines["Last error"] = message.last_error
    for name, value in lines.items():
        console.print(Text(f"{name:12} {value}"), soft_wrap=True)
    for each in revisions if len(revisions) > 1 else ():
        mark = "*" if each is message else " "
        told = f"{mark} {each.revision:>2}  {each.message_id}  {each.status} {_situation(each)}".rstrip()
        console.print(Text(f"{'Revision':13}{told}"), soft_wrap=True)
    console.print()
    console.print(Text(_readable(message.payload)), soft_wrap=True)


def _intent(message: StoredMessage) -> str:
    ordinal = f" {message.ordinal}" if message.ordinal else ""
    revision = f" r{message.revision}" if message.revision else ""
    return f"{message.intent}{ordinal}{revision}"


def _situation(message: StoredMessage) -> str:
    """Since when it is delivered, or why it is not."""
    if message.status == DELIVERED:
        return _moment(message.delivered_at)
    error = message.last_error or ""
    error = error if len(error) <= LONGEST_ERROR else f"{error[: LONGEST_ERROR - 1]}…"
    if message.status == DEAD:
        return f"{_moment(message.died_at)} {error}".strip()
    if message.status == WAITING and message.attempts:
        return f"again {_moment(message.next_attempt_at)} {error}".strip()
    return error


def _moment(moment: datetime | None) -> str:
    return time_of_day(moment, with_date=True, with_ms=False)


def _readable(payload: str) -> str:
    try:
        return json.dumps(json.loads(payload), indent=2, ensure_ascii=False)
    except ValueError:
        return payload
