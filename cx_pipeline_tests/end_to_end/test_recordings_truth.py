"""The simulated recorders and the mixing share no code: what is in a recording is what was said, when, and by whom."""

import os
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from cx_pipeline.core.recording.planning import NO_MANIFEST
from cx_pipeline.core.recording.schema import OF_CALL, OF_LEG
from cx_pipeline.simulator.audio.comparison import AudioComparison
from cx_pipeline.simulator.audio.faults import (
    DIED,
    EMPTY,
    MISSING_FILE,
    MISSING_MANIFEST,
    MISSING_SIDE,
    OVERLAP,
    RESTART,
    UNFINISHED_HEADER,
)
from cx_pipeline.simulator.audio.plan import QUIET
from cx_pipeline.simulator.audio.truth import LEG_KEY, NOT_HEARD
from cx_pipeline.simulator.scenarios import SCENARIOS
from cx_pipeline_tests.end_to_end.recorded_site import RecordedSite, recorded_site

SEEDS = int(os.environ.get("CX_STRESS_SEEDS", "1"))
FAULTS_OF_CAUSE = {
    NO_MANIFEST: {MISSING_MANIFEST, MISSING_SIDE, NOT_HEARD},
    "FILE_MISSING": {MISSING_FILE},
    "FILE_EMPTY": {EMPTY},
}
WARNINGS_OF_FAULT = {
    MISSING_SIDE: {"one_sided"},
    MISSING_MANIFEST: {"one_sided", "gap"},
    MISSING_FILE: {"file_missing"},
    EMPTY: {"file_empty", "one_sided"},
    UNFINISHED_HEADER: {"unfinished_header"},
    DIED: {"unfinished_header"},
    OVERLAP: {"overlap"},
    RESTART: {"gap"},
}
"""What a plan says of a fault; any of them will do."""


def findings(result: AudioComparison) -> Any:
    """What went wrong, short enough for a test's output."""
    told = result.findings.select(
        "kind", "scenario", "recording_type", "recorder_id", "side", "offset_ms", "fit", "detail"
    )
    return told.to_dicts()[:5], result.missing_legs.to_dicts()[:5], result.max_offset_error_ms


def compared(site: RecordedSite) -> AudioComparison:
    return site.compared([site.rendered(plan) for plan in site.plans if plan.leg_id or plan.kind == OF_CALL])


@pytest.mark.stress
@pytest.mark.timeout(200 + 200 * SEEDS)
def test_every_voice_is_heard_when_and_where_it_spoke(tmp_path: Path) -> None:
    for seed in range(SEEDS):
        site = recorded_site(tmp_path / str(seed), seed=seed, per_kind=1)
        result = compared(site)
        assert result.is_right, (seed, findings(result))
        assert result.max_middle_error_ms <= 20
        assert result.stretches > 150
        assert result.recordings > 50
        assert set(site.audio.truth["recording_type"]) > {"BIB"}
        assert {plan.kind for plan in site.plans} >= {OF_LEG, OF_CALL}


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "parameters",
    [
        {"layout": "multichannel", "hold": "music"},
        {"layout": "mono", "is_normalised": True, "sample_rate_hz": 16_000, "format": "flac"},
    ],
    ids=["multichannel with music", "mono, normalised FLAC at 16 kHz"],
)
def test_it_is_so_in_every_layout_rate_and_form(tmp_path: Path, parameters: Mapping[str, Any]) -> None:
    site = recorded_site(tmp_path, seed=7, per_kind=1, **parameters)
    result = compared(site)
    assert result.is_right, findings(result)
    assert result.stretches > 150


@pytest.mark.timeout(300)
def test_without_trouble_every_kind_of_call_is_recorded_without_a_word(tmp_path: Path) -> None:
    """Each leg that talked has its recording, and no plan complains but of what belongs to holds and conferences."""
    site = recorded_site(tmp_path, seed=3, trouble=QUIET, per_kind=1)
    result = compared(site)
    assert result.is_right, findings(result)
    assert result.max_clock_error_ms <= 1
    heard = {scenario.name for scenario in SCENARIOS} - {
        "caller_gives_up_while_ringing",
        "unanswered_then_caller_gives_up",
        "hunt_group_unanswered",
        "outbound_unanswered",
        "internal_given_up",
    }
    assert set(site.audio.truth["scenario"]) == heard
    codes = {warning.code for plan in site.plans for warning in plan.warnings}
    assert codes <= {"consult_in_hold", "conference_far_end", "clock_unknown"}, codes
    assert not [each for each in site.missing if each.leg_id is not None]


@pytest.mark.timeout(300)
def test_every_fault_ends_in_a_recording_that_tells_of_it_or_in_a_cause(tmp_path: Path) -> None:
    site = recorded_site(tmp_path, seed=1)
    planned = {leg.leg_id for plan in site.plans for leg in plan.legs}
    causes = {each.leg_id: each.cause for each in site.missing if each.leg_id is not None}
    wanted = set(site.decided_legs["leg_id"])
    assert planned.isdisjoint(causes)
    assert planned | set(causes) >= wanted
    _causes_are_the_faults(site, causes)
    _warnings_are_the_faults(site)


def _causes_are_the_faults(site: RecordedSite, causes: Mapping[str, str]) -> None:
    reason_of = {
        tuple(row[name] for name in LEG_KEY): set(row["reason"].split("+"))
        for row in site.audio.unrecorded.iter_rows(named=True)
    }
    for leg in site.legs.filter(pl.col("leg_id").is_in(list(causes))).iter_rows(named=True):
        key = tuple(leg[name.replace("leg_start_time", "start_time")] for name in LEG_KEY)
        allowed = FAULTS_OF_CAUSE[causes[leg["leg_id"]]]
        assert reason_of[key] & allowed, (leg["leg_id"], causes[leg["leg_id"]], reason_of[key])


def _warnings_are_the_faults(site: RecordedSite) -> None:
    keys = {
        row[0]: row[1:]
        for row in site.legs.select(
            "leg_id", *(name.replace("leg_start_time", "start_time") for name in LEG_KEY)
        ).iter_rows()
    }
    said: dict[tuple[Any, ...], set[str]] = defaultdict(set)
    for plan in site.plans:
        for leg in plan.legs:
            said[keys[leg.leg_id]] |= {warning.code for warning in plan.warnings}
    looked_at = set()
    for row in site.audio.truth.filter(~pl.col("is_in_hold")).iter_rows(named=True):
        key = tuple(row[name] for name in LEG_KEY)
        is_long = (row["end_time"] - row["start_time"]).total_seconds() > 1.5
        for fault in row["faults"] if key in said and is_long else ():
            looked_at.add(fault)
            assert WARNINGS_OF_FAULT[fault] & said[key], (fault, said[key], row["file"])
    assert len(looked_at) >= 6
