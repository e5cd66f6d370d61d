"""Simulated records into the database: the rows of the simulated tenants replaced, those of others left alone."""

from collections.abc import Callable

import polars as pl
from sqlalchemy import Connection, Engine, Table, delete, insert, select

from cx_pipeline.adapters.database.connection import answers_expected
from cx_pipeline.adapters.database.staging import stage, staging_table
from cx_pipeline.simulator.cisco.records import SimulatedCisco
from cx_pipeline.simulator.cisco.tables import TABLES, TENANT, create_tables

ROWS_A_BATCH = 100_000


def fill(
    engine: Engine, simulated: SimulatedCisco, on_rows: Callable[[int], object] | None = None
) -> dict[str, int]:
    """Write the records into the schema of their flavour, making its tables where they are missing. All or nothing.

    Args:
        engine: on the database that is to play Cisco's.
        simulated: the records.
        on_rows: told how many more rows were written, for a progress bar.

    Returns:
        How many rows each of Cisco's tables got.

    Raises:
        DatabaseUnavailableError: the database does not answer; nothing was written.
    """
    plan = simulated.plan
    with answers_expected(), engine.begin() as connection:
        # Makes those wait who fill the same tables now.
        create_tables(connection, plan.flavour, plan.version)
        for name, table in TABLES[plan.flavour].items():
            _replace(connection, table, simulated.tables[name], list(simulated.peripheral_ids), on_rows)
    return {name: frame.height for name, frame in simulated.tables.items()}


def _replace(
    connection: Connection,
    table: Table,
    rows: pl.DataFrame,
    tenants: list[str],
    on_rows: Callable[[int], object] | None,
) -> None:
    columns = [column.name for column in table.c]
    staged = staging_table(f"staged_{table.name}", table, columns)
    connection.execute(delete(table).where(table.c[TENANT].in_(tenants)))
    for batch in rows.iter_slices(ROWS_A_BATCH):
        stage(connection, staged, batch)
        connection.execute(insert(table).from_select(columns, select(staged)))
        connection.execute(delete(staged))
        if on_rows is not None:
            on_rows(batch.height)
