"""Simulated calls, told to a conversation manager whose clock is off: what is linked is truly the activity's own leg."""

import os
from collections import Counter
from datetime import timedelta
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest

from cx_pipeline.core.calls.correlate import correlate
from cx_pipeline.core.calls.rules import DEFAULT_RULES
from cx_pipeline.core.identity import uuid_of
from cx_pipeline.core.linking.matching import match_links
from cx_pipeline.core.linking.schema import (
    AMBIGUOUS,
    BY_TIME,
    LINK_CANDIDATE_SCHEMA,
    LINKED,
    SHOWN,
    UNMATCHED,
    VOICE,
)
from cx_pipeline.core.messages.activities import activities_of
from cx_pipeline.core.messages.building import messages_of
from cx_pipeline.simulator.ccm.conversations import VoiceActivities
from cx_pipeline_tests.end_to_end.recorded_site import enriched
from cx_pipeline_tests.end_to_end.simulated_site import DAY, simulated_site

SEEDS = int(os.environ.get("CX_STRESS_SEEDS", "1"))
START, HOURS = DAY + timedelta(hours=9), 2
TOLERANCE = timedelta(seconds=5)
ID_KINDS = ("leg id", "leg text", "call id", "Cisco's id", "none")
"""What an activity says of its call. Cisco's ids come again, and are the same in both tenants."""
UNIQUE = ("leg id", "leg text", "call id")


@cache
def simulated_legs(seed: int, **plan: Any) -> pl.DataFrame:
    """The legs of a simulated site of two tenants, as they are found."""
    with TemporaryDirectory() as folder:
        facts = {"calls": 200, "hours": HOURS, "tenants": 2, "dialect": "both", **plan}
        noise = "realistic,lost=0,skewed=0"
        site = simulated_site(
            Path(folder), noise=noise, start=START, seed=seed, let_calls_finish=True, **facts
        )
        as_of = START + timedelta(hours=HOURS + 24)
        return enriched(correlate(site.events, DEFAULT_RULES, site.directory, as_of).legs)


def with_a_twin(legs: pl.DataFrame, shift: timedelta) -> pl.DataFrame:
    """The legs, and again those of another tenant with the same keys and extensions, a little later."""
    twin = legs.with_columns(
        pl.col("start_time", "end_time") + shift,
        *(
            uuid_of(legs.select(pl.lit("twin") + pl.col(name)).to_series()).alias(name)
            for name in ("leg_id", "call_id")
        ),
        tenant_id=pl.lit("twin of ") + pl.col("tenant_id"),
        leg_key=pl.lit("twin of ") + pl.col("leg_key"),
    ).with_columns(cx_call_id="call_id")
    return pl.concat([legs, twin])


def activities_as_told(
    legs: pl.DataFrame, seed: int, kinds: tuple[str, ...]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The manager's list by its own clock: up to 5 s ahead or behind, with drift and jitter; and the leg of each."""
    rng = Random(seed)
    skew_ms, drift_ppm = rng.uniform(-5000, 5000), rng.uniform(-200, 200)
    manager, truth = VoiceActivities(), []
    reportable = legs.filter((pl.col("status") == "COMPLETED") & pl.col("is_reportable"))
    for leg in reportable.iter_rows(named=True):
        for draft in messages_of(leg):
            manager.tell(draft.message.model_dump(mode="json", by_alias=True, exclude_none=True))
    told = activities_of(manager.between(START - timedelta(days=1), START + timedelta(days=2)))
    keys = dict(reportable.select("leg_id", "jtapi_id").iter_rows())
    rows = []
    for row in told.to_dicts():
        kind = rng.choice(kinds)
        truth.append((row["activity_id"], row["leg_id"], kind))
        for name in ("start_time", "end_time"):
            since = row[name] - START
            off_ms = skew_ms + since.total_seconds() * drift_ppm / 1000 + rng.gauss(0, 40)
            row[name] += timedelta(milliseconds=off_ms)
        rows.append(row | _ids_as_told(row, kind, keys[row["leg_id"]]))
    truth_frame = pl.DataFrame(truth, schema=["activity_id", "true_leg", "ids"], orient="row")
    return pl.DataFrame(rows, schema=told.schema, orient="row"), truth_frame


def _ids_as_told(row: dict[str, Any], kind: str, jtapi_id: str | None) -> dict[str, Any]:
    nothing = {"leg_id": None, "leg": None, "call_id": None}
    if kind == "leg id":
        return {"leg": None}
    if kind == "leg text":
        return {"leg_id": None, "call_id": None}
    if kind == "call id":
        return nothing | {"call_id": row["call_id"]}
    return nothing | ({"call_id": jtapi_id} if kind == "Cisco's id" else {})


def audio_of(legs: pl.DataFrame, seed: int) -> pl.DataFrame:
    """What can be played: nine of ten legs that somebody answered."""
    some = legs.filter(pl.col("is_answered") & pl.col("end_time").is_not_null()).sort("leg_id")
    chosen = some.sample(fraction=0.9, seed=seed)
    facts = chosen.with_columns(
        candidate_id=pl.concat_str(pl.lit("audio of "), "leg_id"),
        kind=pl.lit(VOICE),
        backend=pl.lit("efswitch"),
        recording_id=pl.col("leg_id"),
        call_key="root_call_key",
        version=pl.lit("v1"),
    )
    return facts.select(
        (pl.col(name) if name in facts.columns else pl.lit(None).alias(name)).cast(dtype)
        for name, dtype in LINK_CANDIDATE_SCHEMA.items()
    )


def judged(legs: pl.DataFrame, seed: int, kinds: tuple[str, ...]) -> pl.DataFrame:
    """The links of a site's legs, each beside its true leg (`true_leg`), and whether that can be played (`has_audio`)."""
    activities, truth = activities_as_told(legs, seed, kinds)
    candidates = audio_of(legs, seed)
    links = match_links(activities, candidates, legs, VOICE, TOLERANCE)
    played = candidates.select(true_leg="leg_id", has_audio=pl.lit(value=True))
    return links.join(truth, on="activity_id").join(played, on="true_leg", how="left")


def is_wrong() -> pl.Expr:
    """Whether the conversation was told of, or a person shown, another leg than the true one."""
    is_other = (pl.col("leg_id") != pl.col("true_leg")) | (
        pl.col("candidate_id") != pl.concat_str(pl.lit("audio of "), "true_leg")
    )
    return pl.col("state").is_in([LINKED, SHOWN]) & is_other


@pytest.mark.stress
@pytest.mark.timeout(60 + 20 * SEEDS)
def test_no_link_is_wrong_and_none_is_missing_where_an_id_tells_the_call() -> None:
    for seed in range(SEEDS):
        links = judged(simulated_legs(seed), seed, ID_KINDS)
        assert links.filter(is_wrong()).to_dicts() == [], seed
        told = links.filter("has_audio", pl.col("ids").is_in(UNIQUE))
        missed = told.filter(pl.col("state") != LINKED)
        assert missed.to_dicts() == [], seed
        assert told.height > 60


@pytest.mark.stress
@pytest.mark.timeout(60 + 20 * SEEDS)
def test_cisco_ids_that_come_again_tie_by_their_times() -> None:
    for seed in range(SEEDS):
        links = judged(simulated_legs(seed, call_keys_per_tenant=40), seed, ("Cisco's id",))
        states = Counter(links.filter("has_audio")["state"])
        assert links.filter(is_wrong()).to_dicts() == [], seed
        assert states[LINKED] > 0.95 * states.total(), states


@pytest.mark.stress
@pytest.mark.timeout(60 + 20 * SEEDS)
@pytest.mark.parametrize("shift_s", [5.5, 17])
@pytest.mark.parametrize(
    "kinds", [("Cisco's id",), ("Cisco's id", "leg id")], ids=["clock unknown", "clock known"]
)
def test_a_tenant_with_the_same_keys_and_extensions_at_about_the_same_time_gets_no_recording_of_the_other(
    shift_s: float, kinds: tuple[str, ...]
) -> None:
    for seed in range(SEEDS):
        links = judged(with_a_twin(simulated_legs(seed), timedelta(seconds=shift_s)), seed, kinds)
        assert links.filter(is_wrong(), pl.col("state") == LINKED).to_dicts() == [], seed
        told = links.filter("has_audio", pl.col("ids") == "Cisco's id")
        states = Counter(told["state"])
        if "leg id" not in kinds and shift_s < 10:
            assert states[LINKED] == 0
        if "leg id" in kinds and shift_s > 10:
            assert states[LINKED] > 0.95 * states.total(), states


@pytest.mark.stress
@pytest.mark.timeout(60 + 20 * SEEDS)
def test_what_times_alone_tell_is_shown_and_told_to_nobody() -> None:
    for seed in range(SEEDS):
        links = judged(simulated_legs(seed), seed, ("none",))
        assert set(links["state"]) <= {SHOWN, AMBIGUOUS, UNMATCHED}, seed
        shown = links.filter(pl.col("state") == SHOWN)
        assert (
            shown.height > 0
        )  # with drift, some clocks are off by more than the tolerance: then nothing fits
        assert set(shown["method"]) == {BY_TIME}
