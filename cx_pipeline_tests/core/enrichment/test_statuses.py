"""When a leg is PENDING, PARTIAL or AMBIGUOUS, and when that is decided."""

import pytest

from cx_pipeline.core.enrichment.reasons import METHOD_SENTENCES, REASON_SENTENCES
from cx_pipeline.core.enrichment.schema import BY_EXTENSION, BY_TIME
from cx_pipeline_tests.core.enrichment.scenario import enriched

LEG = """
    leg | key   | ext  | start    | end
    A   | 1_100 | 1005 | 10:00:00 | 10:02:00
"""
TWO = """
    record | key   | ext  | end      | talk
    x      | 1_100 | 1005 | 10:02:00 | 120
    y      | 1_100 | 1005 | 10:02:00 | 120
"""


@pytest.mark.parametrize(
    ("read_at", "status", "why", "tries", "decided"),
    [
        ("10:01:59", "PENDING", "NO_RECORD_YET", 0, "no"),
        ("10:02:00", "PENDING", "NO_RECORD_YET", 1, "no"),
        ("10:07:00", "PENDING", "NO_RECORD_YET", 2, "no"),
        ("10:17:00", "PENDING", "NO_RECORD_YET", 3, "no"),
        ("10:32:00", "PENDING", "NO_RECORD_YET", 4, "no"),
        ("11:01:59", "PENDING", "NO_RECORD_YET", 4, "no"),
        ("11:02:00", "PARTIAL", "NO_RECORD", 5, "yes"),
        ("23:00:00", "PARTIAL", "NO_RECORD", 5, "yes"),
    ],
)
def test_a_leg_waits_for_its_record_for_an_hour_by_its_own_age(read_at, status, why, tries, decided):
    enriched(LEG, read_at=read_at).has(
        f"leg | status | why | tries | decided\nA | {status} | {why} | {tries} | {decided}"
    )


def test_a_leg_that_has_its_record_is_decided_at_once():
    enriched(LEG, "record | key | ext | end\nx | 1_100 | 1005 | 10:02:00", read_at="10:02:01").has(
        "leg | status | decided\nA | COMPLETE | yes"
    )


def test_an_ambiguous_leg_is_decided_when_the_last_try_is_over():
    enriched(LEG, TWO, read_at="11:01:59").has("leg | status | decided\nA | AMBIGUOUS | no")
    enriched(LEG, TWO, read_at="11:02:00").has("leg | status | decided\nA | AMBIGUOUS | yes")


def test_a_leg_in_progress_is_pending_however_old_it_is():
    enriched("leg | key | ext | start\nA | 1_100 | 1005 | 01:00:00", read_at="23:00:00").has(
        "leg | status | why | tries | decided\nA | PENDING | IN_PROGRESS | 0 | no"
    )


def test_without_a_source_nothing_is_waited_for():
    enriched(LEG, read_at="10:02:01", has_source=False).has(
        "leg | status | why | tries | decided\nA | PARTIAL | NO_SOURCE | 0 | yes"
    )


def test_a_window_without_legs_is_enriched_to_nothing():
    assert enriched("leg | key", "record | key | ext | end\nx | 1_1 | 1 | 10:00:00").records() == {}


def test_every_reason_and_method_has_its_sentence():
    assert len(set(REASON_SENTENCES.values())) == len(REASON_SENTENCES)
    assert set(METHOD_SENTENCES) == {BY_EXTENSION, BY_TIME}
