"""What a driver's error means for us: one line that names the source and says what to check, of a type of ours.

A text of the driver is looked at first where a connection fails, as libpq and its ODBC driver tell all of these apart
by text only; then SQLSTATE, the longest beginning first:

    | SQLSTATE             | means                                        | ours        |
    | -------------------- | -------------------------------------------- | ----------- |
    | 28…                  | user name or password                        | refused     |
    | 3D, 3F, 42S02, 42P01 | no such database, schema, table              | refused     |
    | 42S22, 42703         | no such column                               | refused     |
    | 42501                | no right to read                             | refused     |
    | 42…, 37…             | the statement is not understood              | refused     |
    | 22…, 23…, 25006, 0A… | the statement cannot be answered             | refused     |
    | IM…                  | the ODBC driver is not there                 | refused     |
    | 57014, HY008, HYT…   | no answer in time                            | unavailable |
    | 08…, 57P…, 01002     | the connection was lost, or none was made    | unavailable |
    | 40…, 53…, 55…        | it is too busy, or chose us to wait          | unavailable |
    | all others, none     | not known: a wrong "never" would end a retry | unavailable |

SQL Server and Informix tell a lacking right as 42000, with the native number 229, 230 or -272. An unknown host is unavailable: a name
server that is down looks the same.

No message bears a connection string, a user name or a password. What a server says of a statement (42…) is told, as it
names the column; secrets are struck out of it all the same.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from cx_pipeline.core.errors import CxError, SourceRefusedError, SourceUnavailableError

_REFUSED, _UNAVAILABLE = SourceRefusedError, SourceUnavailableError

_CONNECTING: tuple[tuple[str, type[CxError], str], ...] = (
    (
        r"can't open lib|specified driver could not be loaded|shared object file",
        _REFUSED,
        "the ODBC driver that its connection names is not installed: install it, or name another",
    ),
    (
        r"data source name not found",
        _REFUSED,
        "its data source name or ODBC driver is not known: check odbc.ini and odbcinst.ini",
    ),
    (
        r"password|authentication failed|login failed|role .* does not exist|pg_hba",
        _REFUSED,
        "it does not let us in: check user name, password and from where it lets them in",
    ),
    (
        r"database .* does not exist|cannot open database|unknown database",
        _REFUSED,
        "the database that its connection names is not there: check its name",
    ),
    (
        r"could not translate host name|failed to resolve|name or service not known|unknown host"
        r"|getaddrinfo|name resolution|no such host|nodename nor servname",
        _UNAVAILABLE,
        "its host name is not known: check the name in its connection, and the name server",
    ),
    (
        r"connection refused|actively refused|no such file or directory|no route to host|unreachable",
        _UNAVAILABLE,
        "nobody answers at its address: check host and port, and whether the server runs",
    ),
    (
        r"time-?out|timed out",
        _UNAVAILABLE,
        "it did not answer within the connect time-out: check host and port, firewall and network",
    ),
    (
        r"\bssl\b|certificate|\btls\b|encryption",
        _REFUSED,
        "no encrypted connection came about: check the encryption and certificate options of its connection",
    ),
)
_STATES: dict[str, tuple[type[CxError], str]] = {
    "28": (_REFUSED, "it does not let us in: check user name, password and from where it lets them in"),
    "3D": (_REFUSED, "the database that its connection names is not there: check its name"),
    "3F": (_REFUSED, "a schema is not there: check the database in its connection"),
    "42S02": (_REFUSED, "a table is not there: check the database in its connection, and its flavour"),
    "42P01": (_REFUSED, "a table is not there: check the database in its connection, and its flavour"),
    "42S22": (_REFUSED, "a column is not there: give it statements of its own (sql_folder)"),
    "42703": (_REFUSED, "a column is not there: give it statements of its own (sql_folder)"),
    "42501": (_REFUSED, "its user may not read a table: let the user SELECT from it"),
    "42": (_REFUSED, "it does not understand the statement: check its flavour, or the site's sql_folder"),
    "37": (_REFUSED, "it does not understand the statement: check its flavour, or the site's sql_folder"),
    "22": (_REFUSED, "it cannot answer the statement: check the site's sql_folder"),
    "23": (_REFUSED, "it cannot answer the statement: check the site's sql_folder"),
    "25006": (_REFUSED, "its statement wants to write, and we only read: check the site's sql_folder"),
    "0A": (_REFUSED, "it cannot answer the statement: check the site's sql_folder"),
    "IM": (_REFUSED, "its data source name or ODBC driver is not known: check odbc.ini and odbcinst.ini"),
    "57014": (_UNAVAILABLE, "it did not answer within the statement time-out: see what keeps it busy"),
    "HY008": (_UNAVAILABLE, "it did not answer within the statement time-out: see what keeps it busy"),
    "HYT": (_UNAVAILABLE, "it did not answer in time: see what keeps it busy, and the network"),
    "08": (_UNAVAILABLE, "the connection was lost: see whether the server runs, and the network"),
    "57": (_UNAVAILABLE, "the connection was lost: see whether the server runs, and the network"),
    "01002": (_UNAVAILABLE, "the connection was lost: see whether the server runs, and the network"),
    "40": (_UNAVAILABLE, "it gave up the statement for others: see what keeps it busy"),
    "53": (_UNAVAILABLE, "it has no room for us now: see its connections, memory and disk"),
    "55": (_UNAVAILABLE, "it gave up the statement for others: see what keeps it busy"),
}
_LOST = r"server closed the connection|connection (is|was|has been) (lost|closed|broken)|link failure"
_NO_RIGHT = r"permission was denied|permission denied|no select permission|\((229|230|-272)\)"
_NO_COLUMN = r"invalid column name"
_NO_TABLE = r"invalid object name"
_SAID = re.compile(r"^(\[[^\]]*\]\s*)+|\s*\(-?\d+\)(\s*\(SQL\w+\))?\s*$")


@dataclass(frozen=True, slots=True)
class DriverError:
    """What of a driver's error is looked at; `text` may hold secrets."""

    state: str | None
    text: str

    @classmethod
    def of(cls, error: BaseException) -> "DriverError":
        """From psycopg (`sqlstate`), pyodbc (first argument) or mssql-python (text only)."""
        state = getattr(error, "sqlstate", None)
        said = getattr(getattr(error, "diag", None), "message_primary", None)
        if state is None and len(error.args) > 1 and re.fullmatch(r"\w{5}", str(error.args[0])):
            state = str(error.args[0])
        return cls(state, str(said or (error.args[-1] if error.args else error)))


def connecting_failed(source: str, error: DriverError) -> CxError:
    """Our error for a connection that was not made. Nothing that the driver said is in it."""
    text = error.text.lower()
    for pattern, kind, advice in _CONNECTING:
        if re.search(pattern, text):
            return _error(kind, source, advice, error.state)
    kind, advice = _of_state(error.state)
    if kind is _UNAVAILABLE:
        advice = (
            "no connection came about: try its connection with the database's own client from this machine"
        )
    return _error(kind, source, advice, error.state)


def reading_failed(source: str, error: DriverError, secrets: Collection[str], file: str) -> CxError:
    """Our error for a statement that was not answered."""
    state, text = error.state, error.text.lower()
    if state is None or state in {"42000", "HY000"}:
        state = _told_by(text) or state
    kind, advice = _of_state(state)
    detail = error.state or state
    if state and state[:2] in {"42", "37", "3F"}:
        detail = f"{detail}: {_struck_out(_first_line(error.text), secrets)}"
    return _error(kind, source, f"{advice} ({file})" if kind is _REFUSED else advice, detail)


def _told_by(text: str) -> str | None:
    told = {_NO_RIGHT: "42501", _NO_COLUMN: "42S22", _NO_TABLE: "42S02", _LOST: "08S01", "time-?out": "HYT00"}
    return next((state for pattern, state in told.items() if re.search(pattern, text)), None)


def _of_state(state: str | None) -> tuple[type[CxError], str]:
    for length in range(len(state or ""), 1, -1):
        if found := _STATES.get((state or "")[:length]):
            return found
    return _UNAVAILABLE, "it failed in a way that is not known: see its own log"


def _error(kind: type[CxError], source: str, advice: str, detail: str | None) -> CxError:
    return kind(f"Cisco source {source!r}: {advice}" + (f" [{detail}]" if detail else ""))


def _first_line(text: str) -> str:
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return _SAID.sub("", line).rstrip(";. ")


def _struck_out(text: str, secrets: Collection[str]) -> str:
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text
