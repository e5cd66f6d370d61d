"""Simulated Cisco records: the rows of its reporting databases for true legs, and to which leg each belongs."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.simulator.cisco.plan import CiscoPlan
from cx_pipeline.simulator.cisco.shares import peripheral_ids, shares_of
from cx_pipeline.simulator.cisco.troubles import troubled
from cx_pipeline.simulator.cisco.truth import missing_of, truth_of
from cx_pipeline.simulator.cisco.ucce import ucce_tables
from cx_pipeline.simulator.cisco.uccx import uccx_tables
from cx_pipeline.simulator.frames import TRUE_LEG_SCHEMA


@dataclass(frozen=True, slots=True)
class SimulatedCisco:
    """What the reporting database of a simulated site holds."""

    plan: CiscoPlan
    tables: Mapping[str, pl.DataFrame]
    """By name of Cisco's table, lower case: its columns, `tenant_id` and `replicated_at`."""
    truth: pl.DataFrame
    """One row for each record, `TRUTH_SCHEMA`."""
    missing: pl.DataFrame
    """The completed legs that have no record, `MISSING_SCHEMA`."""
    peripheral_ids: Mapping[str, int]
    """Peripheral id (UCCX: profile id) by tenant."""


def simulate_records(legs: pl.DataFrame, plan: CiscoPlan) -> SimulatedCisco:
    """The records of true legs. The same legs and plan give the same rows on every run and machine.

    Args:
        legs: columns of `TRUE_LEG_SCHEMA`; those in progress have no record yet.
        plan: flavour, clock, and what goes wrong.

    Raises:
        ConfigurationError: the legs lack columns, or are not of this simulator.
    """
    legs = _true_legs(legs)
    shares = shares_of(legs, plan)
    records, missing = troubled(shares, legs, plan)
    write_down = ucce_tables if plan.flavour == "ucce" else uccx_tables
    tables, told = write_down(records, shares, plan)
    return SimulatedCisco(
        plan=plan,
        tables=tables,
        truth=truth_of(told, shares),
        missing=missing_of(missing),
        peripheral_ids=peripheral_ids(sorted(set(legs["tenant_id"])), plan),
    )


def _true_legs(legs: pl.DataFrame) -> pl.DataFrame:
    lacking = [name for name in TRUE_LEG_SCHEMA if name not in legs.columns]
    if lacking:
        raise ConfigurationError(
            f"these are no true legs of this version: {', '.join(lacking)} missing; "
            "make them with cx-pipeline simulate traffic --legs-out FILE.parquet"
        )
    legs = legs.select(pl.col(name).cast(dtype) for name, dtype in TRUE_LEG_SCHEMA.items())
    is_number = pl.col("agent_extension").str.contains("^[0-9]{1,9}$")
    is_key = pl.col("root_call_key").str.contains("^([0-9]{1,2}_)?[0-9]{1,8}$")
    odd = legs.filter(~(is_number & is_key).fill_null(value=False))
    if odd.height:
        raise ConfigurationError(
            f"true leg of extension {odd['agent_extension'][0]}, call {odd['root_call_key'][0]}: "
            "extensions and call keys are numbers in simulated traffic"
        )
    return legs
