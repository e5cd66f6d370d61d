"""A call's Cisco details and its messages on the terminal: which record, how sure, and what was told of each leg."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cx_pipeline.adapters.database.outbox_reading import StoredMessage
from cx_pipeline.cli.rendering.console import duration, time_of_day
from cx_pipeline.core.enrichment.reasons import METHOD_SENTENCES, REASON_SENTENCES
from cx_pipeline.core.enrichment.schema import COMPLETE, FROM_RECORD
from cx_pipeline.core.messages.outbox_row import DEAD, DELIVERED

INDENT = "  "
LONGEST_ERROR = 120

Row = Mapping[str, Any]


def print_details(console: Console, legs: pl.DataFrame, messages: Sequence[StoredMessage]) -> None:
    """Print what Cisco's records tell of a call's legs, and what the conversation manager was told.

    Args:
        console: where to.
        legs: the call's legs, `ENRICHED_LEG_SCHEMA`.
        messages: of the call, in their order.
    """
    numbers = {}
    for leg in legs.iter_rows(named=True):
        numbers[leg["leg_id"]] = leg["leg_number"]
        console.print()
        console.print(Text(record_heading(leg), style="bold"))
        for line in record_lines(leg):
            console.print(Text(f"{INDENT}{line}"), soft_wrap=True)
    if messages:
        console.print()
        console.print(_messages(messages, numbers))


def record_heading(leg: Row) -> str:
    """How it stands with a leg's record, in a line."""
    told = leg["record_id"] or leg["enrichment_reason"]
    origin = ", known from its record alone" if leg["origin"] == FROM_RECORD else ""
    return f"Leg {leg['leg_number']}  {leg['agent_extension']}  {leg['enrichment_status']}: {told}{origin}"


def record_lines(leg: Row) -> Iterator[str]:
    """What is known of the leg's record, or why it has none."""
    if leg["enrichment_status"] == COMPLETE:
        yield f"{METHOD_SENTENCES[leg['match_method']]}, its end {distance(leg['match_distance_ms'])} from the leg's"
    else:
        yield REASON_SENTENCES.get(leg["enrichment_reason"], "no reason was noted")
    if leg["runner_up_record_id"]:
        yield f"runner-up {leg['runner_up_record_id']}, {distance(leg['runner_up_distance_ms'])} away"
    who = (leg["agent_id"] and f"agent {leg['agent_id']}", leg["agent_name"])
    numbers = (
        leg["customer_identifier"] and f"customer {leg['customer_identifier']}",
        leg["service_identifier"] and f"service {leg['service_identifier']}",
    )
    if told := ", ".join(filter(None, (*who, *numbers))):
        yield told
    if leg["cx_call_id"] != leg["call_id"]:
        yield f"CX call id {leg['cx_call_id']}, from the dialler"
    yield from _of_the_record(leg)


def _of_the_record(leg: Row) -> Iterator[str]:
    if leg["record_id"] is None:
        return
    spans = ((name, leg[f"{name}_s"]) for name in ("talk", "hold", "work", "ring", "queue"))
    told = [f"{name} {seconds} s" for name, seconds in spans if seconds is not None]
    told += [
        f"{name} {leg[key]}"
        for name, key in (("call result", "call_result"), ("disposition", "disposition"))
        if leg[key] is not None
    ]
    yield ", ".join(told)
    if leg["wrap_up"]:
        yield f"wrap-up {leg['wrap_up']!r}"
    if leg["has_duration_mismatch"]:
        events, cisco = duration(leg["duration_ms"]), duration(leg["cisco_duration_ms"])
        yield f"lengths differ: {events} by the events, {cisco} by the record (messages bear the record's)"
    if leg["has_extension_mismatch"]:
        yield "the record names another extension"
    variables = json.loads(leg["custom_variables"] or "{}")
    if filled := {name: value for name, value in variables.items() if value}:
        yield "variables " + ", ".join(f"{name}={value}" for name, value in filled.items())


def distance(milliseconds: int | None) -> str:
    """A distance in time, to the millisecond."""
    return "unknown" if milliseconds is None else f"{milliseconds / 1000:.3f} s"


def _messages(messages: Sequence[StoredMessage], numbers: Mapping[str, int]) -> Table:
    table = Table.grid(padding=(0, 1))
    for name in ("leg", "intent", "revision", "state", "since", "id"):
        table.add_column(name, no_wrap=name != "id", overflow="fold")
    table.add_row("Leg", "Message", "Rev.", "State", "Since (UTC)", "Id", style="bold")
    for message in messages:
        cells = (
            str(numbers.get(message.leg_id, "?")),
            message.intent,
            str(message.revision),
            message.status if message.attempts < 2 else f"{message.status} ({message.attempts} tries)",
            time_of_day(_since(message), with_date=True, with_ms=False),
            message.message_id,
        )
        table.add_row(*map(Text, cells), style="red" if message.status == DEAD else "")
        if message.status != DELIVERED and message.last_error:
            table.add_row("", Text(message.last_error[:LONGEST_ERROR]), style="red")
    return table


def _since(message: StoredMessage) -> datetime:
    """When it was delivered or given up; for one that waits, when it was written."""
    return message.delivered_at or message.died_at or message.created_at
