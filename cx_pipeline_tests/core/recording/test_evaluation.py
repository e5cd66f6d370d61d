from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from cx_pipeline.core.directory import EMPTY_DIRECTORY
from cx_pipeline.core.recording.call_facts import CallFacts
from cx_pipeline.core.recording.evaluation import RULES_AT_ONCE, decide_window, evaluate_call
from cx_pipeline.core.recording.parameters import MixParameters
from cx_pipeline.core.recording.rule_parsing import EMPTY_RULES
from cx_pipeline.core.recording.schema import RECORDING_DECISION_SCHEMA
from cx_pipeline_tests.core.directories import directory
from cx_pipeline_tests.core.messages.enriched_legs import LEG_ID, START, leg, legs
from cx_pipeline_tests.core.recording.given_rules import (
    NO_FILES,
    TENANT,
    a_file,
    a_rule,
    decided,
    decider,
    files,
    rule_set,
)

FIRST_OF_THREE = rule_set(
    a_rule("DN", id="low", condition={"dn": "8001"}, priority=1),
    a_rule("DN", id="high", action="RECORD", condition={"dn": "8001"}, priority=9, version=3,
           name="Keep it", parameters={"layout": "mono", "retention": 30}),
    a_rule("DN", id="other", condition={"dn": "8002"}, priority=10),
)  # fmt: skip


def test_the_first_rule_that_matches_decides_and_is_named_with_its_version() -> None:
    row = decided(FIRST_OF_THREE)
    assert row == {
        "leg_id": LEG_ID,
        "manifest_id": None,
        "tenant_id": TENANT,
        "call_id": leg()["call_id"],
        "root_call_key": None,
        "agent_extension": "1005",
        "start_time": START,
        "action": "RECORD",
        "is_built_in": False,
        "rule_id": "high",
        "rule_name": "Keep it",
        "rule_version": f"3@{FIRST_OF_THREE.version}",
        "reason": "rule high (DN, priority 9) matches",
        "layout": "mono",
        "sample_rate_hz": None,
        "hold": "silence",
        "hold_fade_ms": 0,
        "is_normalised": False,
        "format": "wav",
        "is_encrypted": None,
        "retention_days": 30,
    }


def test_what_is_skipped_has_no_parameters() -> None:
    row = decided(rule_set(a_rule("DN", condition={"dn": "8001"})))
    assert row["action"] == "SKIP"
    assert {row[name] for name in MixParameters.__dataclass_fields__} == {None}


@pytest.mark.parametrize(
    ("rules", "action", "rule_id", "is_built_in"),
    [
        (EMPTY_RULES, "RECORD", "default", True),
        (rule_set(a_rule("DN", condition={"dn": "1"})), "RECORD", "default", True),
        (rule_set(a_rule("DEFAULT", id="none", action="SKIP")), "SKIP", "none", False),
        (rule_set({**a_rule("DEFAULT", action="SKIP"), "tenant_id": "other"}), "RECORD", "default", True),
    ],
)
def test_where_no_rule_matches_the_tenants_default_decides(
    rules: Any, action: str, rule_id: str, is_built_in: bool
) -> None:
    row = decided(rules)
    assert (row["action"], row["rule_id"], row["is_built_in"]) == (action, rule_id, is_built_in)


def test_a_leg_that_nobody_answered_or_that_is_not_reportable_is_skipped_before_all_rules() -> None:
    everything = rule_set(a_rule("DN", action="RECORD", condition={"pattern": "."}, priority=99))
    unanswered = decided(everything, is_answered=False, is_reportable=False)
    assert (unanswered["action"], unanswered["rule_id"], unanswered["is_built_in"]) == (
        "SKIP",
        "unanswered",
        True,
    )
    assert unanswered["layout"] is None
    assert decider(everything, is_reportable=False) == "unreportable"
    assert decider(everything, is_answered=None) == "unanswered"


def test_a_leg_in_progress_is_not_decided() -> None:
    both = legs(leg(status="IN_PROGRESS", is_decided=False), leg(leg_id="x"))
    assert decide_window(both, NO_FILES, EMPTY_RULES, EMPTY_DIRECTORY)["leg_id"].to_list() == ["x"]


def test_a_window_without_anything_gives_a_frame_without_rows() -> None:
    frame = decide_window(legs(), NO_FILES, FIRST_OF_THREE, EMPTY_DIRECTORY)
    assert frame.is_empty()
    assert frame.schema == RECORDING_DECISION_SCHEMA


def test_each_tenant_has_its_own_rules() -> None:
    rules = rule_set(a_rule("DN", condition={"dn": "8001"}), {**a_rule("DEFAULT"), "tenant_id": "strict"})
    several = legs(*(leg(leg_id=tenant, tenant_id=tenant) for tenant in ("strict", "none", TENANT, "strict")))
    found = decide_window(several, NO_FILES, rules, EMPTY_DIRECTORY)
    assert found.select("leg_id", "rule_id").rows() == [
        ("strict", "r2"),
        ("none", "default"),
        (TENANT, "r1"),
        ("strict", "r2"),
    ]


def test_any_number_of_rules_is_asked_in_order() -> None:
    count = 2 * RULES_AT_ONCE + 3
    rules = rule_set(
        *(a_rule("DN", condition={"dn": str(number)}, priority=count - number) for number in range(count))
    )
    numbers = [0, RULES_AT_ONCE - 1, RULES_AT_ONCE, count - 1, count]
    rows = legs(*(leg(service_identifier=str(number)) for number in numbers))
    found = decide_window(rows, NO_FILES, rules, EMPTY_DIRECTORY)["rule_id"].to_list()
    assert found == [*(f"r{number + 1}" for number in numbers[:-1]), "default"]


def test_a_leg_whose_record_may_still_come_is_kept_as_long_as_that_could_decide() -> None:
    who = a_rule("AGENT", id="who", condition={"id": "5001"}, priority=3)
    none = a_rule("DEFAULT", id="none", parameters={"layout": "mono"})
    short = a_rule("DURATION", id="short", condition={"max_s": 10})
    row = decided(rule_set(who, short, none), is_decided=False, duration_ms=5_000)
    assert (row["action"], row["rule_id"], row["is_built_in"]) == ("RECORD", "undecided", True)
    assert row["reason"] == "not decided yet: rule who waits for what is not known of the call"
    assert row["layout"] == "mono"
    first = rule_set(who, {**short, "priority": 4}, none)
    assert decider(first, is_decided=False, duration_ms=5_000) == "short"


def test_what_is_kept_for_now_has_the_parameters_of_the_first_rule_that_is_sure() -> None:
    rules = rule_set(
        a_rule("DN", condition={"dn": "1"}, priority=2),
        a_rule(
            "DURATION", action="RECORD", condition={"min_s": 1}, parameters={"format": "flac"}, priority=1
        ),
    )
    assert decided(rules, is_decided=False)["format"] == "flac"


def test_a_file_without_a_leg_is_decided_by_what_it_tells() -> None:
    rules = rule_set(
        a_rule("DN", id="dn", condition={"dn": "8002"}),
        a_rule("ANI", id="ani", condition={"pattern": "^8"}),
        a_rule("AGENT", id="agent", condition={"extension": "1009"}),
        a_rule("DURATION", id="short", condition={"max_s": 10}),
    )
    start = datetime(2026, 6, 8, 10, tzinfo=UTC)
    given = files(
        a_file(manifest_id="1"),
        a_file(manifest_id="2", called_number="8002"),
        a_file(manifest_id="3", calling_number="1005", called_number="8123", direction=None),
        a_file(manifest_id="4", called_number="8123", direction="outbound"),
        a_file(manifest_id="5", agent_extension="1009", call_key="1_7"),
        a_file(manifest_id="6", end_time=None, frames=40_000, sample_rate_hz=8_000),
        a_file(manifest_id="of a leg"),
    )
    found = decide_window(legs(), given, rules, EMPTY_DIRECTORY, unmatched=list("123456"))
    assert found.select("manifest_id", "rule_id", "leg_id", "root_call_key", "start_time").rows() == [
        ("1", "default", None, None, start),
        ("2", "dn", None, None, start),
        ("3", "ani", None, None, start),
        ("4", "ani", None, None, start),
        ("5", "agent", None, "1_7", start),
        ("6", "short", None, None, start),
    ]


def test_both_files_of_a_call_without_a_leg_share_its_lot() -> None:
    rules = rule_set(a_rule("PERCENTAGE", condition={"percentage": 50}))
    pairs = [a_file(manifest_id=f"{n}{side}", dialog_id=str(n)) for n in range(50) for side in ("n", "f")]
    given = files(*pairs)
    found = decide_window(legs(), given, rules, EMPTY_DIRECTORY, unmatched=given["manifest_id"].to_list())
    by_call = found.group_by(pl.col("manifest_id").str.head(-1)).agg(pl.col("action").n_unique())
    assert by_call["action"].unique().to_list() == [1]
    assert found["action"].n_unique() == 2


def call(**facts: Any) -> CallFacts:
    return CallFacts(TENANT, **facts)


def test_a_running_call_is_recorded_until_every_fact_that_decides_is_known() -> None:
    rules = rule_set(
        a_rule("AGENT", id="who", condition={"extension": "1005", "id": "5001"}, priority=9),
        a_rule("DN", id="dn", condition={"dn": "8001"}, priority=5),
    )
    asked = [
        (call(), "RECORD", False, "undecided"),
        (call(dialled_number="8001"), "RECORD", False, "undecided"),
        (call(dialled_number="8001", agent_extension="1005"), "RECORD", False, "undecided"),
        (call(dialled_number="8001", agent_extension="1006"), "SKIP", True, "dn"),
        (call(agent_extension="1005", agent_id="5001"), "SKIP", True, "who"),
        (call(dialled_number="8002", agent_extension="1006"), "RECORD", True, "default"),
        (call(is_complete=True), "RECORD", True, "default"),
    ]
    found = [evaluate_call(facts, rules, EMPTY_DIRECTORY) for facts, *_ in asked]
    assert [(a.action, a.is_final, a.rule_id) for a in found] == [tuple(expected) for _, *expected in asked]


def test_how_long_a_call_will_be_is_not_known_while_it_runs() -> None:
    rules = rule_set(a_rule("DURATION", condition={"max_s": 10}))
    assert not evaluate_call(call(), rules, EMPTY_DIRECTORY).is_final
    assert evaluate_call(call(duration_ms=9_000), rules, EMPTY_DIRECTORY).action == "SKIP"


def test_the_team_is_not_known_before_it_is_known_who_talks() -> None:
    rules = rule_set(a_rule("AGENT", condition={"team": "Sales"}))
    known = directory(
        agents=[{"tenant_id": TENANT, "extension": "1005", "agent_id": "5001", "team": "Sales"}]
    )
    facts = {"agent_extension": "1005", "start_time": START}
    assert not evaluate_call(call(**facts), rules, known).is_final
    assert evaluate_call(call(**facts, agent_id="5001"), rules, known).action == "SKIP"


def test_an_answer_tells_how_to_record() -> None:
    rules = rule_set(
        a_rule("DEFAULT", id="d", name="All", action="RECORD", version=2, parameters={"layout": "mono"})
    )
    answer = evaluate_call(call(), rules, EMPTY_DIRECTORY)
    assert answer.parameters == MixParameters(layout="mono")
    assert (answer.rule_name, answer.rule_version) == ("All", f"2@{rules.version}")
    assert answer.is_final
