"""A pool of connections to one database of Cisco's, and statements answered by it."""

from collections.abc import Callable, Iterator, Mapping
from time import monotonic
from typing import Any

from pydantic import SecretStr
from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool

from cx_pipeline.adapters.cisco.connections import Driver, Rows, driver_for
from cx_pipeline.adapters.cisco.failures import DriverError, reading_failed
from cx_pipeline.adapters.sql_statements import Statement, Value
from cx_pipeline.core.errors import CxError, SourceUnavailableError
from cx_pipeline.system_settings import CiscoSourceSettings

ROWS_AT_ONCE = 5_000
_POOL_SIZE = 2
_MAX_OVERFLOW = 4
_LONGEST_LIFE_S = 1800
_TRUSTED_FOR_S = 5
"""For how long after its last use a connection is taken without asking whether it still is one."""


class SourceDatabase:
    """One database of Cisco's. Connects when it is first asked; knows no flavour."""

    def __init__(self, settings: CiscoSourceSettings, embedded_url: Callable[[], SecretStr]) -> None:
        self._settings = settings
        self._embedded_url = embedded_url
        self._pool: QueuePool | None = None
        self._driver: Driver | None = None

    def __repr__(self) -> str:
        """Without the connection, which is a secret."""
        return f"SourceDatabase({self._settings.name!r})"

    def rows(self, statement: Statement, values: Mapping[str, Value]) -> Iterator[Rows]:
        """A statement's rows, some thousands at a time; once with no rows if there are none.

        Raises:
            ConfigurationError: the statement has a parameter that it may not use.
            SourceRefusedError: the database does not let us in, or does not understand the statement.
            SourceUnavailableError: it does not answer, or not in time.
        """
        driver = self._reach()
        connection = self._checked_out()
        failed: CxError
        try:
            yield from driver.rows(connection.dbapi_connection, statement, values, ROWS_AT_ONCE)
            return
        except CxError:
            raise
        except (
            Exception
        ) as error:  # of whichever driver it is; a programming error is told as well as it can be
            if not _is_of_a_driver(error):
                raise
            connection.invalidate()
            self._start_anew()
            failed = reading_failed(
                self._settings.name, DriverError.of(error), driver.secrets, statement.file.name
            )
        finally:
            connection.close()
        raise failed  # outside of the handler: the driver's error, which may hold secrets, is not attached

    def close(self) -> None:
        """Give back the pooled connections."""
        if self._pool is not None:
            self._pool.dispose()

    def _start_anew(self) -> None:
        """Drop the idle connections too: what ended one has probably ended them all."""
        self.close()
        if self._driver is not None:
            self._pool = _pool(self._driver, self._settings.connect_timeout_s)

    def _reach(self) -> Driver:
        if self._driver is None:
            self._driver = driver_for(self._settings, self._embedded_url)
            self._pool = _pool(self._driver, self._settings.connect_timeout_s)
        return self._driver

    def _checked_out(self) -> Any:
        assert self._pool is not None  # noqa: S101 - for the type checker: `_reach` came before
        name = self._settings.name
        try:
            return self._pool.connect()
        except PoolTimeoutError:
            advice = "all our connections to it are in use: see what keeps it busy"
        except SQLAlchemyError:
            advice = "the connection was lost: see whether the server runs, and the network"
        raise SourceUnavailableError(f"Cisco source {name!r}: {advice}")


def _pool(driver: Driver, timeout_s: float) -> QueuePool:
    pool = QueuePool(
        driver.connect,
        pool_size=_POOL_SIZE,
        max_overflow=_MAX_OVERFLOW,
        timeout=timeout_s,
        recycle=_LONGEST_LIFE_S,
    )

    def note(_connection: Any, record: Any) -> None:
        record.info["used_at"] = monotonic()

    def ask(connection: Any, record: Any, _proxy: Any) -> None:
        if monotonic() - record.info["used_at"] > _TRUSTED_FOR_S and not driver.is_alive(connection):
            raise DisconnectionError

    event.listen(pool, "connect", note)
    event.listen(pool, "checkin", note)
    event.listen(pool, "checkout", ask)
    return pool


def _is_of_a_driver(error: Exception) -> bool:
    """Whether a database driver raised it: all of them have the classes that the DB-API wants."""
    return any(
        kind.__name__ in {"Error", "Warning"} and kind.__module__ != "builtins"
        for kind in type(error).__mro__
    )
