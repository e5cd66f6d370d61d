"""Couples of simulated calls: what our merging makes of them is what the traffic truly was."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from cx_pipeline.core.linking.eleveo import Couple, MergeRules
from cx_pipeline.core.linking.eleveo_matching import OurCall, OurLeg, matched_legs
from cx_pipeline.simulator.audio.voices import as_steps, first_frame, said
from cx_pipeline.simulator.eleveo.couples import HeldCouple, couples_of_legs
from cx_pipeline.simulator.eleveo.sound import sound_of
from cx_pipeline.simulator.plan import TrafficPlan
from cx_pipeline.simulator.traffic import simulate_traffic

SEEDS = int(os.environ.get("CX_STRESS_SEEDS", "1"))


def as_told(couple: HeldCouple, offset: timedelta, *, tells_agent: bool) -> Couple:
    start, end = (datetime.fromtimestamp(moment / 1e6, UTC) + offset for moment in (couple.start, couple.end))
    return Couple(
        couple.couple_id,
        couple.sid,
        start,
        end,
        couple.calling,
        couple.called,
        couple.agent_extension if tells_agent else None,
        couple.call_key,
        couple.start_reason,
        couple.end_reason,
    )


def calls_of_truth(legs: pl.DataFrame, *, knows_holds: bool) -> list[OurCall]:
    """The true legs of each call that ended, as calls of ours."""
    calls = []
    for _, rows in legs.sort("call_number", "leg_number").group_by("call_number", maintain_order=True):
        own = tuple(
            OurLeg(
                f"{row['call_number']}/{row['leg_number']}",
                "",
                row["agent_extension"],
                row["start_time"],
                row["end_time"],
                tuple((h["start_time"], h["end_time"]) for h in row["hold_segments"] if h["end_time"])
                if knows_holds
                else (),
            )
            for row in rows.iter_rows(named=True)
        )
        keys = tuple(rows["call_keys"][0])
        span = min(leg.start_time for leg in own), max(leg.end_time for leg in own if leg.end_time)
        calls.append(OurCall(str(rows["call_number"][0]), None, keys[0], keys, frozenset(keys), own, span))
    return calls


def wanted(couples: Sequence[HeldCouple], legs: pl.DataFrame) -> dict[str, list[str]]:
    """Which couples are truly whose, by leg."""
    names = {
        (row["root_call_key"], row["agent_extension"], row["leg_number"], row["start_time"]): (
            f"{row['call_number']}/{row['leg_number']}"
        )
        for row in legs.iter_rows(named=True)
    }
    found: dict[str, list[str]] = {}
    for couple in couples:
        if couple.is_other_line:
            continue
        key = min(
            (
                key
                for key in names
                if key[:3] == (couple.root_call_key, couple.agent_extension, couple.leg_number)
            ),
            key=lambda key: abs(key[3].timestamp() - couple.start / 1e6),
        )
        found.setdefault(names[key], []).append(couple.couple_id)
    return found


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize(("offset_s", "knows_holds"), [(0, True), (4, True), (-4, False)])
def test_every_leg_has_its_own_couples_and_no_other_s(seed: int, offset_s: int, knows_holds: bool) -> None:
    start = datetime(2024, 1, 15, 9, tzinfo=UTC)
    legs = simulate_traffic(TrafficPlan(calls=150, start=start, seed=seed, let_calls_finish=True)).legs
    held = couples_of_legs(legs)
    told = [as_told(couple, timedelta(seconds=offset_s), tells_agent=True) for couple in held]
    truth = wanted(held, legs)
    right = 0
    for call in calls_of_truth(legs, knows_holds=knows_holds):
        for each in matched_legs(call, told, MergeRules()):
            if each.leg is not None:
                assert [p.couple.couple_id for p in each.recorded.couples] == truth.pop(each.leg.leg_id)
                right += 1
    assert right > 100
    assert truth == {}
    reasons = {(couple.start_reason, couple.end_reason) for couple in held}
    assert {("START", "HOLD"), ("RETRIEVE", "END"), ("START", "TRANSFER"), ("CONFERENCE", "END")} <= reasons


def test_a_couple_sounds_of_its_agent_left_and_of_whom_the_phone_hears_right() -> None:
    plan = TrafficPlan(calls=5, start=datetime(2024, 1, 15, 9, tzinfo=UTC), seed=3)
    couple = couples_of_legs(simulate_traffic(plan).legs)[0]
    (far,) = couple.far
    sound = sound_of(couple)
    begin = first_frame(couple.start)
    np.testing.assert_array_equal(sound[:8000, 0], as_steps(said(couple.near, begin, 8000)))
    first = first_frame(far.start) - begin
    np.testing.assert_array_equal(
        sound[first : first + 8000, 1], as_steps(said(far.voice_key, begin + first, 8000))
    )
