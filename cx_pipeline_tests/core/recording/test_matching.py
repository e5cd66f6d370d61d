"""Which file belongs to which leg."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cx_pipeline.core.recording.schema import SEGMENT_MATCH_SCHEMA
from cx_pipeline_tests.core.recording.recorded_calls import OPTIONS, recorded


def test_a_refci_that_the_events_bear_as_connection_id_ties_a_file_to_its_leg() -> None:
    outcome = recorded(
        """
        leg | ext  | start | end  | connection
        A   | 1005 | 0:00  | 1:00 | 77
        B   | 1006 | 0:00  | 1:00 | 78
        """,
        """
        file | side | start | length | refci
        a    | near | 0:00  | 1:00   | 77
        b    | near | 0:00  | 1:00   | 78
        """,
    )
    assert outcome.methods() == {("a", "A"): "REFCI", ("b", "B"): "REFCI"}
    assert outcome.matches.pairs.schema == SEGMENT_MATCH_SCHEMA


def test_a_call_key_ties_with_the_extension_in_whichever_form_it_is_written() -> None:
    outcome = recorded(
        """
        leg | call | ext  | start | end  | key   | jtapi
        A   | c    | 1005 | 0:00  | 1:00 | 1_100 | 16777316
        B   | c    | 1006 | 0:00  | 1:00 | 1_100 | 16777316
        """,
        """
        file | side | ext  | start | length | key      | jtapi
        a    | near | 1005 | 0:00  | 1:00   | 1_100    |
        b    | near | 1006 | 0:00  | 1:00   | 100      |
        c    | far  | 1006 | 0:00  | 1:00   |          | 16777316
        """,
    )
    assert outcome.methods() == {("a", "A"): "CALL_KEY", ("b", "B"): "CALL_KEY", ("c", "B"): "CALL_KEY"}


def test_a_refci_that_came_again_is_not_believed_against_the_clock() -> None:
    outcome = recorded(
        """
        leg | ext  | start | end   | connection
        A   | 1005 | 0:00  | 1:00  | 77
        B   | 1006 | 20:00 | 21:00 | 77
        """,
        """
        file | side | start | length | refci
        a    | near | 0:00  | 1:00   | 77
        b    | near | 20:00 | 1:00   | 77
        x    | near | 40:00 | 1:00   | 77
        """,
    )
    assert outcome.matched() == {"a": ["A"], "b": ["B"], "x": ["(NO_LEG)"]}


def test_a_call_key_that_came_again_is_not_believed_against_the_clock() -> None:
    outcome = recorded(
        """
        leg | ext  | start | end   | key
        A   | 1005 | 0:00  | 1:00  | 1_100
        B   | 1005 | 20:00 | 21:00 | 1_100
        """,
        """
        file | side | ext  | start | length | key
        a    | near | 1005 | 0:00  | 1:00   | 1_100
        b    | near | 1005 | 20:00 | 1:00   | 1_100
        """,
    )
    assert outcome.matched() == {"a": ["A"], "b": ["B"]}


def test_without_ids_the_phone_and_the_time_decide() -> None:
    outcome = recorded(
        """
        leg | ext  | device | start | end
        A   | 1005 | SEP1   | 0:00  | 1:00
        B   | 1005 | SEP1   | 1:05  | 2:00
        C   | 1005 | SEP2   | 0:00  | 2:00
        """,
        """
        file | side | ext  | device | start | length | refci
        a    | near | 1005 | sep1   | 0:00  | 1:00   | 501
        b    | near | 1005 | SEP1   | 1:05  | 0:55   | 502
        c    | near |      | SEP2   | 0:00  | 2:00   | 503
        """,
    )
    assert outcome.matched() == {"a": ["A"], "b": ["B"], "c": ["C"]}
    assert set(outcome.methods().values()) == {"DEVICE"}


def test_what_one_sibling_does_not_tell_the_other_does() -> None:
    """Older releases write no more than the refci into one of the two dialogs."""
    outcome = recorded(
        """
        leg | ext  | start | end
        A   | 1005 | 0:00  | 1:00
        """,
        """
        file | side | ext  | start | length | refci
        n    | near | 1005 | 0:00  | 1:00   | 501
        f    | far  |      | 0:00  | 1:00   | 501
        """,
    )
    assert outcome.matched() == {"f": ["A"], "n": ["A"]}


def test_a_file_of_the_call_before_is_not_taken_for_a_second_of_overlap() -> None:
    outcome = recorded(
        """
        leg | ext  | start | end
        A   | 1005 | 5:00  | 6:00
        """,
        """
        file | side | ext  | start | length
        x    | near | 1005 | 0:00  | 5:01
        a    | near | 1005 | 5:00  | 1:00
        """,
    )
    assert outcome.matched() == {"a": ["A"], "x": ["(NO_LEG)"]}


def test_a_talk_on_another_line_while_the_leg_is_held_belongs_to_no_leg_of_that_call() -> None:
    outcome = recorded(
        """
        leg | ext  | start | end  | holds
        A   | 1005 | 0:00  | 3:00 | 1:00-2:00
        """,
        """
        file | side | ext  | start | length
        a    | near | 1005 | 0:00  | 1:00
        x    | near | 1005 | 1:05  | 0:50
        b    | near | 1005 | 2:00  | 1:00
        """,
    )
    assert outcome.matched() == {"a": ["A"], "b": ["A"], "x": ["(DURING_HOLD)"]}


def test_another_phone_of_the_extension_counts_where_the_legs_own_was_not_recorded() -> None:
    legs = """
        leg | ext  | device | start | end
        A   | 1005 | SEP1   | 0:00  | 1:00
        """
    alone = recorded(
        legs,
        """
        file | side | ext  | device | start | length
        x    | near | 1005 | SEP2   | 0:00  | 1:00
        """,
    )
    beside = recorded(
        legs,
        """
        file | side | ext  | device | start | length
        a    | near | 1005 | SEP1   | 0:00  | 1:00
        x    | near | 1005 | SEP2   | 0:00  | 1:00
        """,
    )
    assert alone.matched() == {"x": ["A"]}
    assert beside.matched() == {"a": ["A"], "x": ["(OTHER_PHONE)"]}


def test_what_two_legs_fit_equally_is_given_to_neither() -> None:
    outcome = recorded(
        """
        leg | call | ext  | start | end  | key
        A   | c    | 1005 | 0:00  | 1:00 | 1_100
        B   | c    | 1006 | 0:00  | 1:00 | 1_100
        """,
        """
        file | side | start | length | key
        x    | near | 0:00  | 1:00   | 1_100
        """,
    )
    assert outcome.matched() == {"x": ["(SEVERAL_LEGS)"]}


def test_nobody_takes_what_is_of_another_tenant() -> None:
    outcome = recorded(
        """
        leg | tenant | ext  | start | end  | connection | key
        A   | acme   | 1005 | 0:00  | 1:00 | 77         | 1_100
        """,
        """
        file | tenant | side | ext  | start | length | refci | key
        x    | blue   | near | 1005 | 0:00  | 1:00   | 77    | 1_100
        """,
    )
    assert outcome.matched() == {"x": ["(NO_LEG)"]}


def test_a_gateways_file_is_found_by_the_number_outside_and_the_time() -> None:
    outcome = recorded(
        """
        leg | ext  | start | end  | other
        A   | 1005 | 0:20  | 1:00 | +1 800 555-0199
        B   | 1006 | 0:20  | 1:00 | +18005550198
        C   | 1005 | 9:00  | 9:40 | +18005550199
        """,
        """
        file | side | type   | start | length | calling      | called
        s    | both | SIPREC | 0:00  | 1:00   | 0018005550199 | 8001
        t    | both | SIPREC | 9:00  | 0:40   | 8005550199    | 8001
        """,
    )
    assert outcome.matched() == {"s": ["A"], "t": ["C"]}
    outcome.places(
        """
        leg | file | source | channel | at   | from | length
        A   | s    | 0      | 0       | 0:00 | 0:20 | 0:40
        A   | s    | 1      | 1       | 0:00 | 0:20 | 0:40
        C   | t    | 0      | 0       | 0:00 | 0:00 | 0:40
        C   | t    | 1      | 1       | 0:00 | 0:00 | 0:40
        """
    )


def test_a_caller_who_waited_long_and_was_held_long_is_found_by_the_little_talk_there_was() -> None:
    outcome = recorded(
        """
        leg | ext  | start | end  | holds     | other
        A   | 1005 | 0:20  | 3:00 | 0:27-3:00 | +18005550199
        """,
        """
        file | side | type   | start | length | calling      | called
        s    | both | SIPREC | 0:00  | 0:27   | +18005550199 | 8001
        """,
    )
    assert outcome.matched() == {"s": ["A"]}


def test_of_a_line_only_what_comes_after_the_legs_begin_is_measured() -> None:
    """Twenty-eight seconds of waiting, then a recorder that broke off after twenty-seven of fifty-nine seconds of talk."""
    outcome = recorded(
        """
        leg | ext  | start | end  | other
        A   | 1005 | 0:28  | 1:27 | +18005550199
        """,
        """
        file | side | type   | start | length | calling      | called
        s    | both | SIPREC | 0:00  | 0:55   | +18005550199 | 8001
        """,
    )
    assert outcome.matched() == {"s": ["A"]}


def test_a_line_that_only_just_reaches_into_a_leg_is_not_its_own() -> None:
    outcome = recorded(
        """
        leg | ext  | start | end  | other
        A   | 1005 | 0:52  | 3:00 | +18005550199
        """,
        """
        file | side | type   | start | length | calling      | called
        s    | both | SIPREC | 0:00  | 0:55   | +18005550199 | 8001
        """,
    )
    assert outcome.matched() == {"s": ["(NO_LEG)"]}


def test_a_file_of_a_line_serves_all_legs_of_its_call_each_cut_to_its_own() -> None:
    recorded(
        """
        leg | call | number | ext  | start | end  | key   | to   | from
        A   | c    | 1      | 1005 | 0:00  | 1:00 | 1_100 | 1006
        B   | c    | 2      | 1006 | 1:02  | 3:00 | 1_100 |      | 1005
        X   | d    | 1      | 1005 | 1:30  | 3:00 | 1_101 |
        """,
        """
        file | side | type     | ext  | start | length | dialog
        b    | both | EFSWITCH | 1005 | 0:00  | 3:00   | 1_100
        """,
    ).places(
        """
        leg | file | source | channel | at   | from | length
        A   | b    | 0      | 0       | 0:00 | 0:00 | 1:00
        A   | b    | 1      | 1       | 0:00 | 0:00 | 1:00
        B   | b    | 0      | 0       | 0:00 | 1:02 | 1:58
        B   | b    | 1      | 1       | 0:00 | 1:02 | 1:58
        """
    )


def test_while_the_customer_waits_their_line_is_not_what_the_consulted_heard() -> None:
    recorded(
        """
        leg | call | number | ext  | start | end  | key   | holds     | consulted_by | to   | from
        A   | c    | 1      | 1005 | 0:00  | 2:00 | 1_100 | 1:00-2:00 |              | 1006
        B   | c    | 2      | 1006 | 1:10  | 3:00 | 1_100 |           | 1005         |      | 1005
        """,
        """
        file | side | type     | start | length | key
        b    | both | EFSWITCH | 0:00  | 3:00   | 1_100
        """,
    ).places(
        """
        leg | file | source | channel | at   | from | length
        A   | b    | 0      | 0       | 0:00 | 0:00 | 1:00
        A   | b    | 1      | 1       | 0:00 | 0:00 | 1:00
        B   | b    | 0      | 0       | 0:50 | 2:00 | 1:00
        B   | b    | 1      | 1       | 0:50 | 2:00 | 1:00
        """
    ).marks("B", "TRANSFER 0:50")


@pytest.mark.parametrize(("start", "reason"), [("70:00", "OUTSIDE_WINDOW"), ("30:00", "NO_LEG")])
def test_what_nobody_bears_says_whether_its_leg_may_be_in_another_window(start: str, reason: str) -> None:
    outcome = recorded(
        """
        leg | ext  | start | end
        A   | 1005 | 0:00  | 1:00
        """,
        f"""
        file | side | ext  | start   | length
        x    | near | 1006 | {start} | 1:00
        """,
    )
    assert outcome.matched() == {"x": [f"({reason})"]}


def test_pictures_of_screens_are_no_voices() -> None:
    outcome = recorded(
        """
        leg | ext  | start | end  | key
        A   | 1005 | 0:00  | 1:00 | 1_100
        """,
        """
        file | side | type   | ext  | start | length | key
        x    | both | SCREEN | 1005 | 0:00  | 1:00   | 1_100
        """,
    )
    assert outcome.matched() == {"x": ["(NOT_VOICE)"]}
    assert [(each.leg_id, each.cause) for each in outcome.planned.missing] == [("A", "NO_MANIFEST")]


def test_files_of_a_leg_in_progress_are_its_own_already() -> None:
    outcome = recorded(
        """
        leg | ext  | start | end
        A   | 1005 | 50:00 |
        """,
        """
        file | side | ext  | start | length
        a    | near | 1005 | 50:00 | 1:00
        """,
    )
    assert outcome.matched() == {"a": ["A"]}
    assert outcome.planned.plans == ()


def test_no_leg_looks_further_than_the_slack() -> None:
    tight = replace(OPTIONS, slack=timedelta(0))
    for options, found in ((tight, "(NO_LEG)"), (OPTIONS, "(WRONG_TIME)")):
        outcome = recorded(
            """
            leg | ext  | start | end   | connection
            A   | 1005 | 20:00 | 21:00 | 77
            """,
            """
            file | side | ext  | start | length | refci
            x    | near | 1005 | 18:30 | 1:00   | 77
            """,
            options=options,
        )
        assert outcome.matched() == {"x": [found]}
