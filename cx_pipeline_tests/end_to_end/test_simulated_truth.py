"""The simulator's phones and the engine share no code: what truly happened is what the engine finds."""

import os
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from cx_pipeline.core.calls.correlate import correlate
from cx_pipeline.core.calls.rules import DEFAULT_RULES
from cx_pipeline.simulator.comparison import compare
from cx_pipeline_tests.end_to_end.simulated_site import DAY, simulated_site

SEEDS = int(os.environ.get("CX_STRESS_SEEDS", "2"))
HOURS = 2


@pytest.mark.stress
@pytest.mark.timeout(120 + 30 * SEEDS)
@pytest.mark.parametrize("dialect", ["jtapi", "table", "both"])
@pytest.mark.parametrize("noise", ["realistic,lost=0", "realistic,lost=0,second_listener=yes"])
def test_every_leg_is_found_as_it_was_whatever_the_noise(tmp_path: Path, dialect: str, noise: str) -> None:
    for seed in range(SEEDS):
        start = DAY + timedelta(hours=9)
        site = simulated_site(
            tmp_path, noise=noise, calls=500, start=start, hours=HOURS, seed=seed, tenants=2, dialect=dialect
        )
        found = correlate(site.events, DEFAULT_RULES, site.directory, start + timedelta(hours=HOURS))
        result = compare(site.legs, found.legs)
        assert result.is_equal, (seed, result.differences, result.missing, result.unexpected)
        assert result.true > 300
        in_calls, counts = found.calls["event_count"].sum(), found.counts
        assert in_calls + counts.duplicates + found.quarantine.height == site.events.height


@pytest.mark.stress
@pytest.mark.timeout(120 + 30 * SEEDS)
def test_the_order_of_arrival_changes_no_field_not_even_the_evidence(tmp_path: Path) -> None:
    """Some facts come under two names at one instant: which of them decided is no matter of chance either."""
    noise = "realistic,duplicates=0,second_listener=yes"
    site = simulated_site(tmp_path, noise=noise, calls=800, hours=23.5, seed=11, tenants=2, dialect="both")
    events = site.events.with_row_index("number").with_columns(event_id=pl.format("event {}", "number"))
    as_of = DAY + timedelta(hours=23)
    as_it_came = correlate(events, DEFAULT_RULES, site.directory, as_of)
    for seed in range(2 * SEEDS):
        shuffled = correlate(
            events.sample(fraction=1, shuffle=True, seed=seed), DEFAULT_RULES, site.directory, as_of
        )
        assert_frame_equal(shuffled.legs, as_it_came.legs)
        assert_frame_equal(shuffled.calls, as_it_came.calls)
