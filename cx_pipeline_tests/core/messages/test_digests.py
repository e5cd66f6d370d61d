from datetime import timedelta

import polars as pl
import pytest

from cx_pipeline.core.enrichment.schema import ENRICHED_LEG_SCHEMA
from cx_pipeline.core.messages.building import MessageOptions, messages_of
from cx_pipeline.core.messages.digests import DIGEST_SCHEMA, digests, legs_without_messages
from cx_pipeline_tests.core.messages.enriched_legs import KNOWN, START, hold, leg, legs, unplaced_hold

AT_ONCE = MessageOptions(when="ended")
OTHER = {
    pl.String: "OTHER",
    pl.Int32: 7,
    pl.Int64: 7,
    pl.Boolean: False,
    pl.Datetime: START + timedelta(seconds=77),
}
IN_WORDS = {"direction": "INTERNAL", "call_type": "RONA", "enrichment_status": "PARTIAL"}


def otherwise(name, dtype):
    """Another value for a column."""
    if name in IN_WORDS:
        return IN_WORDS[name]
    if name == "hold_segments":
        return [unplaced_hold(9)]
    return OTHER.get(type(dtype))


def said(row):
    return [(draft.intent, draft.ordinal, draft.message) for draft in messages_of(row)]


def digest(row):
    return digests(legs(row), AT_ONCE)["digest"].to_list()


@pytest.mark.parametrize("name", [name for name in ENRICHED_LEG_SCHEMA if name != "leg_id"])
def test_a_column_that_changes_a_message_changes_the_digest(name):
    # With a record's duration, that of the events says nothing.
    row = leg(cisco_duration_ms=None)
    other = {**row, name: otherwise(name, ENRICHED_LEG_SCHEMA[name])}
    if said(row) != said(other):
        assert digest(row) != digest(other)


@pytest.mark.parametrize(
    "segments", [[hold(1, 2)], [hold(1, 3)], [unplaced_hold(1)], [hold(1, 2), hold(3, 4)], [hold(1, None)]]
)
def test_each_way_to_hold_has_a_digest_of_its_own(segments):
    others = [[], [hold(2, 3)], [unplaced_hold(2)], [hold(3, 4), hold(1, 2)]]
    assert not {*digest(leg(hold_segments=segments))} & {
        d for o in others for d in digest(leg(hold_segments=o))
    }


@pytest.mark.parametrize("name", ["match_distance_ms", "custom_variables", "talk_s", "record_id"])
def test_a_column_that_no_message_tells_changes_nothing(name):
    row = leg()
    assert digest(row) == digest({**row, name: otherwise(name, ENRICHED_LEG_SCHEMA[name])})


def test_waiting_and_having_given_up_say_the_same():
    assert digest(leg(enrichment_status="PENDING")) == digest(leg(enrichment_status="PARTIAL"))


@pytest.mark.parametrize(
    ("columns", "when_enriched", "when_ended"),
    [
        ({}, True, True),
        ({"is_decided": False}, False, True),
        ({"is_decided": None}, False, True),
        ({"status": "IN_PROGRESS", "end_time": None}, False, False),
        ({"is_reportable": False}, False, False),
        ({"is_reportable": None}, False, False),
    ],
)
def test_messages_are_due_for_completed_reportable_decided_legs(columns, when_enriched, when_ended):
    frame = legs(leg(**columns))
    assert (digests(frame).height, digests(frame, AT_ONCE).height) == (when_enriched, when_ended)


def test_the_digest_of_a_leg_does_not_depend_on_those_beside_it():
    rows = [
        leg(leg_id=f"leg-{n}", agent_name="x" * n, hold_segments=[hold(1, 2)] * (n % 3)) for n in range(40)
    ]
    together = digests(legs(*rows))
    assert together.schema == DIGEST_SCHEMA
    assert together["leg_id"].to_list() == [row["leg_id"] for row in rows]
    assert together["digest"].to_list() == [d for row in rows for d in digest(row)]


def test_no_legs_have_no_digests():
    assert digests(legs()).schema == DIGEST_SCHEMA


def test_a_leg_may_have_no_messages_while_it_lasts_or_is_not_reportable_but_not_while_it_waits():
    now = legs(
        leg(leg_id="a", is_reportable=False),
        leg(leg_id="b", status="IN_PROGRESS", end_time=None),
        leg(leg_id="c", is_decided=False, enrichment_status="PENDING"),
        leg(leg_id="d"),
    )
    assert legs_without_messages(now) == ["a", "b"]


def test_the_example_leg_says_all_that_it_can():
    assert set(KNOWN) <= set(ENRICHED_LEG_SCHEMA)
