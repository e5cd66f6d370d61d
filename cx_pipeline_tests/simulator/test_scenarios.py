"""Each scenario reports what Cisco reports, and records what people did."""

import itertools
from typing import Any

import pytest

from cx_pipeline.simulator.frames import true_leg_frame, true_leg_rows
from cx_pipeline.simulator.jtapi_reporter import Style
from cx_pipeline.simulator.phones import CallKey, ImpossibleError, LineState, SwitchCall
from cx_pipeline.simulator.scenarios import SCENARIOS, TABLE_SCENARIOS, Scenario
from cx_pipeline.simulator.story import SpanOver, Story
from cx_pipeline_tests.simulator.stage import agents, events_of, golden, play, scenario, shape

WORDY = Style(
    writes_numbers=True,
    has_core_events=True,
    has_agent_connections=True,
    has_other_events=True,
    observation_ends=True,
)

AS_GOLDEN: list[tuple[str, str, dict[str, Any]]] = [
    ("rejected_unanswered_answered", "rejected_then_rona_then_answered", {}),
    ("outbound", "outbound_talking_at_off_hook", {"off_hook": True}),
    ("outbound", "outbound", {}),
    ("outbound_unanswered", "outbound_unanswered", {"off_hook": True}),
    ("internal", "internal_call", {"off_hook": True}),
    ("simple", "shared_line", {"phones": 2}),
    ("direct_transfer", "direct_transfer", {}),
    ("transfer_chain", "transfer_chain", {}),
    ("transfer_and_back", "transfer_and_back", {}),
    ("consult_cancelled", "consult_cancelled_two_call_keys", {"lag_ms": 10}),
    ("consult_abandoned", "consult_abandoned_two_call_keys", {}),
    ("consult_transfer", "consult_transfer_two_call_keys", {"lag_ms": 10}),
    ("conference_whose_controller_leaves", "conference_two_call_keys_controller_leaves", {}),
    (
        "consult_transfer_through_momentary_conference",
        "consult_transfer_through_momentary_conference",
        {"own_key": False},
    ),
    ("direct_transfer", "persisted_direct_transfer", {"in_table": True}),
    ("consult_transfer", "persisted_consult_transfer", {"in_table": True}),
    ("conference", "persisted_conference", {"in_table": True}),
    ("transfer_that_nobody_reported", "persisted_fake_leg_alone", {"in_table": True}),
]


def played_as(name: str, call: dict[str, Any], how: dict[str, Any]) -> Story:
    """The scenario with the first seed whose people do as those of the golden call: who hangs up, and so on."""
    expected = shape(call["events"])
    stories = [play(scenario(name), seed=seed, **how) for seed in range(40)]
    return next((story for story in stories if shape(events_of(story)) == expected), stories[0])


def true_legs(story: Story) -> list[dict[str, Any]]:
    call = {
        "tenant_id": "t",
        "call_number": 1,
        "scenario": "s",
        "source": "jtapi",
        "root_call_key": "KEY",
        "call_keys": [],
        "service_number": None,
    }
    rows = true_leg_rows(call, story.ledger, first_fact=0, has_lost_event=False, has_skew=False)
    return true_leg_frame(rows).to_dicts()


@pytest.mark.parametrize(("name", "golden_name", "how"), AS_GOLDEN)
def test_a_scenario_reports_what_the_golden_call_has(
    name: str, golden_name: str, how: dict[str, Any]
) -> None:
    call = golden(golden_name)
    assert shape(events_of(played_as(name, call, how))) == shape(call["events"])


@pytest.mark.parametrize(("name", "golden_name", "how"), AS_GOLDEN)
def test_a_scenario_records_the_golden_call_s_legs(name: str, golden_name: str, how: dict[str, Any]) -> None:
    call = golden(golden_name)
    recorded = true_legs(played_as(name, call, how))
    about_time = {"start_time", "end_time", "duration_ms", "hold_segments"}
    about_numbers = {"other_party", "participants", "conference_id"}
    for expected, leg in zip(call["legs"], recorded, strict=True):
        compared = set(expected) - about_time - about_numbers
        assert {name: leg[name] for name in compared} == {name: expected[name] for name in compared}
        assert len(leg["hold_segments"]) == len(expected["hold_segments"])
        assert leg["conference_id"] == ("KEY_CONF" if expected["call_type"] == "CONFERENCE" else None)


@pytest.mark.parametrize("wanted", SCENARIOS, ids=lambda wanted: wanted.name)
@pytest.mark.parametrize("how", [{}, {"own_key": False}, {"style": WORDY, "route_point": True, "phones": 2}])
def test_every_scenario_ends_with_all_phones_idle_and_all_legs_closed(
    wanted: Scenario, how: dict[str, Any]
) -> None:
    for seed in range(5):
        story = play(wanted, seed=seed, off_hook=seed % 2 == 0, lag_ms=10 * (seed % 2), **how)
        assert story.main.lines == {}
        assert [leg["status"] for leg in true_legs(story)] == ["COMPLETED"] * len(story.ledger.shares)
        ended = [
            report.global_call_id for report in story.reporter.reports if report.event_name == "CallInvalidEv"
        ]
        assert sorted(ended) == sorted(key.text for key in story.keys)


@pytest.mark.parametrize("wanted", TABLE_SCENARIOS, ids=lambda wanted: wanted.name)
def test_every_connection_of_the_table_is_connected_once_and_disconnected_once(wanted: Scenario) -> None:
    for seed in range(5):
        rows = play(wanted, seed=seed, in_table=True).reporter.reports
        connected = [row.connection_id for row in rows if row.event_name == "CALL_CONNECTED"]
        disconnected = [row.connection_id for row in rows if row.event_name == "CALL_DISCONNECTED"]
        assert sorted(filter(None, connected)) == sorted(filter(None, disconnected))
        assert len(set(connected)) == len(connected) > 0


@pytest.mark.parametrize("wanted", SCENARIOS, ids=lambda wanted: wanted.name)
def test_a_story_that_is_cut_off_says_nothing_that_lies_beyond_the_act(wanted: Scenario) -> None:
    whole = play(wanted)
    span_end = whole.reporter.reports[0].time + (whole.now - whole.reporter.reports[0].time) // 2
    told: list[int] = []
    with pytest.raises(SpanOver):
        play(wanted, span_end=span_end, told=told)
    assert max(told) < span_end + 1_000_000


def test_a_consult_of_cucm_has_a_key_of_its_own_and_one_of_the_guide_has_not() -> None:
    assert len(play(scenario("consult_transfer")).keys) == 2
    assert len(play(scenario("consult_transfer"), own_key=False).keys) == 1
    assert len(play(scenario("consult_transfer_chain")).keys) == 3


def test_the_facts_of_one_phone_that_bear_the_same_name_stand_apart() -> None:
    """So that two listeners' stamps of one fact can be told from two facts."""
    for wanted in SCENARIOS:
        for seed in range(10):
            times: dict[tuple[Any, ...], list[int]] = {}
            for report in play(wanted, seed=seed).reporter.reports:
                fact = (report.event_name, report.global_call_id, report.extension, report.terminal)
                times.setdefault(fact, []).append(report.time)
            gaps = [b - a for facts in times.values() for a, b in itertools.pairwise(facts)]
            assert min(gaps, default=3_000_000) >= 3_000_000, wanted.name


def test_a_phone_does_not_do_what_no_phone_can() -> None:
    agent = agents(1)[0]
    call = SwitchCall(CallKey(1, 5, "1_5"), "+1", "8001")
    line = call.new_line(agent)
    with pytest.raises(ImpossibleError, match="cannot go from idle to held"):
        line.become(LineState.HELD)
    with pytest.raises(ImpossibleError, match="is on call 1_5 already"):
        call.new_line(agent)
    line.become(LineState.RINGING)
    with pytest.raises(ImpossibleError, match="with lines open"):
        call.end()
    line.become(LineState.GONE)
    call.end()
    with pytest.raises(ImpossibleError, match="has ended"):
        call.new_line(agent)
