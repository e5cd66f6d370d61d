"""Recording rules for tests, of which only what a test is about is written out, and what they say of one leg."""

from datetime import UTC, datetime
from typing import Any

import polars as pl

from cx_pipeline.core.directory import EMPTY_DIRECTORY, Directory
from cx_pipeline.core.recording.evaluation import decide_window
from cx_pipeline.core.recording.rule_parsing import GivenRule, parse_rules
from cx_pipeline.core.recording.rules import RuleSet
from cx_pipeline.core.recording.schema import RECORDING_MANIFEST_SCHEMA
from cx_pipeline_tests.core.messages.enriched_legs import leg, legs

TENANT = "acme"
"""Tenant of the legs and of the rules."""
NO_FILES = RECORDING_MANIFEST_SCHEMA.to_frame()


def a_rule(rule_type: str, /, **fields: Any) -> dict[str, Any]:
    """A rule of the tenant; without an action it skips."""
    return {"tenant_id": TENANT, "rule_type": rule_type, "action": "SKIP", **fields}


def rule_set(*rules: dict[str, Any]) -> RuleSet:
    """The set of these rules; one without an id is called by its place: r1, r2 and so on."""
    given = [{"id": f"r{number}", **rule} for number, rule in enumerate(rules, start=1)]
    return parse_rules([GivenRule(f"rule {rule['id']}", rule) for rule in given], "of a test")


def decided(rules: RuleSet, directory: Directory = EMPTY_DIRECTORY, **of_leg: Any) -> dict[str, Any]:
    """The decision on one leg."""
    frame = decide_window(legs(leg(**of_leg)), NO_FILES, rules, directory)
    assert frame.height == 1
    return frame.row(0, named=True)


def decider(rules: RuleSet, directory: Directory = EMPTY_DIRECTORY, **of_leg: Any) -> str:
    """The id of the rule that decides on one leg."""
    return str(decided(rules, directory, **of_leg)["rule_id"])


def deciders(rules: RuleSet, column: str, values: list[Any], **of_legs: Any) -> list[str]:
    """The id of the rule that decides on each of some legs, which differ in one column."""
    rows = legs(*(leg(**of_legs, **{column: value}) for value in values))
    return decide_window(rows, NO_FILES, rules, EMPTY_DIRECTORY)["rule_id"].to_list()


def a_file(**fields: Any) -> dict[str, Any]:
    """A file of a recorder, of a call to 8001."""
    told = {
        "manifest_id": "m1",
        "tenant_id": TENANT,
        "recording_type": "EFSWITCH",
        "side": "both",
        "dialog_id": "d1",
        "agent_extension": "1005",
        "calling_number": "+18005550199",
        "called_number": "8001",
        "direction": "INBOUND",
        "start_time": datetime(2026, 6, 8, 10, tzinfo=UTC),
        "end_time": datetime(2026, 6, 8, 10, 5, tzinfo=UTC),
    }
    return {**dict.fromkeys(RECORDING_MANIFEST_SCHEMA), **told, **fields}


def files(*rows: dict[str, Any]) -> pl.DataFrame:
    """A frame of manifests."""
    return pl.DataFrame(list(rows), schema=RECORDING_MANIFEST_SCHEMA, orient="row")
