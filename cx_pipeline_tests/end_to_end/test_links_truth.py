"""Simulated calls, told to a conversation manager whose clock is off: what is linked is truly the activity's own leg."""

import os
from collections import Counter
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest

from cx_pipeline.core.calls.correlate import correlate
from cx_pipeline.core.calls.rules import DEFAULT_RULES
from cx_pipeline.core.linking.matching import match_links
from cx_pipeline.core.linking.schema import (
    AMBIGUOUS,
    BY_TIME,
    LINK_CANDIDATE_SCHEMA,
    LINKED,
    SHOWN,
    VOICE,
)
from cx_pipeline.core.messages.activities import activities_of
from cx_pipeline.core.messages.building import messages_of
from cx_pipeline.simulator.ccm.conversations import VoiceActivities
from cx_pipeline_tests.end_to_end.recorded_site import enriched
from cx_pipeline_tests.end_to_end.simulated_site import DAY, SimulatedSite, simulated_site

SEEDS = int(os.environ.get("CX_STRESS_SEEDS", "1"))
START, HOURS = DAY + timedelta(hours=9), 2
TOLERANCE = timedelta(seconds=5)
ID_KINDS = ("leg id", "leg text", "call id", "Cisco's id", "none")
"""What an activity says of its call. Cisco's ids come again, and are the same in both tenants."""
UNIQUE = ("leg id", "leg text", "call id")


def legs_of(site: SimulatedSite) -> pl.DataFrame:
    """The site's legs, and call keys that two tenants share."""
    found = correlate(site.events, DEFAULT_RULES, site.directory, START + timedelta(hours=HOURS + 24))
    return enriched(found.legs)


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


def judged(folder: Path, seed: int, kinds: tuple[str, ...], **plan: Any) -> pl.DataFrame:
    """The links of a simulated site, each beside its true leg (`true_leg`), and whether that can be played (`has_audio`)."""
    folder.mkdir(exist_ok=True)
    facts = {"calls": 300, "hours": HOURS, "tenants": 2, "dialect": "both", **plan}
    site = simulated_site(
        folder, noise="realistic,lost=0,skewed=0", start=START, seed=seed, let_calls_finish=True, **facts
    )
    legs = legs_of(site)
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
def test_no_link_is_wrong_and_none_is_missing_where_an_id_tells_the_call(tmp_path: Path) -> None:
    for seed in range(SEEDS):
        links = judged(tmp_path / str(seed), seed, ID_KINDS)
        assert links.filter(is_wrong()).to_dicts() == [], seed
        told = links.filter("has_audio", pl.col("ids").is_in(UNIQUE))
        missed = told.filter(pl.col("state") != LINKED)
        assert missed.to_dicts() == [], seed
        assert told.height > 200
        assert links.filter("has_audio", pl.col("state") == AMBIGUOUS).height <= 0.01 * links.height


@pytest.mark.stress
@pytest.mark.timeout(60 + 20 * SEEDS)
def test_cisco_ids_that_come_again_in_both_tenants_tie_only_where_times_are_clear(tmp_path: Path) -> None:
    for seed in range(SEEDS):
        links = judged(tmp_path / str(seed), seed, ("Cisco's id",), call_keys_per_tenant=40)
        states = Counter(links.filter("has_audio")["state"])
        assert links.filter(is_wrong()).to_dicts() == [], seed
        assert states[LINKED] > 0.95 * states.total(), states


@pytest.mark.stress
@pytest.mark.timeout(60 + 20 * SEEDS)
def test_what_times_alone_tell_is_shown_and_told_to_nobody(tmp_path: Path) -> None:
    for seed in range(SEEDS):
        links = judged(tmp_path / str(seed), seed, ("none",))
        assert set(links["state"]) - {SHOWN, AMBIGUOUS, "UNMATCHED"} == set(), seed
        assert set(links.filter(pl.col("state") == SHOWN)["method"]) <= {BY_TIME}
