"""How to reach the application's database: its URL, and an engine that gives up in time."""

from collections.abc import Iterator
from contextlib import contextmanager

import adbc_driver_manager
from pydantic import SecretStr
from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from cx_pipeline.adapters.database.embedded import APPLICATION_DATABASE, DAGSTER_DATABASE, start_embedded
from cx_pipeline.core.errors import ConfigurationError, DatabaseUnavailableError
from cx_pipeline.settings import Settings

APPLICATION_NAME = "cx-pipeline"
CONNECT_TIMEOUT_S = 10
STATEMENT_TIMEOUT_S = 300
"""The longest statement is the read of an hour of a large site: seconds. Five minutes is a hang."""

_LIBPQ_SCHEME = "postgresql"


def database_url(settings: Settings) -> SecretStr:
    """URI of the application's database, in libpq's form; finds or starts the embedded server if none is set.

    Raises:
        ConfigurationError: `CX_DATABASE_URL` is no PostgreSQL URL, or the embedded server's folder cannot be used.
        DatabaseUnavailableError: the embedded server did not start.
    """
    if settings.database_url is not None:
        return SecretStr(_text(_parsed(settings.database_url, "CX_DATABASE_URL")))
    return SecretStr(start_embedded(settings).url(APPLICATION_DATABASE))


def dagster_database_url(settings: Settings) -> SecretStr:
    """URL of the database of Dagster's own storage, with the driver that dagster-postgres installs.

    Raises:
        ConfigurationError: `CX_DATABASE_URL` is set and `CX_DAGSTER_DATABASE_URL` is not, or it is no PostgreSQL URL.
        DatabaseUnavailableError: the embedded server did not start.
    """
    if settings.dagster_database_url is not None:
        url = _parsed(settings.dagster_database_url, "CX_DAGSTER_DATABASE_URL")
    elif settings.database_url is not None:
        message = (
            "CX_DATABASE_URL is set and CX_DAGSTER_DATABASE_URL is not: give Dagster a database of its own"
        )
        raise ConfigurationError(message)
    else:
        url = make_url(start_embedded(settings).url(DAGSTER_DATABASE))
    # SQLAlchemy 2.1 reads a bare postgresql:// as psycopg 3, which dagster-postgres does not use.
    return SecretStr(_text(url.set(drivername="postgresql+psycopg2")))


def open_engine(settings: Settings) -> Engine:
    """An engine on the application's database; see `engine_for`. Raises as `database_url` does."""
    return engine_for(database_url(settings))


def engine_for(url: SecretStr) -> Engine:
    """An engine (psycopg 3) that tests connections before use and never waits for ever. Connects to nothing yet."""
    return create_engine(
        make_url(url.get_secret_value()).set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,
        pool_size=5,
        max_overflow=10,
        pool_timeout=30,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": APPLICATION_NAME,
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT_S}s",
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
        },
    )


def bulk_uri(engine: Engine) -> str:
    """The URI, secret included, by which ADBC reaches the same database with the same time-outs."""
    url = engine.url.set(drivername=_LIBPQ_SCHEME)
    wanted = {
        "connect_timeout": str(CONNECT_TIMEOUT_S),
        "application_name": APPLICATION_NAME,
        "options": f"-c statement_timeout={STATEMENT_TIMEOUT_S}s",
    }
    missing = {name: value for name, value in wanted.items() if name not in url.query}
    return _text(url.update_query_dict(missing))


def unavailable(error: Exception) -> DatabaseUnavailableError:
    """Our error for a database that does not answer: one line that says why, without the URL or its secrets."""
    cause = getattr(error, "orig", None) or error
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    return DatabaseUnavailableError(
        f"the database does not answer: {lines[0] if lines else 'no reason given'}"
    )


@contextmanager
def answers_expected() -> Iterator[None]:
    """Turn the drivers' errors of a database that is away, or too slow, into ours.

    Raises:
        DatabaseUnavailableError: the database cannot be reached, ended the session, or took too long.
    """
    try:
        yield
    except (OperationalError, adbc_driver_manager.OperationalError, PoolTimeoutError) as error:
        raise unavailable(error) from None


def _parsed(secret: SecretStr, variable: str) -> URL:
    text = secret.get_secret_value().replace("postgres://", "postgresql://", 1)
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ConfigurationError(
            f"{variable} is no URL: write postgresql://user:password@host:5432/database"
        ) from None
    if url.get_backend_name() != _LIBPQ_SCHEME:
        raise ConfigurationError(
            f"{variable} names no PostgreSQL: write postgresql://user:password@host:5432/database"
        )
    return url.set(drivername=_LIBPQ_SCHEME)


def _text(url: URL) -> str:
    place, mark, query = url.render_as_string(hide_password=False).partition("?")
    # SQLAlchemy leaves a blank in a password and writes one in the query as +; libpq reads neither.
    return place.replace(" ", "%20") + mark + query.replace("+", "%20")
