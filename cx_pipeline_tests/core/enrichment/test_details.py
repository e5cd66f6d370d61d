"""What a record tells of its leg."""

import polars as pl
import pytest

from cx_pipeline.core.enrichment.rules import EnrichmentRules
from cx_pipeline_tests.core.directories import directory
from cx_pipeline_tests.core.enrichment.scenario import enriched, legs_of, time_of

LEG = """
    leg | key   | ext  | start    | end      | other     | tenant
    A   | 1_100 | 1005 | 10:00:00 | 10:02:00 | +15550100 | acme
"""
OUTBOUND_LEG = """
    leg | key   | ext  | start    | end      | other     | tenant | direction
    A   | 1_100 | 1005 | 10:00:00 | 10:02:00 | +15550100 | acme   | OUTBOUND
"""
RULES = EnrichmentRules(outbound_service_identifiers={"acme": "1218", "*": "1200"})


def record(**columns: str) -> str:
    told = {"record": "x", "key": "1_100", "ext": "1005", "end": "10:02:00", "talk": "120"} | columns
    return f"{' | '.join(told)}\n{' | '.join(told.values())}"


def test_inbound_the_service_was_dialled_and_the_customer_called():
    enriched(LEG, record(ani="+15550199", dialled="8001", type="INBOUND")).has(
        "leg | service | customer\nA | 8001 | +15550199"
    )


def test_outbound_the_customer_was_dialled_and_the_service_is_the_tenants():
    enriched(OUTBOUND_LEG, record(ani="1005", dialled="+15550199", type="OUTBOUND"), rules=RULES).has(
        "leg | service | customer\nA | 1218 | +15550199"
    )


def test_the_record_knows_a_diallers_call_as_outbound_even_where_the_events_do_not():
    enriched(LEG, record(ani="1005", dialled="+15550199", type="OUTBOUND"), rules=RULES).has(
        "leg | service | customer | cx_call\nA | 1218 | +15550199 | 1"
    )


@pytest.mark.parametrize(
    ("tenant", "rules", "service"),
    [("acme", RULES, "1218"), ("other", RULES, "1200"), ("acme", EnrichmentRules(), "-")],
)
def test_without_a_record_the_customer_is_the_number_outside(tenant, rules, service):
    enriched(OUTBOUND_LEG.replace("acme  ", tenant), rules=rules).has(
        f"leg | service | customer\nA | {service} | +15550100"
    )
    enriched(LEG).has("leg | service | customer\nA | - | +15550100")


def test_without_a_record_the_other_agent_of_an_internal_call_is_no_customer():
    enriched(
        """
        leg | key   | ext  | start    | end      | other | direction
        A   | 1_100 | 1005 | 10:00:00 | 10:02:00 | 1006  | INTERNAL
        """
    ).has("leg | customer\nA | -")


def test_on_a_consult_the_agent_who_asks_is_no_customer():
    legs = """
        leg | key         | ext  | start    | end      | other
        A   | 1_100 1_101 | 1005 | 10:00:00 | 10:02:00 | +15550100
        B   | 1_100 1_101 | 1006 | 10:01:00 | 10:05:00 | +15550100
    """
    consult = record(key="1_101", ext="1006", end="10:05:00", talk="240", ani="1005", dialled="1006")
    enriched(legs, consult).has("leg | record | customer\nB | x | +15550100")


def test_agent_and_figures_are_those_of_the_record():
    told = {
        "agent_id": "5001",
        "agent_name": "Ann Bee",
        "wrap_up": "sold, 'twice'",
        "call_result": "10",
        "disposition": "13",
        "talk_s": "100",
        "hold_s": "18",
        "work_s": "30",
        "ring_s": "4",
        "queue_s": "20",
        "custom_variables": "{}",
    }
    row = enriched(LEG, record(**{name: text for name, text in told.items() if name != "talk_s"})).row("A")
    assert {name: str(row[name]) for name in told} == told | {"talk_s": "120"}


def test_without_a_record_the_agent_is_whom_the_directory_had_at_the_extension_when_the_leg_began():
    agents = directory(
        agents=[
            {"tenant_id": "acme", "extension": "1005", "agent_id": "old", "agent_name": "O", "valid_to": time_of("10:00:00")},
            {"tenant_id": "acme", "extension": "1005", "agent_id": "now", "agent_name": "N", "valid_from": time_of("10:00:00")},
            {"tenant_id": "acme", "extension": "1005", "agent_id": "next", "agent_name": "X", "valid_from": time_of("10:01:00")},
            {"tenant_id": "other", "extension": "1005", "agent_id": "else", "agent_name": "E"},
        ]
    )  # fmt: skip
    enriched(LEG, directory=agents).has("leg | agent_id | agent_name\nA | now | N")
    enriched(LEG, record(agent_id="now"), directory=agents).has("leg | agent_id | agent_name\nA | now | N")
    enriched(LEG, record(agent_id="9"), directory=agents).has("leg | agent_id | agent_name\nA | 9 | -")


def test_of_several_agents_at_an_extension_the_one_at_the_phone_is_meant():
    agents = directory(
        agents=[
            {"tenant_id": "acme", "extension": "1005", "device": "SEP1", "agent_id": "1"},
            {"tenant_id": "acme", "extension": "1005", "device": "SEP2", "agent_id": "2"},
            {"tenant_id": "acme", "extension": "1005", "device": None, "agent_id": "3"},
        ]
    )
    legs, calls = legs_of(LEG)
    at_phone = legs.with_columns(agent_terminal=pl.lit("SEP2"))
    enriched((at_phone, calls), directory=agents).has("leg | agent_id\nA | 2")


@pytest.mark.parametrize(
    ("talk", "hold", "differs"), [("120", "0", "no"), ("100", "25", "no"), ("100", "26", "yes"), ("114", "0", "yes")]
)  # fmt: skip
def test_talk_and_hold_together_are_held_against_the_duration(talk, hold, differs):
    cisco = 1000 * (int(talk) + int(hold))
    enriched(LEG, record(talk=talk, hold=hold)).has(
        f"leg | cisco_duration_ms | duration_ms | has_duration_mismatch\nA | {cisco} | 120000 | {differs}"
    )


def test_hold_that_was_not_seen_is_a_segment_without_a_place():
    row = enriched(LEG, record(talk="100", hold="20")).row("A")
    unplaced = {"start_time": None, "end_time": None, "duration_ms": 20_000, "is_synthetic": True}
    assert row["hold_segments"] == [unplaced]
    assert row["held_ms"] == 0


def test_hold_that_was_seen_stays_as_the_events_tell_it():
    legs, calls = legs_of(LEG)
    hold = {"start_time": time_of("10:01:00"), "end_time": time_of("10:01:10.500")}
    held = legs.with_columns(
        hold_segments=pl.Series([[hold]], dtype=legs.schema["hold_segments"]), held_ms=pl.lit(10_500)
    )
    row = enriched((held, calls.with_columns()), record(talk="100", hold="20")).row("A")
    assert row["hold_segments"] == [hold | {"duration_ms": 10_500, "is_synthetic": False}]


def test_the_diallers_call_id_is_that_of_all_legs_of_the_call():
    enriched(
        """
        leg | call | number | key   | ext  | start    | end
        A   | 1    | 1      | 1_100 | 1005 | 10:00:00 | 10:02:00
        B   | 1    | 2      | 1_100 | 1006 | 10:02:00 | 10:05:00
        C   | 1    | 3      | 1_100 | 1007 | 10:05:00 | 10:06:00
        D   | 2    | 1      | 1_200 | 1008 | 10:05:00 | 10:06:00
        """,
        """
        record | key   | ext  | end      | talk | dialler
        c      | 1_100 | 1007 | 10:06:00 | 60   | cx-3
        b      | 1_100 | 1006 | 10:05:00 | 180  | cx-2
        """,
    ).has("leg | cx_call\nA | cx-2\nB | cx-2\nC | cx-2\nD | 2")
