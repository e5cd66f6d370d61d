import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import pytest

from cx_pipeline.core.errors import InputError
from cx_pipeline.core.recording.metadata import DESCRIBED_FIELDS, plan_digest, recording_metadata, rendered_of
from cx_pipeline.core.recording.mix_plan import MixInput, MixPlan, Placement
from cx_pipeline.core.recording.parameters import MixParameters
from cx_pipeline.core.recording.rendered import ChannelFigures, RenderedFile

PLAN = MixPlan(
    recording_id="00000000-0000-8000-8000-000000000001",
    kind="LEG",
    tenant_id="acme",
    call_id="call",
    leg_id="leg",
    legs=(),
    start_time=datetime(2026, 3, 1, 9, 30, 0, 250_000, tzinfo=UTC),
    sample_rate_hz=8000,
    channel_names=("near",),
    frames=12_004,
    inputs=(MixInput("m1", "/streams/a.wav", "PCM_16", 8000, 1, 12_004, 44, 24_052),),
    placements=(Placement("m1", 0, 0, 12_004, 0, 0),),
    parameters=MixParameters(),
    clock_offset_ms=MappingProxyType({"rec1": 5}),
)
RENDERED = RenderedFile(
    path="acme/2026-03-01/x_mixed.wav",
    metadata_path="acme/2026-03-01/x_mixed.json",
    size_bytes=300,
    audio_bytes=200,
    sha256="ab",
    md5="cd",
    encryption="gcm",
    channels=(ChannelFigures("near", -20.5, -1.0, 2.5, "ceiling", 0.25, -18.0),),
    input_sha256=(("m1", "ef"),),
    render_s=0.5,
    hash_s=0.25,
    clipped_frames=3,
)


def described(plan: MixPlan = PLAN, **facts: Any) -> dict[str, Any]:
    """As it is read from its file."""
    found: dict[str, Any] = json.loads(json.dumps(recording_metadata(plan, facts, RENDERED)))
    return found


def test_what_came_of_a_plan_is_read_from_its_description_again() -> None:
    assert rendered_of(described()) == RENDERED


@pytest.mark.parametrize("broken", [{}, {"file": None}, {"file": {}}, {**described(), "inputs": 7}])
def test_what_is_no_description_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="no description"):
        rendered_of(broken)


def test_facts_of_the_call_fill_the_guides_fields_and_others_are_kept() -> None:
    found = described(agentName="Zoë", callId="their id", answeredAt=PLAN.start_time, tags=("a", "b"))
    assert (found["agentName"], found["callId"], found["tags"]) == ("Zoë", "their id", ["a", "b"])
    assert found["answeredAt"] == "2026-03-01T09:30:00.250000Z"
    assert found["agentId"] is None
    assert set(DESCRIBED_FIELDS) <= set(found)


def test_a_fact_of_the_call_does_not_take_the_place_of_a_measured_one() -> None:
    assert described(checksum="md5:none", fileSize=1)["checksum"] == "md5:cd"


def test_the_end_is_the_start_and_the_length() -> None:
    found = described()
    assert (found["duration"], found["endTime"]) == (1500, "2026-03-01T09:30:01.750000Z")


def test_voices_that_were_too_loud_together_are_a_warning() -> None:
    assert [each["code"] for each in described()["warnings"]] == ["clipped"]


@pytest.mark.parametrize(
    "change",
    [
        {"placements": (replace(PLAN.placements[0], output_start=1),)},
        {"frames": 12_005},
        {"parameters": MixParameters(is_normalised=True)},
        {"clock_offset_ms": {"rec1": 6}},
        {"start_time": PLAN.start_time + timedelta(microseconds=1)},
    ],
)
def test_another_plan_has_another_digest(change: dict[str, Any]) -> None:
    assert plan_digest(replace(PLAN, **change)) != plan_digest(PLAN)


def test_equal_plans_have_the_same_digest() -> None:
    elsewhere = PLAN.start_time.astimezone(timezone(timedelta(hours=5)))
    assert plan_digest(replace(PLAN, start_time=elsewhere, clock_offset_ms={"rec1": 5})) == plan_digest(PLAN)
