"""What both flavours need to make rows of their tables: the agents, and frames of a table's columns."""

from datetime import UTC, datetime

import polars as pl
from sqlalchemy import Table

from cx_pipeline.simulator.cisco.tables import REPLICATED, TENANT, cisco_columns
from cx_pipeline.simulator.site import agent_id_of, agent_name_of

ALWAYS = datetime(2000, 1, 1, tzinfo=UTC)
"""Since when what is configured has been there."""


def agents_of(shares: pl.DataFrame) -> pl.DataFrame:
    """One row for each agent, by tenant and extension: `peripheralid`, `agent_id`, `agent_name`."""
    extension = pl.col("agent_extension").cast(pl.Int64)
    return (
        shares.select(TENANT, "agent_extension", peripheralid="peripheral_id")
        .unique()
        .sort(TENANT, extension)
        .with_columns(
            agent_id=extension.map_elements(agent_id_of, return_dtype=pl.String),
            agent_name=extension.map_elements(agent_name_of, return_dtype=pl.String),
            replicated_at=ALWAYS,
        )
    )


def shaped(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """The columns of a table, null where nothing is known."""
    wanted = [*cisco_columns(table), TENANT, REPLICATED]
    unknown = [pl.lit(None, pl.String).alias(column) for column in wanted if column not in frame.columns]
    return frame.with_columns(unknown).select(wanted)
