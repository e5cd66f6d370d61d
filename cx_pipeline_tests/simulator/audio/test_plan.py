"""Plans of simulated audio: what is asked for in words, and what cannot be."""

from typing import Any

import pytest

from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.simulator.audio.plan import QUIET, REALISTIC, AudioPlan, AudioTrouble, trouble_from_text
from cx_pipeline.simulator.audio.recorders import sites_of


def test_trouble_is_read_from_words() -> None:
    assert trouble_from_text("realistic") == REALISTIC
    assert trouble_from_text("none", REALISTIC) == QUIET
    trouble = trouble_from_text("empty=0.5, setup_ms=5-60,clock_offset_ms=100,drift_ppm=7")
    assert trouble == AudioTrouble(empty=0.5, setup_ms=(5, 60), clock_offset_ms=100, drift_ppm=7)
    assert trouble_from_text("mask=1", trouble).empty == 0.5


@pytest.mark.parametrize(
    "text",
    ["nonsense", "empty=2", "empty=x", "setup_ms=9-3", "setup_ms=a-b", "drift_ppm=-1", "clock_offset_ms=1e3"],
)
def test_trouble_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="trouble"):
        trouble_from_text(text)


@pytest.mark.parametrize("changes", [{"seed": -1}, {"recorders": 0}, {"recorders": 100}])
def test_a_plan_that_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="give"):
        AudioPlan(**changes)


def test_each_tenant_has_its_recorders_with_clocks_of_their_own() -> None:
    sites = sites_of(["red", "blue"], AudioPlan(seed=1, recorders=4))
    recorders = [recorder for site in sites.values() for recorder in site.all()]
    assert len({recorder.recorder_id for recorder in recorders}) == 2 * (4 + 2)
    assert len({recorder.offset_ms for recorder in recorders}) > 8
    assert max(abs(recorder.offset_ms) for recorder in recorders) <= 3000
    assert max(abs(recorder.drift_ppm) for recorder in recorders) <= 200
    assert [site.bridges[0].knows_refci for site in sites.values()] == [True, False]


def test_older_tenants_can_be_named() -> None:
    sites = sites_of(["red", "blue"], AudioPlan(older_tenants=frozenset({"blue"})))
    assert {tenant: site.bridges[0].knows_refci for tenant, site in sites.items()} == {
        "red": True,
        "blue": False,
    }
