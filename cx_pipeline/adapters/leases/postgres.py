"""A lease in PostgreSQL: an advisory lock of a session that proves every second that it lives.

Whoever holds it asks the server once a second whether it still does. The server ends a session that asks nothing for
`SILENCE_S`, and one whose host no longer answers its keepalives, so that the lock of a holder that hangs, was killed
or lost its network is free within seconds. The holder believes in it for a shorter time than that after each proof: it
has stepped down before anybody else can hold it. A pooler must hand on sessions, not transactions.
"""

import hashlib
from contextlib import suppress

import psycopg
from pydantic import SecretStr

from cx_pipeline.adapters.database.locks import LISTENER_LEASE_CLASS
from cx_pipeline.adapters.leases.proof import LeaseThread, seconds

PROOF_EVERY_S = 1.0
VALID_S = 3.0
SILENCE_S = 5
LOOK_EVERY_S = 0.5
"""How often one who waits for it tries."""
_CONNECT_S = 3
_ANSWER_MS = 2000
_KEEPALIVES = {"idle": 2, "interval": 1, "count": 3}
_APPLICATION = "cx-pipeline lease"

_TRY = "SELECT pg_try_advisory_lock(%s, %s)"
_STILL = (
    "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted"
    " AND classid = %s::oid AND objid = %s::oid AND objsubid = 2)"
)


class PostgresLease(LeaseThread):
    """The lease of a name among all who use the same database."""

    def __init__(self, url: SecretStr, name: str) -> None:
        super().__init__(name, VALID_S)
        self._url = url
        self._key = lease_key(name)

    def _pursue(self) -> None:
        while not self._ending.is_set():
            try:
                with _connected(self._url) as connection:
                    self._trouble = ""
                    self._hold(connection)
            except psycopg.Error as error:
                self._trouble = f"the database of the lease does not answer ({type(error).__name__})"
            self._proof.withdraw()
            self._ending.wait(LOOK_EVERY_S)

    def _hold(self, connection: psycopg.Connection) -> None:
        """Try until it is ours, then prove it until it is not, or the end."""
        while not self._ending.is_set():
            asked_at = seconds()
            if _says(connection, _TRY, LISTENER_LEASE_CLASS, self._key):
                self._proof.given(asked_at)
                self._prove(connection)
                return
            self._ending.wait(LOOK_EVERY_S)

    def _prove(self, connection: psycopg.Connection) -> None:
        # Signed for the lock, unsigned where the server shows it.
        shown = (LISTENER_LEASE_CLASS, self._key % 2**32)
        while not self._ending.wait(PROOF_EVERY_S):
            asked_at = seconds()
            if not _says(connection, _STILL, *shown):
                return
            self._proof.given(asked_at)


def lease_key(name: str) -> int:
    """The number of a name, the same for all who ask: a signed whole number of 32 bits."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big", signed=True)


def _says(connection: psycopg.Connection, query: str, *parameters: int) -> bool:
    row = connection.execute(query.encode(), parameters).fetchone()
    return bool(row and row[0])


def _connected(url: SecretStr) -> psycopg.Connection:
    """A session that both ends give up soon when the other does not answer."""
    options = {
        "statement_timeout": f"{_ANSWER_MS}ms",
        "idle_session_timeout": f"{SILENCE_S}s",
        "tcp_user_timeout": f"{SILENCE_S}s",
        **{f"tcp_keepalives_{name}": value for name, value in _KEEPALIVES.items()},
    }
    connection = psycopg.connect(
        url.get_secret_value(),
        autocommit=True,
        prepare_threshold=None,
        connect_timeout=_CONNECT_S,
        tcp_user_timeout=_ANSWER_MS,
        application_name=_APPLICATION,
        keepalives_idle=_KEEPALIVES["idle"],
        keepalives_interval=_KEEPALIVES["interval"],
        keepalives_count=_KEEPALIVES["count"],
    )
    try:
        for name, value in options.items():
            connection.execute(f"SET {name} = '{value}'".encode())
    except psycopg.Error:
        with suppress(psycopg.Error):
            connection.close()
        raise
    return connection
