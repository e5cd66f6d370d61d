"""Legs of calls that go on, go out or are handed on more than once (specification, section 5), as pasted calls."""

from cx_pipeline_tests.core.calls.scenario import correlated
from cx_pipeline_tests.core.calls.test_relation_scenarios import CONSULTS, TALKS


def test_a_consult_that_still_goes_on_is_a_consult_without_a_result() -> None:
    correlated(CONSULTS).has_legs("""
        ext  | status      | type    | consults | consulted_by | result | ends_as
        1005 | IN_PROGRESS | CONSULT | 1006     | -            | -      | -
        1006 | IN_PROGRESS | CONSULT | -        | 1005         | -      | -
    """)


def test_dialling_after_somebody_talked_makes_no_call_outbound() -> None:
    correlated(f"""
        {TALKS}
        10:01:00 | INITIATED    | 1_100 | 1006 | |
        10:01:05 | TALKING      | 1_100 | 1006 | |
        10:02:00 | DROPPED      | 1_100 | 1006 | |
        10:03:00 | DROPPED      | 1_100 | 1005 | |
    """).has_legs("ext | direction\n1005 | INBOUND\n1006 | INBOUND")


def test_an_outgoing_call_that_is_transferred_keeps_its_direction() -> None:
    correlated("""
        time         | event        | key   | ext  | reason
        10:00:00     | INITIATED    | 1_100 | 1005 |
        10:00:00.010 | TALKING      | 1_100 | 1005 |
        10:00:04     | DIALING      | 1_100 | 5550 |
        10:00:09     | ESTABLISHED  | 1_100 | 5550 |
        10:02:00     | DROPPED      | 1_100 | 1005 | BLINDTRANSFER
        10:02:01     | RINGING      | 1_100 | 1006 | BLINDTRANSFER
        10:02:06     | TALKING      | 1_100 | 1006 |
        10:04:00     | DISCONNECTED | 1_100 | 5550 |
        10:04:00     | DROPPED      | 1_100 | 1006 |
    """).has_legs("""
        ext  | start    | type            | direction | starts_as       | ends_as         | other
        1005 | 10:00:09 | DIRECT_TRANSFER | OUTBOUND  | OUTBOUND        | DIRECT_TRANSFER | 5550
        1006 | 10:02:06 | DIRECT_TRANSFER | OUTBOUND  | DIRECT_TRANSFER | DIALOG_ENDED    | 5550
    """).has_calls("type | direction\nDIRECT_TRANSFER | OUTBOUND")


def test_a_consult_out_of_an_outgoing_call_is_a_consult() -> None:
    correlated("""
        time         | event        | key   | ext  | previous
        10:00:00     | INITIATED    | 1_100 | 1005 |
        10:00:00.010 | TALKING      | 1_100 | 1005 |
        10:00:09     | ESTABLISHED  | 1_100 | 5550 |
        10:01:00     | HELD         | 1_100 | 1005 |
        10:01:00.100 | CONSULT      | 1_200 | 1005 | 1_100
        10:01:00.200 | INITIATED    | 1_200 | 1005 |
        10:01:05     | TALKING      | 1_200 | 1005 |
        10:01:05     | TALKING      | 1_200 | 1006 |
        10:02:00     | DROPPED      | 1_200 | 1006 |
        10:02:00     | DROPPED      | 1_200 | 1005 |
        10:02:02     | TALKING      | 1_100 | 1005 |
        10:03:00     | DROPPED      | 1_100 | 1005 |
    """).has_legs("""
        ext  | start    | type    | direction | starts_as | ends_as
        1005 | 10:00:09 | CONSULT | OUTBOUND  | OUTBOUND  | DIALOG_ENDED
        1006 | 10:01:05 | CONSULT | OUTBOUND  | CONSULT   | CONSULT_ENDED
    """)


def test_an_internal_call_that_is_consulted_on_has_the_calling_agent_for_other_party() -> None:
    # Agent 1005 calls agent 1006, who consults 1007 and hands 1005 over.
    correlated("""
        time         | event     | key   | ext  | previous
        10:00:00     | INITIATED | 1_100 | 1005 |
        10:00:00.010 | TALKING   | 1_100 | 1005 |
        10:00:04     | RINGING   | 1_100 | 1006 |
        10:00:08     | TALKING   | 1_100 | 1006 |
        10:01:00     | HELD      | 1_100 | 1006 |
        10:01:00.100 | CONSULT   | 1_200 | 1006 | 1_100
        10:01:05     | TALKING   | 1_200 | 1006 |
        10:01:05     | TALKING   | 1_200 | 1007 |
        10:02:00     | TRANSFER  | 1_100 | 1006 | 1_200
        10:02:00.050 | DROPPED   | 1_200 | 1006 |
        10:02:00.060 | DROPPED   | 1_200 | 1007 |
        10:02:00.070 | TALKING   | 1_100 | 1007 |
        10:02:00.080 | DROPPED   | 1_100 | 1006 |
        10:03:00     | DROPPED   | 1_100 | 1005 |
        10:03:00     | DROPPED   | 1_100 | 1007 |
    """).has_legs("""
        ext  | start    | end          | type             | direction | starts_as        | ends_as
        1005 | 10:00:08 | 10:03:00     | SIMPLE           | INTERNAL  | OUTBOUND         | DIALOG_ENDED
        1006 | 10:00:08 | 10:02:00.080 | CONSULT_TRANSFER | INTERNAL  | INBOUND          | CONSULT_TRANSFER
        1007 | 10:01:05 | 10:03:00     | CONSULT_TRANSFER | INTERNAL  | CONSULT_TRANSFER | DIALOG_ENDED
    """)


def test_parties_are_agents_first_and_each_part_sorted() -> None:
    correlated("""
        time     | event       | key   | ext
        10:00:00 | ESTABLISHED | 1_100 | 8001
        10:00:00 | OFFERED     | 1_100 | 0800
        10:00:05 | TALKING     | 1_100 | 2005
        10:00:06 | RINGING     | 1_100 | 1006
        10:02:00 | DROPPED     | 1_100 | 2005
        10:02:00 | DROPPED     | 1_100 | 1006
    """).has_calls("parties\n1006 2005 0800 8001")


def test_a_chain_of_consult_transfers_hands_the_customer_on() -> None:
    correlated(f"""
        {CONSULTS}
        10:02:00.000 | TRANSFER     | 1_100 | 1005 | 1_200 |
        10:02:00.050 | DROPPED      | 1_200 | 1005 |       |
        10:02:00.060 | DROPPED      | 1_200 | 1006 |       |
        10:02:00.070 | TALKING      | 1_100 | 1006 |       |
        10:02:00.080 | DROPPED      | 1_100 | 1005 |       |
        10:03:00.000 | HELD         | 1_100 | 1006 |       |
        10:03:00.100 | CONSULT      | 1_300 | 1006 | 1_100 |
        10:03:05.000 | TALKING      | 1_300 | 1006 |       |
        10:03:05.000 | TALKING      | 1_300 | 1007 |       |
        10:04:00.000 | TRANSFER     | 1_100 | 1006 | 1_300 |
        10:04:00.050 | DROPPED      | 1_300 | 1006 |       |
        10:04:00.060 | DROPPED      | 1_300 | 1007 |       |
        10:04:00.070 | TALKING      | 1_100 | 1007 |       |
        10:04:00.080 | DROPPED      | 1_100 | 1006 |       |
        10:05:00     | DISCONNECTED | 1_100 | 8001 |       |
        10:05:00     | DROPPED      | 1_100 | 1007 |       |
    """).has_legs("""
        ext  | start    | end          | type             | starts_as        | ends_as          | from | to   | holds
        1005 | 10:00:05 | 10:02:00.080 | CONSULT_TRANSFER | INBOUND          | CONSULT_TRANSFER | -    | 1006 | 10:01:00-10:02:00
        1006 | 10:01:05 | 10:04:00.080 | CONSULT_TRANSFER | CONSULT_TRANSFER | CONSULT_TRANSFER | 1005 | 1007 | 10:03:00-10:04:00
        1007 | 10:03:05 | 10:05:00     | CONSULT_TRANSFER | CONSULT_TRANSFER | DIALOG_ENDED     | 1006 | -    | -
    """)


def test_a_transfer_may_live_on_under_the_key_of_the_consult() -> None:
    correlated(f"""
        {CONSULTS}
        10:02:00.000 | TRANSFER     | 1_200 | 1005 | 1_100 |
        10:02:00.050 | DROPPED      | 1_100 | 1005 |       |
        10:02:00.060 | DROPPED      | 1_200 | 1005 |       |
        10:02:00.070 | ESTABLISHED  | 1_200 | 8001 |       |
        10:02:00.080 | DISCONNECTED | 1_100 | 8001 |       |
        10:02:00.090 | ENDED        | 1_100 |      |       |
        10:04:00     | DISCONNECTED | 1_200 | 8001 |       |
        10:04:00     | DROPPED      | 1_200 | 1006 |       |
        10:04:00     | ENDED        | 1_200 |      |       |
    """).has_legs("""
        ext  | start    | end          | type             | ends_as          | result      | holds
        1005 | 10:00:05 | 10:02:00.060 | CONSULT_TRANSFER | CONSULT_TRANSFER | TRANSFERRED | 10:01:00-10:02:00
        1006 | 10:01:05 | 10:04:00     | CONSULT_TRANSFER | DIALOG_ENDED     | TRANSFERRED | -
    """)


def test_a_customer_who_leaves_a_conference_leaves_a_conference() -> None:
    correlated(f"""
        {CONSULTS}
        10:02:00.000 | CONFERENCE   | 1_100 | 1005 | 1_200 |
        10:02:00.020 | DROPPED      | 1_200 | 1005 |       |
        10:02:00.020 | DROPPED      | 1_200 | 1006 |       |
        10:02:00.030 | TALKING      | 1_100 | 1006 |       |
        10:02:00.030 | TALKING      | 1_100 | 1005 |       |
        10:03:00     | DISCONNECTED | 1_100 | 8001 |       |
        10:03:10     | DROPPED      | 1_100 | 1005 |       |
        10:03:10     | DROPPED      | 1_100 | 1006 |       |
    """).has_legs("""
        ext  | end      | type       | ends_as          | result
        1005 | 10:03:10 | CONFERENCE | CONFERENCE_ENDED | CONFERENCED
        1006 | 10:03:10 | CONFERENCE | CONFERENCE_ENDED | CONFERENCED
    """)


def test_a_ring_under_another_key_after_one_who_did_not_answer_is_a_redirect() -> None:
    correlated("""
        time     | event        | key   | ext  | previous | cause
        10:00:01 | ESTABLISHED  | 1_100 | 8001 |          |
        10:00:02 | RINGING      | 1_100 | 1005 |          |
        10:00:17 | DROPPED      | 1_100 | 1005 |          | 19
        10:00:17 | ENDED        | 1_100 |      |          |
        10:00:18 | RINGING      | 1_200 | 1006 | 1_100    |
        10:00:22 | TALKING      | 1_200 | 1006 |          |
        10:02:00 | DROPPED      | 1_200 | 1006 |          |
    """).has_legs("""
        call | ext  | type   | starts_as | ends_as      | root
        a    | 1005 | RONA   | INBOUND   | NO_ANSWER    | 1_100
        a    | 1006 | SIMPLE | INBOUND   | DIALOG_ENDED | 1_100
    """)


def test_an_agent_with_two_calls_at_once_has_a_leg_in_each() -> None:
    correlated("""
        time     | event   | key   | ext
        10:00:05 | TALKING | 1_100 | 1005
        10:01:00 | HELD    | 1_100 | 1005
        10:01:05 | TALKING | 1_200 | 1005
        10:02:00 | DROPPED | 1_200 | 1005
        10:02:01 | TALKING | 1_100 | 1005
        10:03:00 | DROPPED | 1_100 | 1005
    """).has_legs("""
        call | ext  | start    | end      | type   | holds
        a    | 1005 | 10:00:05 | 10:03:00 | SIMPLE | 10:01:00-10:02:01
        b    | 1005 | 10:01:05 | 10:02:00 | SIMPLE | -
    """)


def test_an_outgoing_call_that_was_held_was_answered_though_the_answer_was_lost() -> None:
    correlated("""
        time         | event     | key   | ext
        10:00:00     | INITIATED | 1_100 | 1005
        10:00:00.010 | TALKING   | 1_100 | 1005
        10:00:04     | DIALING   | 1_100 | 5550
        10:01:00     | HELD      | 1_100 | 1005
        10:01:30     | TALKING   | 1_100 | 1005
        10:03:00     | DROPPED   | 1_100 | 1005
    """).has_legs("ext | type | ends_as | flags\n1005 | OUTBOUND | DIALOG_ENDED | START_ESTIMATED")
