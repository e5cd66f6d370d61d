"""FusionPBX's call detail records (`v_xml_cdr`), read-only and with time-outs, by the end of the call."""

import math
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row
from pydantic import SecretStr

from cx_pipeline.adapters.database.connection import APPLICATION_NAME
from cx_pipeline.adapters.sql_statements import load_statement
from cx_pipeline.core.errors import CxError, SourceRefusedError, SourceUnavailableError
from cx_pipeline.settings import Settings

ROWS_AT_A_TIME = 1000
CONNECT_TIMEOUT_S = 10
STATEMENT_TIMEOUT_S = 60
_REFUSALS = {
    "28": "it does not let us in: check user name, password and from where it lets them in",
    "3D": "the database that its URL names is not there: check its name",
    "42501": "its user may not read v_xml_cdr: let the user SELECT from it",
    "42": "v_xml_cdr is not there, or lacks a column: check that CX_FUSIONPBX_URL names FusionPBX's database",
}
_NOT_LET_IN = ("password", "authentication failed", "role", "pg_hba")

Row = dict[str, Any]


class XmlCdr:
    """Reads them. Each read is a connection of its own."""

    def __init__(self, url: SecretStr) -> None:
        self._url = url

    def read(self, ended_from: datetime, ended_to: datetime) -> Iterator[list[Row]]:
        """Records with a file whose calls ended from `ended_from` until before `ended_to`, some at a time, by end.

        Raises:
            SourceUnavailableError: FusionPBX does not answer, or not in time.
            SourceRefusedError: it does not let us in, or has no such table.
        """
        values = {
            "ended_from": math.floor(ended_from.timestamp()),
            "ended_to": math.ceil(ended_to.timestamp()),
        }
        text, parameters = load_statement("fusionpbx", "call_recordings").for_psycopg(values)
        try:
            with self._connected() as connection, connection.cursor("call_recordings") as cursor:
                cursor.execute(text.encode(), parameters)
                while rows := cursor.fetchmany(ROWS_AT_A_TIME):
                    yield rows
            return
        except psycopg.Error as error:
            failed = _ours(error)
        raise failed  # outside of the handler: the driver's error, which may hold secrets, is not attached

    def _connected(self) -> "psycopg.Connection[Row]":
        try:
            wanted = conninfo_to_dict(self._url.get_secret_value())
        except psycopg.ProgrammingError:
            failed = SourceRefusedError("FusionPBX: CX_FUSIONPBX_URL is no URL that PostgreSQL understands")
        else:
            limits = f"-c default_transaction_read_only=on -c timezone=UTC -c statement_timeout={STATEMENT_TIMEOUT_S}s"
            options: dict[str, Any] = {
                "connect_timeout": CONNECT_TIMEOUT_S,
                "application_name": APPLICATION_NAME,
                "options": f"{wanted.get('options') or ''} {limits}".strip(),
                "keepalives_idle": 30,
                "keepalives_interval": 10,
                "keepalives_count": 3,
            }
            return psycopg.connect(row_factory=dict_row, **(dict[str, Any](wanted) | options))
        raise failed  # outside of the handler, as above


def open_xml_cdr(settings: Settings) -> XmlCdr | None:
    """FusionPBX's records, where they are set; connects to nothing yet.

    Raises:
        SourceRefusedError: the file that holds the URL cannot be read.
    """
    if settings.fusionpbx_url is not None:
        return XmlCdr(settings.fusionpbx_url)
    if (file := settings.fusionpbx_url_file) is None:
        return None
    try:
        return XmlCdr(SecretStr(file.read_text(encoding="utf-8").strip()))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
    raise SourceRefusedError(f"FusionPBX: CX_FUSIONPBX_URL_FILE {file} cannot be read: {reason}")


def _ours(error: psycopg.Error) -> CxError:
    """The driver's error as ours. Nothing that the driver said is told: it may hold the URL."""
    state, said = error.sqlstate, str(error).lower()
    if state is None and any(word in said for word in _NOT_LET_IN):
        state = "28000"
    for beginning in sorted(_REFUSALS, key=len, reverse=True):
        if state is not None and state.startswith(beginning):
            return SourceRefusedError(f"FusionPBX: {_REFUSALS[beginning]} [{state}]")
    detail = f" [{state}]" if state else ""
    return SourceUnavailableError(
        f"FusionPBX: its database did not answer, or not in time: check CX_FUSIONPBX_URL, network and load{detail}"
    )
