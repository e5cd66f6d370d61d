"""A real PostgreSQL for tests: one embedded server for each session (and worker), a fresh database for each test."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from cx_pipeline.adapters.database.connection import engine_for
from cx_pipeline.adapters.database.embedded import ensure_databases
from cx_pipeline.adapters.database.embedded_server import TUNING, EmbeddedServer
from cx_pipeline.adapters.database.migrate import migrate
from cx_pipeline.adapters.database.postmaster import Postmaster

# A test's data need not outlive the machine: no waiting for the disk.
TEST_TUNING = {
    **TUNING,
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "autovacuum": "off",
}
_TEMPLATE = "template_migrated"
_numbers = count(1)


@contextmanager
def copied_database(server: Postmaster, template: str) -> Iterator[SecretStr]:
    """URI (libpq's form) of a copy of a database, which goes with the context."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY".encode())
        yield SecretStr(server.url(name))
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(scope="session")
def database_server() -> Iterator[Postmaster]:
    """A server of this session's own. Not below pytest's folder, which the server's account may not enter."""
    folder = Path(tempfile.mkdtemp(prefix="cx-tests-"))
    server = EmbeddedServer(folder / "postgres", tuning=TEST_TUNING)
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def database_template(database_server: Postmaster) -> str:
    """The name of a migrated, empty database that is copied for each test."""
    ensure_databases(database_server.url("postgres"), _TEMPLATE)
    engine = engine_for(SecretStr(database_server.url(_TEMPLATE)))
    migrate(engine)
    engine.dispose()
    return _TEMPLATE


@pytest.fixture
def database_url(database_server: Postmaster, database_template: str) -> Iterator[SecretStr]:
    """URI (libpq's form) of a migrated, empty database of this test's own."""
    with copied_database(database_server, database_template) as url:
        yield url


@pytest.fixture
def engine(database_url: SecretStr) -> Iterator[Engine]:
    """An engine on a migrated, empty database of this test's own."""
    engine = engine_for(database_url)
    yield engine
    engine.dispose()
