"""Several listeners stamp one fact differently (specification of correlation, section 1), as pasted calls."""

from cx_pipeline_tests.core.calls.scenario import correlated


def test_of_three_listeners_the_earliest_stamp_counts() -> None:
    correlated("""
        time         | event   | key   | ext  | listener
        10:00:05.300 | TALKING | 1_100 | 1005 | a
        10:00:05.100 | TALKING | 1_100 | 1005 | b
        10:00:06.900 | TALKING | 1_100 | 1005 | c
        10:02:00.000 | DROPPED | 1_100 | 1005 | a
        10:02:00.900 | DROPPED | 1_100 | 1005 | b
        10:02:01.900 | DROPPED | 1_100 | 1005 | c
    """).has_legs("ext | start | end\n1005 | 10:00:05.100 | 10:02:00").has_duplicates(4)


def test_what_one_listener_lost_the_other_one_tells() -> None:
    correlated("""
        time         | event   | key   | ext  | listener
        10:00:02.000 | RINGING | 1_100 | 1005 | a
        10:00:02.400 | RINGING | 1_100 | 1005 | b
        10:00:05.400 | TALKING | 1_100 | 1005 | b
        10:01:00.000 | HELD    | 1_100 | 1005 | a
        10:01:30.400 | TALKING | 1_100 | 1005 | b
        10:02:00.000 | DROPPED | 1_100 | 1005 | a
    """).has_legs("""
        ext  | ring     | start        | end      | holds                 | flags
        1005 | 10:00:02 | 10:00:05.400 | 10:02:00 | 10:01:00-10:01:30.400 | -
    """).has_duplicates(1)


def test_of_three_listeners_one_lost_the_first_of_two_talks_a_second_apart() -> None:
    # Listener c saw only the second talk: it must not be taken for a late stamp of the first one.
    correlated("""
        time         | event   | key   | ext  | listener
        10:00:05.000 | TALKING | 1_100 | 1005 | a
        10:00:05.100 | TALKING | 1_100 | 1005 | b
        10:00:05.500 | HELD    | 1_100 | 1005 | a
        10:00:05.600 | HELD    | 1_100 | 1005 | b
        10:00:05.700 | HELD    | 1_100 | 1005 | c
        10:00:06.000 | TALKING | 1_100 | 1005 | a
        10:00:06.100 | TALKING | 1_100 | 1005 | b
        10:00:06.200 | TALKING | 1_100 | 1005 | c
        10:02:00.000 | DROPPED | 1_100 | 1005 | a
    """).has_legs("ext | start | end | holds\n1005 | 10:00:05 | 10:02:00 | 10:00:05.500-10:00:06")


def test_stamps_more_than_two_seconds_apart_are_two_facts() -> None:
    correlated("""
        time         | event   | key   | ext  | listener
        10:00:05.000 | TALKING | 1_100 | 1005 | a
        10:01:00.000 | HELD    | 1_100 | 1005 | a
        10:01:02.001 | HELD    | 1_100 | 1005 | b
        10:02:00.000 | DROPPED | 1_100 | 1005 | a
    """).has_duplicates(0)


def test_stamps_exactly_two_seconds_apart_are_one_fact() -> None:
    correlated("""
        time         | event   | key   | ext  | listener
        10:00:05.000 | TALKING | 1_100 | 1005 | a
        10:02:00.000 | DROPPED | 1_100 | 1005 | a
        10:02:02.000 | DROPPED | 1_100 | 1005 | b
    """).has_legs("ext | end\n1005 | 10:02:00").has_duplicates(1)


def test_one_listener_that_stamps_twice_within_two_seconds_tells_two_facts() -> None:
    correlated("""
        time         | event   | key   | ext  | listener
        10:00:05.000 | TALKING | 1_100 | 1005 | a
        10:01:00.000 | HELD    | 1_100 | 1005 | a
        10:01:00.500 | TALKING | 1_100 | 1005 | a
        10:01:01.000 | HELD    | 1_100 | 1005 | a
        10:01:01.500 | TALKING | 1_100 | 1005 | a
        10:02:00.000 | DROPPED | 1_100 | 1005 | a
        10:02:00.100 | DROPPED | 1_100 | 1005 | b
    """).has_legs("ext | holds\n1005 | 10:01:00-10:01:00.500 10:01:01-10:01:01.500").has_duplicates(1)


def test_quick_holds_that_two_listeners_saw_are_paired_in_turn() -> None:
    correlated("""
        time         | event   | key   | ext  | listener
        10:00:05.000 | TALKING | 1_100 | 1005 | a
        10:00:05.300 | TALKING | 1_100 | 1005 | b
        10:01:00.000 | HELD    | 1_100 | 1005 | a
        10:01:00.300 | HELD    | 1_100 | 1005 | b
        10:01:00.500 | TALKING | 1_100 | 1005 | a
        10:01:00.800 | TALKING | 1_100 | 1005 | b
        10:01:01.000 | HELD    | 1_100 | 1005 | a
        10:01:01.300 | HELD    | 1_100 | 1005 | b
        10:01:01.500 | TALKING | 1_100 | 1005 | a
        10:01:01.800 | TALKING | 1_100 | 1005 | b
        10:02:00.000 | DROPPED | 1_100 | 1005 | a
        10:02:00.300 | DROPPED | 1_100 | 1005 | b
    """).has_legs(
        "ext | start | end | holds\n1005 | 10:00:05 | 10:02:00 | 10:01:00-10:01:00.500 10:01:01-10:01:01.500"
    ).has_duplicates(6)


def test_listeners_that_report_the_cause_differently_still_report_one_fact() -> None:
    correlated("""
        time         | event   | key   | ext  | listener | cause
        10:00:02.000 | RINGING | 1_100 | 1005 | a        |
        10:00:09.000 | DROPPED | 1_100 | 1005 | a        |
        10:00:09.200 | DROPPED | 1_100 | 1005 | b        | 21
    """).has_duplicates(1).has_legs("ext | end\n1005 | 10:00:09")


def test_listeners_of_two_tenants_never_share_a_fact() -> None:
    correlated("""
        time         | event   | key   | ext  | listener | tenant
        10:00:05.000 | TALKING | 1_100 | 1005 | a        | red
        10:00:05.200 | TALKING | 1_100 | 1005 | b        | blue
        10:02:00.000 | DROPPED | 1_100 | 1005 | a        | red
        10:02:00.200 | DROPPED | 1_100 | 1005 | b        | blue
    """).has_legs("""
        call | ext  | tenant | start        | end
        r    | 1005 | red    | 10:00:05     | 10:02:00
        b    | 1005 | blue   | 10:00:05.200 | 10:02:00.200
    """).has_duplicates(0)


def test_a_listener_that_comes_in_the_middle_of_a_call_repeats_what_is_but_changes_nothing() -> None:
    correlated("""
        time         | event   | key   | ext  | listener
        10:00:00.000 | STARTED | 1_100 |      | a
        10:00:02.000 | RINGING | 1_100 | 1005 | a
        10:00:05.000 | TALKING | 1_100 | 1005 | a
        10:01:00.000 | STARTED | 1_100 |      | b
        10:01:00.010 | TALKING | 1_100 | 1005 | b
        10:02:00.000 | DROPPED | 1_100 | 1005 | a
        10:02:00.010 | DROPPED | 1_100 | 1005 | b
        10:02:00.100 | ENDED   | 1_100 |      | a
        10:02:00.110 | ENDED   | 1_100 |      | b
    """).has_legs("ext | ring | start | end\n1005 | 10:00:02 | 10:00:05 | 10:02:00").has_calls(
        "legs | events\n1 | 7"
    )
