"""When a leg begins, pauses and ends (specification of correlation, section 4), as pasted calls."""

from datetime import timedelta

import pytest

from cx_pipeline.core.calls.rules import CorrelationRules
from cx_pipeline_tests.core.calls.scenario import correlated


def test_a_ring_on_a_shared_line_that_goes_on_at_another_phone_holds_the_leg_together() -> None:
    correlated("""
        time     | event   | key   | ext  | terminal
        10:00:02 | RINGING | 1_100 | 1005 | SEPA
        10:00:02 | RINGING | 1_100 | 1005 | SEPB
        10:00:06 | TALKING | 1_100 | 1005 | SEPA
        10:01:00 | DROPPED | 1_100 | 1005 | SEPA
        10:01:10 | TALKING | 1_100 | 1005 | SEPB
        10:02:00 | DROPPED | 1_100 | 1005 | SEPB
    """).has_legs("ext | ring | start | end | terminal\n1005 | 10:00:02 | 10:00:06 | 10:02:00 | SEPA")


def test_a_phone_of_a_shared_line_picks_up_what_the_other_one_held() -> None:
    # The first phone's hold ends with its own share: the other phone that talks does not resume it.
    correlated("""
        time     | event   | key   | ext  | terminal
        10:00:06 | TALKING | 1_100 | 1005 | SEPA
        10:01:00 | HELD    | 1_100 | 1005 | SEPA
        10:01:10 | TALKING | 1_100 | 1005 | SEPB
        10:01:10 | DROPPED | 1_100 | 1005 | SEPA
        10:02:00 | DROPPED | 1_100 | 1005 | SEPB
    """).has_legs("ext | start | end\n1005 | 10:00:06 | 10:02:00")


def test_on_a_shared_line_that_nobody_answers_there_is_one_unanswered_leg() -> None:
    correlated("""
        time     | event   | key   | ext  | terminal | cause
        10:00:02 | RINGING | 1_100 | 1005 | SEPA     |
        10:00:02 | RINGING | 1_100 | 1005 | SEPB     |
        10:00:20 | DROPPED | 1_100 | 1005 | SEPA     | 19
        10:00:20 | DROPPED | 1_100 | 1005 | SEPB     | 19
    """).has_legs("ext | start | end | type | rona\n1005 | 10:00:02 | 10:00:20 | RONA | NO_ANSWER")


def test_a_drop_beats_a_disconnect_and_a_disconnect_beats_the_end() -> None:
    correlated("""
        time     | event        | key   | ext
        10:00:05 | TALKING      | 1_100 | 1005
        10:00:05 | TALKING      | 1_100 | 1006
        10:00:05 | TALKING      | 1_100 | 1007
        10:02:00 | DISCONNECTED | 1_100 | 1005
        10:02:01 | DROPPED      | 1_100 | 1005
        10:02:02 | DISCONNECTED | 1_100 | 1006
        10:02:04 | ENDED        | 1_100 |
    """).has_legs("""
        ext  | end      | flags
        1005 | 10:02:01 | -
        1006 | 10:02:02 | -
        1007 | 10:02:04 | END_ESTIMATED
    """)


def test_a_lost_drop_leaves_an_estimated_end() -> None:
    outcome = correlated("""
        time     | event        | key   | ext
        10:00:05 | TALKING      | 1_100 | 1005
        10:02:00 | DISCONNECTED | 1_100 | 8001
        10:02:01 | ENDED        | 1_100 |
    """).has_legs("ext | end | ends_as | flags\n1005 | 10:02:01 | DIALOG_ENDED | END_ESTIMATED")
    assert outcome.only_leg["evidence"]["end"]["rule"] == "CALL_ENDED"


def test_talk_that_begins_again_after_the_leg_ended_is_another_leg() -> None:
    correlated("""
        time     | event   | key   | ext
        10:00:05 | TALKING | 1_100 | 1005
        10:01:00 | DROPPED | 1_100 | 1005
        10:01:01 | TALKING | 1_100 | 1005
        10:02:00 | DROPPED | 1_100 | 1005
        10:02:00 | ENDED   | 1_100 |
    """).has_legs(
        "call | ext | number | start | end\na | 1005 | 1 | 10:00:05 | 10:01:00\na | 1005 | 2 | 10:01:01 | 10:02:00"
    )


@pytest.mark.parametrize("merge", ["TRANSFER", "CONFERENCE", "MERGED"])
def test_talk_that_begins_again_around_a_merge_is_the_same_leg(merge: str) -> None:
    correlated(f"""
        time         | event   | key   | ext  | previous
        10:00:05     | TALKING | 1_100 | 1006 |
        10:01:00     | DROPPED | 1_100 | 1006 |
        10:01:01     | {merge} | 1_200 |      | 1_100
        10:01:02.900 | TALKING | 1_200 | 1006 |
        10:02:00     | DROPPED | 1_200 | 1006 |
    """).has_legs("ext | start | end | flags\n1006 | 10:00:05 | 10:02:00 | -")


def test_talk_that_begins_again_too_late_after_a_merge_is_another_leg() -> None:
    correlated("""
        time         | event      | key   | ext
        10:00:05     | TALKING    | 1_100 | 1006
        10:01:00     | DROPPED    | 1_100 | 1006
        10:01:01     | CONFERENCE | 1_100 |
        10:01:03.100 | TALKING    | 1_100 | 1006
        10:02:00     | DROPPED    | 1_100 | 1006
    """).has_legs("ext | start\n1006 | 10:00:05\n1006 | 10:01:03.100")


@pytest.mark.parametrize(
    ("facts", "start"),
    [
        ("10:00:02 | RINGING | 1005 \n 10:01:00 | HELD | 1005", "10:00:02"),
        ("10:00:02 | RINGING | 1005 \n 10:01:00 | HELD | 1005 \n 10:01:20 | TALKING | 1005", "10:00:02"),
        ("10:01:00 | HELD | 1005 \n 10:01:20 | TALKING | 1005", "10:01:00"),
        ("10:00:02 | RINGING | 1005 \n 10:01:00 | ESTABLISHED | 1005", "10:00:02"),
        ("10:00:02 | RINGING | 1005 \n 10:01:00 | CONFERENCE | ", "10:00:02"),
        ("10:01:00 | ESTABLISHED | 1005", "10:01:00"),
    ],
)
def test_a_lost_talking_leaves_an_estimated_start(facts: str, start: str) -> None:
    rows = "\n".join(f"{line} | 1_100" for line in facts.splitlines())
    correlated(f"""
        time     | event   | ext  | key
        10:00:00 | STARTED |      | 1_100
        {rows}
        10:02:00 | DROPPED | 1005 | 1_100
    """).has_legs(f"ext | start | end | type | flags\n1005 | {start} | 10:02:00 | SIMPLE | START_ESTIMATED")


def test_the_early_talking_of_an_originator_whose_party_answers_later_is_no_talk_yet() -> None:
    outcome = correlated("""
        time         | event       | key   | ext
        10:00:00     | STARTED     | 1_100 |
        10:00:00     | INITIATED   | 1_100 | 1005
        10:00:00.010 | TALKING     | 1_100 | 1005
        10:00:04     | DIALING     | 1_100 | 5550
        10:00:09     | ESTABLISHED | 1_100 | 5550
        10:01:00     | HELD        | 1_100 | 1005
        10:01:30     | TALKING     | 1_100 | 1005
        10:03:00     | DROPPED     | 1_100 | 1005
    """).has_legs("""
        ext  | start    | end      | type     | direction | starts_as | holds             | flags | other
        1005 | 10:00:09 | 10:03:00 | OUTBOUND | OUTBOUND  | OUTBOUND  | 10:01:00-10:01:30 | -     | 5550
    """)
    assert outcome.only_leg["evidence"]["start"]["rule"] == "OTHER_PARTY_ANSWERED"


def test_an_originator_that_talks_after_the_other_party_answered_starts_with_its_talk() -> None:
    correlated("""
        time     | event       | key   | ext
        10:00:00 | INITIATED   | 1_100 | 1005
        10:00:04 | DIALING     | 1_100 | 5550
        10:00:09 | ESTABLISHED | 1_100 | 5550
        10:00:11 | TALKING     | 1_100 | 1005
        10:03:00 | DROPPED     | 1_100 | 1005
    """).has_legs("ext | start | type\n1005 | 10:00:11 | OUTBOUND")


def test_an_outgoing_call_whose_talking_was_lost_starts_with_the_answer() -> None:
    correlated("""
        time         | event       | key   | ext
        10:00:00     | INITIATED   | 1_100 | 1005
        10:00:00.010 | ESTABLISHED | 1_100 | 1005
        10:00:04     | DIALING     | 1_100 | 5550
        10:00:09     | ESTABLISHED | 1_100 | 5550
        10:03:00     | DROPPED     | 1_100 | 1005
    """).has_legs("""
        ext  | start    | end      | type     | flags
        1005 | 10:00:09 | 10:03:00 | OUTBOUND | START_ESTIMATED
    """)


def test_an_outgoing_call_that_nobody_answers_starts_with_the_dialling_and_is_not_reported() -> None:
    correlated("""
        time         | event     | key   | ext
        10:00:00     | INITIATED | 1_100 | 1005
        10:00:00.010 | TALKING   | 1_100 | 1005
        10:00:04     | DIALING   | 1_100 | 5550
        10:00:40     | FAILED    | 1_100 | 5550
        10:00:40     | DROPPED   | 1_100 | 1005
    """).has_legs("""
        ext  | start    | end      | type     | ends_as   | rona | flags
        1005 | 10:00:00 | 10:00:40 | OUTBOUND | NO_ANSWER | -    | UNANSWERED UNREPORTABLE
    """)


def test_an_internal_call_starts_for_both_when_the_called_agent_talks() -> None:
    correlated("""
        time         | event     | key   | ext
        10:00:00     | INITIATED | 1_100 | 1005
        10:00:00.010 | TALKING   | 1_100 | 1005
        10:00:03     | DIALING   | 1_100 | 1006
        10:00:04     | RINGING   | 1_100 | 1006
        10:00:08     | TALKING   | 1_100 | 1006
        10:02:00     | DROPPED   | 1_100 | 1005
        10:02:00     | DROPPED   | 1_100 | 1006
    """).has_legs("""
        call | ext  | start    | type   | direction | starts_as | flags
        a    | 1005 | 10:00:08 | SIMPLE | INTERNAL  | OUTBOUND  | -
        a    | 1006 | 10:00:08 | SIMPLE | INTERNAL  | INBOUND   | -
    """)


def test_an_internal_call_that_nobody_answers_has_two_unanswered_legs() -> None:
    correlated("""
        time         | event     | key   | ext  | cause
        10:00:00     | INITIATED | 1_100 | 1005 |
        10:00:00.010 | TALKING   | 1_100 | 1005 |
        10:00:03     | DIALING   | 1_100 | 1006 |
        10:00:04     | RINGING   | 1_100 | 1006 |
        10:00:30     | DROPPED   | 1_100 | 1005 |
        10:00:30     | DROPPED   | 1_100 | 1006 |
    """).has_legs("""
        call | ext  | start    | end      | direction | starts_as | ends_as   | rona      | flags
        a    | 1005 | 10:00:00 | 10:00:30 | INTERNAL  | OUTBOUND  | NO_ANSWER | -         | UNANSWERED UNREPORTABLE
        a    | 1006 | 10:00:04 | 10:00:30 | INTERNAL  | INBOUND   | NO_ANSWER | ABANDONED | UNANSWERED UNREPORTABLE
    """)


CONSULT = """
    time         | event    | key   | ext  | previous
    10:00:00     | STARTED  | 1_100 |      |
    10:00:05     | TALKING  | 1_100 | 1005 |
    10:01:00     | HELD     | 1_100 | 1005 |
    10:01:00.100 | CONSULT  | 1_200 | 1005 | 1_100
    10:01:05     | TALKING  | 1_200 | 1005 |
    10:01:05     | TALKING  | 1_200 | 1006 |
"""


def test_talk_on_the_consult_call_is_no_resume() -> None:
    correlated(f"""
        {CONSULT}
        10:02:00 | DROPPED | 1_200 | 1006 |
        10:02:00 | DROPPED | 1_200 | 1005 |
        10:02:02 | TALKING | 1_100 | 1005 |
        10:03:00 | DROPPED | 1_100 | 1005 |
    """).has_legs("""
        ext  | start    | end      | holds             | held_ms
        1005 | 10:00:05 | 10:03:00 | 10:01:00-10:02:02 | 62000
        1006 | 10:01:05 | 10:02:00 | -                 | 0
    """)


def test_a_swap_between_customer_and_consult_holds_one_of_them_after_the_other() -> None:
    correlated(f"""
        {CONSULT}
        10:02:00     | HELD     | 1_200 | 1005 |
        10:02:00.500 | TALKING  | 1_100 | 1005 |
        10:02:20     | HELD     | 1_100 | 1005 |
        10:02:21     | TALKING  | 1_200 | 1005 |
        10:03:00     | TRANSFER | 1_100 | 1005 | 1_200
        10:03:00     | DROPPED  | 1_200 | 1005 |
        10:03:00     | DROPPED  | 1_200 | 1006 |
        10:03:00     | DROPPED  | 1_100 | 1005 |
        10:03:00.500 | TALKING  | 1_100 | 1006 |
        10:04:00     | DROPPED  | 1_100 | 1006 |
    """).has_legs("""
        ext  | start    | end      | holds             | type             | result
        1005 | 10:00:05 | 10:03:00 | 10:01:00-10:03:00 | CONSULT_TRANSFER | TRANSFERRED
        1006 | 10:01:05 | 10:04:00 | -                 | CONSULT_TRANSFER | TRANSFERRED
    """)


@pytest.mark.parametrize("merge", ["CONFERENCE", "TRANSFER"])
def test_a_hold_ends_when_its_call_is_merged(merge: str) -> None:
    correlated(f"""
        {CONSULT}
        10:02:00 | {merge} | 1_100 | 1005 | 1_200
        10:02:01 | DROPPED | 1_200 | 1005 |
        10:03:00 | DROPPED | 1_100 | 1005 |
        10:03:30 | DROPPED | 1_200 | 1006 |
    """).has_legs("ext | holds\n1005 | 10:01:00-10:02:00\n1006 | -")


def test_a_hold_that_nobody_resumes_ends_with_the_leg() -> None:
    correlated("""
        time     | event   | key   | ext
        10:00:05 | TALKING | 1_100 | 1005
        10:01:00 | HELD    | 1_100 | 1005
        10:01:10 | HELD    | 1_100 | 1005
        10:02:00 | DROPPED | 1_100 | 1005
    """).has_legs("ext | holds | held_ms\n1005 | 10:01:00-10:02:00 | 60000")


def test_a_hold_of_a_leg_in_progress_has_no_end_yet() -> None:
    correlated("""
        time     | event   | key   | ext
        10:00:05 | TALKING | 1_100 | 1005
        10:01:00 | HELD    | 1_100 | 1005
    """).has_legs(
        "ext | status | end | ends_as | holds | duration_ms\n1005 | IN_PROGRESS | - | - | 10:01:00- | -"
    )


@pytest.mark.parametrize(
    ("drop", "reason"),
    [
        ("21 | ", "REJECTED"),
        ("CAUSE_CALLREJECTED | ", "REJECTED"),
        ("18 | ", "NO_ANSWER"),
        ("19 | ", "NO_ANSWER"),
        ("16 | FORWARDNOANSWER", "NO_ANSWER"),
        ("16 | ", "NO_ANSWER"),
        (" | ", "NO_ANSWER"),
    ],
)
def test_an_unanswered_ring_is_named_by_its_cause(drop: str, reason: str) -> None:
    correlated(f"""
        time     | event        | key   | ext  | cause | reason
        10:00:00 | ESTABLISHED  | 1_100 | 8001 |       |
        10:00:02 | RINGING      | 1_100 | 1005 |       |
        10:00:09 | DROPPED      | 1_100 | 1005 | {drop}
        10:00:30 | DISCONNECTED | 1_100 | 8001 |       |
        10:00:30 | ENDED        | 1_100 |      |       |
    """).has_legs(f"""
        ext  | start    | end      | type | ends_as   | rona     | flags
        1005 | 10:00:02 | 10:00:09 | RONA | NO_ANSWER | {reason} | UNANSWERED UNREPORTABLE
    """)


def test_a_ring_that_the_caller_gave_up_is_abandoned() -> None:
    correlated("""
        time     | event        | key   | ext  | cause
        10:00:00 | ESTABLISHED  | 1_100 | 8001 |
        10:00:02 | RINGING      | 1_100 | 1005 |
        10:00:09 | DISCONNECTED | 1_100 | 8001 | 16
        10:00:09 | DROPPED      | 1_100 | 1005 | 16
    """).has_legs("ext | type | rona\n1005 | RONA | ABANDONED")


def test_the_cause_beats_the_caller_who_left() -> None:
    correlated("""
        time     | event        | key   | ext  | cause
        10:00:00 | ESTABLISHED  | 1_100 | 8001 |
        10:00:02 | RINGING      | 1_100 | 1005 |
        10:00:09 | DISCONNECTED | 1_100 | 8001 | 16
        10:00:09 | DROPPED      | 1_100 | 1005 | 19
    """).has_legs("ext | rona\n1005 | NO_ANSWER")


def test_the_phones_of_a_hunt_group_that_another_beat_to_the_answer_are_no_rona() -> None:
    correlated("""
        time         | event        | key   | ext  | cause
        10:00:00     | ESTABLISHED  | 1_100 | 8001 |
        10:00:02     | RINGING      | 1_100 | 1005 |
        10:00:02     | RINGING      | 1_100 | 1006 |
        10:00:02     | RINGING      | 1_100 | 1007 |
        10:00:04     | DROPPED      | 1_100 | 1007 | 21
        10:00:06     | TALKING      | 1_100 | 1006 |
        10:00:06.100 | DROPPED      | 1_100 | 1005 | 16
        10:02:00     | DROPPED      | 1_100 | 1006 |
    """).has_legs("""
        ext  | start    | type   | rona               | starts_as | ends_as      | flags
        1005 | 10:00:02 | SIMPLE | ANSWERED_ELSEWHERE | INBOUND   | NO_ANSWER    | UNANSWERED UNREPORTABLE
        1007 | 10:00:02 | RONA   | REJECTED           | INBOUND   | NO_ANSWER    | UNANSWERED UNREPORTABLE
        1006 | 10:00:06 | SIMPLE | -                  | INBOUND   | DIALOG_ENDED | -
    """).has_calls("type\nSIMPLE")


def test_a_ring_that_still_goes_on_is_no_rona_yet() -> None:
    correlated("""
        time     | event   | key   | ext
        10:00:00 | STARTED | 1_100 |
        10:00:02 | RINGING | 1_100 | 1005
    """).has_legs("ext | status | start | end | type | rona\n1005 | IN_PROGRESS | 10:00:02 | - | SIMPLE | -")


SILENT = """
    time     | event   | key   | ext
    10:00:00 | STARTED | 1_100 |
    10:00:05 | TALKING | 1_100 | 1005
    10:01:00 | HELD    | 1_100 | 1005
"""


def test_an_open_leg_is_in_progress_until_the_silence_is_longer_than_the_limit() -> None:
    correlated(SILENT, as_of="22:01:00").has_legs("ext | status | end\n1005 | IN_PROGRESS | -").has_calls(
        "status | end | last\nIN_PROGRESS | - | 10:01:00"
    )


def test_an_open_leg_is_closed_by_silence_at_the_last_fact() -> None:
    correlated(SILENT, as_of="22:01:01").has_legs("""
        ext  | status    | end      | ends_as | duration_ms | holds | flags
        1005 | COMPLETED | 10:01:00 | UNKNOWN | 55000       | -     | END_ESTIMATED
    """).has_calls("status | end\nCOMPLETED | 10:01:00")


def test_a_ring_that_silence_closed_ended_in_a_way_that_nobody_knows() -> None:
    correlated(
        "time | event | key | ext\n10:00:02 | RINGING | 1_100 | 1005", as_of="+1d 10:00:00"
    ).has_legs("""
        ext  | status    | start    | end      | ends_as | flags
        1005 | COMPLETED | 10:00:02 | 10:00:02 | UNKNOWN | UNANSWERED UNREPORTABLE END_ESTIMATED
    """)


@pytest.mark.parametrize(("shortest", "flags"), [(5.0, "-"), (5.001, "UNREPORTABLE")])
def test_a_leg_shorter_than_the_limit_stays_but_is_not_reported(shortest: float, flags: str) -> None:
    correlated(
        """
        time     | event   | key   | ext
        10:00:05 | TALKING | 1_100 | 1005
        10:00:10 | DROPPED | 1_100 | 1005
    """,
        rules=CorrelationRules(min_reportable=timedelta(seconds=shortest)),
    ).has_legs(f"ext | duration_ms | flags\n1005 | 5000 | {flags}")


def test_a_leg_in_progress_may_be_reported_whatever_the_limit() -> None:
    correlated(
        "time | event | key | ext\n10:00:05 | TALKING | 1_100 | 1005",
        rules=CorrelationRules(min_reportable=timedelta(seconds=5)),
    ).has_legs("ext | flags\n1005 | -")


def test_the_key_of_a_leg_is_its_call_extension_other_party_and_start_in_milliseconds() -> None:
    leg = correlated("""
        time         | event       | key   | ext
        10:00:00     | ESTABLISHED | 1_100 | 8001
        10:00:05.250 | TALKING     | 1_100 | 1005
    """).only_leg
    assert leg["leg_key"] == f"{leg['call_id']}:1005:8001:1705399205250"


def test_the_key_of_a_leg_has_an_empty_field_where_the_other_party_is_unknown() -> None:
    leg = correlated("time | event | key | ext\n10:00:05 | TALKING | 1_100 | 1005").only_leg
    assert leg["leg_key"] == f"{leg['call_id']}:1005::1705399205000"


def test_evidence_names_the_events_that_decided() -> None:
    leg = correlated("""
        time     | event       | key   | ext
        10:00:02 | RINGING     | 1_100 | 1005
        10:00:05 | TALKING     | 1_100 | 1005
        10:02:00 | DROPPED     | 1_100 | 1005
    """).only_leg
    said = {part: (fact["rule"], fact["kind"], fact["call_key"]) for part, fact in leg["evidence"].items()}
    assert said == {
        "start": ("FIRST_TALKING", "TALKING", "1_100"),
        "end": ("DROPPED", "DROPPED", "1_100"),
        "type": ("NO_RELATION", None, None),
    }


def test_legs_carry_the_ids_of_their_connection() -> None:
    correlated("""
        time     | event   | key   | ext  | terminal | connection | jtapi
        10:00:05 | TALKING | 1_100 | 1005 | SEPA     | c1         | 16777316
        10:02:00 | DROPPED | 1_100 | 1005 | SEPA     | c1         | 16777316
    """).has_legs("ext | terminal | connection_id | jtapi_id\n1005 | SEPA | c1 | 16777316")
