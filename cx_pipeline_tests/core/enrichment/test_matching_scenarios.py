"""Which record goes to which leg: each rule as a pasted table."""

import pytest

from cx_pipeline_tests.core.enrichment.scenario import enriched

ONE_LEG = """
    leg | key   | ext  | start    | end
    A   | 1_100 | 1005 | 10:00:00 | 10:02:00
"""


def test_a_leg_gets_the_record_of_its_key_and_extension():
    enriched(
        ONE_LEG,
        """
        record | key      | ext  | end      | talk
        a      | 16777316 | 1005 | 10:02:01 | 119
        """,
    ).has(
        """
        leg | status   | record | method    | distance | runner_up | why | decided
        A   | COMPLETE | a      | EXTENSION | 1000     | -         | -   | yes
        """
    )


@pytest.mark.parametrize("key", ["1_100", "100/1", "16777316", "100"])
def test_a_call_key_is_known_in_all_its_forms(key):
    enriched(ONE_LEG, f"record | key | ext | end\na | {key} | 1005 | 10:02:00").has("leg | record\nA | a")


@pytest.mark.parametrize("key", ["2_100", "101", "33554532", "x100"])
def test_another_node_or_number_is_another_call(key):
    enriched(ONE_LEG, f"record | key | ext | end\na | {key} | 1005 | 10:02:00").has("leg | record\nA | -")


def test_a_leg_whose_key_has_no_node_is_found_by_the_number():
    enriched(
        "leg | key | ext | start | end\nA | 100 | 1005 | 10:00:00 | 10:02:00",
        "record | key | ext | end\na | 16777316 | 1005 | 10:02:00",
    ).has("leg | record\nA | a")


def test_a_foreign_id_is_found_by_its_text():
    enriched(
        "leg | key | ext | start | end\nA | 00FF-17AB | 1005 | 10:00:00 | 10:02:00",
        "record | key | ext | end\na | 00FF-17AB | 1005 | 10:02:00\nb | 00FF-17AC | 1005 | 10:02:00",
    ).has("leg | record | runner_up\nA | a | -")


def test_the_join_key_of_the_events_is_a_key_too():
    enriched(
        "leg | key | jtapi | ext | start | end\nA | 1_100 | 555 | 1005 | 10:00:00 | 10:02:00",
        "record | key | ext | end\na | 555 | 1005 | 10:02:00",
    ).has("leg | record\nA | a")


def test_records_of_another_tenant_are_no_candidates_and_those_of_none_are():
    legs = "leg | key | tenant | ext | start | end\nA | 1_100 | x | 1005 | 10:00:00 | 10:02:00"
    enriched(legs, "record | tenant | key | ext | end\na | y | 1_100 | 1005 | 10:02:00").has(
        "leg | record\nA | -"
    )
    enriched(legs, "record | tenant | key | ext | end\na | | 1_100 | 1005 | 10:02:00").has(
        "leg | record\nA | a"
    )


def test_a_transfer_has_two_legs_and_two_records():
    enriched(
        """
        leg | key   | ext  | start    | end
        A   | 1_100 | 1005 | 10:00:00 | 10:02:00
        B   | 1_100 | 1006 | 10:02:00 | 10:05:00
        """,
        """
        record | key   | ext  | end      | talk
        b      | 1_100 | 1006 | 10:05:00 | 180
        a      | 1_100 | 1005 | 10:02:00 | 120
        """,
    ).has("leg | record | runner_up\nA | a | -\nB | b | -")


def test_of_a_transfer_with_one_record_the_other_leg_waits():
    enriched(
        """
        leg | key   | ext  | start    | end
        A   | 1_100 | 1005 | 10:00:00 | 10:02:00
        B   | 1_100 | 1006 | 10:02:00 | 10:02:20
        """,
        "record | key | ext | end | talk\nb | 1_100 | 1006 | 10:02:20 | 20",
        read_at="10:10:00",
    ).has(
        """
        leg | record | status   | why
        A   | -      | PENDING  | NO_RECORD_YET
        B   | b      | COMPLETE | -
        """
    )


def test_a_transfer_and_back_gives_the_first_agent_two_legs_and_each_its_own_record():
    enriched(
        """
        leg | key   | ext  | start    | end
        A   | 1_100 | 1005 | 10:00:00 | 10:02:00
        B   | 1_100 | 1006 | 10:02:00 | 10:03:00
        C   | 1_100 | 1005 | 10:03:00 | 10:04:00
        """,
        """
        record | key   | ext  | end      | talk
        c      | 1_100 | 1005 | 10:04:00 | 60
        b      | 1_100 | 1006 | 10:03:00 | 60
        a      | 1_100 | 1005 | 10:02:00 | 120
        """,
    ).has("leg | record\nA | a\nB | b\nC | c")


def test_of_a_transfer_and_back_the_missing_record_is_missed_where_it_is():
    legs = """
        leg | key   | ext  | start    | end
        A   | 1_100 | 1005 | 10:00:00 | 10:02:00
        B   | 1_100 | 1005 | 10:02:10 | 10:04:00
    """
    enriched(legs, "record | key | ext | end | talk\nb | 1_100 | 1005 | 10:04:00 | 110").has(
        "leg | record\nA | -\nB | b"
    )
    enriched(legs, "record | key | ext | end | talk\na | 1_100 | 1005 | 10:02:00 | 120").has(
        "leg | record\nA | a\nB | -"
    )


def test_a_conference_that_ends_together_is_told_by_extensions():
    enriched(
        """
        leg | key   | ext  | start    | end
        A   | 1_100 | 1005 | 10:00:00 | 10:05:00
        B   | 1_100 | 1006 | 10:02:00 | 10:05:00
        """,
        """
        record | key   | ext  | end      | talk
        x      | 1_100 | 1006 | 10:05:00 | 180
        y      | 1_100 | 1005 | 10:05:00 | 300
        """,
    ).has("leg | record\nA | y\nB | x")


def test_a_conference_that_ends_together_without_extensions_is_not_guessed():
    enriched(
        """
        leg | key   | ext  | start    | end
        A   | 1_100 | 1005 | 10:00:00 | 10:05:00
        B   | 1_100 | 1006 | 10:02:00 | 10:05:00.800
        """,
        """
        record | key   | end      | talk
        x      | 1_100 | 10:05:00 | 180
        y      | 1_100 | 10:05:01 | 300
        """,
    ).has(
        """
        leg | status    | why                  | record | runner_up | runner_up_distance
        A   | AMBIGUOUS | SEVERAL_RECORDS_NEAR | -      | x         | 0
        B   | AMBIGUOUS | SEVERAL_RECORDS_NEAR | -      | y         | 200
        """
    )


def test_one_record_without_extension_between_two_legs_is_given_to_neither():
    enriched(
        """
        leg | key   | ext  | start    | end
        A   | 1_100 | 1005 | 10:00:00 | 10:05:00
        B   | 1_100 | 1006 | 10:02:00 | 10:05:01
        """,
        "record | key | end | talk\nx | 1_100 | 10:05:00 | 180",
    ).has(
        """
        leg | status    | why               | record
        A   | AMBIGUOUS | SEVERAL_LEGS_NEAR | -
        B   | AMBIGUOUS | SEVERAL_LEGS_NEAR | -
        """
    )


def test_of_a_conference_the_record_without_extension_goes_to_the_leg_that_has_none():
    enriched(
        """
        leg | key   | ext  | start    | end
        A   | 1_100 | 1005 | 10:00:00 | 10:05:00
        B   | 1_100 | 1006 | 10:02:00 | 10:05:00
        """,
        """
        record | key   | ext  | end      | talk
        x      | 1_100 |      | 10:05:00 | 180
        y      | 1_100 | 1005 | 10:05:00 | 300
        """,
    ).has("leg | record | method | runner_up\nA | y | EXTENSION | x\nB | x | TIME | -")


def test_without_extensions_the_closest_end_decides():
    enriched(
        """
        leg | key   | ext  | start    | end
        A   | 1_100 | 1005 | 10:00:00 | 10:02:00
        B   | 1_100 | 1006 | 10:02:00 | 10:05:00
        """,
        """
        record | key   | end      | talk
        x      | 1_100 | 10:05:02 | 180
        y      | 1_100 | 10:02:02 | 120
        """,
    ).has(
        """
        leg | record | method | distance | runner_up | runner_up_distance
        A   | y      | TIME   | 2000     | -         | -
        B   | x      | TIME   | 2000     | y         | 178000
        """
    )


def test_two_records_of_the_own_extension_that_tie_are_not_guessed():
    enriched(
        ONE_LEG,
        """
        record | key   | ext  | end      | talk
        x      | 1_100 | 1005 | 10:02:00 | 120
        y      | 1_100 | 1005 | 10:02:01 | 120
        """,
    ).has("leg | status | why | record | runner_up\nA | AMBIGUOUS | TWO_RECORDS_TIE | - | x")


def test_two_records_of_the_own_extension_further_apart_are_told_by_the_closest_end():
    enriched(
        ONE_LEG,
        """
        record | key   | ext  | end          | talk
        x      | 1_100 | 1005 | 10:02:00     | 120
        y      | 1_100 | 1005 | 10:02:01.001 | 120
        """,
    ).has("leg | status | record | runner_up | runner_up_distance\nA | COMPLETE | x | y | 1001")


def test_a_record_of_the_own_extension_beats_a_closer_one_without():
    enriched(
        ONE_LEG,
        """
        record | key   | ext  | end      | talk
        near   | 1_100 |      | 10:02:00 | 120
        own    | 1_100 | 1005 | 10:02:20 | 120
        """,
    ).has("leg | record | method | runner_up\nA | own | EXTENSION | near")


def test_the_extension_of_another_leg_is_never_a_candidate():
    enriched(
        """
        leg | key   | ext  | start    | end
        A   | 1_100 | 1005 | 10:00:00 | 10:05:00
        B   | 1_100 | 1006 | 10:02:00 |
        """,
        "record | key | ext | end | talk\nb | 1_100 | 1006 | 10:05:00 | 180",
    ).has("leg | status | record | runner_up\nA | PARTIAL | - | -\nB | PENDING | - | -")


def test_an_extension_that_the_call_does_not_know_matches_only_at_the_same_end():
    near = enriched(ONE_LEG, "record | key | ext | end | talk\nx | 1_100 | 7777 | 10:02:10 | 120")
    near.has("leg | status | record | method | has_extension_mismatch\nA | COMPLETE | x | TIME | yes")
    enriched(ONE_LEG, "record | key | ext | end | talk\nx | 1_100 | 7777 | 10:02:11 | 120").has(
        "leg | record | has_extension_mismatch\nA | - | no"
    )


def test_a_consult_with_a_key_of_its_own_is_found_by_that_key():
    enriched(
        """
        leg | key         | ext  | start    | end
        A   | 1_100 1_101 | 1005 | 10:00:00 | 10:02:00
        B   | 1_100 1_101 | 1006 | 10:01:00 | 10:05:00
        """,
        """
        record | key   | ext  | end      | talk
        a      | 1_100 | 1005 | 10:02:00 | 100
        b      | 1_101 | 1006 | 10:05:00 | 240
        """,
    ).has("leg | record\nA | a\nB | b")


def test_a_reservation_call_belongs_to_no_leg():
    enriched(
        ONE_LEG, "record | key | ext | end | talk | type\nx | 1_100 | 1005 | 10:02:00 | 120 | RESERVATION"
    ).has("leg | record\nA | -")


def test_an_unanswered_leg_keeps_its_record_from_others():
    enriched(
        """
        leg | key   | ext  | ring     | start    | end      | is_answered
        A   | 1_100 | 1005 | 10:00:00 | 10:00:00 | 10:00:20 | no
        B   | 1_100 | 1006 | 10:00:21 | 10:00:25 | 10:00:50 | yes
        """,
        """
        record | key   | ext  | end      | talk | ring | disposition
        r      | 1_100 | 1005 | 10:00:20 | 0    | 20   | 19
        """,
    ).has("leg | record | has_duration_mismatch\nA | r | no\nB | - | no")
