"""A file into the event store: read, prepared and stored in chunks, with an account of every row."""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
from sqlalchemy import Engine

from cx_pipeline.adapters.database.event_intake import EventIntake, InsertCounts
from cx_pipeline.adapters.database.quarantine import InputQuarantine
from cx_pipeline.adapters.intake.chunk import ReadChunk, storable_text
from cx_pipeline.adapters.intake.files import InputFile, inspect_file, read_file
from cx_pipeline.adapters.intake.validation import rejected_rows, to_events
from cx_pipeline.core.directory import Directory
from cx_pipeline.core.errors import CxError
from cx_pipeline.core.events.intake import prepare

WRITERS = 2
"""While one connection inserts, which only one may do at a time, the other copies its rows in."""

EXAMPLES = 20
"""So many quarantined rows of a file are told one by one; the table `quarantined_input` has them all."""


@dataclass(slots=True)
class FileReport:
    """What became of a file's rows: `rows` = `stored` + `duplicates` + `quarantined`.

    `error` tells why the file was not read, or not to its end; the rows that are counted are stored all the same.
    """

    path: Path
    format: str = ""
    rows: int = 0
    stored: int = 0
    duplicates: int = 0
    blank_lines: int = 0
    quarantined_by_reason: Counter[str] = field(default_factory=Counter)
    examples: list[tuple[int, str]] = field(default_factory=list)
    unknown_columns: set[str] = field(default_factory=set)
    error: CxError | None = None

    @property
    def quarantined(self) -> int:
        """How many rows could not be used."""
        return self.quarantined_by_reason.total()

    @property
    def has_problems(self) -> bool:
        """Whether somebody should look at the file."""
        return self.error is not None or self.quarantined > 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the reading of a file is."""

    bytes_read: int
    size: int
    rows: int


class Ingestion:
    """Takes files into the event store. Taking one twice, or again after a kill half way, changes nothing."""

    def __init__(
        self, engine: Engine, directory: Directory, *, source: str | None = None, tenant_id: str | None = None
    ) -> None:
        """`source` and `tenant_id` are those of the rows that name none."""
        self._intake = EventIntake(engine)
        self._quarantine = InputQuarantine(engine)
        self._directory = directory
        self._source = source
        self._tenant_id = tenant_id

    def ingest(self, path: Path, on_progress: Callable[[Progress], None] = lambda _: None) -> FileReport:
        """Store the events of a file. Errors of ours end up in the report, after what came before them is stored."""
        report = FileReport(path)
        try:
            file = inspect_file(path)
            report.format = file.format
            self._store_chunks(file, report, on_progress)
        except CxError as error:
            report.error = error
        return report

    def _store_chunks(
        self, file: InputFile, report: FileReport, on_progress: Callable[[Progress], None]
    ) -> None:
        """Read in this thread while others write, at most `WRITERS` chunks behind."""
        progress = Progress(0, file.size, 0)

        def tell_bytes(bytes_read: int) -> None:
            nonlocal progress
            progress = Progress(bytes_read, file.size, report.rows)
            on_progress(progress)

        pending: deque[Future[_StoredChunk]] = deque()
        with ThreadPoolExecutor(WRITERS, thread_name_prefix="intake") as writers:
            try:
                for chunk in read_file(file, tell_bytes):
                    if len(pending) >= WRITERS:
                        _account(report, pending.popleft().result())
                    pending.append(writers.submit(self._store, file, chunk))
            finally:
                _account_all(report, pending)
        tell_bytes(file.size)

    def _store(self, file: InputFile, chunk: ReadChunk) -> "_StoredChunk":
        checked = to_events(chunk, source=self._source, tenant_id=self._tenant_id)
        prepared = prepare(checked.events, self._directory)
        quarantined = pl.concat([checked.quarantined, rejected_rows(prepared.rejected, chunk)])
        counts = self._intake.insert(prepared.usable)
        name = storable_text(str(file.path).encode(errors="surrogateescape"))
        self._quarantine.record(quarantined, file_name=name, file_sha256=file.sha256)
        return _StoredChunk(counts, quarantined, chunk.unknown_columns, chunk.blank_lines)


@dataclass(frozen=True, slots=True)
class _StoredChunk:
    counts: InsertCounts
    quarantined: pl.DataFrame
    unknown_columns: frozenset[str]
    blank_lines: int


def _account_all(report: FileReport, pending: Iterable[Future[_StoredChunk]]) -> None:
    """Count what was stored, also after a chunk that was not; then raise that one's error."""
    errors: list[CxError] = []
    for future in pending:
        try:
            _account(report, future.result())
        except CxError as error:
            errors.append(error)
    if errors:
        raise errors[0]


def _account(report: FileReport, stored: _StoredChunk) -> None:
    report.rows += stored.counts.read + stored.quarantined.height
    report.stored += stored.counts.stored
    report.duplicates += stored.counts.duplicates
    report.blank_lines += stored.blank_lines
    report.unknown_columns |= stored.unknown_columns
    codes = stored.quarantined["reason"].str.extract(r"^([^:]+)")
    report.quarantined_by_reason.update(codes)
    room = EXAMPLES - len(report.examples)
    if room > 0:
        first = stored.quarantined.sort("line_number").head(room)
        report.examples += first.select("line_number", "reason").rows()
