"""Call keys come again: a record must make physical sense for its leg, whatever the neighbour window holds."""

from cx_pipeline_tests.core.enrichment.scenario import enriched

REUSED = """
    leg | call | key   | ext  | start    | end
    A   | 1    | 1_100 | 1005 | 10:00:00 | 10:02:00
    B   | 2    | 1_100 | 1005 | 10:04:00 | 10:05:00
"""


def test_two_calls_of_one_key_and_agent_in_one_window_get_their_own_records():
    enriched(
        REUSED,
        """
        record | key   | ext  | end      | talk
        b      | 1_100 | 1005 | 10:05:00 | 60
        a      | 1_100 | 1005 | 10:02:00 | 120
        """,
    ).has("leg | record\nA | a\nB | b")


def test_where_one_record_is_missing_the_other_stays_with_its_call():
    enriched(REUSED, "record | key | ext | end | talk\na | 1_100 | 1005 | 10:02:00 | 120").has(
        "leg | record\nA | a\nB | -"
    )
    enriched(REUSED, "record | key | ext | end | talk\nb | 1_100 | 1005 | 10:05:00 | 60").has(
        "leg | record\nA | -\nB | b"
    )


def test_at_the_edge_of_the_window_the_next_call_of_the_key_gives_no_record():
    """The other call's leg is not here: only the record's own span tells that it is not this leg's."""
    leg = "leg | key | ext | start | end\nA | 1_100 | 1005 | 10:50:00 | 10:59:00"
    enriched(leg, "record | key | ext | end | talk | ring\nnext | 1_100 | 1005 | 11:02:00 | 150 | 10").has(
        "leg | record | runner_up\nA | - | -"
    )


def test_at_the_edge_of_the_window_the_call_before_of_the_key_gives_no_record():
    leg = "leg | key | ext | ring | start | end\nA | 1_100 | 1005 | 11:00:20 | 11:00:30 | 11:09:00"
    enriched(leg, "record | key | ext | end | talk\nbefore | 1_100 | 1005 | 10:59:55 | 300").has(
        "leg | record\nA | -"
    )


def test_a_record_beyond_the_slack_is_another_calls():
    leg = "leg | key | ext | start | end\nA | 1_100 | 1005 | 10:00:00 | 10:02:00"
    record = "record | key | ext | end | talk\nx | 1_100 | 1005 | {} | 1200"
    enriched(leg, record.format("10:12:00")).has("leg | record\nA | x")
    enriched(leg, record.format("10:12:01")).has("leg | record\nA | -")


def test_a_record_that_ends_after_the_wrap_up_work_is_as_near_as_one_that_ends_before():
    leg = "leg | key | ext | start | end\nA | 1_100 | 1005 | 10:00:00 | 10:02:00"
    enriched(leg, "record | key | ext | end | talk | work\nx | 1_100 | 1005 | 10:03:30 | 120 | 90").has(
        "leg | record | distance\nA | x | 0"
    )


def test_a_leg_without_talk_overlaps_by_its_ring():
    enriched(
        "leg | key | ext | ring | start | end | is_answered\nA | 1_100 | 1005 | 10:00:00 | 10:00:00 | 10:01:10 | no",
        "record | key | ext | end | talk | ring\nx | 1_100 | 1005 | 10:01:50 | 0 | 70",
    ).has("leg | record\nA | x")
