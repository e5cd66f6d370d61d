"""What a person reads of a leg's record and of its messages."""

import io
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import polars as pl
from rich.console import Console

from cx_pipeline.adapters.database.outbox_reading import StoredMessage
from cx_pipeline.cli.rendering.details_report import print_details
from cx_pipeline.core.enrichment.reasons import REASON_SENTENCES
from cx_pipeline.core.enrichment.schema import COMPLETE, ENRICHED_LEG_SCHEMA, FROM_EVENTS, FROM_RECORD

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LEG, CALL = str(UUID(int=1)), str(UUID(int=2))
COMPLETE_LEG: dict[str, Any] = {
    "leg_id": LEG,
    "call_id": CALL,
    "cx_call_id": CALL,
    "leg_number": 1,
    "agent_extension": "1005",
    "origin": FROM_EVENTS,
    "enrichment_status": COMPLETE,
    "record_id": "hds:17",
    "match_method": "EXTENSION",
    "match_distance_ms": 250,
    "agent_id": "5001",
    "agent_name": "Ada [b]Abt",
    "customer_identifier": "+18005550199",
    "service_identifier": "8001",
    "talk_s": 60,
    "hold_s": 0,
    "wrap_up": "sale;\n'yes'",
    "duration_ms": 61_000,
    "cisco_duration_ms": 60_000,
    "custom_variables": '{"Variable1": "gold", "Variable2": null}',
}


def printed(leg: dict[str, Any], *messages: StoredMessage) -> str:
    console = Console(file=io.StringIO(), width=120)
    print_details(console, pl.DataFrame([leg], schema=ENRICHED_LEG_SCHEMA), messages)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def message(**values: Any) -> StoredMessage:
    row: dict[str, Any] = {
        "message_id": str(UUID(int=9)),
        "sequence": 1,
        "ordering_key": CALL,
        "leg_id": LEG,
        "intent": "CALL_LEG_ENDED",
        "ordinal": 0,
        "revision": 1,
        "payload": "{}",
        "destination": "voice",
        "status": "DELIVERED",
        "attempts": 1,
        "next_attempt_at": NOON,
        "last_status_code": 200,
        "last_error": None,
        "created_at": NOON,
        "first_attempt_at": NOON,
        "delivered_at": NOON,
        "died_at": None,
    }
    return StoredMessage(**(row | values))


def test_a_record_is_told_with_its_score_and_what_it_says():
    text = printed(COMPLETE_LEG)
    assert "Leg 1  1005  COMPLETE: hds:17" in text
    assert "its end 0.250 s from the leg's" in text
    assert "agent 5001, Ada [b]Abt, customer +18005550199, service 8001" in text
    assert "talk 60 s, hold 0 s" in text
    assert "wrap-up \"sale;\\n'yes'\"" in text
    assert "variables Variable1=gold\n" in text
    assert "runner-up" not in text


def test_the_runner_up_and_what_contradicts_are_told():
    text = printed(
        COMPLETE_LEG
        | {
            "runner_up_record_id": "hds:18",
            "runner_up_distance_ms": 4_000,
            "has_duration_mismatch": True,
            "has_extension_mismatch": True,
            "cx_call_id": "cx-77",
        }
    )
    assert "runner-up hds:18, 4.000 s away" in text
    assert "lengths differ: 1:01 by the events, 1:00 by the record" in text
    assert "the record names another extension" in text
    assert "CX call id cx-77, from the dialler" in text


def test_every_reason_for_having_no_record_is_a_sentence():
    for reason, sentence in REASON_SENTENCES.items():
        leg = COMPLETE_LEG | {"enrichment_status": "PENDING", "enrichment_reason": reason, "record_id": None}
        text = " ".join(printed(leg).split())
        assert f"PENDING: {reason}" in text
        assert sentence in text


def test_a_leg_known_from_its_record_alone_says_so():
    assert "COMPLETE: hds:17, known from its record alone" in printed(COMPLETE_LEG | {"origin": FROM_RECORD})


def test_messages_are_told_with_their_state_and_what_holds_them_up():
    text = printed(
        COMPLETE_LEG,
        message(),
        message(
            intent="WRAPUP",
            status="DEAD",
            attempts=3,
            delivered_at=None,
            died_at=NOON,
            last_error="422 no such code",
        ),
    )
    assert "1 CALL_LEG_ENDED 1 DELIVERED 2026-03-02 12:00:00" in " ".join(text.split())
    assert "DEAD (3 tries)" in text
    assert "422 no such code" in text
    assert text.count(str(UUID(int=9))) == 2
