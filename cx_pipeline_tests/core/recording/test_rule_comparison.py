import polars as pl

from cx_pipeline.core.directory import EMPTY_DIRECTORY
from cx_pipeline.core.recording.evaluation import decide_window
from cx_pipeline.core.recording.rule_comparison import MADE_SCHEMA, RuleChanges, compare_decisions
from cx_pipeline.core.recording.rule_parsing import EMPTY_RULES
from cx_pipeline.core.recording.rules import RuleSet
from cx_pipeline_tests.core.messages.enriched_legs import leg, legs
from cx_pipeline_tests.core.recording.given_rules import TENANT, a_file, a_rule, files, rule_set

FEWER = rule_set(a_rule("DN", id="no-8002", condition={"dn": "8002"}))


def compared(before: RuleSet, after: RuleSet, *made: tuple[str, str | None, str | None]) -> RuleChanges:
    given = legs(
        leg(leg_id="a"),
        leg(leg_id="b", service_identifier="8002"),
        leg(leg_id="c", service_identifier="8002"),
    )
    file = files(a_file(manifest_id="f", called_number="8002"))
    decisions = (
        decide_window(given, file, rules, EMPTY_DIRECTORY, unmatched=["f"]) for rules in (before, after)
    )
    return compare_decisions(*decisions, pl.DataFrame(list(made), schema=MADE_SCHEMA, orient="row"))


def counts(changes: RuleChanges) -> dict[str, tuple[int, ...]]:
    frame = changes.by_rule
    return {row[1]: row[4:] for row in frame.iter_rows()}


def test_what_is_skipped_newly_is_counted_by_the_rule_that_skips_it() -> None:
    changes = compared(EMPTY_RULES, FEWER)
    assert counts(changes) == {"default": (1, 0, 0, 0, 0, 0), "no-8002": (0, 3, 0, 3, 0, 0)}
    assert (changes.recorded_before, changes.skipped_before) == (4, 0)
    assert changes.by_rule.row(0)[:4] == (TENANT, "default", "Record by default", "RECORD")


def test_what_is_recorded_newly_is_counted_by_the_rule_that_records_it() -> None:
    changes = compared(FEWER, EMPTY_RULES)
    assert counts(changes) == {"default": (4, 0, 3, 0, 0, 0)}
    assert (changes.recorded_before, changes.skipped_before) == (1, 3)


def test_other_parameters_make_a_recording_anew() -> None:
    mono = rule_set(a_rule("DEFAULT", id="mono", action="RECORD", parameters={"layout": "mono"}))
    assert counts(compared(EMPTY_RULES, mono)) == {"mono": (4, 0, 0, 0, 4, 0)}
    assert compared(mono, mono).total("made_anew") == 0


def test_a_recording_is_deleted_once_all_that_it_holds_is_skipped() -> None:
    made = [
        ("of a leg", "b", None),
        ("of a conference", "b", None), ("of a conference", "c", None),
        ("of both kinds", "a", None), ("of both kinds", "b", None),
        ("with another window's leg", "b", None), ("with another window's leg", "z", None),
        ("of a file", None, "f"),
        ("kept", "a", None),
    ]  # fmt: skip
    assert counts(compared(EMPTY_RULES, FEWER, *made))["no-8002"][-1] == 3
    assert compared(EMPTY_RULES, EMPTY_RULES, *made).total("deleted") == 0


def test_a_recording_that_is_there_although_it_is_skipped_already_would_go_too() -> None:
    assert compared(FEWER, FEWER, ("left over", "b", None)).total("deleted") == 1
