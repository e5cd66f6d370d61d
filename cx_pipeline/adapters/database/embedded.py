"""The embedded PostgreSQL of one deployment: below `CX_HOME`/postgres, with a database for us and one for Dagster."""

from pathlib import Path
from typing import LiteralString

import psycopg
import stamina
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
    server = EmbeddedServer(embedded_folder(settings))
    # A server that is being killed is still there to see for a moment: who does not answer is looked for again.
    for attempt in stamina.retry_context(
        on=_NoAnswerError, attempts=8, timeout=60, wait_initial=0.1, wait_max=2
    ):
        with attempt:
            postmaster = server.start()
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
        reason = str(error).strip().splitlines()[0]
        raise _NoAnswerError(f"the embedded PostgreSQL does not answer: {reason}") from None


class _NoAnswerError(DatabaseUnavailableError):
    """The server seemed to run, but did not answer."""


def _create_database(connection: psycopg.Connection[tuple[object, ...]], name: str) -> None:
    try:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
        return  # another process made it just now
