"""Fills the outbox of a test, and asks what became of it."""

import json
from collections.abc import Iterable
from uuid import UUID

import polars as pl
from sqlalchemy import Engine, text

from cx_pipeline.adapters.database.outbox import LEG_DIGEST_SCHEMA, Outbox
from cx_pipeline.core.messages.outbox_row import OutboxRow


def message_id(call: int, number: int) -> str:
    """The id of a call's message."""
    return str(UUID(int=(8 << 76) + call * 1000 + number))


def a_row(call: int, number: int, *, content: str = "") -> OutboxRow:
    """A message of a call."""
    payload = json.dumps({"call": str(call), "number": number, "content": content}, ensure_ascii=False)
    leg = str(UUID(int=call))
    return OutboxRow(
        message_id(call, number), str(call), leg, f"INTENT_{number:03}", 0, 0, payload, "f", "voice"
    )


def fill(engine: Engine, rows: Iterable[OutboxRow]) -> None:
    """Write these messages, in this order."""
    rows = list(rows)
    legs = pl.DataFrame(
        sorted({(row.leg_id, row.leg_id, str(len(rows))) for row in rows}),
        schema=LEG_DIGEST_SCHEMA,
        orient="row",
    )
    Outbox(engine).plan(legs, lambda state: [row for row in rows if row.leg_id in state.changed])


def fill_calls(engine: Engine, calls: int, messages: int) -> None:
    """So many calls of so many messages each, written in turns: each call's first, then each call's second, …"""
    fill(engine, [a_row(call, number) for number in range(messages) for call in range(calls)])


def statuses(engine: Engine) -> dict[str, int]:
    """How many messages have which status."""
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT status, count(*) FROM outbox_message GROUP BY status"))
        return {status: count for status, count in rows}  # noqa: C416


def stored(engine: Engine, call: int, number: int) -> dict[str, object]:
    """A message's row."""
    with engine.connect() as connection:
        row = connection.execute(
            text("SELECT * FROM outbox_message WHERE message_id = :id"), {"id": message_id(call, number)}
        ).one()
        return dict(row._mapping)
