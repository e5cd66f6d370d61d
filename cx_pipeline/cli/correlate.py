"""`cx-pipeline correlate`: event files to call legs, without a database."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
from polars.exceptions import PolarsError
from rich.console import Console

from cx_pipeline.adapters.directory.yaml_file import read_directory_file
from cx_pipeline.adapters.intake.event_frames import EventFrame, read_event_files
from cx_pipeline.adapters.storage.exported_frames import export_frame, require_export_suffix
from cx_pipeline.cli.main import EXIT_FOUND_PROBLEMS
from cx_pipeline.cli.moments import MOMENT
from cx_pipeline.cli.rendering.console import count_of, open_console
from cx_pipeline.cli.rendering.correlation_report import (
    print_leg_table,
    print_quarantine,
    print_summary,
    quarantine_frame,
)
from cx_pipeline.core.calls import correlate as engine
from cx_pipeline.core.calls.correlate import Correlation
from cx_pipeline.core.directory import EMPTY_DIRECTORY, Directory
from cx_pipeline.core.errors import ConfigurationError, InputError
from cx_pipeline.settings import Settings, load_settings

OUTPUT = click.Path(dir_okay=False, path_type=Path)


@click.command(name="correlate")
@click.argument("events", metavar="EVENTS…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=OUTPUT, metavar="FILE", help="Legs into a file *.parquet, *.ndjson or *.csv.")
@click.option("--calls-out", type=OUTPUT, metavar="FILE", help="Calls into a file, likewise.")
@click.option(
    "--quarantine-out", type=OUTPUT, metavar="FILE", help="What could not be used into a file, likewise."
)
@click.option(
    "--directory",
    "directory_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="YAML file of agents, numbers and tenants, in place of CX_DIRECTORY_FILE.",
)
@click.option(
    "--as-of",
    type=MOMENT,
    metavar="TIME",
    help="From when silence is judged, as 2024-01-15T09:00Z; now if not given.",
)
def correlate(
    events: Sequence[Path],
    out: Path | None,
    calls_out: Path | None,
    quarantine_out: Path | None,
    directory_file: Path | None,
    as_of: datetime | None,
) -> None:
    """Turn call events of NDJSON, CSV and Parquet files into calls and their legs, without a database.

    Several files are one input: a call may have events in each. Without --out the legs come as a table.

    Exit codes: 0 done; 1 something was quarantined, or a file cannot be read or written; 2 wrong use.
    """
    _require_suffixes(out, calls_out, quarantine_out)
    settings = load_settings()
    given = read_event_files(events)
    correlation = _correlated(given, settings, _directory(settings, directory_file), as_of)
    console = open_console()
    written = {
        "leg": (out, correlation.legs),
        "call": (calls_out, correlation.calls),
        "quarantined row": (quarantine_out, quarantine_frame(correlation, given.quarantine)),
    }
    for path, frame in written.values():
        if path is not None:
            export_frame(frame, path)
    _tell(console, correlation, given, is_table_wanted=out is None)
    for what, (path, frame) in written.items():
        if path is not None:
            console.print(f"{count_of(frame.height, what)} in {path}", markup=False, soft_wrap=True)
    if correlation.counts.quarantined or given.quarantine.height:
        sys.exit(EXIT_FOUND_PROBLEMS)


def _require_suffixes(*paths: Path | None) -> None:
    for path in paths:
        if path is not None:
            try:
                require_export_suffix(path)
            except ConfigurationError as error:
                raise click.UsageError(str(error)) from error


def _directory(settings: Settings, given: Path | None) -> Directory:
    file = given or settings.directory_file
    return EMPTY_DIRECTORY if file is None else read_directory_file(file)


def _correlated(
    given: EventFrame, settings: Settings, directory: Directory, as_of: datetime | None
) -> Correlation:
    try:
        return engine.correlate(
            given.events, settings.correlation_rules, directory, as_of or datetime.now(UTC)
        )
    except (PolarsError, OSError) as error:  # Parquet is read here, and may be damaged within
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(f"the events cannot be read: {lines[0]}") from error


def _tell(console: Console, correlation: Correlation, given: EventFrame, *, is_table_wanted: bool) -> None:
    if is_table_wanted and not correlation.legs.is_empty():
        print_leg_table(console, correlation.legs)
    print_summary(console, correlation, given.quarantine)
    print_quarantine(console, correlation, given.quarantine)
