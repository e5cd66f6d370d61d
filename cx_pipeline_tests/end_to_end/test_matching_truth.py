"""The simulated Cisco and the matching share no code: the record that a leg gets is truly its own."""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from pydantic import SecretStr
from sqlalchemy import Engine

from cx_pipeline.adapters.cisco.source import CiscoSource
from cx_pipeline.core.calls.correlate import correlate
from cx_pipeline.core.calls.rules import DEFAULT_RULES
from cx_pipeline.core.enrichment.enrich import Enrichment, enrich
from cx_pipeline.core.enrichment.reading import distinct
from cx_pipeline.core.enrichment.rules import DEFAULT_ENRICHMENT_RULES
from cx_pipeline.core.enrichment.schema import BY_TIME
from cx_pipeline.simulator.cisco.comparison import MatchComparison, compare_matches
from cx_pipeline.simulator.cisco.fill import fill
from cx_pipeline.simulator.cisco.plan import CiscoPlan, Trouble
from cx_pipeline.simulator.cisco.records import SimulatedCisco, simulate_records
from cx_pipeline.simulator.cisco.tables import Flavour
from cx_pipeline.system_settings import CiscoSourceSettings
from cx_pipeline_tests.end_to_end.simulated_site import DAY, SimulatedSite, simulated_site

SEEDS = range(int(os.environ.get("CX_STRESS_SEEDS", "2")))
START, HOURS = DAY + timedelta(hours=9), 2
LONG_AFTER = datetime(2026, 3, 4, tzinfo=UTC)
TROUBLE = Trouble(
    missing=0.05,
    late=0.2,
    ambiguous=0.05,
    no_extension=0.05,
    other_extension=0.03,
    reservations=0.1,
    reused_keys=0.1,
    wrong_talk_time=0.1,
    unseen_hold=0.1,
    wrap_up=0.8,
    odd_wrap_up=0.3,
    dialler=0.5,
    lag_s=(60, 300),
    jitter_ms=300,
)

Read = Callable[[SimulatedCisco], pl.DataFrame]


@pytest.fixture
def read(engine: Engine, database_url: SecretStr) -> Read:
    """Fills the simulated databases and reads their records, the way of every record."""

    def fill_and_read(cisco: SimulatedCisco) -> pl.DataFrame:
        fill(engine, cisco)
        settings = CiscoSourceSettings(
            name="hds",
            flavour=cisco.plan.flavour,
            connection=SecretStr("embedded"),
            tenants={str(number): tenant for tenant, number in cisco.peripheral_ids.items()},
        )
        source = CiscoSource(settings, embedded_url=lambda: database_url)
        try:
            return distinct(source.read(START - timedelta(hours=1), START + timedelta(hours=HOURS + 8)))
        finally:
            source.close()

    return fill_and_read


@cache
def site_and_legs(folder: Path, seed: int) -> tuple[SimulatedSite, pl.DataFrame, pl.DataFrame]:
    noise = "realistic,lost=0,skewed=0"
    site = simulated_site(
        folder, noise=noise, calls=500, start=START, hours=HOURS, seed=seed, tenants=2, dialect="both"
    )
    found = correlate(site.events, DEFAULT_RULES, site.directory, START + timedelta(hours=HOURS))
    return site, found.legs, found.calls


def enriched(
    legs: pl.DataFrame, calls: pl.DataFrame, records: pl.DataFrame, site: SimulatedSite
) -> Enrichment:
    return enrich(
        legs, calls, records, site.directory, DEFAULT_ENRICHMENT_RULES, read_at=LONG_AFTER, has_source=True
    )


def held_against_the_truth(found: Enrichment, cisco: SimulatedCisco, site: SimulatedSite) -> MatchComparison:
    result = compare_matches(found.legs, cisco.truth, site.legs)
    assert result.is_right, result.differences
    assert result.matched > 400
    return result


@pytest.mark.stress
@pytest.mark.timeout(120 + 30 * len(SEEDS))
@pytest.mark.parametrize("flavour", ["ucce", "uccx"])
def test_no_match_is_wrong_and_no_skew_changes_one(tmp_path: Path, read: Read, flavour: Flavour) -> None:
    for seed in SEEDS:
        site, legs, calls = site_and_legs(tmp_path, seed)
        matches = []
        for skew_s in (0, 5, -5, 40):
            plan = CiscoPlan(
                flavour=flavour, seed=seed, trouble=TROUBLE, clock_skew=timedelta(seconds=skew_s)
            )
            cisco = simulate_records(site.legs, plan)
            records = read(cisco)
            found = enriched(legs, calls, records, site)
            result = held_against_the_truth(found, cisco, site)
            assert result.ambiguous_expected > 0
            assert (found.legs["match_method"] == BY_TIME).sum() > 10
            assert abs(found.clock_offset_ms["hds"] - 1000 * skew_s) < 600
            # Where all matches are right, they differ only in who has one; the ids of records tell the time.
            matches.append(
                found.legs.select("leg_id", "enrichment_status", "enrichment_reason", "match_method").sort(
                    "leg_id"
                )
            )
        for other in matches[1:]:
            assert_frame_equal(matches[0], other)


def test_while_records_are_on_their_way_none_is_taken_for_another(tmp_path: Path, read: Read) -> None:
    """At each moment of the hour after, what a leg has is its own: a record that is late makes no other's match wrong."""
    site, legs, calls = site_and_legs(tmp_path, 5)
    cisco = simulate_records(site.legs, CiscoPlan(seed=5, trouble=replace(TROUBLE, late=0.5)))
    records = read(cisco).with_columns(
        record_key=pl.col("record_id").str.splitn(":", 2).struct.field("field_1")
    )
    known = records.join(cisco.truth.select("record_key", "replicated_at"), on="record_key")
    for minutes in (30, 70, 110, 150):
        read_at = START + timedelta(minutes=minutes)
        there = known.filter(pl.col("replicated_at") <= read_at).select(records.drop("record_key").columns)
        ended = legs.filter(pl.col("end_time") <= read_at)
        found = enriched(ended, calls, there, site)
        result = compare_matches(found.legs, cisco.truth, site.legs, read_at)
        assert result.wrong_matches == 0, result.differences
        assert result.matched > 0
