"""Which recording is meant: by the key of a leg in a link, by a recording's id, by the job that a recorder asked for.

A link lives for years, while recordings are replaced and starts of legs are corrected behind it: so what is looked up
is the leg, or the recorder's file, and then the newest finished recording that holds it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, Table, Text, cast, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.gateway_tables import screen_recording
from cx_pipeline.adapters.database.message_tables import enriched_leg
from cx_pipeline.adapters.database.recording_tables import recording, recording_leg, recording_manifest
from cx_pipeline.core.errors import InputError
from cx_pipeline.core.recording.leg_keys import START_TOLERANCE, LegKey
from cx_pipeline.core.recording.schema import COMPLETED

_FINISHED = (recording.c.state == COMPLETED) & recording.c.path.is_not(None)
_COLUMNS = tuple(
    recording.c[name]
    for name in (
        "recording_id", "tenant_id", "leg_id", "state", "failure", "manifest_ids", "start_time", "duration_ms",
        "layout", "format", "encryption", "path", "sha256", "details", "received_at", "started_at", "completed_at",
    )
)  # fmt: skip


class SeveralTenantsError(InputError):
    """A question of nobody's tenant in particular, which the recordings of several answer."""


@dataclass(frozen=True, slots=True)
class StoredRecording:
    """A row of the table `recording`, as far as who plays or describes it wants it."""

    recording_id: str
    tenant_id: str
    leg_id: str | None
    state: str
    failure: str | None
    manifest_ids: Sequence[str]
    start_time: datetime | None
    duration_ms: int | None
    layout: str | None
    format: str | None
    encryption: str | None
    path: str | None
    """Below the recordings' root."""
    sha256: str | None
    details: dict[str, Any] | None
    received_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


@dataclass(frozen=True, slots=True)
class StoredScreen:
    """A row of the table `screen_recording`."""

    screen_id: str
    tenant_id: str | None
    leg_id: str | None
    agent_extension: str
    start_time: datetime
    path: str
    """Below the folder of screen recordings."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What a recorder told of a file: whose recording a job makes."""

    manifest_id: str
    tenant_id: str
    call_id: str | None
    file_path: str
    received_at: datetime


class RecordingLookup:
    """Reads the tables. All methods raise DatabaseUnavailableError; `tenant_id` None: of anybody."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of_leg_key(self, key: LegKey, tenant_id: str | None) -> StoredRecording | None:
        """The newest finished recording of the leg, or of the recorder's file, that begins closest to the key's start.

        Raises:
            SeveralTenantsError: no tenant is named, and those of several fit.
        """
        with database_errors("to find a recording"), self._engine.connect() as connection:
            legs = connection.execute(_legs(key, tenant_id)).all()
            files = connection.execute(_files(key, tenant_id)).all()
            _require_one_tenant([*legs, *files], key)
            if legs:
                return _of_leg(connection, legs[0].leg_id)
            return _of_files(connection, [row.manifest_id for row in files], key)

    def of_id(self, recording_id: str, tenant_id: str | None) -> StoredRecording | None:
        """A finished recording, or the one that took its place."""
        if not is_uuid(recording_id):
            return None
        query = _finished(tenant_id).where(recording.c.recording_id == recording_id)
        with database_errors("to find a recording"), self._engine.connect() as connection:
            row = connection.execute(query.add_columns(recording.c.is_current)).one_or_none()
            if row is None:
                return None
            if row.is_current:
                return _recording(row)
            return _successor(connection, row)

    def screen_of(self, key: LegKey, tenant_id: str | None) -> StoredScreen | None:
        """The screen recording of the leg, or of the dialog, that begins closest to the key's start.

        Raises:
            SeveralTenantsError: no tenant is named, and those of several fit.
        """
        table = screen_recording.c
        columns = [table[name] for name in StoredScreen.__dataclass_fields__]
        distance = _distance(screen_recording, key)
        with database_errors("to find a screen recording"), self._engine.connect() as connection:
            legs = connection.execute(_legs(key, tenant_id)).all()
            of_dialog = [table.dialog_id == key.call_text, _near(screen_recording, key)]
            meant = [table.leg_id == legs[0].leg_id] if legs else of_dialog
            query = select(*columns).where(*meant, *_of_extension(screen_recording, key))
            query = query.where(*_of_tenant(screen_recording, tenant_id))
            rows = connection.execute(query.order_by(distance, table.screen_id)).all()
        _require_one_tenant([*legs, *rows], key)
        return StoredScreen(*rows[0]) if rows else None

    def job(self, job_id: str, tenant_id: str | None) -> tuple[StoredFile | None, StoredRecording | None]:
        """What a recorder's file (by its manifest) or a recording became: the newest recording that counts."""
        if not is_uuid(job_id):
            return None, None
        manifest = recording_manifest.c
        columns = [manifest[name] for name in StoredFile.__dataclass_fields__]
        told = select(*columns).where(
            manifest.manifest_id == job_id, *_of_tenant(recording_manifest, tenant_id)
        )
        is_meant = or_(recording.c.recording_id == job_id, recording.c.manifest_ids.contains([job_id]))
        made = select(*_COLUMNS).where(is_meant, *_of_tenant(recording, tenant_id))
        newest = made.order_by(recording.c.is_current.desc(), recording.c.received_at.desc()).limit(1)
        with database_errors("to find a job"), self._engine.connect() as connection:
            file = connection.execute(told).one_or_none()
            row = connection.execute(newest).one_or_none()
            if file is None and row is not None and row.manifest_ids:
                of_it = select(*columns).where(manifest.manifest_id == row.manifest_ids[0])
                file = connection.execute(of_it).one_or_none()
        return (StoredFile(*file) if file else None), (_recording(row) if row else None)


def is_uuid(text: str) -> bool:
    """Whether a text is a UUID as the tables have them."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _legs(key: LegKey, tenant_id: str | None) -> Select[Any]:
    """The legs that the key may mean, the closest first; of equally close ones that of the key's number."""
    leg = enriched_leg.c
    of_call = leg.cx_call_id == key.call_text
    if key.call_id is not None:
        of_call = or_(of_call, leg.call_id == key.call_id)
    is_of_number = leg.other_party.is_not_distinct_from(key.number)
    return (
        select(leg.leg_id, leg.tenant_id)
        .where(of_call, *_of_extension(enriched_leg, key), _near(enriched_leg, key))
        .where(*_of_tenant(enriched_leg, tenant_id))
        .order_by(_distance(enriched_leg, key), is_of_number.desc(), leg.leg_id)
    )


def _files(key: LegKey, tenant_id: str | None) -> Select[Any]:
    """The recorders' files of that dialog, the closest first. Their starts are by the recorder's clock, as the key's is."""
    manifest = recording_manifest.c
    return (
        select(manifest.manifest_id, manifest.tenant_id)
        .where(manifest.dialog_id == key.call_text, *_of_extension(recording_manifest, key))
        .where(_near(recording_manifest, key), *_of_tenant(recording_manifest, tenant_id))
        .order_by(_distance(recording_manifest, key), manifest.manifest_id)
    )


def _of_leg(connection: Connection, leg_id: str) -> StoredRecording | None:
    held = recording_leg.c.recording_id == recording.c.recording_id
    query = select(*_COLUMNS).join(recording_leg, held).where(recording_leg.c.leg_id == leg_id, _FINISHED)
    row = connection.execute(_newest(query)).one_or_none()
    return _recording(row) if row else None


def _of_files(connection: Connection, manifest_ids: Sequence[str], key: LegKey) -> StoredRecording | None:
    """Of the closest file of which there is a recording; a file may have been told of twice."""
    query = select(*_COLUMNS).where(_FINISHED, _holds_any(manifest_ids), recording.c.is_current)
    rows = connection.execute(
        query.order_by(_distance(recording, key), recording.c.completed_at.desc())
    ).all()
    for manifest_id in manifest_ids:
        for row in rows:
            if manifest_id in row.manifest_ids:
                return _recording(row)
    return None


def _successor(connection: Connection, old: Row[Any]) -> StoredRecording | None:
    """What took the place of a replaced recording: it holds one of its legs, or of its files."""
    of_old = select(recording_leg.c.leg_id).where(recording_leg.c.recording_id == old.recording_id)
    holders = select(recording_leg.c.recording_id).where(recording_leg.c.leg_id.in_(of_old))
    takes_its_place = or_(recording.c.recording_id.in_(holders), _holds_any(old.manifest_ids))
    query = select(*_COLUMNS).where(_FINISHED, recording.c.tenant_id == old.tenant_id, takes_its_place)
    row = connection.execute(_newest(query)).one_or_none()
    return _recording(row) if row else None


def _finished(tenant_id: str | None) -> Select[Any]:
    return select(*_COLUMNS).where(_FINISHED, *_of_tenant(recording, tenant_id))


def _newest(query: Select[Any]) -> Select[Any]:
    newest = query.where(recording.c.is_current)
    return newest.order_by(recording.c.completed_at.desc(), recording.c.recording_id).limit(1)


def _holds_any(manifest_ids: Sequence[str]) -> ColumnElement[bool]:
    holds: ColumnElement[bool] = recording.c.manifest_ids.overlap(cast(list(manifest_ids), ARRAY(Text)))
    return holds


def _of_tenant(table: Table, tenant_id: str | None) -> list[ColumnElement[bool]]:
    return [] if tenant_id is None else [table.c.tenant_id == tenant_id]


def _of_extension(table: Table, key: LegKey) -> list[ColumnElement[bool]]:
    """A key without an extension names none; of a recorder's file it may be unknown."""
    column = table.c.agent_extension
    if key.extension is None:
        return []
    return [or_(column == key.extension, column.is_(None))]


def _near(table: Table, key: LegKey) -> ColumnElement[bool]:
    return table.c.start_time.between(key.start_time - START_TOLERANCE, key.start_time + START_TOLERANCE)


def _distance(table: Table, key: LegKey) -> ColumnElement[Any]:
    return func.abs(func.extract("epoch", table.c.start_time - key.start_time))


def _require_one_tenant(rows: Sequence[Row[Any]], key: LegKey) -> None:
    if len({row.tenant_id for row in rows}) > 1:
        raise SeveralTenantsError(f"recordings of several tenants fit {key.call_text}: name the tenant")


def _recording(row: Row[Any]) -> StoredRecording:
    return StoredRecording(*row[: len(_COLUMNS)])
