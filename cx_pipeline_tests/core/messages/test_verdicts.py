from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from cx_pipeline.core.messages.verdicts import outbox_verdicts


@dataclass(frozen=True)
class OutboxStanding:
    waiting: int
    dead: int
    oldest_waiting_at: datetime | None


NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


def test_an_empty_outbox_is_well():
    verdicts = outbox_verdicts(OutboxStanding(0, 0, None), NOW)
    assert all(verdict.passed for verdict in verdicts.values())


@pytest.mark.parametrize(
    ("age", "passed", "told"),
    [
        (timedelta(seconds=299), True, "3 messages wait, the oldest for 4 min"),
        (timedelta(seconds=301), False, "3 messages wait, the oldest for 5 min: look at"),
        (timedelta(hours=3, minutes=5), False, "the oldest for 3 h 5 min"),
        (timedelta(seconds=-3), True, "the oldest for 0 s"),
    ],
)
def test_messages_that_wait_too_long_are_told_with_their_age(age: timedelta, passed: bool, told: str):
    verdict = outbox_verdicts(OutboxStanding(3, 0, NOW - age), NOW)["outbox_age"]
    assert verdict.passed is passed
    assert told in verdict.description


def test_a_destination_that_fails_turns_it_red_at_once():
    standing = OutboxStanding(3, 0, NOW - timedelta(seconds=20))
    verdict = outbox_verdicts(standing, NOW, has_stopped=True)["outbox_age"]
    assert not verdict.passed
    assert "the oldest for 20 s" in verdict.description


def test_dead_messages_are_told_with_what_to_do():
    verdict = outbox_verdicts(OutboxStanding(0, 2, None), NOW)["no_dead_messages"]
    assert not verdict.passed
    assert verdict.description.startswith("2 messages were refused for good")
    assert "cx-pipeline outbox retry" in verdict.description
