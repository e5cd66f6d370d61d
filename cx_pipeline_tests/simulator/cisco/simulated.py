"""What the tests of the simulated Cisco share: true legs, and plans in which much goes wrong."""

from datetime import UTC, datetime
from functools import cache

import polars as pl

from cx_pipeline.simulator.cisco.plan import CiscoPlan, Trouble
from cx_pipeline.simulator.cisco.records import SimulatedCisco, simulate_records
from cx_pipeline.simulator.cisco.tables import Flavour
from cx_pipeline.simulator.plan import TrafficPlan
from cx_pipeline.simulator.traffic import simulate_traffic

START = datetime(2024, 1, 15, 9, tzinfo=UTC)
TROUBLED = Trouble(
    missing=0.05,
    late=0.2,
    ambiguous=0.05,
    no_extension=0.05,
    other_extension=0.05,
    reservations=0.1,
    reused_keys=0.1,
    wrong_talk_time=0.1,
    unseen_hold=0.1,
    wrap_up=0.8,
    odd_wrap_up=0.5,
    dialler=0.5,
    lag_s=(60, 300),
    late_minutes=(10, 60),
    jitter_ms=300,
)


@cache
def true_legs() -> pl.DataFrame:
    """Two tenants with equal extensions and call keys, both dialects, some calls in progress at the end."""
    plan = TrafficPlan(calls=700, start=START, tenants=2, dialect="both")
    return simulate_traffic(plan).legs


@cache
def simulated(
    flavour: Flavour = "ucce", trouble: Trouble = TROUBLED, version: str = "12.5"
) -> SimulatedCisco:
    """Records of `true_legs`."""
    return simulate_records(true_legs(), CiscoPlan(flavour=flavour, trouble=trouble, version=version))
