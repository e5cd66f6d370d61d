"""What is cleaned away, capped and set aside (specification of correlation, section 2), as pasted calls."""

import json

import polars as pl

from cx_pipeline_tests.core.calls.scenario import correlated


def test_of_a_fact_reported_twice_the_first_arrival_says_the_cause() -> None:
    correlated("""
        time     | received | event   | key   | ext  | cause
        10:00:00 |          | STARTED | 1_100 |      |
        10:00:02 |          | RINGING | 1_100 | 1005 |
        10:00:09 | 10:00:30 | DROPPED | 1_100 | 1005 | 19
        10:00:09 | 10:00:10 | DROPPED | 1_100 | 1005 | 21
        10:00:09 | 10:00:20 | DROPPED | 1_100 | 1005 | 18
    """).has_legs("ext | rona\n1005 | REJECTED").has_duplicates(2)


def test_facts_that_differ_in_their_phone_are_no_duplicates() -> None:
    correlated("""
        time     | event   | key   | ext  | terminal
        10:00:00 | STARTED | 1_100 |      |
        10:00:02 | RINGING | 1_100 | 1005 | SEPA
        10:00:02 | RINGING | 1_100 | 1005 | SEPB
    """).has_duplicates(0)


def test_a_fact_later_than_its_arrival_by_more_than_five_seconds_is_capped_and_told() -> None:
    outcome = correlated("""
        time     | received | event   | key   | ext  | source
        10:00:00 | 10:00:00 | STARTED | 1_100 |      | jtapi
        10:30:05 | 10:00:05 | TALKING | 1_100 | 1005 | jtapi
        10:02:00 | 10:02:00 | DROPPED | 1_100 | 1005 | jtapi
    """)
    outcome.has_legs("ext | start | end | flags\n1005 | 10:00:05 | 10:02:00 | SKEWED")
    assert outcome.correlation.skew.rows() == [("jtapi", 1_800_000, 1)]


def test_a_leg_whose_end_was_capped_is_flagged_as_well() -> None:
    correlated("""
        time     | received | event   | key   | ext
        10:00:00 | 10:00:00 | STARTED | 1_100 |
        10:00:05 | 10:00:05 | TALKING | 1_100 | 1005
        10:09:00 | 10:02:00 | DROPPED | 1_100 | 1005
    """).has_legs("ext | start | end | flags\n1005 | 10:00:05 | 10:02:00 | SKEWED")


def test_a_fact_later_than_its_arrival_by_five_seconds_keeps_its_time_but_is_measured() -> None:
    outcome = correlated("""
        time     | received | event   | key   | ext  | source
        10:00:00 | 10:00:00 | STARTED | 1_100 |      | jtapi
        10:00:10 | 10:00:05 | TALKING | 1_100 | 1005 | jtapi
        10:02:00 | 10:02:00 | DROPPED | 1_100 | 1005 | jtapi
    """)
    outcome.has_legs("ext | start | flags\n1005 | 10:00:10 | -")
    assert outcome.correlation.skew.rows() == [("jtapi", 5_000, 0)]


def test_the_skew_of_each_source_is_told_by_itself() -> None:
    outcome = correlated("""
        time     | received | event    | key   | ext  | source
        10:00:07 | 10:00:00 | STARTED  | 1_100 |      | jtapi
        10:00:09 | 10:00:08 | OFFERED  | 1_100 | 8001 | genesys
        10:00:11 | 10:00:11 | RINGING  | 1_100 | 1005 | ccx_cti
    """)
    assert outcome.correlation.skew.rows() == [("genesys", 1_000, 0), ("jtapi", 7_000, 1)]


def test_a_hold_and_a_resume_at_one_instant_are_no_hold() -> None:
    correlated("""
        time     | event   | key   | ext
        10:00:00 | STARTED | 1_100 |
        10:00:05 | TALKING | 1_100 | 1005
        10:01:00 | HELD    | 1_100 | 1005
        10:01:00 | TALKING | 1_100 | 1005
        10:02:00 | DROPPED | 1_100 | 1005
    """).has_legs("ext | start | end | holds | held_ms\n1005 | 10:00:05 | 10:02:00 | - | 0")


def test_a_hold_at_the_instant_of_the_first_talk_does_not_say_that_the_talk_was_lost() -> None:
    correlated("""
        time     | event   | key   | ext
        10:00:02 | RINGING | 1_100 | 1005
        10:00:05 | HELD    | 1_100 | 1005
        10:00:05 | TALKING | 1_100 | 1005
        10:02:00 | DROPPED | 1_100 | 1005
    """).has_legs("ext | start | holds | flags\n1005 | 10:00:05 | - | -")


def test_a_ring_a_talk_and_a_drop_at_one_instant_stand_in_that_order() -> None:
    correlated("""
        time     | event   | key   | ext
        10:00:05 | DROPPED | 1_100 | 1005
        10:00:05 | TALKING | 1_100 | 1005
        10:00:05 | RINGING | 1_100 | 1005
        10:00:05 | STARTED | 1_100 |
        10:00:05 | ENDED   | 1_100 |
    """).has_legs("""
        ext  | ring     | start    | end      | duration_ms | type   | flags
        1005 | 10:00:05 | 10:00:05 | 10:00:05 | 0           | SIMPLE | -
    """)


def test_what_has_no_call_id_time_or_name_is_set_aside_as_it_came() -> None:
    outcome = correlated("""
        time     | event   | code | key   | ext
        10:00:00 | STARTED |      | 1_100 |
        10:00:05 | TALKING |      | 1_100 | 1005
        10:00:06 | TALKING |      |       | 1006
                 | TALKING |      | 1_100 | 1007
        10:00:08 |         |      | 1_100 | 1008
    """)
    outcome.has_quarantined(NO_CALL_ID=1, NO_EVENT_TIME=1, NO_EVENT_NAME=1)
    rows = outcome.correlation.quarantine.select("reason", pl.col("row").str.json_path_match("$.extension"))
    assert dict(rows.iter_rows()) == {"NO_CALL_ID": "1006", "NO_EVENT_TIME": "1007", "NO_EVENT_NAME": "1008"}
    row = json.loads(outcome.correlation.quarantine.filter(pl.col("reason") == "NO_CALL_ID")["row"][0])
    assert row["event_name"] == "CallCtlTermConnTalkingEv"
    outcome.has_legs("ext\n1005")


def test_a_number_stands_for_the_name_and_an_unknown_one_is_counted_but_decides_nothing() -> None:
    correlated("""
        time     | event | code       | key   | ext
        10:00:00 |       | 101        | 1_100 |
        10:00:02 |       | 218        | 1_100 | 1005
        10:00:05 |       | 219        | 1_100 | 1005
        10:00:06 |       | 99999      | 1_100 | 1005
        10:02:00 |       | 1073754118 | 1_100 | 1005
        10:02:00 |       | 215        | 1_100 | 1005
    """).has_legs("ext | ring | start | end\n1005 | 10:00:02 | 10:00:05 | 10:02:00").has_calls(
        "events | legs\n6 | 1"
    )


def test_the_name_is_believed_where_name_and_number_differ() -> None:
    correlated("""
        time     | event   | code | key   | ext
        10:00:05 | TALKING | 215  | 1_100 | 1005
    """).has_legs("ext | status\n1005 | IN_PROGRESS")


def test_one_call_id_written_in_three_ways_is_one_key() -> None:
    correlated("""
        time     | event   | key      | ext
        10:00:00 | STARTED | 1_167890 |
        10:00:05 | TALKING | 167890/1 | 1005
        10:02:00 | DROPPED | 16945106 | 1005
    """).has_legs("ext | root | start | end\n1005 | 1_167890 | 10:00:05 | 10:02:00").has_calls(
        "keys\n1_167890"
    )


def test_a_call_id_of_another_vendor_is_a_key_as_it_came() -> None:
    correlated("""
        time     | event   | key          | ext
        10:00:05 | TALKING | 00FA-77-beef | 1005
        10:02:00 | DROPPED | 00FA-77-beef | 1005
    """).has_legs("ext | root | end\n1005 | 00FA-77-beef | 10:02:00")


def test_other_facts_are_counted_and_change_no_leg() -> None:
    correlated("""
        time     | event                 | key   | ext
        09:59:00 | ProvInServiceEv       | 1_100 |
        10:00:00 | STARTED               | 1_100 |
        10:00:05 | TALKING               | 1_100 | 1005
        10:01:00 | CiscoCallChangedEv    | 1_100 | 1005
        10:02:00 | DROPPED               | 1_100 | 1005
        10:02:09 | WhateverTheyCallItNow | 1_100 | 1006
    """).has_legs("ext | start | end\n1005 | 10:00:05 | 10:02:00").has_calls(
        "start | end | events | parties\n10:00:00 | 10:02:00 | 6 | 1005"
    )


def test_facts_that_say_nothing_of_any_call_are_set_aside() -> None:
    correlated("""
        time     | event           | key   | ext
        10:00:00 | ProvInServiceEv | 1_100 | 1005
    """).has_no_legs().has_quarantined(NOT_PART_OF_A_CALL=1)


def test_nothing_gives_nothing() -> None:
    correlated("time | event | key | ext").has_no_legs().has_quarantined()
