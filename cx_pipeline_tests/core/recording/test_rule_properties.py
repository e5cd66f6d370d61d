"""For any rules and any facts: what is not known yet never makes a final answer wrong, and both ways agree."""

import os
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cx_pipeline.core.directory import Directory
from cx_pipeline.core.recording.call_facts import CallFacts
from cx_pipeline.core.recording.evaluation import Answer, decide_window, evaluate_call
from cx_pipeline.core.recording.rules import RuleSet
from cx_pipeline_tests.core.directories import directory
from cx_pipeline_tests.core.messages.enriched_legs import leg, legs
from cx_pipeline_tests.core.recording.given_rules import NO_FILES, TENANT, a_rule, rule_set

pytestmark = pytest.mark.stress
EXAMPLES = int(os.environ.get("CX_STRESS_EXAMPLES", "25"))
EXTENSIONS = ("1005", "1006", "01005", "2000")
PEOPLE = ("5001", "5002")
NUMBERS = ("8001", "8002", "+18005550199")
TEAMS = ("Sales", "Care")
MONDAY = datetime(2026, 3, 23, tzinfo=UTC)
"""Of a week in which the clocks of Zurich change."""

some = st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=2)
hours = st.sampled_from([f"{hour:02d}:30" for hour in range(24)])
CONDITIONS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "AGENT": st.fixed_dictionaries(
        {"extensions": st.lists(st.sampled_from(EXTENSIONS), min_size=1)},
        optional={
            "ids": st.sampled_from(PEOPLE),
            "names": st.sampled_from(("Anna", "Beat")),
            "ranges": st.sampled_from(("1000-1005", "01000-01999")),
        },
    )
    | st.fixed_dictionaries({"team": st.sampled_from(TEAMS)}),
    "DN": st.fixed_dictionaries({"dns": some}) | st.just({"pattern": "^80"}),
    "ANI": st.fixed_dictionaries({"anis": some}) | st.just({"pattern": r"^8\d{3}$"}),
    "PERCENTAGE": st.fixed_dictionaries({"percentage": st.integers(0, 100)}, optional={"dns": some}),
    "DURATION": st.fixed_dictionaries({"min_s": st.integers(0, 30)}, optional={"max_s": st.integers(31, 60)}),
    "TIME": st.fixed_dictionaries(
        {"days": st.lists(st.sampled_from(["MON", "FRI", "SAT-SUN"]), min_size=1)}, optional={"from": hours}
    ),
}


@st.composite
def rule_sets(draw: st.DrawFn) -> RuleSet:
    rules = []
    for _ in range(draw(st.integers(0, 5))):
        kind = draw(st.sampled_from(["AGENT", *sorted(CONDITIONS)]))
        rules.append(
            a_rule(
                kind,
                condition=draw(CONDITIONS[kind]),
                priority=draw(st.integers(0, 2)),
                action=draw(st.sampled_from(["RECORD", "SKIP"])),
                parameters=draw(st.sampled_from([{}, {"layout": "mono"}, {"hold": "cut", "fade": 50}])),
            )
        )
    default = a_rule(
        "DEFAULT", action=draw(st.sampled_from(["RECORD", "SKIP"])), condition={"time_zone": "Europe/Zurich"}
    )
    return rule_set(*rules, *([default] if draw(st.booleans()) else []))


FACTS = st.builds(
    CallFacts,
    tenant_id=st.sampled_from([TENANT, "other"]),
    root_call_key=st.none() | st.sampled_from([f"1_{number}" for number in range(8)]),
    agent_extension=st.sampled_from(EXTENSIONS),
    agent_id=st.none() | st.sampled_from(PEOPLE),
    agent_name=st.none() | st.sampled_from(["Anna", "Beat"]),
    dialled_number=st.none() | st.sampled_from(NUMBERS),
    other_number=st.none() | st.sampled_from(NUMBERS),
    start_time=st.integers(0, 7 * 24 * 4).map(lambda quarters: MONDAY + timedelta(minutes=15 * quarters)),
    duration_ms=st.integers(0, 70_000),
    is_complete=st.just(value=True),
)
CAN_BE_HIDDEN = [each.name for each in fields(CallFacts) if each.name not in {"tenant_id", "is_complete"}]
AGENTS = st.lists(
    st.fixed_dictionaries(
        {
            "tenant_id": st.just(TENANT),
            "extension": st.sampled_from(EXTENSIONS),
            "agent_id": st.none() | st.sampled_from(PEOPLE),
            "team": st.none() | st.sampled_from(TEAMS),
            "valid_from": st.none() | st.just(MONDAY + timedelta(days=2)),
        }
    ),
    max_size=4,
).map(lambda agents: directory(agents=agents))


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    rule_sets(),
    FACTS,
    AGENTS,
    st.sets(st.sampled_from(CAN_BE_HIDDEN)),
    st.sets(st.sampled_from(CAN_BE_HIDDEN)),
)
def test_a_final_answer_stays_whatever_comes_to_be_known(
    rules: RuleSet, facts: CallFacts, known: Directory, hidden: set[str], hidden_longer: set[str]
) -> None:
    early = _answer(replace(facts, is_complete=False, **dict.fromkeys(hidden | hidden_longer)), rules, known)
    late = _answer(replace(facts, is_complete=False, **dict.fromkeys(hidden)), rules, known)
    last = _answer(facts, rules, known)
    assert last.is_final
    for before, after in ((early, late), (late, last), (early, last)):
        if before.is_final:
            assert after == before
        else:
            assert before.action == "RECORD"


@settings(max_examples=EXAMPLES, deadline=None)
@given(rule_sets(), st.lists(FACTS, min_size=1, max_size=6), AGENTS)
def test_a_window_and_a_call_of_which_all_is_known_get_one_answer(
    rules: RuleSet, calls: list[CallFacts], known: Directory
) -> None:
    frame = decide_window(legs(*map(_as_leg, calls)), NO_FILES, rules, known)
    for row, facts in zip(frame.iter_rows(named=True), calls, strict=True):
        answer = _answer(facts, rules, known)
        assert (row["action"], row["rule_id"], row["rule_version"], row["reason"]) == (
            answer.action,
            answer.rule_id,
            answer.rule_version,
            answer.reason,
        )
        if row["action"] == "RECORD":
            assert row["layout"] == answer.parameters.layout
            assert row["hold_fade_ms"] == answer.parameters.hold_fade_ms


@settings(max_examples=EXAMPLES, deadline=None)
@given(rule_sets(), FACTS, FACTS, AGENTS)
def test_a_leg_whose_record_may_still_come_is_never_skipped_wrongly(
    rules: RuleSet, facts: CallFacts, guessed: CallFacts, known: Directory
) -> None:
    leg_then = _as_leg(facts)
    of_the_record = ("agent_id", "agent_name", "service_identifier", "customer_identifier")
    leg_before = {**leg_then, **{name: _as_leg(guessed)[name] for name in of_the_record}, "is_decided": False}
    before, then = (decide_window(legs(row), NO_FILES, rules, known) for row in (leg_before, leg_then))
    if before["rule_id"].item() != "undecided":
        assert before.equals(then)
    else:
        assert before["action"].item() == "RECORD"


@settings(max_examples=EXAMPLES, deadline=None)
@given(rule_sets(), st.lists(FACTS, min_size=1, max_size=6))
def test_a_leg_is_decided_by_itself_whatever_stands_beside_it(rules: RuleSet, calls: list[CallFacts]) -> None:
    rows = [{**_as_leg(facts), "leg_id": str(number)} for number, facts in enumerate(calls)]
    together = decide_window(legs(*rows), NO_FILES, rules, directory())
    alone = [decide_window(legs(row), NO_FILES, rules, directory()) for row in rows]
    assert together.equals(pl.concat(alone))


def _answer(facts: CallFacts, rules: RuleSet, known: Directory) -> Answer:
    return evaluate_call(facts, rules, known)


def _as_leg(facts: CallFacts) -> dict[str, Any]:
    return leg(
        tenant_id=facts.tenant_id,
        root_call_key=facts.root_call_key,
        agent_extension=facts.agent_extension,
        agent_id=facts.agent_id,
        agent_name=facts.agent_name,
        service_identifier=facts.dialled_number,
        customer_identifier=facts.other_number,
        other_party=None,
        start_time=facts.start_time,
        duration_ms=facts.duration_ms,
    )
