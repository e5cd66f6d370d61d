"""Why legs are as they are: every decision has its rule in words and its event, and the time line shows what happened."""

from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from cx_pipeline.core.calls import rule_sentences
from cx_pipeline.core.calls.classification import TYPE_RULES
from cx_pipeline.core.calls.correlate import correlate
from cx_pipeline.core.calls.explanation import Decision, ExplainedLeg, Explanation, explain
from cx_pipeline.core.calls.rules import DEFAULT_RULES
from cx_pipeline.core.calls.time_line import Party, State
from cx_pipeline.core.calls.timing import END_RULES, START_RULES
from cx_pipeline.core.directory import AGENT_SCHEMA, EMPTY_DIRECTORY, Directory
from cx_pipeline.simulator.plan import REALISTIC, TrafficPlan
from cx_pipeline.simulator.traffic import simulate_traffic
from cx_pipeline_tests.core.calls.scenario import DAY, events_of, time_of


def explained(
    table: str, directory: Directory = EMPTY_DIRECTORY, *, later: timedelta = timedelta(minutes=5)
) -> Explanation:
    """The only call of a pasted table, seen a little after its last event."""
    events = events_of(table)
    last = events["event_time"].max()
    correlation = correlate(events, DEFAULT_RULES, directory, last + later)  # type: ignore[operator, arg-type]
    assert correlation.calls.height == 1, correlation.calls
    return explain(events, correlation, correlation.calls["call_id"][0], DEFAULT_RULES, directory)


def decision(leg: ExplainedLeg, subject: str) -> Decision:
    return next(each for each in leg.decisions if each.subject == subject)


def told(leg: ExplainedLeg) -> list[tuple[str, str, str | None]]:
    """Subject, rule and time of the event of each decision."""
    return [
        (each.subject, each.rule, each.event.time.strftime("%H:%M:%S") if each.event else None)
        for each in leg.decisions
    ]


def party(explanation: Explanation, extension: str) -> Party:
    return next(each for each in explanation.time_line.parties if each.extension == extension)


def spans(explanation: Explanation, extension: str) -> list[tuple[State, str, str]]:
    return [
        (span.state, span.start.strftime("%H:%M:%S"), span.end.strftime("%H:%M:%S"))
        for span in party(explanation, extension).spans
    ]


CONSULT = """
    time     | event        | key   | previous | ext
    10:00:00 | STARTED      | 1_100 |          |
    10:00:00 | ESTABLISHED  | 1_100 |          | +4411
    10:00:02 | RINGING      | 1_100 |          | 1005
    10:00:05 | TALKING      | 1_100 |          | 1005
    10:02:00 | HELD         | 1_100 |          | 1005
    10:02:01 | CONSULT      | 1_101 | 1_100    | 1005
    10:02:03 | RINGING      | 1_101 |          | 1006
    10:02:05 | TALKING      | 1_101 |          | 1006
    10:03:00 | TRANSFER     | 1_100 |          | 1005
    10:03:00 | DROPPED      | 1_100 |          | 1005
    10:03:01 | MERGED       | 1_100 |          |
    10:05:00 | DROPPED      | 1_101 |          | 1006
    10:05:00 | DISCONNECTED | 1_100 |          | +4411
"""


@pytest.mark.parametrize(
    ("rules", "sentences"),
    [
        (START_RULES, rule_sentences.START_SENTENCES),
        (END_RULES, rule_sentences.END_SENTENCES),
        (TYPE_RULES.categories.to_list(), rule_sentences.TYPE_SENTENCES),
    ],
)
def test_every_rule_of_the_engine_has_a_sentence_and_no_sentence_is_left_over(
    rules: list[str], sentences: dict[str, str]
) -> None:
    assert set(sentences) == set(rules)
    assert all(sentences.values())


def test_the_sentences_for_unanswered_legs_are_of_rules_that_there_are() -> None:
    assert set(rule_sentences.UNANSWERED_START_SENTENCES) < set(START_RULES)


def test_each_leg_of_a_consult_tells_its_start_hold_end_and_type_with_their_events() -> None:
    first, second = explained(CONSULT).legs
    assert told(first) == [
        ("start", "FIRST_TALKING", "10:00:05"),
        ("end", "DROPPED", "10:03:00"),
        ("hold 1 start", "HELD", "10:02:00"),
        ("hold 1 end", "MERGED", "10:03:00"),
        ("type", "TRANSFER_FACT", "10:03:00"),
    ]
    assert [subject for subject, _, _ in told(second)] == ["start", "end", "type"]
    assert decision(first, "type").outcome == "CONSULT_TRANSFER"
    assert decision(first, "start").outcome == first.leg["start_time"]


def test_an_event_is_told_by_the_name_that_its_source_wrote() -> None:
    event = decision(explained(CONSULT).legs[0], "start").event
    assert event is not None
    assert (event.event_name, event.kind, event.extension, event.call_key) == (
        "CallCtlTermConnTalkingEv",
        "TALKING",
        "1005",
        "1_100",
    )


def test_a_hold_ends_where_the_same_connection_talks_again() -> None:
    (leg,) = explained("""
        time     | event   | key   | ext
        10:00:05 | TALKING | 1_100 | 1005
        10:01:00 | HELD    | 1_100 | 1005
        10:02:00 | TALKING | 1_100 | 1005
        10:03:00 | HELD    | 1_100 | 1005
        10:04:00 | DROPPED | 1_100 | 1005
    """).legs
    assert told(leg)[2:6] == [
        ("hold 1 start", "HELD", "10:01:00"),
        ("hold 1 end", "TALKS_AGAIN", "10:02:00"),
        ("hold 2 start", "HELD", "10:03:00"),
        ("hold 2 end", "LEG_ENDED", "10:04:00"),
    ]


def test_a_hold_that_lasts_and_a_leg_that_goes_on_were_decided_by_no_event() -> None:
    explanation = explained("""
        time     | event   | key   | ext
        10:00:05 | TALKING | 1_100 | 1005
        10:01:00 | HELD    | 1_100 | 1005
    """)
    (leg,) = explanation.legs
    assert ("end", "OPEN", None) in told(leg)
    assert ("hold 1 end", "STILL_HELD", None) in told(leg)
    assert decision(leg, "end").outcome is None
    assert explanation.time_line.is_running


def test_a_hold_that_counts_from_the_legs_start_names_the_earlier_event() -> None:
    # Talking at off-hook, held while it was still ringing at the other end.
    (leg,) = explained("""
        time     | event       | key   | ext
        10:00:00 | INITIATED   | 1_100 | 1005
        10:00:00 | TALKING     | 1_100 | 1005
        10:00:05 | HELD        | 1_100 | 1005
        10:00:10 | ESTABLISHED | 1_100 | +4411
        10:00:20 | TALKING     | 1_100 | 1005
        10:01:00 | DROPPED     | 1_100 | 1005
    """).legs
    assert told(leg)[2:4] == [
        ("hold 1 start", "HELD_BEFORE_THE_START", "10:00:05"),
        ("hold 1 end", "TALKS_AGAIN", "10:00:20"),
    ]
    assert not [each for each in leg.decisions if each.subject == "no hold"]


def test_a_fact_held_that_makes_no_hold_is_told_too() -> None:
    (leg,) = explained("""
        time     | event   | key   | ext
        10:00:05 | TALKING | 1_100 | 1005
        10:01:00 | HELD    | 1_100 | 1005
        10:01:00 | TALKING | 1_100 | 1005
        10:02:00 | HELD    | 1_100 | 1005
        10:02:30 | HELD    | 1_100 | 1005
        10:03:00 | TALKING | 1_100 | 1005
        10:04:00 | DROPPED | 1_100 | 1005
    """).legs
    assert [each[1:] for each in told(leg) if each[0] == "no hold"] == [
        ("EMPTY_HOLD", "10:01:00"),
        ("HELD_AGAIN", "10:02:30"),
    ]


def test_an_unanswered_leg_says_that_nobody_answered() -> None:
    (leg,) = explained("""
        time     | event   | key   | ext
        10:00:02 | RINGING | 1_100 | 1005
        10:00:20 | DROPPED | 1_100 | 1005
    """).legs
    assert "nobody answered" in decision(leg, "start").sentence
    assert decision(leg, "type").outcome == "RONA"


def test_a_leg_closed_by_silence_says_so() -> None:
    (leg,) = explained(
        "time | event | key | ext\n10:00:05 | TALKING | 1_100 | 1005", later=timedelta(days=1)
    ).legs
    assert decision(leg, "end").rule == "SILENCE"
    assert "an estimate" in decision(leg, "end").sentence


def test_rows_of_the_persisted_table_are_told_of_the_extension_that_they_are_about() -> None:
    explanation = explained("""
        time     | event             | key    | calling | called | direction | connection
        10:00:00 | CALL_CONNECTED    | 167890 | +4411   | 1005   | INBOUND   | c1
        10:01:00 | CALL_HELD         | 167890 | +4411   | 1005   | INBOUND   | c1
        10:02:00 | CALL_RESUMED      | 167890 | +4411   | 1005   | INBOUND   | c1
        10:03:00 | CALL_DISCONNECTED | 167890 | +4411   | 1005   | INBOUND   | c1
    """)
    (leg,) = explanation.legs
    event = decision(leg, "hold 1 end").event
    assert event is not None
    assert (event.event_name, event.extension) == ("CALL_RESUMED", "1005")
    assert [each.extension for each in explanation.time_line.parties] == ["1005", "+4411"]


def test_another_life_of_the_same_key_has_no_part_in_it() -> None:
    events = events_of("""
        time     | event   | key   | ext
        10:00:05 | TALKING | 1_100 | 1005
        10:01:00 | DROPPED | 1_100 | 1005
        10:01:00 | ENDED   | 1_100 |
        11:00:05 | TALKING | 1_100 | 1006
        11:01:00 | DROPPED | 1_100 | 1006
        11:01:00 | ENDED   | 1_100 |
    """)
    correlation = correlate(events, DEFAULT_RULES, EMPTY_DIRECTORY, DAY + timedelta(days=1))
    calls = correlation.calls.sort("start_time")["call_id"].to_list()
    explanations = [explain(events, correlation, call, DEFAULT_RULES, EMPTY_DIRECTORY) for call in calls]
    assert [each.facts.height for each in explanations] == [3, 3]
    assert [leg.leg["agent_extension"] for each in explanations for leg in each.legs] == ["1005", "1006"]


def test_a_call_that_is_not_there_is_a_key_error() -> None:
    events = events_of("time | event | key | ext\n10:00:05 | TALKING | 1_100 | 1005")
    correlation = correlate(events, DEFAULT_RULES, EMPTY_DIRECTORY, DAY + timedelta(hours=11))
    with pytest.raises(KeyError):
        explain(events, correlation, "nothing", DEFAULT_RULES, EMPTY_DIRECTORY)


def test_the_time_line_has_agents_first_with_ring_talk_and_hold() -> None:
    explanation = explained(CONSULT)
    assert [each.extension for each in explanation.time_line.parties] == ["1005", "1006", "+4411"]
    assert spans(explanation, "1005") == [
        (State.RINGING, "10:00:02", "10:00:05"),
        (State.TALKING, "10:00:05", "10:03:00"),
        (State.HELD, "10:02:00", "10:03:00"),
    ]
    assert spans(explanation, "1006") == [
        (State.RINGING, "10:02:03", "10:02:05"),
        (State.TALKING, "10:02:05", "10:05:00"),
    ]
    assert spans(explanation, "+4411") == [(State.TALKING, "10:00:00", "10:05:00")]
    assert party(explanation, "1005").ends == (time_of("10:03:00"),)


def test_the_time_line_marks_consult_transfer_and_merge() -> None:
    marks = [(mark.kind, mark.extension, mark.call_key) for mark in explained(CONSULT).time_line.marks]
    assert marks == [("CONSULT", "1005", "1_101"), ("TRANSFER", "1005", "1_100"), ("MERGED", None, "1_100")]


def test_whoever_dials_is_shown_dialling_until_the_other_party_answers() -> None:
    explanation = explained("""
        time     | event        | key   | ext
        10:00:00 | INITIATED    | 1_100 | 1005
        10:00:00 | TALKING      | 1_100 | 1005
        10:00:03 | ALERTING     | 1_100 | +4411
        10:00:10 | ESTABLISHED  | 1_100 | +4411
        10:01:00 | DROPPED      | 1_100 | 1005
        10:01:00 | DISCONNECTED | 1_100 | +4411
    """)
    assert spans(explanation, "1005") == [
        (State.DIALING, "10:00:00", "10:00:10"),
        (State.TALKING, "10:00:10", "10:01:00"),
    ]
    assert spans(explanation, "+4411") == [
        (State.RINGING, "10:00:03", "10:00:10"),
        (State.TALKING, "10:00:10", "10:01:00"),
    ]


def test_agents_are_named_as_the_directory_did_then() -> None:
    row: dict[str, Any] = dict.fromkeys(AGENT_SCHEMA, None)
    anna = row | {"tenant_id": "default", "extension": "1005", "agent_name": "Anna", "valid_to": DAY}
    bela = row | {"tenant_id": "default", "extension": "1005", "agent_name": "Bela", "valid_from": DAY}
    cora = row | {"tenant_id": "other", "extension": "1005", "agent_name": "Cora"}
    directory = Directory(agents=pl.DataFrame([anna, bela, cora], schema=AGENT_SCHEMA, orient="row"))
    events = events_of("time | event | key | ext | tenant\n10:00:05 | TALKING | 1_100 | 1005 | default")
    correlation = correlate(events, DEFAULT_RULES, directory, DAY + timedelta(hours=11))
    explanation = explain(events, correlation, correlation.calls["call_id"][0], DEFAULT_RULES, directory)
    assert party(explanation, "1005").name == "Bela"


@pytest.fixture(scope="module")
def explanations() -> list[Explanation]:
    """Calls of both dialects, with noise."""
    plan = TrafficPlan(calls=70, start=DAY, hours=1, seed=11, tenants=2, dialect="both", noise=REALISTIC)
    events = simulate_traffic(plan).events
    correlation = correlate(events, DEFAULT_RULES, EMPTY_DIRECTORY, DAY + timedelta(hours=2))
    with_legs = correlation.calls.filter(pl.col("leg_count") > 0)["call_id"]
    return [explain(events, correlation, call, DEFAULT_RULES, EMPTY_DIRECTORY) for call in with_legs]


def test_of_any_call_every_decision_that_an_event_made_names_an_event_of_the_call(
    explanations: list[Explanation],
) -> None:
    seen = set()
    for explanation in explanations:
        known = set(explanation.facts.select("event_time", "kind", "extension", "call_key").iter_rows())
        assert set(explanation.facts["call_key"]) <= set(explanation.call["call_keys"])
        for leg in explanation.legs:
            seen |= {each.rule for each in leg.decisions}
            events = [each.event for each in leg.decisions if each.event is not None]
            assert {(event.time, event.kind, event.extension, event.call_key) for event in events} <= known
            assert all(event.event_name for event in events)
    assert {"FIRST_TALKING", "DROPPED", "HELD", "TALKS_AGAIN", "MERGED", "NOBODY_ANSWERED"} <= seen


def test_of_any_call_each_hold_has_a_start_and_an_end(explanations: list[Explanation]) -> None:
    for leg in (leg for explanation in explanations for leg in explanation.legs):
        holds = [each for each in leg.decisions if each.subject.startswith("hold ")]
        assert len(holds) == 2 * len(leg.leg["hold_segments"])
        assert all(each.event is not None or each.rule in ("STILL_HELD", "LEG_ENDED") for each in holds)


def test_of_any_call_the_spans_lie_within_the_time_line_and_agree_with_the_legs(
    explanations: list[Explanation],
) -> None:
    for explanation in explanations:
        line = explanation.time_line
        assert {each.extension for each in line.parties} == set(explanation.call["participants"])
        for each in line.parties:
            assert all(line.start <= span.start <= span.end <= line.end for span in each.spans)
        for leg in (leg.leg for leg in explanation.legs if leg.leg["is_answered"]):
            talked = State.TALKING, leg["start_time"], leg["end_time"] or line.end
            shown = party(explanation, leg["agent_extension"]).spans
            assert talked in [(span.state, span.start, span.end) for span in shown]
