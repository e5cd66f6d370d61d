from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cx_pipeline.core.messages.delivery import (
    GIVE_UP_AFTER,
    LONGEST_BACK_OFF_S,
    LONGEST_RETRY_AFTER_S,
    MAX_EXCERPT,
    STOP_AFTER,
    Answer,
    Claim,
    FailureRow,
    Verdict,
    back_off_s,
    excerpt,
    mark_of,
    retry_after_s,
    verdict_of,
)

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)


def a_claim(attempts: int = 1, first: datetime = NOW) -> Claim:
    return Claim("id", "call", "voice", "{}", 1, attempts, first)


@pytest.mark.parametrize("code", [200, 201, 202, 204, 299, 409])
def test_it_is_there(code: int) -> None:
    assert verdict_of(code) is Verdict.DELIVERED


@pytest.mark.parametrize("code", [None, 401, 408, 425, 429, 500, 502, 503, 504, 599, 301, 302, 308, 100])
def test_it_may_go_through_another_time(code: int | None) -> None:
    assert verdict_of(code) is Verdict.TRANSIENT


@pytest.mark.parametrize("code", [400, 402, 403, 404, 405, 410, 413, 415, 422, 451, 499])
def test_it_will_never_go_through(code: int) -> None:
    assert verdict_of(code) is Verdict.PERMANENT


def test_the_back_off_doubles_from_a_second_to_ten_minutes() -> None:
    assert [back_off_s(attempts, 0.0) for attempts in (1, 2, 3, 9, 10, 11, 10_000)] == [
        1, 2, 4, 256, 300, 300, 300
    ]  # fmt: skip
    assert [back_off_s(attempts, 1.0) for attempts in (1, 2, 3, 9, 10, 11)] == [2, 4, 8, 512, 600, 600]


@given(st.integers(1, 1_000_000), st.floats(0, 1))
def test_the_back_off_stays_between_a_second_and_ten_minutes(attempts: int, jitter: float) -> None:
    assert 1.0 <= back_off_s(attempts, jitter) <= LONGEST_BACK_OFF_S


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("120", 120),
        (" 7 ", 7),
        ("0", 0),
        ("-5", 0),
        ("1.5", 0),
        ("soon", 0),
        ("", 0),
        ("²", 0),
        ("999999999999999999999999", LONGEST_RETRY_AFTER_S),
        ("Thu, 15 Jan 2026 12:01:30 GMT", 90),
        ("Thu, 15 Jan 2026 13:01:30 +0100", 90),
        ("Thu, 15 Jan 2026 12:01:30", 90),
        ("Thu, 15 Jan 2026 11:00:00 GMT", 0),
        ("Fri, 15 Jan 2027 12:00:00 GMT", LONGEST_RETRY_AFTER_S),
        ("Thu, 99 Jan 2026 12:00:00 GMT", 0),
    ],
)
def test_what_a_receiver_asks_for_is_read_and_bounded(header: str | None, seconds: float) -> None:
    assert retry_after_s(header, NOW) == seconds


@given(st.text())
def test_no_header_breaks_the_delivery(header: str) -> None:
    assert 0 <= retry_after_s(header, NOW) <= LONGEST_RETRY_AFTER_S


def test_a_delivered_message_is_marked_with_its_time() -> None:
    mark = mark_of(a_claim(3), Answer(201, ""), now=NOW, jitter=0.3)
    assert (mark.status, mark.next_attempt_at, mark.attempts, mark.error) == ("DELIVERED", NOW, 3, None)


def test_a_message_that_failed_waits_for_the_longer_of_back_off_and_what_was_asked() -> None:
    def wait(header: str | None, attempts: int) -> timedelta:
        mark = mark_of(a_claim(attempts), Answer(429, "429", header), now=NOW, jitter=0.0)
        assert mark.status == "WAITING"
        return mark.next_attempt_at - NOW

    assert wait(None, 4) == timedelta(seconds=8)
    assert wait("3", 4) == timedelta(seconds=8)
    assert wait("30", 4) == timedelta(seconds=30)


def test_a_message_is_tried_for_seven_days_and_then_dead_with_the_reason() -> None:
    almost = NOW + GIVE_UP_AFTER - timedelta(seconds=1)
    assert mark_of(a_claim(), Answer(500, "500: x"), now=almost, jitter=0).status == "WAITING"
    mark = mark_of(a_claim(), Answer(500, "500: x"), now=NOW + GIVE_UP_AFTER, jitter=0)
    assert (mark.status, mark.error) == ("DEAD", "given up 7 days after the first attempt: 500: x")


def test_a_message_that_gets_through_after_seven_days_is_delivered() -> None:
    mark = mark_of(a_claim(), Answer(200, ""), now=NOW + 2 * GIVE_UP_AFTER, jitter=0)
    assert mark.status == "DELIVERED"


def test_a_refused_message_is_dead_at_once() -> None:
    mark = mark_of(a_claim(), Answer(422, "422: no"), now=NOW, jitter=0)
    assert (mark.status, mark.error, mark.status_code) == ("DEAD", "422: no", 422)


def row_of(*verdicts: Verdict) -> FailureRow:
    row = FailureRow()
    for verdict in verdicts:
        row = row.after(verdict)
    return row


@pytest.mark.parametrize("between", [Verdict.DELIVERED, Verdict.PERMANENT])
def test_ten_failures_in_a_row_end_a_tick(between: Verdict) -> None:
    failed = [Verdict.TRANSIENT] * (STOP_AFTER - 1)
    assert not row_of(*failed).is_over
    assert row_of(*failed, Verdict.TRANSIENT).is_over
    assert not row_of(*failed, between, *failed).is_over
    assert row_of(between, *failed, Verdict.TRANSIENT).is_over


@given(st.lists(st.sampled_from(list(Verdict)), max_size=30), st.integers(1, 64))
def test_while_nothing_got_through_no_more_are_under_way_than_may_fail(
    verdicts: list[Verdict], concurrency: int
) -> None:
    row = row_of(*verdicts)
    slots = row.slots(concurrency)
    assert 0 <= slots <= concurrency
    assert (slots == 0) == row.is_over
    if not row.has_succeeded:
        assert row.length + slots <= STOP_AFTER


def test_a_destination_that_answers_gets_all_slots() -> None:
    assert FailureRow().slots(32) == 10
    assert row_of(Verdict.DELIVERED).slots(32) == 32
    assert row_of(Verdict.DELIVERED, Verdict.TRANSIENT, Verdict.TRANSIENT).slots(32) == 32
    assert row_of(Verdict.DELIVERED, *[Verdict.TRANSIENT] * 3).slots(32) == 7


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("bad leg", "bad leg"),
        ("a\n\tb\0c", "a b c"),
        ("sent my-token-1 twice: my-token-1", "sent *** twice: ***"),
        ("Authorization: Bearer abc.def-123~/+=", "Authorization: *** ***"),
        ("got bearer abc123, refused", "got bearer ***, refused"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln expired", "jwt *** expired"),
        ('{"access_token": "abc", "detail": "no"}', '{"access_token": "***", "detail": "no"}'),
        ("client_secret=abc&grant_type=x", "client_secret=***&grant_type=x"),
        ("password: hunter2", "password: ***"),
    ],
)
def test_an_excerpt_holds_no_secret(text: str, kept: str) -> None:
    assert excerpt(text, ["my-token-1", ""]) == kept


def test_an_excerpt_is_cut_after_secrets_were_taken_out() -> None:
    secret = "s" * 50
    text = "x" * (MAX_EXCERPT - 20) + secret + "y" * 50
    kept = excerpt(text, [secret])
    assert len(kept) == MAX_EXCERPT
    assert "ss" not in kept
    assert kept.endswith("…")
