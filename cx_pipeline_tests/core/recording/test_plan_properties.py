"""What holds of every plan, whatever recorders leave."""

import os
from collections import defaultdict
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cx_pipeline.core.recording.mix_plan import MixPlan, Placement
from cx_pipeline.core.recording.schema import (
    FORMATS,
    HOLD_CUT,
    HOLD_MUSIC,
    HOLD_SILENCE,
    MULTICHANNEL,
    STEREO,
)
from cx_pipeline.core.recording.spans import Span, common, length, union, without
from cx_pipeline_tests.core.recording.recorded_calls import TEN, decision_row, file_row, leg_row, outcome_of

EXAMPLES = int(os.environ.get("CX_STRESS_PLANS", "25"))
LEG_MS, STEP_MS = 60_000, 7
times_ms = st.integers(0, LEG_MS // STEP_MS).map(lambda steps: steps * STEP_MS)


@st.composite
def spans_ms(draw: st.DrawFn) -> tuple[int, int]:
    start, end = sorted((draw(times_ms), draw(times_ms)))
    return start, end


def clock(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.3f}"


@st.composite
def leg_rows(draw: st.DrawFn, name: str, extension: str, *, conference: bool) -> dict[str, Any]:
    start, end = draw(spans_ms())
    cells = {"leg": name, "call": "c", "ext": extension, "start": clock(start), "end": clock(end)}
    holds = union(draw(st.lists(spans_ms(), max_size=3)))
    inside = common(holds, [(start, end)])
    cells["holds"] = " ".join(f"{clock(first)}-{clock(last)}" for first, last in inside)
    cells |= {"connection": f"{extension}0", "number": extension[-1]}
    return leg_row(cells | ({"conference": "c_CONF"} if conference else {}))


@st.composite
def file_rows(draw: st.DrawFn, number: int) -> dict[str, Any]:
    start, end = draw(spans_ms())
    side = draw(st.sampled_from(["near", "far", "both"]))
    extension = draw(st.sampled_from(["1001", "1002"]))
    cells = {
        "file": f"f{number}",
        "side": side,
        "type": draw(st.sampled_from(["BIB", "EFSWITCH"])) if side == "both" else "BIB",
        "ext": extension,
        "refci": draw(st.sampled_from([f"{extension}0", "-"])),
        "start": clock(start - draw(st.sampled_from([0, 0, 3000]))),
        "length": clock(end - start),
        "rate": str(draw(st.sampled_from([8000, 8000, 8000, 11025, 16000, 44100]))),
        "recorder": draw(st.sampled_from(["fs1", "fs2", "-"])),
        "channels": str(draw(st.sampled_from([1, 2])) if side == "both" else 1),
    }
    masks = draw(st.lists(spans_ms(), max_size=1))
    cells["masks"] = " ".join(f"{clock(first)}-{clock(last)}" for first, last in masks)
    row = file_row(cells)
    return row | ({"file_problem": "EMPTY"} if row["frames"] == 0 else {})


Case = tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]


@st.composite
def cases(draw: st.DrawFn, layouts: tuple[str, ...] = (STEREO, MULTICHANNEL, "mono")) -> Case:
    """Legs, files and decisions."""
    conference = draw(st.booleans())
    legs = [draw(leg_rows(name, ext, conference=conference)) for name, ext in (("A", "1001"), ("B", "1002"))]
    files = [draw(file_rows(number)) for number in range(draw(st.integers(0, 7)))]
    how = {
        "layout": draw(st.sampled_from(layouts)),
        "hold": draw(st.sampled_from([HOLD_SILENCE, HOLD_CUT, HOLD_MUSIC])),
        "hold_fade_ms": draw(st.sampled_from([0, 50, 1000])),
        "sample_rate_hz": draw(st.sampled_from([None, None, 8000, 16000, 22050])),
        "format": draw(st.sampled_from(FORMATS)),
    }
    return legs, files, [decision_row(leg, None, how) for leg in legs]


def output_span(plan: MixPlan, placement: Placement) -> Span:
    """The frames that a placement fills: at another rate as many as the renderer makes of it."""
    rate = next(each.sample_rate_hz for each in plan.inputs if each.manifest_id == placement.manifest_id)
    frames = (2 * placement.source_frames * plan.sample_rate_hz + rate) // (2 * rate)
    return placement.output_start, placement.output_start + frames


@pytest.mark.stress
@settings(max_examples=EXAMPLES, deadline=None)
@given(cases())
def test_placements_stay_inside_of_file_and_output(case: Case) -> None:
    for plan in outcome_of(*case).planned.plans:
        files = {each.manifest_id: each for each in plan.inputs}
        for placement in plan.placements:
            file, (start, end) = files[placement.manifest_id], output_span(plan, placement)
            assert placement.source_frames > 0
            assert placement.source_start >= 0
            assert placement.source_start + placement.source_frames <= file.frames
            assert 0 <= placement.source_channel < file.channels
            assert 0 <= placement.channel < plan.channels
            assert 0 <= start <= end <= plan.frames
            assert 0 < placement.gain <= 1
            assert max(placement.fade_in, placement.fade_out) <= max(end - start, 1)
        assert all(0 <= marker.frame < plan.frames for marker in plan.markers)
        assert all(0 <= each.start_ms < each.end_ms <= plan.duration_ms for each in plan.stretches)


@pytest.mark.stress
@settings(max_examples=EXAMPLES, deadline=None)
@given(cases((STEREO, MULTICHANNEL)))
def test_what_is_heard_and_what_is_silent_make_the_whole(case: Case) -> None:
    """On a channel of one side nothing is heard twice."""
    for plan in outcome_of(*case).planned.plans:
        by_channel = defaultdict(list)
        for placement in plan.placements:
            if plan.kind == "LEG" or placement.channel or plan.parameters.layout == MULTICHANNEL:
                by_channel[placement.channel].append(output_span(plan, placement))
        for spans in by_channel.values():
            heard = sum(end - start for start, end in spans)
            assert heard + length(without([(0, plan.frames)], spans)) == plan.frames


@pytest.mark.stress
@settings(max_examples=EXAMPLES, deadline=None)
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_the_inputs_changes_nothing(case: Case, random: Any) -> None:
    legs, files, decisions = case
    expected = outcome_of(legs, files, decisions)
    shuffled = [random.sample(rows, len(rows)) for rows in (legs, files, decisions)]
    found = outcome_of(*shuffled)
    assert found.planned == expected.planned
    assert found.matches.pairs.equals(expected.matches.pairs)


@pytest.mark.stress
@settings(max_examples=EXAMPLES, deadline=None)
@given(cases())
def test_every_leg_has_a_recording_or_a_cause_and_never_both(case: Case) -> None:
    planned = outcome_of(*case).planned
    made = [each.leg_id for plan in planned.plans for each in plan.legs]
    missing = [each.leg_id or "" for each in planned.missing]
    # A leg without length has no share in its conference, and is told as missing.
    assert sorted(made + missing) == ["A", "B"]


@pytest.mark.stress
@settings(max_examples=EXAMPLES, deadline=None)
@given(cases((STEREO,)))
def test_no_masked_frame_is_heard(case: Case) -> None:
    outcome = outcome_of(*case)
    rows = {row["manifest_id"]: row for row in case[1]}
    offsets = {
        row["manifest_id"]: row["clock_offset_ms"] for row in outcome.matches.pairs.iter_rows(named=True)
    }
    for plan in outcome.planned.plans:
        if plan.parameters.hold == HOLD_CUT:
            continue
        rate = plan.sample_rate_hz
        for placed in plan.inputs:
            for mask in rows[placed.manifest_id]["masks"]:
                if mask["end_time"] is None:
                    continue
                ahead = timedelta(milliseconds=offsets[placed.manifest_id]) + (plan.start_time - TEN)
                first, last = (
                    round((mask[name] - TEN - ahead) / timedelta(microseconds=1) * rate / 1_000_000)
                    for name in ("start_time", "end_time")
                )
                heard = [output_span(plan, each) for each in plan.placements]
                assert length(common(heard, [(first + 1, last - 1)])) == 0
