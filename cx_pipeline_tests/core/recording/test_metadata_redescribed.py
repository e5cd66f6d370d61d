from cx_pipeline.core.recording.metadata import (
    DESCRIBED_FIELDS,
    MEASURED_FIELDS,
    recording_metadata,
    redescribed,
)
from cx_pipeline_tests.adapters.database.test_recordings import plan, rendered

PLAN = plan(31)


def test_what_is_measured_is_all_that_no_fact_of_the_call_tells():
    assert set(recording_metadata(PLAN, {}, rendered(PLAN))) == {*MEASURED_FIELDS, *DESCRIBED_FIELDS}


def test_newer_facts_take_the_place_of_older_ones_and_nothing_measured_changes():
    before = recording_metadata(PLAN, {"agentName": None, "wrapUp": None, "old": 1}, rendered(PLAN))
    after = redescribed(before, {"agentName": "Ada Abt", "wrapUp": "solved", "duration": 1})
    expected = recording_metadata(PLAN, {"agentName": "Ada Abt", "wrapUp": "solved"}, rendered(PLAN))
    assert after == expected


def test_the_same_facts_change_nothing():
    facts = {"agentName": "Ada Abt", "callId": "4711", "wrapUp": "solved"}
    before = recording_metadata(PLAN, facts, rendered(PLAN))
    assert redescribed(before, facts) == before
