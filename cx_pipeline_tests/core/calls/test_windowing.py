"""Which facts a window needs, and which calls are its own (specification of correlation, section 6)."""

from datetime import timedelta

import polars as pl

from cx_pipeline.core.calls.correlate import Correlation, correlate
from cx_pipeline.core.calls.rules import DEFAULT_RULES
from cx_pipeline.core.calls.windowing import belonging_to, facts_for, unfinished_call_keys
from cx_pipeline.core.directory import EMPTY_DIRECTORY
from cx_pipeline.core.windows import Window, window_of
from cx_pipeline_tests.core.calls.scenario import events_of, time_of

HOUR = timedelta(hours=1)
TEN = window_of(time_of("10:00:00"), HOUR)
ELEVEN = window_of(time_of("11:00:00"), HOUR)

OVER_THE_HOUR = """
    time     | event   | key   | ext  | previous
    10:58:00 | STARTED | 1_100 |      |
    10:58:05 | TALKING | 1_100 | 1005 |
    11:02:00 | DROPPED | 1_100 | 1005 |
    11:02:03 | TALKING | 1_200 | 1006 | 1_100
    11:05:00 | DROPPED | 1_200 | 1006 |
    10:10:00 | TALKING | 1_300 | 1007 |
    10:20:00 | DROPPED | 1_300 | 1007 |
    10:30:00 | TALKING | 1_400 | 1008 |
"""


def times_of(events: pl.DataFrame) -> list[str]:
    return [moment.strftime("%H:%M:%S") for moment in events["event_time"]]


def facts(table: str, window: Window, *, as_of: str = "+1d 23:00:00", is_open: bool = False) -> list[str]:
    found = facts_for(
        events_of(table), window, is_open=is_open, max_silence=DEFAULT_RULES.max_silence, as_of=time_of(as_of)
    )
    return times_of(found)


def own(table: str, window: Window, *, as_of: str = "11:30:00", is_open: bool = False) -> Correlation:
    whole = correlate(events_of(table), DEFAULT_RULES, EMPTY_DIRECTORY, time_of(as_of))
    return belonging_to(whole, window, is_open=is_open)


def roots(correlation: Correlation) -> list[str]:
    return sorted(correlation.calls["root_call_key"])


def test_a_call_belongs_to_the_window_in_which_it_ended() -> None:
    assert roots(own(OVER_THE_HOUR, TEN)) == ["1_300"]
    assert roots(own(OVER_THE_HOUR, ELEVEN)) == ["1_100"]
    assert sorted(own(OVER_THE_HOUR, ELEVEN).legs["agent_extension"]) == ["1005", "1006"]


def test_a_call_that_ended_at_the_instant_between_two_windows_belongs_to_the_later_one() -> None:
    table = "time | event | key | ext\n10:10:00 | TALKING | 1_300 | 1007\n11:00:00 | DROPPED | 1_300 | 1007"
    assert roots(own(table, TEN)) == []
    assert roots(own(table, ELEVEN)) == ["1_300"]


def test_the_open_window_carries_what_has_not_ended_though_it_has_no_fact_in_it() -> None:
    assert roots(own(OVER_THE_HOUR, ELEVEN, is_open=True)) == ["1_100", "1_400"]
    assert own(OVER_THE_HOUR, ELEVEN, is_open=True).legs.filter(pl.col("status") == "IN_PROGRESS").height == 1


def test_what_silence_closed_belongs_to_the_window_of_its_last_fact() -> None:
    assert roots(own(OVER_THE_HOUR, TEN, as_of="+1d 11:30:00")) == ["1_300", "1_400"]


def test_the_keys_of_calls_that_have_not_ended_are_told() -> None:
    whole = correlate(events_of(OVER_THE_HOUR), DEFAULT_RULES, EMPTY_DIRECTORY, time_of("11:03:00"))
    assert unfinished_call_keys(whole).rows() == [("default", "1_400")]


def test_a_window_needs_whole_calls_earlier_and_later() -> None:
    assert facts(OVER_THE_HOUR, ELEVEN) == ["10:58:00", "10:58:05", "11:02:00", "11:02:03", "11:05:00"]
    assert len(facts(OVER_THE_HOUR, TEN)) == 8
    assert facts(OVER_THE_HOUR, window_of(time_of("12:00:00"), HOUR)) == []


def test_the_open_window_needs_what_may_not_have_ended() -> None:
    assert "10:30:00" in facts(OVER_THE_HOUR, ELEVEN, is_open=True, as_of="11:30:00")
    assert "10:30:00" not in facts(OVER_THE_HOUR, ELEVEN, is_open=False, as_of="11:30:00")
    tomorrow = window_of(time_of("+1d 11:00:00"), HOUR)
    assert facts(OVER_THE_HOUR, tomorrow, is_open=True, as_of="+1d 11:30:00") == []


def test_a_key_is_followed_as_far_as_it_was_not_silent_for_longer_than_the_limit() -> None:
    table = """
        time         | event   | key   | ext
        -1d 10:00:00 | TALKING | 1_100 | 1005
        -1d 22:00:01 | TALKING | 1_100 | 1005
        10:00:00     | HELD    | 1_100 | 1005
        22:00:00     | DROPPED | 1_100 | 1005
    """
    assert facts(table, TEN) == ["22:00:01", "10:00:00", "22:00:00"]


def test_those_that_name_a_key_of_which_nothing_is_known_are_needed_together() -> None:
    table = """
        time     | event   | key   | ext  | previous
        09:00:00 | TALKING | 1_200 | 1005 | 1_100
        10:00:00 | TALKING | 1_300 | 1006 | 100/1
        10:30:00 | TALKING | 1_400 | 1007 | 1_101
    """
    assert facts(table, window_of(time_of("09:00:00"), HOUR)) == ["09:00:00", "10:00:00"]


def test_what_a_link_joins_is_needed_together() -> None:
    table = """
        time         | event   | key    | ext  | link
        09:00:00     | TALKING | 1_200  | 1005 | L-1
        10:00:00     | TALKING | beef-7 | 1006 | L-1
        10:30:00     | TALKING | 1_400  | 1007 | L-2
        +1d 10:00:00 | TALKING | 1_500  | 1008 | L-1
    """
    assert facts(table, window_of(time_of("09:00:00"), HOUR)) == ["09:00:00", "10:00:00"]


def test_a_fact_that_lies_ahead_of_its_arrival_is_needed_where_it_may_be_moved_to() -> None:
    table = """
        time     | received | event   | key   | ext
        10:10:00 | 10:10:00 | TALKING | 1_300 | 1007
        14:00:00 | 11:05:00 | DROPPED | 1_300 | 1007
    """
    assert facts(table, ELEVEN) == ["10:10:00", "14:00:00"]
    assert roots(own(table, ELEVEN)) == ["1_300"]


def test_what_has_no_call_key_is_needed_in_its_own_window_alone() -> None:
    table = "time | event | key\n10:10:00 | TALKING |\n11:10:00 | TALKING |\n | TALKING | 1_100"
    assert facts(table, TEN) == ["10:10:00"]
    assert facts(table, ELEVEN) == ["11:10:00"]
