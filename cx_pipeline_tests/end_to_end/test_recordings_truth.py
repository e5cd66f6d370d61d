"""The simulated recorders and the mixing share no code: what is in a recording is what was said, when, and by whom."""

import os
from pathlib import Path

import pytest

from cx_pipeline_tests.end_to_end.recorded_site import recorded_site

SEEDS = int(os.environ.get("CX_STRESS_SEEDS", "2"))


@pytest.mark.stress
@pytest.mark.timeout(200 + 200 * SEEDS)
def test_every_voice_is_heard_when_and_where_it_spoke(tmp_path: Path) -> None:
    for seed in range(SEEDS):
        site = recorded_site(tmp_path / str(seed), seed=seed)
        result = site.compared([site.rendered(plan) for plan in site.plans])
        assert result.is_right, (seed, result.findings.to_dicts()[:5], result.missing_legs.to_dicts()[:5])
        assert result.max_middle_error_ms <= 20
        assert result.stretches > 200
