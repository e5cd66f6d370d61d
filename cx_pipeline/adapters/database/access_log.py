"""Who heard, saw or kept what: a row that is committed before the first byte leaves.

A player asks for dozens of ranges of one recording: what one client asks of one recording within some minutes is one
row. Its first request writes it; later ones are counted here and noted together, about every second (`flush`).
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    DateTime,
    Engine,
    Integer,
    Label,
    Update,
    cast,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.gateway_tables import access_log

JOINED_FOR = timedelta(minutes=5)
"""A request that comes later than this after the last one is a play of its own."""

_MOST_ROWS = 10_000
_LONGEST_AGENT = 400


@dataclass(frozen=True, slots=True)
class Access:
    """Who does what with which file."""

    tenant_id: str
    subject: str
    access: str
    action: str
    """PLAY, SCREEN or DOWNLOAD."""
    playable_id: str
    leg_id: str | None = None
    leg_key: str | None = None
    client: str | None = None
    """Address of the client."""
    user_agent: str | None = None


@dataclass(slots=True)
class AccessRow:
    """A row of the table that this process counts up. Whoever holds it may call `AccessLog.sent`."""

    access: Access
    last_at: datetime
    lock: threading.Lock = field(default_factory=threading.Lock)
    access_id: int | None = None
    """Null until it is written."""
    requests: int = 0
    sent_bytes: int = 0
    is_noted: bool = True
    """Whether the table has these figures."""


class AccessLog:
    """The table `access_log`, as one gateway writes it. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._rows: OrderedDict[Access, AccessRow] = OrderedDict()
        self._retired: list[AccessRow] = []

    def begin(self, access: Access, now: datetime) -> AccessRow:
        """Note a request, before anything of the file leaves: with a row of its own, or with that of the same play.

        Args:
            access: who does what.
            now: the moment of the request.

        Raises:
            DatabaseUnavailableError: the row cannot be written: nothing must be played.
        """
        row = self._row_of(access, now)
        with row.lock:  # of requests that begin together one writes, the others wait for it
            if row.access_id is None:
                row.access_id = self._written(access, now)
                row.requests, row.last_at = 1, now
            else:
                row.requests, row.last_at, row.is_noted = row.requests + 1, max(row.last_at, now), False
        return row

    def sent(self, row: AccessRow, count_bytes: int, now: datetime) -> None:
        """Count bytes that have left; they reach the table with the next `flush`."""
        with row.lock:
            row.sent_bytes += count_bytes
            row.last_at, row.is_noted = max(row.last_at, now), False

    def flush(self) -> int:
        """Bring the table up to date, in one statement; how many rows changed.

        The figures are whole ones, not differences: noted twice they are the same.

        Raises:
            DatabaseUnavailableError: it is tried again with the next call; nothing that was counted is lost.
        """
        with self._lock:
            rows = [row for row in (*self._retired, *self._rows.values()) if not row.is_noted]
        figures = [_figures(row) for row in rows]
        known = [each for each in figures if each["access_id"] is not None]
        if known:
            try:
                with database_errors("to note who heard what"), self._engine.begin() as connection:
                    connection.execute(_noting(known))
            except BaseException:
                for row in rows:
                    row.is_noted = False
                raise
        with self._lock:
            self._retired = [row for row in self._retired if not row.is_noted]
        return len(known)

    def _row_of(self, access: Access, now: datetime) -> AccessRow:
        with self._lock:
            row = self._rows.get(access)
            if row is None or (row.access_id is not None and now - row.last_at > JOINED_FOR):
                if row is not None:
                    self._retired.append(row)
                row = self._rows[access] = AccessRow(access, now)
            self._rows.move_to_end(access)
            while len(self._rows) > _MOST_ROWS:
                self._retired.append(self._rows.popitem(last=False)[1])
            return row

    def _written(self, access: Access, now: datetime) -> int:
        values = {name: getattr(access, name) for name in Access.__dataclass_fields__}
        values["user_agent"] = access.user_agent and access.user_agent[:_LONGEST_AGENT]
        statement = insert(access_log).values(**values, begun_at=now, last_at=now)
        with database_errors("to note who hears what"), self._engine.begin() as connection:
            return int(connection.execute(statement.returning(access_log.c.access_id)).scalar_one())


def _figures(row: AccessRow) -> dict[str, Any]:
    with row.lock:
        row.is_noted = True
        return {
            "access_id": row.access_id,
            "last_at": row.last_at,
            "requests": row.requests,
            "sent_bytes": row.sent_bytes,
        }


def _noting(figures: list[dict[str, Any]]) -> Update:
    def column(name: str, kind: TypeEngine[Any]) -> Label[Any]:
        return func.unnest(cast([each[name] for each in figures], ARRAY(kind))).label(name)

    given = select(
        column("access_id", BigInteger()),
        column("last_at", DateTime(timezone=True)),
        column("requests", Integer()),
        column("sent_bytes", BigInteger()),
    ).subquery()
    return (
        update(access_log)
        .values(last_at=given.c.last_at, requests=given.c.requests, sent_bytes=given.c.sent_bytes)
        .where(access_log.c.access_id == given.c.access_id)
    )
