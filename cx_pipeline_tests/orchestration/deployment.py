"""One deployment for a test: settings, a real database, folders, and events put into the store as a source would."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
import polars as pl
from sqlalchemy import Engine, text

from cx_pipeline.adapters.database.event_intake import EventIntake
from cx_pipeline.adapters.storage.frame_store import FrameStore
from cx_pipeline.core.directory import EMPTY_DIRECTORY
from cx_pipeline.core.events.intake import prepare
from cx_pipeline.core.events.schema import with_event_columns
from cx_pipeline.core.job_names import WINDOW_JOB
from cx_pipeline.core.windows import Window, window_from_key
from cx_pipeline.settings import Settings

HOUR = timedelta(hours=1)
TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)
"""Start of the hour in which most of the tests' calls are."""


@dataclass
class Deployment:
    """What a test has at hand."""

    settings: Settings
    engine: Engine
    instance: dg.DagsterInstance
    definitions: dg.Definitions

    @property
    def frames(self) -> FrameStore:
        return FrameStore(self.settings.frames_root)

    def store(self, *events: dict[str, object]) -> int:
        """Put events into the store; the newest arrival sequence after that."""
        store_events(self.engine, *events)
        return int(str(self.value("SELECT max(arrival_sequence) FROM jtapi_event")))

    def value(self, query: str, **values: object) -> object:
        with self.engine.connect() as connection:
            return connection.execute(text(query), values).scalar()

    def rows(self, query: str, **values: object) -> list[tuple[object, ...]]:
        return rows_of(self.engine, query, **values)

    def run(self, key: str, *, ok: bool = True, job: str = WINDOW_JOB) -> dg.ExecuteInProcessResult:
        """Compute a window by the job, as a tick of the schedule would."""
        result = self._job(job).execute_in_process(
            partition_key=key, instance=self.instance, raise_on_error=ok
        )
        assert result.success is ok
        return result

    def run_range(self, first: str, last: str) -> dg.ExecuteInProcessResult:
        """Compute a range of windows in a single run."""
        tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        return self._job("backfill_job").execute_in_process(tags=tags, instance=self.instance)

    def window(self, key: str) -> Window:
        return window_from_key(key, self.settings.window_length)

    def frame_bytes(self) -> dict[str, bytes]:
        """Every stored frame, by its path below the root."""
        root = self.settings.frames_root
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in self.frames.paths()}

    def _job(self, name: str) -> dg.JobDefinition:
        return self.definitions.resolve_job_def(name)


def call(
    key: str, start: datetime, *, lasts: timedelta, agent: str = "1001", ends: bool = True
) -> list[dict[str, object]]:
    """The events of a plain incoming call: it rings for five seconds and is talked on until it ends."""
    moments: Iterable[tuple[str, timedelta, str | None]] = [
        ("CallActiveEv", timedelta(0), None),
        ("CallCtlTermConnRingingEv", timedelta(seconds=1), agent),
        ("CallCtlTermConnTalkingEv", timedelta(seconds=6), agent),
    ]
    if ends:
        moments = [
            *moments,
            ("CallCtlTermConnDroppedEv", lasts, agent),
            ("CallObservationEndedEv", lasts + timedelta(milliseconds=20), None),
        ]
    return [event(key, name, start + after, extension) for name, after, extension in moments]


def event(key: str, name: str, at: datetime, extension: str | None = None) -> dict[str, object]:
    """One event, as a listener writes it."""
    return {
        "tenant_id": "acme",
        "source": "jtapi",
        "event_time": at,
        "received_at": at,
        "event_name": name,
        "global_call_id": key,
        "extension": extension,
        "terminal": f"SEP{extension}" if extension else None,
        "calling_extension": "0301234567",
        "called_extension": "1001",
    }


def store_events(engine: Engine, *events: dict[str, object]) -> None:
    """Put events into the store, as the intake does."""
    frame = with_event_columns(pl.DataFrame(list(events)).lazy()).collect()
    prepared = prepare(frame, EMPTY_DIRECTORY)
    assert prepared.rejected.is_empty()
    EventIntake(engine).insert(prepared.usable)


def rows_of(engine: Engine, query: str, **values: object) -> list[tuple[object, ...]]:
    """The rows of a query."""
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), values)]
