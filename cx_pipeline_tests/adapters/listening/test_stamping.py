"""What a listener adds to an event, and what it leaves alone."""

import json
from datetime import UTC, datetime

import pytest

from cx_pipeline.adapters.listening.stamping import Stamp

NOW = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)
HEARD = "2026-01-31T09:00:00+00:00"


def stamped(line: bytes, *, is_heard_now: bool = False, source: str | None = None) -> bytes:
    return Stamp("cucm-1", source, is_heard_now=is_heard_now, clock=lambda: NOW)(line)


def test_an_event_gets_who_heard_it_and_when():
    assert json.loads(stamped(b'{"extension":"1001"}')) == {
        "received_at": HEARD,
        "listener_id": "cucm-1",
        "extension": "1001",
    }
    assert json.loads(stamped(b"{}")) == {"received_at": HEARD, "listener_id": "cucm-1"}


def test_what_an_event_says_is_kept_to_the_byte_in_either_spelling():
    line = b'{"createdAt":"t","receivedAt":"r",  "listenerId":"mine","x":1e2}'
    assert stamped(line) == line


def test_what_is_empty_or_null_counts_as_missing_and_the_first_of_two_counts():
    first = json.loads(
        stamped(b'{"received_at":null,"listener_id":""}'), object_pairs_hook=lambda pairs: pairs
    )
    assert dict(reversed(first))["received_at"] == HEARD


def test_only_an_event_heard_just_now_gets_the_present_as_its_time():
    assert "event_time" not in json.loads(stamped(b'{"a":1}'))
    assert json.loads(stamped(b'{"a":1}', is_heard_now=True))["event_time"] == HEARD


def test_an_event_that_says_when_it_was_received_happened_then():
    event = json.loads(stamped(b'{"received_at":"2026-01-01T00:00:00Z"}', is_heard_now=True))
    assert event["event_time"] == event["received_at"] == "2026-01-01T00:00:00Z"


def test_a_source_is_given_to_events_that_name_none():
    assert json.loads(stamped(b'{"a":1}', source="cti"))["source"] == "cti"
    assert json.loads(stamped(b'{"source":"jtapi"}', source="cti"))["source"] == "jtapi"


@pytest.mark.parametrize("line", [b"no json", b"[1]", b'"text"', b"\xff\xfe", b"[" * 100_000, b'{"a":'])
def test_what_is_no_object_stays_as_it_is(line: bytes):
    assert stamped(line) == line
