"""Calls that no listener heard, and ends that fell into the silence."""

from datetime import timedelta

import polars as pl
import pytest

from cx_pipeline.core.calls.schema import COMPLETED
from cx_pipeline.core.enrichment.outages import OutageFacts
from cx_pipeline.core.enrichment.schema import CISCO_RECORD_SCHEMA, ENRICHED_LEG_SCHEMA, HEARTBEAT_GAP_SCHEMA
from cx_pipeline.core.frames import ENRICHED_CALL_LEGS
from cx_pipeline.core.identity import uuid_of
from cx_pipeline.core.windows import Window
from cx_pipeline_tests.core.enrichment.scenario import DAY, enriched, legs_of, records_of, time_of

NO_LEGS = "leg | key"
WINDOW = Window(DAY + timedelta(hours=10), DAY + timedelta(hours=11))


def outage(*gaps: tuple[str, str], tenant: str | None = None, known: tuple[str, ...] = ()) -> OutageFacts:
    rows = [(tenant, "jtapi", time_of(start), time_of(end)) for start, end in gaps]
    keys = pl.DataFrame(
        {"tenant_id": ["default"] * len(known), "call_key": known},
        schema={"tenant_id": pl.String, "call_key": pl.String},
    )
    return OutageFacts(pl.DataFrame(rows, HEARTBEAT_GAP_SCHEMA, orient="row"), keys, WINDOW)


RECORD = """
    record | key      | ext  | end      | talk | hold | work | ani       | dialled | type    | agent_id
    a      | 16777316 | 1005 | 10:20:00 | 100  | 20   | 30   | +15550100 | 8001    | INBOUND | 5001
"""
SILENCE = outage(("10:10:00", "10:30:00"))


def test_a_call_that_nobody_heard_has_a_leg_of_its_record():
    outcome = enriched(NO_LEGS, RECORD, outage=SILENCE).has(
        """
        ext  | start    | end      | status   | origin        | type   | record | cisco_duration_ms | customer  | service | agent_id
        1005 | 10:18:00 | 10:20:00 | COMPLETE | cisco_record  | SIMPLE | a      | 120000            | +15550100 | 8001    | 5001
        """
    )
    (leg,) = outcome.enrichment.legs.to_dicts()
    assert (leg["is_start_estimated"], leg["is_end_estimated"], leg["is_reportable"]) == (True, True, True)
    assert (leg["is_decided"], leg["duration_ms"], leg["leg_number"]) == (True, 120_000, 1)
    assert leg["hold_segments"][0]["is_synthetic"]
    started = int(leg["start_time"].timestamp() * 1000)
    assert leg["leg_key"] == f"{leg['call_id']}:1005:+15550100:{started}"
    assert leg["call_id"] == uuid_of(pl.Series([f"call\x1fdefault\x1f1_100\x1f{started * 1000}"])).item()
    assert leg["leg_id"] == uuid_of(pl.Series(["leg\x1fa"])).item()
    assert ENRICHED_CALL_LEGS.problems(outcome.enrichment.legs) == []
    assert outcome.enrichment.counts["outage_legs"] == 1


def test_no_known_gap_no_leg():
    for facts in (None, outage(), outage(("10:20:01", "10:30:00")), outage(("10:00:00", "10:19:59"))):
        assert enriched(NO_LEGS, RECORD, outage=facts).enrichment.legs.is_empty()


@pytest.mark.parametrize("known", ["1_100", "100"])
def test_a_key_of_which_there_are_events_gives_no_leg(known):
    facts = outage(("10:10:00", "10:30:00"), known=(known,))
    assert enriched(NO_LEGS, RECORD, outage=facts).enrichment.legs.is_empty()


@pytest.mark.parametrize("known", ["2_100", "1_101", "x"])
def test_events_of_other_keys_do_not_matter(known):
    facts = outage(("10:10:00", "10:30:00"), known=(known,))
    assert enriched(NO_LEGS, RECORD, outage=facts).enrichment.legs.height == 1


def test_a_key_of_a_leg_of_the_window_gives_no_leg():
    legs = "leg | key | ext | start | end\nA | 1_100 | 1006 | 10:00:00 | 10:05:00"
    enriched(legs, RECORD, outage=SILENCE).has("ext\n1006")


@pytest.mark.parametrize(
    "change",
    [
        {"conversation_type": pl.lit("RESERVATION")},
        {"extension": pl.lit(None, pl.String)},
        {"ended_at": pl.col("ended_at") + timedelta(hours=1)},
    ],
)
def test_reservations_calls_without_an_agent_and_other_windows_give_no_leg(change):
    facts = outage(("10:10:00", "11:30:00"))
    assert enriched(
        NO_LEGS, records_of(RECORD).with_columns(**change), outage=facts
    ).enrichment.legs.is_empty()


def test_the_gap_of_another_tenant_gives_no_leg_and_that_of_the_tenant_names_it():
    facts = outage(("10:10:00", "10:30:00"), tenant="acme")
    of_other = records_of(RECORD).with_columns(tenant_id=pl.lit("other"))
    assert enriched(NO_LEGS, of_other, outage=facts).enrichment.legs.is_empty()
    assert enriched(NO_LEGS, RECORD, outage=facts).enrichment.legs["tenant_id"].to_list() == ["acme"]


def test_records_of_one_key_are_legs_of_one_call_until_the_key_comes_again():
    outcome = enriched(
        NO_LEGS,
        """
        record | key   | ext  | end      | talk | type
        b      | 1_100 | 1006 | 10:14:00 | 60   | INBOUND
        a      | 1_100 | 1005 | 10:12:00 | 60   | INBOUND
        c      | 1_100 | 1005 | 10:29:00 | 60   | OUTBOUND
        """,
        outage=SILENCE,
    )
    outcome.has(
        """
        ext  | leg_number | type     | start    | record
        1005 | 1          | SIMPLE   | 10:11:00 | a
        1006 | 2          | SIMPLE   | 10:13:00 | b
        1005 | 1          | OUTBOUND | 10:28:00 | c
        """
    )
    assert outcome.enrichment.legs["call_id"].n_unique() == 2


def test_a_record_without_talk_gives_a_leg_that_rang():
    outcome = enriched(
        NO_LEGS,
        """
        record | key   | ext  | end      | talk | ring | disposition
        r      | 1_100 | 1005 | 10:20:00 | 0    | 15   | 19
        """,
        outage=SILENCE,
    ).has(
        "ext | start | end | type | is_answered | is_reportable\n1005 | 10:19:45 | 10:20:00 | RONA | no | no"
    )
    assert outcome.enrichment.legs["rona_reason"].to_list() == ["NO_ANSWER"]


HALF_SEEN = """
    leg | key   | ext  | start    | end
    A   | 1_100 | 1005 | 10:05:00 |
"""
ITS_RECORD = """
    record | key   | ext  | end      | talk | work
    a      | 1_100 | 1005 | 10:20:30 | 900  | 30
"""


def test_a_leg_whose_end_fell_into_the_gap_takes_it_from_its_record():
    facts = outage(("10:10:00", "10:30:00"), known=("1_100",))
    outcome = enriched(HALF_SEEN, ITS_RECORD, outage=facts).has(
        """
        leg | end      | status   | record | duration_ms | is_end_estimated | distance
        A   | 10:20:00 | COMPLETE | a      | 900000      | yes              | 0
        """
    )
    row = outcome.row("A")
    assert (row["status"], row["end_reason"], row["origin"]) == (COMPLETED, "UNKNOWN", "events")
    assert outcome.enrichment.counts["ends_from_records"] == 1


def test_a_leg_that_silence_closed_takes_its_true_end():
    legs, calls = legs_of(HALF_SEEN)
    silenced = legs.with_columns(
        end_time=pl.lit(time_of("10:05:01")), status=pl.lit(COMPLETED), is_end_estimated=pl.lit(value=True)
    )
    enriched((silenced, calls), ITS_RECORD, outage=SILENCE).has("leg | end | record\nA | 10:20:00 | a")


def test_a_hold_that_lasted_into_the_gap_ends_with_the_leg():
    legs, calls = legs_of(HALF_SEEN)
    holds = [
        {"start_time": time_of("10:06:00"), "end_time": time_of("10:07:00")},
        {"start_time": time_of("10:09:00"), "end_time": None},
    ]
    held = legs.with_columns(hold_segments=pl.Series([holds], dtype=legs.schema["hold_segments"]))
    row = enriched((held, calls), ITS_RECORD, outage=SILENCE).row("A")
    assert [segment["duration_ms"] for segment in row["hold_segments"]] == [60_000, 660_000]
    assert row["held_ms"] == 720_000


def test_without_a_gap_or_without_its_record_a_leg_goes_on():
    for facts, records in [
        (None, ITS_RECORD),
        (outage(("10:21:00", "10:30:00")), ITS_RECORD),
        (SILENCE, ITS_RECORD.replace("900", "300")),
        (SILENCE, "record"),
    ]:
        enriched(HALF_SEEN, records, outage=facts).has("leg | end | status | record\nA | - | PENDING | -")


def test_a_record_that_has_a_leg_gives_no_other():
    legs = "leg | key | ext | start | end\nA | 1_100 | 1005 | 10:18:00 | 10:20:00"
    outcome = enriched(legs, RECORD, outage=SILENCE)
    assert outcome.records() == {"A": "a"}
    assert outcome.enrichment.legs.schema == ENRICHED_LEG_SCHEMA
    assert records_of(RECORD).schema == CISCO_RECORD_SCHEMA
