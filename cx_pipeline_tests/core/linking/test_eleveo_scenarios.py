"""Which couples are one leg: pasted tables of couples, with what is to come of them."""

import pytest

from cx_pipeline.core.linking.eleveo import MergeRules
from cx_pipeline_tests.core.linking.eleveo_tables import merged, told


def test_a_hold_and_its_retrieve_are_one_leg_with_the_time_of_the_hold_between() -> None:
    legs = merged("""
        1 1_7 10:00:00 10:01:00 555 1001 1001 START    HOLD
        2 1_7 10:02:00 10:03:30 555 1001 1001 RETRIEVE END
    """)
    assert told(legs) == ["1@0 2@120"]


def test_two_holds_are_still_one_leg() -> None:
    legs = merged("""
        1 1_7 10:00:00 10:01:00 555 1001 1001 START    HOLD
        2 1_7 10:02:00 10:03:00 555 1001 1001 RETRIEVE HOLD
        3 1_7 10:03:30 10:04:00 555 1001 1001 RETRIEVE END
    """)
    assert told(legs) == ["1@0 2@120 3@210"]


BLIND = """
    1 1_7 10:00:00 10:01:00 555  1001 1001 START    TRANSFER
    2 1_7 10:01:04 10:03:00 555  1002 1002 TRANSFER END
"""


def test_after_a_blind_transfer_each_agent_has_a_leg() -> None:
    assert told(merged(BLIND, "1001")) == ["1@0"]
    assert told(merged(BLIND, "1002")) == ["2@0"]


CONSULT_TRANSFER = """
    1 1_7 10:00:00 10:01:00 555  1001 1001 START    HOLD
    2 1_8 10:01:05 10:02:00 1001 1002 1001 START    TRANSFER
    3 1_8 10:01:05 10:02:00 1001 1002 1002 START    TRANSFER
    4 1_7 10:02:00 10:05:00 555  1002 1002 TRANSFER END
"""


def test_a_consult_transfer_gives_the_second_agent_the_consultation_and_the_caller_in_one_leg() -> None:
    assert told(merged(CONSULT_TRANSFER, "1002")) == ["3@0 4@55"]


def test_a_consultation_is_no_part_of_the_held_call_of_who_consults() -> None:
    assert told(merged(CONSULT_TRANSFER, "1001", "10:01:00-10:02:00")) == ["1@0 ENDS_ON_HOLD", "2@0"]


def test_a_cancelled_consultation_interrupts_the_leg_and_is_apart() -> None:
    legs = merged("""
        1 1_7 10:00:00 10:01:00 555  1001 1001 START    HOLD
        2 1_8 10:01:05 10:02:00 1001 1002 1001 START    END
        3 1_7 10:02:01 10:05:00 555  1001 1001 RETRIEVE END
    """)
    assert told(legs) == ["1@0 3@121", "2@0"]


def test_a_consultation_on_the_same_call_id_is_apart_too() -> None:
    legs = merged("""
        1 1_7 10:00:00 10:01:00 555  1001 1001 START    HOLD
        2 1_7 10:01:05 10:02:00 1001 1002 1001 START    END
        3 1_7 10:02:01 10:05:00 555  1001 1001 RETRIEVE END
    """)
    assert told(legs) == ["1@0 3@121", "2@0"]


def test_swapping_between_two_held_calls_follows_the_other_party() -> None:
    legs = merged("""
        1 1_7 10:00:00 10:01:00 555  1001 1001 START    HOLD
        2 1_7 10:01:05 10:02:00 1001 1002 1001 START    HOLD
        3 1_7 10:02:01 10:03:00 555  1001 1001 RETRIEVE HOLD
        4 1_7 10:03:01 10:04:00 1001 1002 1001 RETRIEVE END
        5 1_7 10:04:01 10:05:00 555  1001 1001 RETRIEVE END
    """)
    assert told(legs) == ["1@0 3@121 5@241", "2@0 4@116"]


CONFERENCE = """
    1 1_7 10:00:00 10:01:00 555  1001 1001 START      HOLD
    2 1_8 10:01:05 10:02:00 1001 1002 1001 START      CONFERENCE
    3 1_8 10:01:05 10:02:00 1001 1002 1002 START      CONFERENCE
    4 1_7 10:02:00 10:05:00 555  1001 1001 CONFERENCE END
    5 1_7 10:02:00 10:05:00 555  1002 1002 CONFERENCE END
"""


def test_a_conference_goes_on_with_the_held_call_of_who_made_it() -> None:
    assert told(merged(CONFERENCE, "1001")) == ["1@0 4@120", "2@0"]


def test_a_conference_goes_on_with_the_consultation_of_who_was_brought_in() -> None:
    assert told(merged(CONFERENCE, "1002")) == ["3@0 5@55"]


def test_an_agent_who_comes_back_after_a_transfer_has_a_second_leg() -> None:
    legs = merged("""
        1 1_7 10:00:00 10:01:00 555  1001 1001 START      HOLD
        2 1_8 10:01:05 10:02:00 1001 1002 1001 START      TRANSFER
        3 1_7 10:08:00 10:09:00 555  1001 1001 TRANSFER   END
        4 1_7 10:20:00 10:21:00 555  1001 1001 CONFERENCE END
    """)
    assert told(legs) == ["1@0 ENDS_ON_HOLD", "2@0", "3@0", "4@0"]


def test_a_missing_couple_between_two_holds_leaves_its_gap_and_a_note() -> None:
    table = """
        1 1_7 10:00:00 10:01:00 555 1001 1001 START    HOLD
        3 1_7 10:05:00 10:06:00 555 1001 1001 RETRIEVE END
    """
    holds = "10:01:00-10:02:00, 10:04:00-10:05:00"
    assert told(merged(table, holds=holds)) == ["1@0 3@300 LONG_GAP"]


def test_a_missing_first_couple_is_told() -> None:
    legs = merged("2 1_7 10:02:00 10:03:00 555 1001 1001 RETRIEVE END")
    assert told(legs) == ["2@0 BEGINS_IN_MID_CALL"]


def test_a_missing_last_couple_is_told() -> None:
    legs = merged("1 1_7 10:00:00 10:01:00 555 1001 1001 START HOLD")
    assert told(legs) == ["1@0 ENDS_ON_HOLD"]


def test_couples_that_overlap_a_little_stay_one_leg() -> None:
    legs = merged("""
        1 1_7 10:00:00 10:01:02 555 1001 1001 START      CONFERENCE
        2 1_7 10:01:00 10:02:00 555 1001 1001 CONFERENCE END
    """)
    assert told(legs) == ["1@0 2@60 OVERLAP"]


def test_couples_that_overlap_much_are_two_recordings() -> None:
    legs = merged("""
        1 1_7 10:00:00 10:01:30 555 1001 1001 START      CONFERENCE
        2 1_7 10:01:00 10:02:00 555 1001 1001 CONFERENCE END
    """)
    assert told(legs) == ["1@0", "2@0 OVERLAP"]


UNKNOWN = """
    1 1_7 10:00:00 10:01:00 555 1001 1001 BEGUN  PAUSED
    2 1_7 10:02:00 10:03:00 555 1001 1001 RESUME DONE
"""


def test_unknown_reasons_join_nothing_by_themselves() -> None:
    assert told(merged(UNKNOWN)) == ["1@0 UNKNOWN_REASON", "2@0 UNKNOWN_REASON"]


def test_with_unknown_reasons_a_hold_of_the_leg_joins_what_it_parts() -> None:
    assert told(merged(UNKNOWN, holds="10:01:01-10:01:58")) == ["1@0 2@120 UNKNOWN_REASON"]
    assert len(merged(UNKNOWN, holds="10:01:01-10:01:30")) == 2


def test_a_site_gives_its_own_words_for_reasons() -> None:
    rules = MergeRules({"BEGUN": "START", "RESUME": "RETRIEVE"}, {"PAUSED": "HOLD", "DONE": "END"})
    assert told(merged(UNKNOWN, rules=rules)) == ["1@0 2@120"]


def test_reasons_that_are_not_told_at_all_join_nothing() -> None:
    legs = merged("""
        1 1_7 10:00:00 10:01:00 555 1001 1001 - -
        2 1_7 10:01:00 10:03:00 555 1001 1001 - -
    """)
    assert told(legs) == ["1@0 UNKNOWN_REASON", "2@0 UNKNOWN_REASON"]


def test_a_call_id_that_is_used_again_hours_later_is_another_leg() -> None:
    legs = merged("""
        1 1_7 10:00:00 10:01:00 555 1001 1001 START    HOLD
        2 1_7 15:00:00 15:01:00 555 1001 1001 RETRIEVE END
    """)
    assert told(legs) == ["1@0 ENDS_ON_HOLD", "2@0 BEGINS_IN_MID_CALL"]


def test_a_hold_of_another_call_is_not_retrieved() -> None:
    legs = merged("""
        1 1_7 10:00:00 10:01:00 555 1001 1001 START    HOLD
        2 1_9 10:02:00 10:03:00 556 1001 1001 RETRIEVE END
    """)
    assert told(legs) == ["1@0 ENDS_ON_HOLD", "2@0 BEGINS_IN_MID_CALL"]


def test_what_may_go_on_with_two_held_calls_goes_on_with_neither() -> None:
    legs = merged("""
        1 1_7 10:00:00 10:01:00 555 1001 1001 START    HOLD
        2 1_7 10:01:05 10:02:00 555 1001 1001 START    HOLD
        3 1_7 10:03:00 10:04:00 555 1001 1001 RETRIEVE END
    """)
    assert told(legs)[2] == "3@0 AMBIGUOUS"


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (2, 1, 0, 0, 2)])
def test_neither_the_order_of_the_answer_nor_repetitions_matter(order: tuple[int, ...]) -> None:
    lines = """
        1 1_7 10:00:00 10:01:00 555 1001 1001 START    HOLD
        2 1_7 10:02:00 10:03:00 555 1001 1001 RETRIEVE HOLD
        3 1_7 10:03:30 10:04:00 555 1001 1001 RETRIEVE END
    """.strip().splitlines()
    assert told(merged("\n".join(lines[number] for number in order))) == ["1@0 2@120 3@210"]


def test_without_the_recorded_phone_a_couple_is_of_both_its_parties() -> None:
    table = "1 1_8 10:01:05 10:02:00 1001 1002 - START END"
    assert told(merged(table, "1001")) == told(merged(table, "1002")) == ["1@0"]
    assert merged(table, "1003") == []


def test_a_couple_that_is_still_recorded_leaves_its_leg_without_an_end() -> None:
    (leg,) = merged("""
        1 1_7 10:00:00 10:01:00 555 1001 1001 START    HOLD
        2 1_7 10:02:00 -        555 1001 1001 RETRIEVE -
    """)
    assert leg.end_time is None
    assert leg.other_party == "555"
