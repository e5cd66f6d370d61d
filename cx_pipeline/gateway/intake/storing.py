"""Records into the database, many at once; what the database will not have is kept where somebody sees it."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict

import polars as pl
from polars.exceptions import PanicException
from sqlalchemy import Engine

from cx_pipeline.adapters.database.call_ends import CallEnds
from cx_pipeline.adapters.database.heartbeats import Heartbeats
from cx_pipeline.adapters.database.quarantine import InputQuarantine
from cx_pipeline.adapters.database.recorder_heartbeats import RecorderHeartbeats
from cx_pipeline.adapters.directory.loading import load_directory
from cx_pipeline.adapters.intake.batches import EventBatch, EventBatches
from cx_pipeline.adapters.intake.chunk import storable_text
from cx_pipeline.core.directory import Directory
from cx_pipeline.core.errors import ConfigurationError, DatabaseUnavailableError
from cx_pipeline.gateway.intake.documents import call_end_of, listener_beat_of, recorder_beat_of
from cx_pipeline.gateway.intake.manifests import ManifestStore
from cx_pipeline.gateway.intake.records import Kind, Outcome, Record
from cx_pipeline.settings import Settings

_DIRECTORY_S = 30.0
"""So long a directory is used before it is read again."""
NOT_NOW = (DatabaseUnavailableError, ConfigurationError)
"""What says nothing about the records: they are stored once the database is back, or set up right."""


class RecordStore:
    """Stores records. Storing one twice is as once."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings, self._engine = settings, engine
        self._events = EventBatches(engine)
        self._manifests = ManifestStore(engine, settings.stream_roots)
        self._listeners, self._recorders = Heartbeats(engine), RecorderHeartbeats(engine)
        self._call_ends = CallEnds(engine)
        self._quarantine = InputQuarantine(engine, attempts=1)
        self._directory: Directory | None = None
        self._directory_until = 0.0

    def store(self, records: Sequence[Record]) -> list[Outcome]:
        """Store records; the outcome of each. All of them are safe then.

        Raises:
            DatabaseUnavailableError: the database does not answer.
            ConfigurationError: the database has not been migrated, or the directory is wrong.
        """
        outcomes: dict[int, Outcome] = {}
        for kind in Kind:
            numbers = [number for number, record in enumerate(records) if record.kind is kind]
            if numbers:
                stored = self._store_alike(kind, [records[number] for number in numbers])
                outcomes.update(zip(numbers, stored, strict=True))
        return [outcomes[number] for number in range(len(records))]

    def _store_alike(self, kind: Kind, records: Sequence[Record]) -> list[Outcome]:
        """Store records of one kind: together, or, where something is wrong with one of them, one by one."""
        try:
            return self._store_together(kind, records)
        except NOT_NOW:
            raise
        except (Exception, PanicException) as error:
            if len(records) == 1:
                return [self._set_aside(records[0], error)]
        return [self._store_alike(kind, [record])[0] for record in records]

    def _store_together(self, kind: Kind, records: Sequence[Record]) -> list[Outcome]:
        if kind is Kind.EVENTS:
            return self._store_events(records)
        if kind is Kind.MANIFESTS:
            return self._manifests.store(records)
        one_by_one: dict[Kind, Callable[[Record], None]] = {
            Kind.LISTENER_HEARTBEATS: self._store_listener_beats,
            Kind.RECORDER_HEARTBEATS: self._store_recorder_beats,
            Kind.CALL_ENDS: self._store_call_ends,
        }
        for record in records:
            one_by_one[kind](record)
        return [Outcome(record.rows, stored=record.rows) for record in records]

    def _store_events(self, records: Sequence[Record]) -> list[Outcome]:
        batches = [
            EventBatch(record.payload, record.sender.tenant_id, f"gateway:{record.subject}", _sha256(record))
            for record in records
        ]
        counts = self._events.store(batches, self._directory_now())
        return [Outcome(**asdict(each)) for each in counts]

    def _store_listener_beats(self, record: Record) -> None:
        for document in record.documents:
            self._listeners.beat(**asdict(listener_beat_of(document, record.sender, record.received_at)))

    def _store_recorder_beats(self, record: Record) -> None:
        for document in record.documents:
            self._recorders.beat(**asdict(recorder_beat_of(document, record.sender, record.received_at)))

    def _store_call_ends(self, record: Record) -> None:
        ends = [call_end_of(document, record.sender, record.received_at) for document in record.documents]
        self._call_ends.add([{**asdict(end), "received_at": record.received_at} for end in ends])

    def _set_aside(self, record: Record, error: BaseException) -> Outcome:
        """Keep a record that cannot be stored, by its reason.

        Where that cannot be stored either, it is not the record that is wrong.
        """
        reason = f"NOT_STORED: {type(error).__name__}: {error}"[:1000]
        rows = pl.DataFrame(
            {
                "line_number": [0],
                "reason": [storable_text(reason.encode())],
                "row_text": [storable_text(record.payload)],
            }
        )
        try:
            self._quarantine.record(
                rows, file_name=f"gateway:{record.subject}:{record.kind}", file_sha256=_sha256(record)
            )
        except NOT_NOW:
            raise
        except Exception as also:
            raise DatabaseUnavailableError(f"the database takes nothing at the moment: {also}") from error
        return Outcome(record.rows, quarantined=record.rows)

    def _directory_now(self) -> Directory:
        """The directory; where it cannot be read again, the one that was good last."""
        if time.monotonic() < self._directory_until and self._directory is not None:
            return self._directory
        try:
            self._directory = load_directory(self._settings, self._engine)
        except NOT_NOW:
            if self._directory is None:
                raise
        self._directory_until = time.monotonic() + _DIRECTORY_S
        return self._directory


def _sha256(record: Record) -> str:
    """By what the unusable rows of a record are known again: whose it is, and what it says."""
    return hashlib.sha256(record.tenant.encode() + b"\0" + record.payload).hexdigest()
