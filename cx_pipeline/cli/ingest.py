"""`cx-pipeline ingest`: event files into the event store."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar

from cx_pipeline.adapters.database.connection import open_engine
from cx_pipeline.adapters.database.migrate import is_migrated
from cx_pipeline.adapters.directory.loading import load_directory
from cx_pipeline.adapters.intake.ingestion import FileReport, Ingestion, Progress
from cx_pipeline.core.errors import ConfigurationError, InputError, PermanentError
from cx_pipeline.settings import load_settings

EXIT_FOUND_PROBLEMS = 1
MOST_COLUMNS = 20
"""So many ignored columns are named."""
ROWS_BETWEEN_LINES = 500_000
"""Where no terminal watches, a line tells the progress after each so many rows."""


@click.command(name="ingest")
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--directory",
    "directory_file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML file of agents, numbers and tenants, in place of CX_DIRECTORY_FILE or the database's tables.",
)
@click.option("--source", metavar="NAME", help="Source of the events that name none (jtapi, jtapi_table, …).")
@click.option("--tenant", "tenant_id", metavar="ID", help="Tenant of the events that name none.")
def ingest(
    files: Sequence[Path], directory_file: Path | None, source: str | None, tenant_id: str | None
) -> None:
    """Store the call events of NDJSON, CSV and Parquet files (packed with gzip or not).

    Takes the event's own columns and those of the table in which a JTAPI listener persists its events, in
    snake_case or camelCase. What is stored already counts as double: running a file again, or again after it was
    interrupted, is safe. A row that cannot be used goes to the table quarantined_input, with file, line and reason.

    Exit codes: 0 all rows are stored, now or before; 1 rows were quarantined or a file could not be read; 2 wrong
    use.
    """
    settings = load_settings()
    if directory_file is not None:
        settings = settings.model_copy(update={"directory_file": directory_file})
    engine = open_engine(settings)
    try:
        if not is_migrated(engine):
            raise ConfigurationError("the database lacks the newest tables: run cx-pipeline migrate")
        directory = load_directory(settings, engine)
        ingestion = Ingestion(engine, directory, source=source or None, tenant_id=tenant_id or None)
        reports = _ingest_all(ingestion, files)
    finally:
        engine.dispose()
    if any(report.has_problems for report in reports):
        sys.exit(EXIT_FOUND_PROBLEMS)


def _ingest_all(ingestion: Ingestion, files: Sequence[Path]) -> list[FileReport]:
    reports: list[FileReport] = []
    for path in files:
        with _progress(click.format_filename(path)) as tell:
            report = ingestion.ingest(path, tell)
        reports.append(report)
        _print_report(report)
        if report.error is not None and not _concerns_the_file(report.error):
            break  # the other files would fare no better
    _print_summary(reports, len(files))
    return reports


def _concerns_the_file(error: Exception) -> bool:
    return isinstance(error, InputError) or type(error) is PermanentError


def _print_report(report: FileReport) -> None:
    name = click.format_filename(report.path)
    if report.error is not None:
        click.echo(f"{name}: failed: {report.error}", err=True)
    if report.rows or report.error is None:
        kind = f"{report.format}, " if report.rows else ""
        click.echo(
            f"{name}: {kind}{_counts(report.rows, report.stored, report.duplicates, report.quarantined)}"
        )
    for line, reason in report.examples:
        click.echo(f"{name}:{line}: {reason}")
    untold = report.quarantined - len(report.examples)
    if untold > 0:
        click.echo(f"{name}: … and {untold:,} more rows in the table quarantined_input")
    if report.unknown_columns:
        click.echo(f"{name}: ignored columns: {_listed(report.unknown_columns)}")
    if report.blank_lines:
        click.echo(f"{name}: {report.blank_lines:,} blank lines")


def _listed(names: Iterable[str]) -> str:
    """The first of the names, in a form that does a terminal no harm: they come from the file."""
    shown = [name if name.isprintable() and name else ascii(name) for name in sorted(names)]
    return ", ".join(shown[:MOST_COLUMNS]) + (
        f" and {len(shown) - MOST_COLUMNS:,} more" * (len(shown) > MOST_COLUMNS)
    )


def _print_summary(reports: Sequence[FileReport], given: int) -> None:
    totals = [
        sum(getattr(report, name) for report in reports)
        for name in ("rows", "stored", "duplicates", "quarantined")
    ]
    failed = sum(report.error is not None for report in reports)
    untried = given - len(reports)
    troubles = [f"{failed} failed"] * bool(failed) + [f"{untried} not tried"] * bool(untried)
    files = f"{given} file{'s' * (given != 1)}" + (f" ({', '.join(troubles)})" if troubles else "")
    click.echo(f"{files}: {_counts(*totals)}")


def _counts(rows: int, stored: int, duplicates: int, quarantined: int) -> str:
    return f"{rows:,} rows read, {stored:,} stored, {duplicates:,} double, {quarantined:,} quarantined"


@contextmanager
def _progress(name: str) -> Iterator[Callable[[Progress], None]]:
    """How to tell the progress of a file: a bar where a terminal watches, now and then a line elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _told_in_lines(name)
        return
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    rows = TextColumn("{task.fields[rows]:,} rows")
    with ProgressBar(*columns, rows, console=console, transient=True) as bars:
        bar = bars.add_task(name, total=None, rows=0)
        yield lambda progress: bars.update(
            bar, completed=progress.bytes_read, total=progress.size, rows=progress.rows
        )


def _told_in_lines(name: str) -> Callable[[Progress], None]:
    told = 0

    def tell(progress: Progress) -> None:
        nonlocal told
        if progress.rows - told >= ROWS_BETWEEN_LINES and progress.bytes_read < progress.size:
            told = progress.rows
            share = progress.bytes_read / progress.size
            click.echo(f"{name}: {progress.rows:,} rows stored, {share:.0%} read", err=True)

    return tell
