from datetime import UTC, datetime

import polars as pl

from cx_pipeline.core.enrichment.schema import ENRICHED_LEG_SCHEMA
from cx_pipeline.core.recording.call_digests import call_digests
from cx_pipeline.core.recording.matching import SegmentMatches
from cx_pipeline.core.recording.recorder_clock import RECORDER_CLOCK_SCHEMA
from cx_pipeline.core.recording.schema import (
    RECORDING_DECISION_SCHEMA,
    RECORDING_MANIFEST_SCHEMA,
    SEGMENT_MATCH_SCHEMA,
)

TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)


def frame(schema, *rows):
    return pl.DataFrame([dict.fromkeys(schema) | row for row in rows], schema=schema)


LEGS = [{"leg_id": "a1", "call_id": "a"}, {"leg_id": "a2", "call_id": "a"}, {"leg_id": "b1", "call_id": "b"}]
DECISIONS = [{"leg_id": leg["leg_id"], "call_id": leg["call_id"], "action": "RECORD"} for leg in LEGS]
FILES = [
    {"manifest_id": "f1", "recorder_id": "r1", "start_time": TEN},
    {"manifest_id": "f2", "recorder_id": "r2"},
]
PAIRS = [{"manifest_id": "f1", "leg_id": "a1"}, {"manifest_id": "f2", "leg_id": "b1"}]


def digests(legs=LEGS, decisions=DECISIONS, files=FILES, pairs=PAIRS, offset_ms=0, known=("r1", "r2")):
    offsets = {"r1": offset_ms, "r2": offset_ms}
    clocks = frame(
        RECORDER_CLOCK_SCHEMA, *({"recorder_id": name, "clock_offset_ms": offset_ms} for name in offsets)
    )
    unknown = frozenset(offsets) - frozenset(known)
    matches = SegmentMatches(frame(SEGMENT_MATCH_SCHEMA, *pairs), offsets, clocks, unknown)
    return dict(
        call_digests(
            frame(ENRICHED_LEG_SCHEMA, *legs),
            frame(RECORDING_MANIFEST_SCHEMA, *files),
            frame(RECORDING_DECISION_SCHEMA, *decisions),
            matches,
        ).iter_rows()
    )


def changed(**given):
    before, after = digests(), digests(**given)
    return {call for call in before.keys() | after.keys() if before.get(call) != after.get(call)}


def test_the_same_inputs_in_any_order_have_the_same_digest():
    assert changed(legs=LEGS[::-1], decisions=DECISIONS[::-1], files=FILES[::-1], pairs=PAIRS[::-1]) == set()


def test_a_change_of_a_leg_its_decision_or_its_file_changes_its_call_alone():
    assert changed(legs=[LEGS[0] | {"agent_name": "Ada Abt"}, *LEGS[1:]]) == {"a"}
    assert changed(decisions=[*DECISIONS[:2], DECISIONS[2] | {"format": "flac"}]) == {"b"}
    assert changed(files=[FILES[0] | {"file_problem": "MISSING"}, FILES[1]]) == {"a"}


def test_a_file_that_comes_changes_its_call():
    files, pairs = [*FILES, {"manifest_id": "f3"}], [*PAIRS, {"manifest_id": "f3", "leg_id": "a2"}]
    assert changed(files=files, pairs=pairs) == {"a"}


def test_a_clock_that_becomes_known_counts_and_one_that_moves_a_little_does_not():
    assert changed(known=("r1",)) == {"b"}
    assert changed(offset_ms=3) == set()


def test_calls_of_which_nothing_is_to_be_recorded_have_none():
    skipped = [each | {"action": "SKIP"} for each in DECISIONS[:2]]
    assert set(digests(decisions=[*skipped, DECISIONS[2]])) == {"b"}
