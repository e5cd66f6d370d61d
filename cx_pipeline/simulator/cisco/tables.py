"""Cisco's reporting tables on PostgreSQL: their names and columns, in a schema for each flavour.

Rows stand in tables named `<table>_all`, with two columns more: the tenant they were simulated for, and when the row
has reached the reporting database. The tables of Cisco's names are views of what has reached it by now, where `now`
is the setting `simulated.now` of the session (a time with its zone), else the moment at which `set_clock` stopped the
schema's clock, else the present.

Names are lower case, as SQL Server and Informix take them in any case and PostgreSQL folds them.
"""

from datetime import datetime
from typing import Literal

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    DateTime,
    Engine,
    Index,
    MetaData,
    Table,
    Text,
    delete,
    insert,
    text,
)
from sqlalchemy.schema import CreateSchema

from cx_pipeline.simulator.cisco.columns import SEARCHED, UCCE, UCCX, Columns

Flavour = Literal["ucce", "uccx"]
FLAVOURS: tuple[Flavour, ...] = ("ucce", "uccx")
UCCE_VERSIONS = ("12.5", "11.6")
SCHEMAS: dict[Flavour, str] = {"ucce": "cisco_ucce", "uccx": "cisco_uccx"}
ALL_ROWS = "_all"
"""What the name of a table ends in that holds the rows of a view."""
TENANT, REPLICATED = "tenant_id", "replicated_at"
"""The columns of those tables that are not Cisco's."""
UTC_END = "callterminateddatetimeutc"
"""The column of Termination_Call_Detail that releases before 12.5 have not."""

CLOCK = "simulated_clock"
"""A table of one row: the moment at which the clock of the schema stands."""

_CREATION_LOCK = 5_820_061


def _clock(flavour: Flavour) -> Table:
    return Table(
        CLOCK,
        MetaData(schema=SCHEMAS[flavour]),
        Column("is_set", Boolean, CheckConstraint("is_set"), primary_key=True),
        Column("stands_at", DateTime(timezone=True), nullable=False),
    )


def _tables(flavour: Flavour, declared: dict[str, Columns]) -> dict[str, Table]:
    metadata = MetaData(schema=SCHEMAS[flavour])
    tables = {}
    for name, columns in declared.items():
        base = f"{name.lower()}{ALL_ROWS}"
        table = Table(
            base,
            metadata,
            *(Column(column.lower(), kind) for column, kind in columns.items()),
            Column(TENANT, Text, nullable=False, index=True),
            Column(REPLICATED, DateTime(timezone=True), nullable=False),
        )
        for column in SEARCHED[base]:
            Index(f"ix_{base}_{column}", table.c[column])
        tables[name.lower()] = table
    return tables


TABLES: dict[Flavour, dict[str, Table]] = {"ucce": _tables("ucce", UCCE), "uccx": _tables("uccx", UCCX)}
"""By flavour and name of Cisco's table (lower case): the table that holds its rows."""
_CLOCKS = {flavour: _clock(flavour) for flavour in FLAVOURS}


def create_tables(database: Engine | Connection, flavour: Flavour, version: str = "12.5") -> None:
    """Make the schema, the tables and the views of a flavour, or what of them is missing; rows stay.

    Args:
        database: an engine, or a connection in a transaction, which the caller ends.
        flavour: whose tables.
        version: of UCCE; before 12.5 Termination_Call_Detail has no CallTerminatedDateTimeUTC.
    """
    if isinstance(database, Engine):
        with database.begin() as connection:
            create_tables(connection, flavour, version)
        return
    tables = TABLES[flavour]
    database.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _CREATION_LOCK})
    database.execute(CreateSchema(SCHEMAS[flavour], if_not_exists=True))
    _CLOCKS[flavour].create(database, checkfirst=True)
    next(iter(tables.values())).metadata.create_all(database)
    for name, table in tables.items():
        _replace_view(database, name, table, hidden=() if version == "12.5" else (UTC_END,))


def set_clock(engine: Engine, flavour: Flavour, stands_at: datetime | None) -> None:
    """Stop the clock of a flavour's views, for all sessions: they show what had been replicated then. None: let it go."""
    clock = _CLOCKS[flavour]
    with engine.begin() as connection:
        connection.execute(delete(clock))
        if stands_at is not None:
            connection.execute(insert(clock).values(is_set=True, stands_at=stands_at))


def cisco_columns(table: Table) -> list[str]:
    """Names of a table's columns that are Cisco's."""
    return [column.name for column in table.c if column.name not in (TENANT, REPLICATED)]


def _replace_view(connection: Connection, name: str, table: Table, hidden: tuple[str, ...]) -> None:
    schema = table.schema
    columns = ", ".join(column for column in cisco_columns(table) if column not in hidden)
    # A view cannot be replaced by one with fewer columns: it is dropped, which only this transaction sees.
    connection.execute(text(f"DROP VIEW IF EXISTS {schema}.{name}"))
    connection.execute(
        text(
            # The names are those declared above.
            f"CREATE VIEW {schema}.{name} AS SELECT {columns} FROM {schema}.{table.name}"  # noqa: S608
            f" WHERE {REPLICATED} <= "
            "coalesce(nullif(current_setting('simulated.now', true), '')::timestamptz,"
            f" (SELECT stands_at FROM {schema}.{CLOCK}), now())"
        )
    )
