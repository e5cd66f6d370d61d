"""The manifests that a window asks for: folders and call records are read first, then the table."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.locks import MANIFEST_SCAN_LOCK
from cx_pipeline.adapters.database.manifests import Manifests
from cx_pipeline.adapters.freeswitch.call_record_intake import CallRecordIntake
from cx_pipeline.adapters.freeswitch.manifest_scan import ManifestScan, ScanOptions
from cx_pipeline.adapters.freeswitch.probing import looked_at_again
from cx_pipeline.adapters.freeswitch.storage_watch import StorageWatch
from cx_pipeline.adapters.freeswitch.xml_cdr import open_xml_cdr
from cx_pipeline.core.windows import Window
from cx_pipeline.settings import Settings

LOOKED_AT_AGAIN = 500
"""So many files with a problem that may pass are looked at again each time, those longest not looked at first."""
_LOOK_AGAIN_AFTER = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class WindowManifests:
    """What recorders left around a window.

    `manifests` is `RECORDING_MANIFEST_SCHEMA`, sorted by start and id: all that the table had when `high_water` was the
    newest arrival. `figures` counts what was read to bring it up to date (`ManifestScan`).
    """

    manifests: pl.DataFrame
    high_water: int
    figures: dict[str, int]


def read_window_manifests(
    settings: Settings, engine: Engine, window: Window, now: datetime
) -> WindowManifests:
    """Take in what is new, then give all manifests that overlap the window, from `max_call` before to a slack after it.

    What is given is a function of the table, and changes for a closed window only when something new arrives for it.

    Raises:
        StorageUnavailableError: a folder of manifests was not read, or not in time.
        SourceUnavailableError, SourceRefusedError: FusionPBX was not read.
        DatabaseUnavailableError: the database does not answer.
    """
    first = window.start - timedelta(hours=settings.max_call_hours)
    last = window.end + timedelta(seconds=settings.recording_slack_s)
    figures: Counter[str] = Counter()
    watch = StorageWatch()
    with _one_at_a_time(engine):
        watch.run(lambda: _bring_up_to_date(settings, engine, (first, last), now, watch, figures))
    read = Manifests(engine).read(first, last)
    return WindowManifests(read.manifests, read.high_water, dict(figures))


def _bring_up_to_date(
    settings: Settings,
    engine: Engine,
    span: tuple[datetime, datetime],
    now: datetime,
    watch: StorageWatch,
    figures: Counter[str],
) -> None:
    options = ScanOptions(
        folders=settings.folders_of_manifests,
        roots=settings.stream_roots,
        abandon_after=timedelta(minutes=settings.abandon_after_minutes),
    )
    scan = ManifestScan(engine, options, now, watch)
    scan.run()
    figures.update(scan.figures)
    if (source := open_xml_cdr(settings)) is not None:
        CallRecordIntake(engine, settings, watch, figures).take_in(source, *span, now)
    manifests = Manifests(engine)
    again = manifests.to_look_at_again(*span, probed_before=now - _LOOK_AGAIN_AFTER, limit=LOOKED_AT_AGAIN)
    figures["files_looked_at_again"] = again.height
    figures["files_that_told_more"] = manifests.note_probes(
        looked_at_again(again, settings.stream_roots, watch)
    )


@contextmanager
def _one_at_a_time(engine: Engine) -> Iterator[None]:
    """Runs of several windows would read the same files at once: the others wait, and then find little left to do."""
    task = "to wait for another scan of the manifests"
    with ExitStack() as stack:
        with database_errors(task):
            connection = stack.enter_context(engine.connect().execution_options(isolation_level="AUTOCOMMIT"))
            connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": MANIFEST_SCAN_LOCK})
        try:
            yield
        finally:
            with suppress(DBAPIError):  # a connection that is lost holds no lock
                connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": MANIFEST_SCAN_LOCK})
