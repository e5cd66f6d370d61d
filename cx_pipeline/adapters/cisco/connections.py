"""Connections to Cisco's databases: read-only, with time-outs on connecting and on each statement."""

import importlib
import importlib.util
import math
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Protocol

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from cx_pipeline.adapters.cisco.failures import DriverError, connecting_failed
from cx_pipeline.adapters.database.connection import APPLICATION_NAME
from cx_pipeline.adapters.sql_statements import Statement, Value
from cx_pipeline.core.errors import CxError, SourceRefusedError
from cx_pipeline.system_settings import CiscoSourceSettings

EMBEDDED = "embedded"
"""The connection that stands for the application's own database, where the simulated Cisco has its tables."""

Rows = tuple[list[str], Sequence[Sequence[Any]]]
"""Names of columns, and rows."""
_PYODBC, _MSSQL = "pyodbc", "mssql_python"
_POSTGRESQL = "PostgreSQL"
_INFORMIX = "Informix"


class Driver(Protocol):
    """How one kind of database is reached. Methods raise the driver's own errors, `connect` ours."""

    secrets: tuple[str, ...]
    """What must not appear in a message."""

    def connect(self) -> Any:
        """A new connection (DB-API)."""

    def is_alive(self, connection: Any) -> bool:
        """Whether a pooled connection still answers."""

    def rows(
        self, connection: Any, statement: Statement, values: Mapping[str, Value], size: int
    ) -> Iterator[Rows]:
        """The statement's rows, `size` at a time; once with no rows if there are none."""


def driver_for(settings: CiscoSourceSettings, embedded_url: Callable[[], SecretStr]) -> Driver:
    """The driver that the connection asks for. Connects to nothing yet.

    Raises:
        SourceRefusedError: the connection's file cannot be read, or its driver is not installed.
    """
    connection = _connection_text(settings)
    if connection == EMBEDDED:
        url = embedded_url().get_secret_value()
        return PostgresDriver(settings, url, search_path=f"cisco_{settings.flavour}")
    if re.match(r"postgres(ql)?://", connection):
        return PostgresDriver(settings, connection)
    names_driver = re.search(r"\b(driver|dsn|filedsn)\s*=", connection, re.IGNORECASE) is not None
    if settings.flavour == "ucce" and not names_driver and importlib.util.find_spec(_MSSQL) is not None:
        return OdbcDriver(settings, connection, module=_MSSQL)
    return OdbcDriver(settings, connection)


def _connection_text(settings: CiscoSourceSettings) -> str:
    text, wrong = "", None
    if settings.connection is not None:
        text = settings.connection.get_secret_value().strip()
    elif settings.connection_file is not None:
        try:
            text = settings.connection_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            wrong = f"its connection_file {settings.connection_file} cannot be read: {reason}"
    if not text:
        wrong = f"Cisco source {settings.name!r}: {wrong or 'its connection is empty'}"
        raise SourceRefusedError(wrong)
    return text


class PostgresDriver:
    """PostgreSQL by psycopg, with a cursor on the server's side."""

    def __init__(self, settings: CiscoSourceSettings, url: str, search_path: str | None = None) -> None:
        self._settings = settings
        self._search_path = search_path
        self._url = url
        self.secrets: tuple[str, ...] = (url,)

    def connect(self) -> Any:
        """A connection whose transactions cannot write."""
        failed: CxError
        try:
            wanted = conninfo_to_dict(self._url)
            self.secrets = (self._url, str(wanted.get("password") or ""))
            return psycopg.connect(**{**wanted, **self._options(str(wanted.get("options") or ""))})
        except psycopg.ProgrammingError:
            failed = SourceRefusedError(
                f"Cisco source {self._settings.name!r}: its connection is no URL that PostgreSQL understands"
            )
        except psycopg.Error as error:
            failed = connecting_failed(self._settings.name, DriverError.of(error))
        raise failed  # outside of the handler: the driver's error, which may hold secrets, is not attached

    def is_alive(self, connection: Any) -> bool:
        """Whether the server answers."""
        try:
            connection.execute("SELECT 1")
            connection.rollback()
        except psycopg.Error:
            return False
        return True

    def rows(
        self, connection: Any, statement: Statement, values: Mapping[str, Value], size: int
    ) -> Iterator[Rows]:
        """The statement's rows, from a cursor on the server's side."""
        text, parameters = statement.for_psycopg(values)
        with connection.cursor(name="cisco_records") as cursor:
            cursor.execute(text, parameters)
            yield from _fetched(cursor, size)

    def _options(self, own: str) -> dict[str, Any]:
        timeout_ms = math.ceil(self._settings.statement_timeout_s * 1000)
        ours = f"-c default_transaction_read_only=on -c timezone=UTC -c statement_timeout={timeout_ms}"
        path = f" -c search_path={self._search_path}" if self._search_path else ""
        return {
            "connect_timeout": max(2, math.ceil(self._settings.connect_timeout_s)),  # libpq takes 1 for 2
            "application_name": APPLICATION_NAME,
            "options": f"{own} {ours}{path}".strip(),
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
        }


class OdbcDriver:
    """SQL Server, Informix and others by pyodbc; SQL Server also by mssql-python, which brings its own driver."""

    def __init__(self, settings: CiscoSourceSettings, connection: str, module: str = _PYODBC) -> None:
        self._settings = settings
        self._module = module
        self._connection = _with_intent(connection) if settings.flavour == "ucce" else connection
        passwords = re.findall(
            r"(?:pwd|password)\s*=\s*(\{(?:[^}]|\}\})*\}|[^;]*)", connection, re.IGNORECASE
        )
        self.secrets: tuple[str, ...] = (
            connection,
            *passwords,
            *(password.strip("{}") for password in passwords),
        )

    def connect(self) -> Any:
        """A connection that tells its driver that it only reads."""
        api = self._api()
        failed: CxError
        try:
            connection = api.connect(
                self._connection,
                timeout=math.ceil(self._settings.connect_timeout_s),
                autocommit=True,
                **({"readonly": True} if self._module == _PYODBC else {}),
            )
            self._prepare(connection, api)
            return connection
        except (api.Error, *_more_errors(api)) as error:
            failed = connecting_failed(self._settings.name, DriverError.of(error))
        raise failed  # outside of the handler: the driver's error, which may hold secrets, is not attached

    def is_alive(self, connection: Any) -> bool:
        """Whether the server answers."""
        question = "SELECT 1"
        if _INFORMIX in _product(connection):
            question = "SELECT tabid FROM systables WHERE tabid = 1"
        try:
            connection.cursor().execute(question).fetchall()
        except self._api().Error:
            return False
        return True

    def rows(
        self, connection: Any, statement: Statement, values: Mapping[str, Value], size: int
    ) -> Iterator[Rows]:
        """The statement's rows; it is cancelled if its first are not there in time."""
        text, parameters = statement.for_odbc(values)
        cursor = connection.cursor()
        try:
            with _cancelled_after(self._settings.statement_timeout_s + 1, cursor):
                cursor.execute(text, parameters)
            yield from _fetched(cursor, size)
        finally:
            with suppress(self._api().Error):
                cursor.close()

    def _api(self) -> Any:
        try:
            api: Any = importlib.import_module(self._module)
        except ImportError:
            advice = "unixODBC (libodbc) or pyodbc is missing on this machine: install the system's package unixodbc"
            failed = SourceRefusedError(f"Cisco source {self._settings.name!r}: {advice}")
        else:
            if self._module == _PYODBC:
                api.pooling = False  # connections are pooled by us
            return api
        raise failed

    def _prepare(self, connection: Any, api: Any) -> None:
        seconds = math.ceil(self._settings.statement_timeout_s)
        if _POSTGRESQL in _product(connection):  # its ODBC driver takes neither as an attribute
            connection.cursor().execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
            connection.cursor().execute(f"SET statement_timeout = '{seconds}s'")
            connection.cursor().execute("SET timezone = 'UTC'")
            return
        with suppress(
            api.Error
        ):  # where a driver has no such attribute, the statement is cancelled from here
            connection.timeout = seconds


def _with_intent(connection: str) -> str:
    """For SQL Server: says that we only read, so that a secondary replica may answer."""
    if re.search(r"application\s*intent\s*=|driver\s*=\s*\{?(postgres|psql)", connection, re.IGNORECASE):
        return connection
    return f"{connection.rstrip('; ')};ApplicationIntent=ReadOnly"


def _more_errors(api: Any) -> tuple[type[Exception], ...]:
    """What mssql-python raises for a connection string that it does not understand is no error of its database API."""
    unreadable = getattr(api, "ConnectionStringParseError", None)
    return () if unreadable is None else (unreadable,)


def _product(connection: Any) -> str:
    sql_dbms_name = 17
    return str(connection.getinfo(sql_dbms_name))


@contextmanager
def _cancelled_after(seconds: float, cursor: Any) -> Iterator[None]:
    watchdog = threading.Timer(seconds, getattr(cursor, "cancel", lambda: None))
    watchdog.daemon = True
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()


def _fetched(cursor: Any, size: int) -> Iterator[Rows]:
    names = [str(column[0]) for column in cursor.description]
    rows = cursor.fetchmany(size)
    while True:
        yield names, rows
        if len(rows) < size or not (rows := cursor.fetchmany(size)):
            return
