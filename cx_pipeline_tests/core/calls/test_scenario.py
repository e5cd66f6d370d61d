from datetime import UTC, datetime

import pytest

from cx_pipeline_tests.core.calls.scenario import Outcome, ScenarioError, correlated, events_of, time_of

CALL = """
    time     | event   | key   | ext
    10:00:00 | STARTED | 1_100 |
    10:00:02 | RINGING | 1_100 | 1005
    10:00:05 | TALKING | 1_100 | 1005
    10:02:00 | DROPPED | 1_100 | 1005
"""


def outcome() -> Outcome:
    return correlated(CALL)


def test_a_kind_stands_for_its_event_name_and_an_empty_cell_is_null() -> None:
    events = events_of("time | event | key | ext | cause\n10:00:00.250 | DROPPED | 1_100 | | 21")
    assert events["event_name"].to_list() == ["CallCtlTermConnDroppedEv"]
    assert events["extension"].to_list() == [None]
    assert events["cause"].to_list() == ["21"]
    assert events["event_time"].to_list() == [datetime(2024, 1, 16, 10, 0, 0, 250_000, tzinfo=UTC)]


def test_a_time_may_be_of_another_day() -> None:
    assert time_of("+1d 00:00:01") == datetime(2024, 1, 17, 0, 0, 1, tzinfo=UTC)
    assert time_of("-1d 23:00:00") == datetime(2024, 1, 15, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "the table is empty"),
        ("time | event\n10:00:00", "1 cells, but 2 columns"),
        ("time | colour\n10:00:00 | red", "no column is called 'colour'"),
        ("time | time\n10:00:00 | 10:00:00", "named twice"),
        ("time | event\n10 o'clock | RINGING", "no time"),
        ("time | code\n10:00:00 | many", "cannot be read as Int32"),
    ],
)
def test_a_table_that_cannot_be_read_says_why(table: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        events_of(table)


def test_the_legs_are_compared_by_the_cells_that_are_filled() -> None:
    outcome().has_legs("""
        call | ext  | start    | end      | type   | holds | flags | rona
        a    | 1005 | 10:00:05 | 10:02:00 | SIMPLE | -     |       |
    """)


@pytest.mark.parametrize(
    "table",
    [
        "ext | start\n1006 | 10:00:05",
        "ext | start\n1005 | 10:00:06",
        "ext | end\n1005 | -",
        "ext | holds\n1005 | 10:00:07-10:00:08",
        "ext | flags\n1005 | START_ESTIMATED",
        "ext\n1005\n1005",
        "ext",
    ],
)
def test_a_difference_between_legs_and_table_fails(table: str) -> None:
    with pytest.raises(AssertionError, match="the legs are"):
        outcome().has_legs(table)


def test_an_unknown_flag_is_an_error_of_the_table_not_of_the_engine() -> None:
    with pytest.raises(ScenarioError, match="no flag is called LATE"):
        outcome().has_legs("ext | flags\n1005 | LATE")


def test_labels_of_calls_tell_whether_legs_share_a_call() -> None:
    two = correlated(CALL + CALL.replace("1_100", "1_200").replace("1005", "1006").split("ext", 1)[1])
    two.has_legs("call | ext\na | 1005\nb | 1006")
    with pytest.raises(AssertionError, match="not of the calls"):
        two.has_legs("call | ext\na | 1005\na | 1006")


def test_calls_quarantine_and_duplicates_are_compared() -> None:
    result = outcome()
    result.has_calls("""
        root  | keys  | status    | legs | events | start    | end
        1_100 | 1_100 | COMPLETED | 1    | 4      | 10:00:00 | 10:02:00
    """).has_quarantined().has_duplicates(0)
    with pytest.raises(AssertionError):
        result.has_quarantined(NO_CALL_ID=1)
    with pytest.raises(AssertionError):
        result.has_duplicates(1)
    with pytest.raises(AssertionError):
        result.has_no_legs()
