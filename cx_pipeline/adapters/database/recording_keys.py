"""The keys of sealed files, wrapped by the tenants' ring: made once, wrapped anew, destroyed.

Who destroys a row's wrapped key makes every copy of its file unreadable, wherever it lies. PostgreSQL keeps the old row
until it vacuums, and copies of the database keep it for as long as they live: they end with the ring's key, which may
be dropped once the table's rows are wrapped by another (docs/decisions/0020).
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    LargeBinary,
    Row,
    Text,
    bindparam,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import UUID, insert

from cx_pipeline.adapters.crypto.file_keys import SECRET_BYTES, FileKey, Sealing, SealingMethod
from cx_pipeline.adapters.crypto.key_ring import KeyRing, WrappedKey
from cx_pipeline.adapters.crypto.ring_keys import DEFAULT_TENANT
from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.recording_tables import recording_key
from cx_pipeline.core.errors import KeyMissingError

ROWS_A_BATCH = 500

_REWRAP = (
    update(recording_key)
    .where(recording_key.c.file_id == bindparam("row_file_id", type_=UUID(as_uuid=False)))
    .values(
        key_id=bindparam("new_key_id", type_=Text),
        wrapped_key=bindparam("new_wrapped_key", type_=LargeBinary),
        rewrapped_at=func.now(),
    )
)


@dataclass(frozen=True, slots=True)
class KeyUsage:
    """How many files a key of the ring wraps the keys of."""

    tenant_id: str
    key_id: str
    file_count: int
    destroyed_count: int
    """Files that were erased while this key wrapped theirs."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """What the table tells of a file's key; times in UTC."""

    file_id: str
    tenant_id: str
    key_id: str
    created_at: datetime
    destroyed_at: datetime | None
    destroyed_by: str | None
    destroyed_reason: str | None


@dataclass(frozen=True, slots=True)
class RotationStep:
    """A batch of a rotation, which is in the database."""

    rewrapped: int
    failures: tuple[str, ...]
    """Why keys of files could not be wrapped anew: those stay as they are."""


class RecordingKeys:
    """The table `recording_key`. All methods raise DatabaseUnavailableError and ConfigurationError (no such table)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def sealing_for(
        self, method: SealingMethod, file_id: str, tenant_id: str, ring: KeyRing | None
    ) -> Sealing:
        """How to write a file by that method: with its key, which is made where there is none yet.

        By `cfb` it is the tenant's own for that format, of which the table keeps a copy for this file.

        Raises:
            KeyMissingError: there is no ring, the tenant has no key in it, or the file's was destroyed.
        """
        if method == "none":
            return Sealing("none")
        if ring is None:
            raise KeyMissingError(
                f"sealing by {method} needs a key ring: cx-pipeline keys create makes one, CX_KEY_RING_FILE names it"
            )
        secret = ring.cfb_secret(tenant_id) if method == "cfb" else None
        return Sealing(method, self.key_for(file_id, tenant_id, ring, secret=secret))

    def key_for(self, file_id: str, tenant_id: str, ring: KeyRing, *, secret: bytes | None = None) -> FileKey:
        """The file's key, made on the first call. Who asks at the same time gets the same.

        Args:
            file_id: UUID of the recording.
            tenant_id: whose key wraps it.
            ring: the tenants' keys.
            secret: what its key is to be, where there is none yet; not given: random bytes.

        Raises:
            KeyMissingError: the tenant has no key, or the file's was destroyed, or is not to be opened by the ring.
        """
        with database_errors("to make a file's key"), self._engine.begin() as connection:
            row = _row_of(connection, file_id)
            if row is None:
                fresh = FileKey(file_id, tenant_id, secret or secrets.token_bytes(SECRET_BYTES))
                wrapped = ring.wrap(fresh)
                values = {
                    "file_id": file_id,
                    "tenant_id": tenant_id,
                    "key_id": wrapped.key_id,
                    "wrapped_key": wrapped.wrapped,
                }
                # It waits for who writes the same row now; whoever was first, the row that stands then counts.
                connection.execute(insert(recording_key).values(values).on_conflict_do_nothing())
                row = _row_of(connection, file_id)
        if row is None or row.tenant_id != tenant_id:
            raise KeyMissingError(f"the key of file {file_id} is of another tenant than {tenant_id}")
        return _opened(row, ring)

    def open_key(self, file_id: str, ring: KeyRing) -> FileKey:
        """The file's key.

        Raises:
            KeyMissingError: it has none, it was destroyed (told when, by whom and why), or the ring cannot open it.
        """
        with database_errors("to read a file's key"), self._engine.connect() as connection:
            row = _row_of(connection, file_id)
        if row is None:
            raise _without_key(file_id)
        return _opened(row, ring)

    def stored(self, file_id: str) -> StoredKey | None:
        """What is known of the file's key; none if it has none."""
        with database_errors("to read a file's key"), self._engine.connect() as connection:
            row = _row_of(connection, file_id)
        return None if row is None else _stored(row)

    def destroy(self, file_id: str, *, by: str, reason: str) -> StoredKey:
        """Erase the file by its key: no copy of it can be opened again. For good.

        One that was destroyed already stays so, with the reason of that time. Returns the row as it is then.

        Raises:
            KeyMissingError: the file has no key of its own.
            ValueError: nobody or no reason is named.
        """
        if not by.strip() or not reason.strip():
            raise ValueError("an erasure names who asked for it, and why")
        statement = (
            update(recording_key)
            .where(recording_key.c.file_id == file_id, recording_key.c.destroyed_at.is_(None))
            .values(wrapped_key=None, destroyed_at=func.now(), destroyed_by=by, destroyed_reason=reason)
        )
        with database_errors("to destroy a file's key"), self._engine.begin() as connection:
            connection.execute(statement)
            row = _row_of(connection, file_id)
        if row is None:
            raise _without_key(file_id)
        return _stored(row)

    def usage(self) -> list[KeyUsage]:
        """How many files each key of the ring stands for, by tenant and key."""
        living = func.count(recording_key.c.wrapped_key)
        query = (
            select(recording_key.c.tenant_id, recording_key.c.key_id, living, func.count() - living)
            .group_by(recording_key.c.tenant_id, recording_key.c.key_id)
            .order_by(recording_key.c.tenant_id, recording_key.c.key_id)
        )
        with database_errors("to count keys"), self._engine.connect() as connection:
            return [KeyUsage(*row) for row in connection.execute(query)]

    def count_to_rewrap(self, tenant_id: str, ring: KeyRing) -> int:
        """How many rows `rotate` would wrap anew."""
        query = select(func.count()).where(*_to_rewrap(tenant_id, ring))
        with database_errors("to count keys"), self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def rotate(self, tenant_id: str, ring: KeyRing, *, batch: int = ROWS_A_BATCH) -> Iterator[RotationStep]:
        """Wrap the tenant's rows anew by its active key, a batch and a transaction at a time. No file is touched.

        A row changes key and wrapped key at once, so that who dies in the middle leaves each row to the old key or the
        new one, both in the ring; calling it again goes on. `*`: the rows of all tenants without keys of their own.

        Raises:
            KeyMissingError: the tenant has no active key.
        """
        last = ""
        while True:
            with database_errors("to wrap keys anew"), self._engine.begin() as connection:
                rows = _next_rows(connection, _to_rewrap(tenant_id, ring), last, batch)
                step = _rewrap(connection, rows, ring)
            if not rows:
                return
            last = rows[-1].file_id
            yield step


def _to_rewrap(tenant_id: str, ring: KeyRing) -> list[ColumnElement[bool]]:
    own = [name for name, keys in ring.keys.tenants.items() if keys.active is not None]
    column = recording_key.c.tenant_id
    is_of_it = column.not_in(own) if tenant_id == DEFAULT_TENANT else column == tenant_id
    is_old = recording_key.c.key_id != ring.active_key_id(tenant_id)
    return [is_of_it, is_old, recording_key.c.wrapped_key.is_not(None)]


def _next_rows(
    connection: Connection, wanted: list[ColumnElement[bool]], last: str, batch: int
) -> Sequence[Row[Any]]:
    query = select(recording_key).where(*wanted).order_by(recording_key.c.file_id).limit(batch)
    if last:
        query = query.where(recording_key.c.file_id > last)
    return connection.execute(query.with_for_update()).all()


def _rewrap(connection: Connection, rows: Sequence[Row[Any]], ring: KeyRing) -> RotationStep:
    changed, failures = [], []
    for row in rows:
        try:
            wrapped = ring.wrap(_opened(row, ring))
        except KeyMissingError as error:
            failures.append(str(error))
        else:
            changed.append(
                {
                    "row_file_id": row.file_id,
                    "new_key_id": wrapped.key_id,
                    "new_wrapped_key": wrapped.wrapped,
                }
            )
    if changed:
        connection.execute(_REWRAP, changed)
    return RotationStep(len(changed), tuple(failures))


def _row_of(connection: Connection, file_id: str) -> Row[Any] | None:
    return connection.execute(select(recording_key).where(recording_key.c.file_id == file_id)).one_or_none()


def _opened(row: Row[Any], ring: KeyRing) -> FileKey:
    if row.wrapped_key is None:
        when = (
            "" if row.destroyed_at is None else f" on {row.destroyed_at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"
        )
        raise KeyMissingError(
            f"the key of file {row.file_id} was destroyed{when} by {row.destroyed_by} ({row.destroyed_reason}): "
            "no copy of the file can be opened again"
        )
    return ring.unwrap(WrappedKey(row.key_id, bytes(row.wrapped_key)), row.file_id, row.tenant_id)


def _stored(row: Row[Any]) -> StoredKey:
    return StoredKey(**{name: _in_utc(getattr(row, name)) for name in StoredKey.__dataclass_fields__})


def _in_utc(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def _without_key(file_id: str) -> KeyMissingError:
    return KeyMissingError(
        f"file {file_id} has no key of its own: it was never sealed, or in another database"
    )
