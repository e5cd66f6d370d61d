"""Sources on a real PostgreSQL with tables of Cisco's names, as the simulated Cisco makes them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, insert

from cx_pipeline.adapters.cisco.source import CiscoSource
from cx_pipeline.settings import CiscoSourceSettings
from cx_pipeline.simulator.cisco.tables import TABLES, Flavour, create_tables
from cx_pipeline_tests.adapters.cisco.cisco_rows import LONG_AGO

OpenSource = Callable[..., CiscoSource]
Fill = Callable[..., None]


@pytest.fixture
def open_source(database_url: SecretStr) -> Iterator[OpenSource]:
    """Opens a source of a flavour; anything of its settings may be said."""
    opened = []

    def open_one(flavour: str = "ucce", **settings: Any) -> CiscoSource:
        given = {"name": "hds", "flavour": flavour, "connection": SecretStr("embedded"), **settings}
        source = CiscoSource(CiscoSourceSettings(**given), embedded_url=lambda: database_url)
        opened.append(source)
        return source

    yield open_one
    for source in opened:
        source.close()


@pytest.fixture
def fill(engine: Engine) -> Fill:
    """Makes a flavour's tables and puts rows into them, by the table's name."""

    def put(flavour: Flavour, version: str = "12.5", **rows: list[dict[str, Any]]) -> None:
        create_tables(engine, flavour, version)
        with engine.begin() as connection:
            for table, its_rows in rows.items():
                replicated = [
                    {"tenant_id": "t", "replicated_at": LONG_AGO, **{k.lower(): v for k, v in row.items()}}
                    for row in its_rows
                ]
                for row in replicated:
                    connection.execute(insert(TABLES[flavour][table]), row)

    return put
