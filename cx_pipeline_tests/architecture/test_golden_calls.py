"""The golden calls here are the reference's, where a copy of the reference stands beside the repository."""

import json
from pathlib import Path

import pytest

from cx_pipeline_tests.architecture.source_tree import REPOSITORY

OURS = REPOSITORY / "cx_pipeline_tests" / "golden"
REFERENCE = REPOSITORY.parent / "shared" / "golden"


def calls_in(folder: Path) -> dict[str, object]:
    return {file.name: json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.json"))}


def test_every_golden_call_has_a_name_events_and_legs() -> None:
    calls = calls_in(OURS)
    assert len(calls) >= 32
    for name, call in calls.items():
        assert isinstance(call, dict)
        assert {"name", "source", "events", "legs"} <= call.keys(), name
        assert name == f"{call['name']}.json"
        assert call["events"], name


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="no reference folder beside the repository")
def test_the_golden_calls_are_those_of_the_reference() -> None:
    assert calls_in(OURS) == calls_in(REFERENCE)
