"""How the simulated Cisco is asked for, and what is refused."""

from datetime import timedelta
from typing import Any

import pytest

from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.simulator.cisco.plan import (
    PROBABILITIES,
    QUIET,
    REALISTIC,
    CiscoPlan,
    Trouble,
    trouble_from_text,
)


def test_presets_and_single_settings_are_read_from_text_in_their_order() -> None:
    assert trouble_from_text("realistic") == REALISTIC
    assert trouble_from_text("none", REALISTIC) == QUIET
    trouble = trouble_from_text("none, missing=0.5,late_minutes=5-60,lag_s=30,jitter_ms=9")
    assert (trouble.missing, trouble.late_minutes, trouble.lag_s, trouble.jitter_ms) == (
        0.5,
        (5, 60),
        (30, 30),
        9,
    )
    assert trouble_from_text("missing=0.5,none") == QUIET


@pytest.mark.parametrize("name", PROBABILITIES)
@pytest.mark.parametrize("value", [-0.01, 1.01, float("nan")])
def test_what_is_no_probability_is_refused_by_its_name(name: str, value: float) -> None:
    with pytest.raises(ConfigurationError, match=rf"trouble {name}=.*from 0 to 1"):
        Trouble(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"flavour": "genesys"}, "flavour 'genesys': give one of ucce, uccx"),
        ({"version": "12"}, "version '12': give one of 12.5, 11.6"),
        ({"seed": -1}, "seed -1"),
        ({"clock_skew": timedelta(hours=2)}, "skew 7200 s: give at most 3600"),
        ({"time_zones": ()}, "time_zones"),
        ({"time_zones": ("Mars/Olympus",)}, "time zone 'Mars/Olympus' is not known"),
        ({"peripheral_ids": {"red": 5000, "blue": 5000}}, "an id of its own"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        CiscoPlan(**wrong)


@pytest.mark.parametrize(
    "wrong", [{"lag_s": (5, 4)}, {"late_minutes": (-1, 4)}, {"late_minutes": (0, 99_999)}, {"jitter_ms": 401}]
)
def test_a_span_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        Trouble(**wrong)
