"""How two legs relate, and what a leg is called (specification of correlation, section 5), as pasted calls."""

import pytest

from cx_pipeline_tests.core.calls.scenario import correlated

TALKS = """
    time         | event       | key   | ext  | previous | reason
    10:00:00     | STARTED     | 1_100 |      |          |
    10:00:01     | ESTABLISHED | 1_100 | 8001 |          |
    10:00:05     | TALKING     | 1_100 | 1005 |          |
"""
CONSULTS = f"""
    {TALKS}
    10:01:00     | HELD        | 1_100 | 1005 |          |
    10:01:00.100 | CONSULT     | 1_200 | 1005 | 1_100    |
    10:01:00.200 | INITIATED   | 1_200 | 1005 |          |
    10:01:03     | RINGING     | 1_200 | 1006 |          |
    10:01:05     | TALKING     | 1_200 | 1005 |          |
    10:01:05     | TALKING     | 1_200 | 1006 |          |
"""


def test_a_consult_by_hold_alone_needs_no_consult_fact() -> None:
    correlated(f"""
        {TALKS}
        10:01:00 | HELD         | 1_100 | 1005 | |
        10:01:05 | TALKING      | 1_100 | 1006 | |
        10:02:00 | DROPPED      | 1_100 | 1006 | |
        10:02:02 | TALKING      | 1_100 | 1005 | |
        10:03:00 | DISCONNECTED | 1_100 | 8001 | |
        10:03:00 | DROPPED      | 1_100 | 1005 | |
    """).has_legs("""
        ext  | type    | starts_as | ends_as       | consults | consulted_by | result    | holds
        1005 | CONSULT | INBOUND   | DIALOG_ENDED  | 1006     | -            | CANCELLED | 10:01:00-10:02:02
        1006 | CONSULT | CONSULT   | CONSULT_ENDED | -        | 1005         | CANCELLED | -
    """)


def test_a_consult_fact_tells_a_consult_though_the_hold_was_lost() -> None:
    correlated(f"""
        {TALKS}
        10:01:00.100 | CONSULT      | 1_200 | 1005 | 1_100 |
        10:01:05     | TALKING      | 1_200 | 1005 |       |
        10:01:05     | TALKING      | 1_200 | 1006 |       |
        10:02:00     | DROPPED      | 1_200 | 1006 |       |
        10:02:00     | DROPPED      | 1_200 | 1005 |       |
        10:02:02     | TALKING      | 1_100 | 1005 |       |
        10:03:00     | DISCONNECTED | 1_100 | 8001 |       |
        10:03:00     | DROPPED      | 1_100 | 1005 |       |
    """).has_legs(
        "ext | type | result | ends_as\n1005 | CONSULT | CANCELLED | DIALOG_ENDED\n1006 | CONSULT | CANCELLED | CONSULT_ENDED"
    )


def test_a_transfer_fact_completes_a_consult_as_a_transfer() -> None:
    correlated(f"""
        {CONSULTS}
        10:02:00.000 | TRANSFER     | 1_100 | 1005 | 1_200 |
        10:02:00.050 | DROPPED      | 1_200 | 1005 |       |
        10:02:00.060 | DROPPED      | 1_200 | 1006 |       |
        10:02:00.070 | TALKING      | 1_100 | 1006 |       |
        10:02:00.080 | DROPPED      | 1_100 | 1005 |       |
        10:02:00.090 | ENDED        | 1_200 |      |       |
        10:04:00     | DISCONNECTED | 1_100 | 8001 |       |
        10:04:00     | DROPPED      | 1_100 | 1006 |       |
        10:04:00     | ENDED        | 1_100 |      |       |
    """).has_legs("""
        ext  | start    | end          | type             | starts_as        | ends_as          | from | to   | other
        1005 | 10:00:05 | 10:02:00.080 | CONSULT_TRANSFER | INBOUND          | CONSULT_TRANSFER | -    | 1006 | 8001
        1006 | 10:01:05 | 10:04:00     | CONSULT_TRANSFER | CONSULT_TRANSFER | DIALOG_ENDED     | 1005 | -    | 8001
    """)


def test_a_consult_whose_controller_leaves_the_others_is_a_transfer_without_a_transfer_fact() -> None:
    correlated(f"""
        {CONSULTS}
        10:02:00     | DROPPED      | 1_200 | 1005 |       |
        10:02:00     | DROPPED      | 1_100 | 1005 |       |
        10:02:00.500 | TALKING      | 1_100 | 1006 |       |
        10:02:00.600 | DROPPED      | 1_200 | 1006 |       |
        10:04:00     | DISCONNECTED | 1_100 | 8001 |       |
        10:04:00     | DROPPED      | 1_100 | 1006 |       |
    """).has_legs("""
        ext  | end      | type             | ends_as          | result      | to
        1005 | 10:02:00 | CONSULT_TRANSFER | CONSULT_TRANSFER | TRANSFERRED | 1006
        1006 | 10:04:00 | CONSULT_TRANSFER | DIALOG_ENDED     | TRANSFERRED | -
    """)


def test_a_customer_who_leaves_while_held_abandons_the_consult() -> None:
    correlated(f"""
        {CONSULTS}
        10:01:40 | DISCONNECTED | 1_100 | 8001 | |
        10:01:40 | DROPPED      | 1_100 | 1005 | |
        10:02:00 | DROPPED      | 1_200 | 1005 | |
        10:02:00 | DROPPED      | 1_200 | 1006 | |
    """).has_legs("""
        ext  | end      | type    | ends_as       | result
        1005 | 10:02:00 | CONSULT | DIALOG_ENDED  | ABANDONED
        1006 | 10:02:00 | CONSULT | CONSULT_ENDED | ABANDONED
    """)


def test_a_conference_joins_both_until_they_leave() -> None:
    correlated(f"""
        {CONSULTS}
        10:02:00.000 | CONFERENCE   | 1_100 | 1005 | 1_200 |
        10:02:00.020 | DROPPED      | 1_200 | 1005 |       |
        10:02:00.020 | DROPPED      | 1_200 | 1006 |       |
        10:02:00.030 | TALKING      | 1_100 | 1006 |       |
        10:02:00.030 | TALKING      | 1_100 | 1005 |       |
        10:02:30     | DROPPED      | 1_100 | 1005 |       |
        10:04:00     | DISCONNECTED | 1_100 | 8001 |       |
        10:04:00     | DROPPED      | 1_100 | 1006 |       |
    """).has_legs("""
        ext  | end      | type       | starts_as          | ends_as          | result      | conference | holds
        1005 | 10:02:30 | CONFERENCE | INBOUND            | CONFERENCE_ENDED | CONFERENCED | 1_100_CONF | 10:01:00-10:02:00
        1006 | 10:04:00 | CONFERENCE | CONSULT_CONFERENCE | CONFERENCE_ENDED | CONFERENCED | 1_100_CONF | -
    """)


@pytest.mark.parametrize(
    ("conference", "drop", "call_type"),
    [
        ("TRANSFER", "", "CONSULT_TRANSFER"),
        ("", "TRANSFER", "CONSULT_TRANSFER"),
        ("REASON_TRANSFER", "2", "CONSULT_TRANSFER"),
        ("", "", "CONFERENCE"),
        ("CONFERENCE", "CONFERENCE", "CONFERENCE"),
    ],
)
def test_a_momentary_conference_for_the_reason_of_a_transfer_is_a_transfer(
    conference: str, drop: str, call_type: str
) -> None:
    correlated(f"""
        {CONSULTS}
        10:02:00 | CONFERENCE   | 1_100 |      | 1_200 | {conference}
        10:02:01 | TALKING      | 1_100 | 1006 |       |
        10:02:01 | DROPPED      | 1_200 | 1006 |       |
        10:02:05 | DROPPED      | 1_200 | 1005 |       | {drop}
        10:02:05 | DROPPED      | 1_100 | 1005 |       | {drop}
        10:04:00 | DISCONNECTED | 1_100 | 8001 |       |
        10:04:00 | DROPPED      | 1_100 | 1006 |       |
    """).has_legs(f"ext | end | type\n1005 | 10:02:05 | {call_type}\n1006 | 10:04:00 | {call_type}")


def test_a_controller_who_leaves_a_conference_long_after_for_a_transfer_leaves_a_conference() -> None:
    correlated(f"""
        {CONSULTS}
        10:02:00 | CONFERENCE   | 1_100 | 1005 | 1_200 |
        10:02:01 | TALKING      | 1_100 | 1006 |       |
        10:02:01 | DROPPED      | 1_200 | 1006 |       |
        10:03:05 | DROPPED      | 1_100 | 1005 |       | TRANSFER
        10:03:05 | DROPPED      | 1_200 | 1005 |       |
        10:04:00 | DISCONNECTED | 1_100 | 8001 |       |
        10:04:00 | DROPPED      | 1_100 | 1006 |       |
    """).has_legs("ext | type\n1005 | CONFERENCE\n1006 | CONFERENCE")


def test_a_conference_without_a_consult_makes_both_legs_conference() -> None:
    correlated(f"""
        {TALKS}
        10:01:03 | RINGING      | 1_100 | 1006 | |
        10:01:05 | TALKING      | 1_100 | 1006 | |
        10:01:05 | CONFERENCE   | 1_100 |      | |
        10:03:00 | DROPPED      | 1_100 | 1006 | |
        10:04:00 | DISCONNECTED | 1_100 | 8001 | |
        10:04:00 | DROPPED      | 1_100 | 1005 | |
    """).has_legs("""
        ext  | type       | conference | ends_as
        1005 | CONFERENCE | 1_100_CONF | CONFERENCE_ENDED
        1006 | CONFERENCE | 1_100_CONF | CONFERENCE_ENDED
    """)


def test_a_conference_of_three_agents_is_one_conference() -> None:
    correlated(f"""
        {CONSULTS}
        10:02:00.000 | CONFERENCE   | 1_100 | 1005 | 1_200 |
        10:02:00.020 | DROPPED      | 1_200 | 1005 |       |
        10:02:00.020 | DROPPED      | 1_200 | 1006 |       |
        10:02:00.030 | TALKING      | 1_100 | 1006 |       |
        10:02:00.030 | TALKING      | 1_100 | 1005 |       |
        10:03:00.000 | HELD         | 1_100 | 1005 |       |
        10:03:00.100 | CONSULT      | 1_300 | 1005 | 1_100 |
        10:03:05.000 | TALKING      | 1_300 | 1005 |       |
        10:03:05.000 | TALKING      | 1_300 | 1007 |       |
        10:03:30.000 | CONFERENCE   | 1_100 | 1005 | 1_300 |
        10:03:30.020 | DROPPED      | 1_300 | 1005 |       |
        10:03:30.020 | DROPPED      | 1_300 | 1007 |       |
        10:03:30.030 | TALKING      | 1_100 | 1007 |       |
        10:03:30.030 | TALKING      | 1_100 | 1005 |       |
        10:05:00     | DISCONNECTED | 1_100 | 8001 |       |
        10:05:00     | DROPPED      | 1_100 | 1005 |       |
        10:05:00     | DROPPED      | 1_100 | 1006 |       |
        10:05:00     | DROPPED      | 1_100 | 1007 |       |
    """).has_legs("""
        ext  | start    | end      | type       | conference | consulted_by | consults
        1005 | 10:00:05 | 10:05:00 | CONFERENCE | 1_100_CONF | -            | 1007
        1006 | 10:01:05 | 10:05:00 | CONFERENCE | 1_100_CONF | 1005         | -
        1007 | 10:03:05 | 10:05:00 | CONFERENCE | 1_100_CONF | 1005         | -
    """).has_calls("type | parties\nCONFERENCE | 1005 1006 1007 8001")


def test_a_transfer_there_and_back_by_transfer_facts_gives_the_first_agent_two_legs() -> None:
    correlated(f"""
        {TALKS}
        10:01:00     | TRANSFER     | 1_100 | 1005 | |
        10:01:00.100 | DROPPED      | 1_100 | 1005 | |
        10:01:00.200 | TALKING      | 1_100 | 1006 | |
        10:01:03     | TRANSFER     | 1_100 | 1006 | |
        10:01:03.100 | DROPPED      | 1_100 | 1006 | |
        10:01:03.200 | TALKING      | 1_100 | 1005 | |
        10:04:00     | DISCONNECTED | 1_100 | 8001 | |
        10:04:00     | DROPPED      | 1_100 | 1005 | |
    """).has_legs("""
        ext  | number | start        | end          | type            | from | to
        1005 | 1      | 10:00:05     | 10:01:00.100 | DIRECT_TRANSFER | -    | 1006
        1006 | 2      | 10:01:00.200 | 10:01:03.100 | DIRECT_TRANSFER | 1005 | 1005
        1005 | 3      | 10:01:03.200 | 10:04:00     | DIRECT_TRANSFER | 1006 | -
    """)


@pytest.mark.parametrize("reason", ["BLINDTRANSFER", "REDIRECT", ""])
def test_an_agent_who_talks_after_another_ended_came_by_direct_transfer(reason: str) -> None:
    correlated(f"""
        {TALKS}
        10:02:00 | DROPPED      | 1_100 | 1005 | | {reason}
        10:02:01 | RINGING      | 1_100 | 1006 | | {reason}
        10:02:06 | TALKING      | 1_100 | 1006 | |
        10:04:00 | DISCONNECTED | 1_100 | 8001 | |
        10:04:00 | DROPPED      | 1_100 | 1006 | |
    """).has_legs("""
        ext  | type            | starts_as       | ends_as         | from | to
        1005 | DIRECT_TRANSFER | INBOUND         | DIRECT_TRANSFER | -    | 1006
        1006 | DIRECT_TRANSFER | DIRECT_TRANSFER | DIALOG_ENDED    | 1005 | -
    """)


def test_a_redirect_from_one_who_did_not_answer_is_as_if_he_had_not_been() -> None:
    correlated("""
        time     | event        | key   | ext  | cause | reason
        10:00:01 | ESTABLISHED  | 1_100 | 8001 |       |
        10:00:02 | RINGING      | 1_100 | 1005 |       |
        10:00:17 | DROPPED      | 1_100 | 1005 | 19    | FORWARDNOANSWER
        10:00:17 | RINGING      | 1_100 | 1006 |       | FORWARDNOANSWER
        10:00:20 | TALKING      | 1_100 | 1006 |       |
        10:02:00 | DROPPED      | 1_100 | 1006 |       |
    """).has_legs("""
        ext  | type   | starts_as | ends_as      | rona      | from | to
        1005 | RONA   | INBOUND   | NO_ANSWER    | NO_ANSWER | -    | -
        1006 | SIMPLE | INBOUND   | DIALOG_ENDED | -         | -    | -
    """).has_calls("type\nSIMPLE")


def test_a_call_that_nobody_answered_is_named_rona() -> None:
    correlated("""
        time     | event   | key   | ext  | cause
        10:00:02 | RINGING | 1_100 | 1005 |
        10:00:17 | DROPPED | 1_100 | 1005 | 19
        10:00:18 | RINGING | 1_100 | 1006 |
        10:00:30 | DROPPED | 1_100 | 1006 | 19
    """).has_legs("ext | type\n1005 | RONA\n1006 | RONA").has_calls("type\nRONA")


def test_a_leg_that_came_by_consult_and_left_by_direct_transfer_bears_both() -> None:
    correlated(f"""
        {CONSULTS}
        10:02:00.000 | TRANSFER     | 1_100 | 1005 | 1_200 |
        10:02:00.050 | DROPPED      | 1_200 | 1005 |       |
        10:02:00.060 | DROPPED      | 1_200 | 1006 |       |
        10:02:00.070 | TALKING      | 1_100 | 1006 |       |
        10:02:00.080 | DROPPED      | 1_100 | 1005 |       |
        10:03:00     | DROPPED      | 1_100 | 1006 |       | BLINDTRANSFER
        10:03:01     | RINGING      | 1_100 | 1007 |       | BLINDTRANSFER
        10:03:05     | TALKING      | 1_100 | 1007 |       |
        10:04:00     | DISCONNECTED | 1_100 | 8001 |       |
        10:04:00     | DROPPED      | 1_100 | 1007 |       |
    """).has_legs("""
        ext  | type             | starts_as        | ends_as          | from | to
        1005 | CONSULT_TRANSFER | INBOUND          | CONSULT_TRANSFER | -    | 1006
        1006 | CONSULT_TRANSFER | CONSULT_TRANSFER | DIRECT_TRANSFER  | 1005 | 1007
        1007 | DIRECT_TRANSFER  | DIRECT_TRANSFER  | DIALOG_ENDED     | 1006 | -
    """).has_calls("type\nCONSULT_TRANSFER")


def test_two_consults_one_after_the_other_are_each_between_their_own() -> None:
    correlated(f"""
        {CONSULTS}
        10:02:00     | DROPPED      | 1_200 | 1006 |       |
        10:02:00     | DROPPED      | 1_200 | 1005 |       |
        10:02:00     | ENDED        | 1_200 |      |       |
        10:02:10     | TALKING      | 1_100 | 1005 |       |
        10:03:00     | HELD         | 1_100 | 1005 |       |
        10:03:00.100 | CONSULT      | 1_300 | 1005 | 1_100 |
        10:03:05     | TALKING      | 1_300 | 1005 |       |
        10:03:05     | TALKING      | 1_300 | 1007 |       |
        10:04:00     | TRANSFER     | 1_100 | 1005 | 1_300 |
        10:04:00     | DROPPED      | 1_300 | 1005 |       |
        10:04:00     | DROPPED      | 1_300 | 1007 |       |
        10:04:00     | DROPPED      | 1_100 | 1005 |       |
        10:04:00.100 | TALKING      | 1_100 | 1007 |       |
        10:05:00     | DISCONNECTED | 1_100 | 8001 |       |
        10:05:00     | DROPPED      | 1_100 | 1007 |       |
    """).has_legs("""
        ext  | type             | consults | consulted_by | result      | starts_as        | ends_as          | holds
        1005 | CONSULT_TRANSFER | 1007     | -            | TRANSFERRED | INBOUND          | CONSULT_TRANSFER | 10:01:00-10:02:10 10:03:00-10:04:00
        1006 | CONSULT          | -        | 1005         | CANCELLED   | CONSULT          | CONSULT_ENDED    | -
        1007 | CONSULT_TRANSFER | -        | 1005         | TRANSFERRED | CONSULT_TRANSFER | DIALOG_ENDED     | -
    """)


def test_a_consult_that_nobody_answered_is_an_unanswered_leg_in_its_role() -> None:
    correlated(f"""
        {TALKS}
        10:01:00     | HELD         | 1_100 | 1005 |       |
        10:01:00.100 | CONSULT      | 1_200 | 1005 | 1_100 |
        10:01:03     | RINGING      | 1_200 | 1006 |       |
        10:01:20     | DROPPED      | 1_200 | 1006 |       |
        10:01:20     | DROPPED      | 1_200 | 1005 |       |
        10:01:22     | TALKING      | 1_100 | 1005 |       |
        10:03:00     | DISCONNECTED | 1_100 | 8001 |       |
        10:03:00     | DROPPED      | 1_100 | 1005 |       |
    """).has_legs("""
        ext  | start    | type    | starts_as | ends_as      | consults | result    | holds
        1005 | 10:00:05 | CONSULT | INBOUND   | DIALOG_ENDED | 1006     | CANCELLED | 10:01:00-10:01:22
        1006 | 10:01:03 | RONA    | CONSULT   | NO_ANSWER    | -        | CANCELLED | -
    """)


def test_a_consult_of_which_only_the_ring_was_seen_is_an_unanswered_leg_in_its_role() -> None:
    correlated("""
        time     | event   | key   | ext  | previous
        10:01:00 | CONSULT | 1_200 | 1005 | 1_100
        10:01:03 | RINGING | 1_200 | 1006 |
        10:01:20 | DROPPED | 1_200 | 1006 |
    """).has_legs("ext | type | starts_as\n1006 | RONA | CONSULT")


def test_a_blind_transfer_that_nobody_answered_is_an_unanswered_leg_in_its_role() -> None:
    correlated(f"""
        {TALKS}
        10:02:00 | DROPPED      | 1_100 | 1005 | | BLINDTRANSFER
        10:02:01 | RINGING      | 1_100 | 1006 | | BLINDTRANSFER
        10:02:30 | DISCONNECTED | 1_100 | 8001 | |
        10:02:30 | DROPPED      | 1_100 | 1006 | |
    """).has_legs("""
        ext  | type   | starts_as       | ends_as      | rona
        1005 | SIMPLE | INBOUND         | DIALOG_ENDED | -
        1006 | RONA   | DIRECT_TRANSFER | NO_ANSWER    | ABANDONED
    """)
