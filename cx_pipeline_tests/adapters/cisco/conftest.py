"""Sources on a real PostgreSQL with tables of Cisco's names, as the simulated Cisco makes them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
import stamina
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr
from sqlalchemy import Engine, insert

from cx_pipeline.adapters.cisco.source import CiscoSource
from cx_pipeline.adapters.database.postmaster import Postmaster
from cx_pipeline.simulator.cisco.tables import TABLES, Flavour, create_tables
from cx_pipeline.system_settings import CiscoSourceSettings
from cx_pipeline_tests.adapters.cisco.cisco_rows import LONG_AGO

ODBC_DRIVER = "PostgreSQL Unicode"
READER, PASSWORD = "cisco_reader", "geheim;42"
"""A user who needs the password. It holds what both URLs and ODBC have to quote."""

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


@dataclass(frozen=True, slots=True)
class GuardedServer:
    """A server that wants the reader's password, and how one says where it is."""

    folder: str
    port: int
    database: str

    def url(self, *, password: str = PASSWORD, host: str = "", port: int = 0, database: str = "") -> str:
        """As psycopg takes it."""
        place = f"host={quote(host or self.folder, safe='')}&port={port or self.port}"
        return f"postgresql://{READER}:{quote(password)}@/{database or self.database}?{place}"

    def odbc(self, *, password: str = PASSWORD, host: str = "", port: int = 0, database: str = "") -> str:
        """As ODBC takes it."""
        place = f"SERVER={host or self.folder};PORT={port or self.port};DATABASE={database or self.database}"
        return f"DRIVER={{{ODBC_DRIVER}}};{place};UID={READER};PWD={{{password}}}"


@pytest.fixture(scope="session")
def reader(database_server: Postmaster) -> str:
    """A user who is let in by password only and who may read nothing yet."""
    with psycopg.connect(database_server.url("postgres"), autocommit=True) as connection:
        create = "CREATE ROLE {} LOGIN PASSWORD {}"
        connection.execute(sql.SQL(create).format(sql.Identifier(READER), sql.Literal(PASSWORD)))
        path = sql.SQL("ALTER ROLE {} SET search_path = cisco_ucce, cisco_uccx")
        connection.execute(path.format(sql.Identifier(READER)))
        found = connection.execute("SHOW hba_file").fetchone()
        rules = Path(str(found[0] if found else ""))
        rules.write_text(f"local all {READER} scram-sha-256\n{rules.read_text()}")
        connection.execute("SELECT pg_reload_conf()")
    without_password = database_server.url("postgres").replace("//postgres@", f"//{READER}@")
    for attempt in stamina.retry_context(on=_StillLetIn, attempts=100, wait_max=0.2, timeout=30):
        with attempt:
            _want_refusal(without_password)
    return READER


class _StillLetIn(Exception):
    """The server has not read its new rules yet."""


def _want_refusal(url: str) -> None:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return
    raise _StillLetIn


@pytest.fixture
def guarded(database_url: SecretStr, engine: Engine, reader: str) -> GuardedServer:
    """This test's database as the reader reaches it, who may read what a flavour's tables were filled with before."""
    wanted = conninfo_to_dict(database_url.get_secret_value())
    allow = f"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {reader}; ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO {reader}"
    with engine.begin() as connection:
        connection.exec_driver_sql(allow)
    return GuardedServer(str(wanted["host"]), int(str(wanted["port"])), str(wanted["dbname"]))


@pytest.fixture
def odbc() -> None:
    """Skips a test where PostgreSQL's ODBC driver is not installed."""
    pyodbc = pytest.importorskip(
        "pyodbc", reason="unixODBC is not installed (package unixodbc)", exc_type=ImportError
    )
    if ODBC_DRIVER not in pyodbc.drivers():
        pytest.skip(f"the ODBC driver {ODBC_DRIVER!r} is not installed (package odbc-postgresql)")
