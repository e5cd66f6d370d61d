"""The embedded PostgreSQL of one deployment: below `CX_HOME`/postgres, with a database for us and one for Dagster."""

from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql

from cx_pipeline.adapters.database.embedded_server import EmbeddedServer
from cx_pipeline.adapters.database.postmaster import Postmaster
from cx_pipeline.core.errors import DatabaseUnavailableError
from cx_pipeline.settings import Settings

APPLICATION_DATABASE: LiteralString = "cx"
DAGSTER_DATABASE: LiteralString = "dagster"


def embedded_folder(settings: Settings) -> Path:
    """Where the embedded server lives."""
    return settings.home / "postgres"


def start_embedded(settings: Settings) -> Postmaster:
    """Find or start the embedded server, with its databases made. It outlives this process.

    Raises:
        ConfigurationError: its folder cannot be used.
        DatabaseUnavailableError: it did not start.
    """
    postmaster = EmbeddedServer(embedded_folder(settings)).start()
    ensure_databases(postmaster.url("postgres"), APPLICATION_DATABASE, DAGSTER_DATABASE)
    return postmaster


def stop_embedded(settings: Settings) -> bool:
    """Stop the embedded server, if it runs; sessions are ended and data is written. Says whether one ran."""
    return EmbeddedServer(embedded_folder(settings)).stop()


def find_embedded(settings: Settings) -> Postmaster | None:
    """The embedded server if it runs; starts nothing."""
    return EmbeddedServer(embedded_folder(settings)).find()


def ensure_databases(url: str, *names: str) -> None:
    """Make the databases that are missing; any number of processes may do so at once."""
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
            present = {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
            for name in names:
                if name not in present:
                    _create_database(connection, name)
    except psycopg.OperationalError as error:
        raise DatabaseUnavailableError(
            f"the embedded PostgreSQL does not answer: {str(error).strip()}"
        ) from None


def _create_database(connection: psycopg.Connection[tuple[object, ...]], name: str) -> None:
    try:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
        return  # another process made it just now
