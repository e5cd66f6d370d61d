"""`cx-pipeline explain`: one call's time line, its legs, and the events and rules that decided them."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click
import polars as pl
from polars.exceptions import PolarsError

from cx_pipeline.adapters.database.call_events import CallEvents
from cx_pipeline.adapters.database.connection import open_engine
from cx_pipeline.adapters.database.enriched_legs import EnrichedLegs
from cx_pipeline.adapters.database.event_store import EventStore
from cx_pipeline.adapters.database.migrate import is_migrated
from cx_pipeline.adapters.database.outbox_reading import OutboxReading
from cx_pipeline.adapters.database.recordings import Recordings
from cx_pipeline.adapters.directory.loading import load_directory
from cx_pipeline.adapters.directory.yaml_file import read_directory_file
from cx_pipeline.adapters.intake.event_frames import read_event_files
from cx_pipeline.adapters.storage.exported_frames import write_text_whole
from cx_pipeline.cli.main import EXIT_FOUND_PROBLEMS
from cx_pipeline.cli.moments import MOMENT
from cx_pipeline.cli.rendering.call_recordings_report import print_call_recordings
from cx_pipeline.cli.rendering.console import open_console
from cx_pipeline.cli.rendering.details_report import print_details
from cx_pipeline.cli.rendering.explanation_report import print_candidates, print_explanation
from cx_pipeline.cli.rendering.explanation_svg import explanation_svg
from cx_pipeline.core.calls.correlate import Correlation, correlate
from cx_pipeline.core.calls.explanation import Explanation
from cx_pipeline.core.calls.explanation import explain as explain_call
from cx_pipeline.core.calls.lookup import Found, Reference, find_calls, reference_of
from cx_pipeline.core.directory import EMPTY_DIRECTORY, Directory
from cx_pipeline.core.errors import ConfigurationError, InputError
from cx_pipeline.core.windows import KEY_FORMAT, Window, window_from_key
from cx_pipeline.settings import Settings, load_settings


@dataclass(frozen=True, slots=True)
class _Source:
    """The events in which the call is looked for, and who is who among them."""

    events: pl.DataFrame
    directory: Directory
    place: str


@click.command(name="explain")
@click.argument("call")
@click.option(
    "--at", type=MOMENT, metavar="TIME", help="When, as 2024-01-15T09:23Z: CALL may be an extension then."
)
@click.option(
    "--events",
    "files",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Event file in which to look, instead of the event store; may be given several times.",
)
@click.option(
    "--directory",
    "directory_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="YAML file of agents, numbers and tenants, in place of CX_DIRECTORY_FILE or the database's tables.",
)
@click.option(
    "--window",
    metavar="KEY",
    help="Window in which to look, as 2024-01-15-09:00, whether it was computed or not.",
)
@click.option(
    "--svg",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write it as a picture, too.",
)
def explain(
    call: str,
    at: datetime | None,
    files: Sequence[Path],
    directory_file: Path | None,
    window: str | None,
    svg: Path | None,
) -> None:
    """Explain CALL: its time line, its legs, and why each starts, is held and ends when it does, and is of its type.

    With the event store: also each leg's Cisco record with the score of the match, its messages with their state, and
    its recording with the rule by which it was made.

    CALL is a call id, a leg id, a leg key, a call key (1_167890, 167890/1, 16945106 or 167890), or, with --at, an
    extension. The events come from the event store, or from files (--events).

    Exit codes: 0 explained; 1 not found, or several calls are meant (they are listed); 2 wrong use.
    """
    if files and window:
        raise click.UsageError("give either --events or --window")
    if svg is not None and svg.suffix.lower() != ".svg":
        raise click.UsageError(f"{svg}: name the file *.svg")
    reference = _reference(call, at)
    settings = load_settings()
    source = (
        _from_files(settings, files, directory_file)
        if files
        else _from_store(settings, reference, window, directory_file)
    )
    now = datetime.now(UTC)
    correlation = _correlated(source, settings, now)
    found = find_calls(correlation, reference)
    if found.calls.is_empty() and not files and _told_by_records_alone(settings, reference):
        return
    if found.calls.height != 1:
        _tell_candidates(reference, found, source.place)
        sys.exit(EXIT_FOUND_PROBLEMS)
    explanation = explain_call(
        source.events, correlation, found.calls["call_id"][0], settings.correlation_rules, source.directory
    )
    _tell(explanation, svg)
    if not files:
        _tell_details(settings, explanation.call["call_id"])


def _tell_details(settings: Settings, call_id: str) -> bool:
    """Cisco's details of a call, its messages and its recordings; whether there are any."""
    engine = open_engine(settings)
    try:
        legs = EnrichedLegs(engine).of_call(call_id)
        if legs.is_empty():
            return False
        console = open_console()
        print_details(console, legs, OutboxReading(engine).messages(call=call_id))
        numbers = dict(legs.select("leg_id", "leg_number").iter_rows())
        print_call_recordings(console, Recordings(engine).of_call(call_id), numbers)
        return True
    finally:
        engine.dispose()


def _told_by_records_alone(settings: Settings, reference: Reference) -> bool:
    """Tell of a call that no listener heard of: nothing but its records and messages is known."""
    return reference.uuid is not None and _tell_details(settings, reference.uuid)


def _tell(explanation: Explanation, svg: Path | None) -> None:
    console = open_console()
    print_explanation(console, explanation)
    if svg is not None:
        write_text_whole(explanation_svg(explanation), svg)
        console.print(f"\nPicture in {svg}", markup=False, soft_wrap=True)


def _reference(call: str, at: datetime | None) -> Reference:
    try:
        return reference_of(call, at)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _from_files(settings: Settings, files: Sequence[Path], directory_file: Path | None) -> _Source:
    path = directory_file or settings.directory_file
    directory = EMPTY_DIRECTORY if path is None else read_directory_file(path)
    given = read_event_files(files)
    if given.quarantine.height:
        click.echo(
            f"{given.quarantine.height:,} rows are no events (cx-pipeline correlate tells which)", err=True
        )
    try:
        events = given.events.collect()
    except (PolarsError, OSError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(f"the events cannot be read: {lines[0]}") from error
    return _Source(events, directory, f"in {', '.join(map(str, files))}")


def _from_store(
    settings: Settings, reference: Reference, window: str | None, directory_file: Path | None
) -> _Source:
    if directory_file is not None:
        settings = settings.model_copy(update={"directory_file": directory_file})
    engine = open_engine(settings)
    try:
        if not is_migrated(engine):
            raise ConfigurationError("the database lacks the newest tables: run cx-pipeline migrate")
        directory = load_directory(settings, engine)
        max_silence = settings.correlation_rules.max_silence
        if window is not None:
            wanted = _window(window, settings)
            store = EventStore(engine)
            is_open = wanted.is_open(datetime.now(UTC))
            events = store.read_window(wanted, max_silence=max_silence, is_open=is_open).events
            return _Source(events, directory, f"in the window {window}")
        reader = CallEvents(engine, max_silence)
        if reference.uuid is not None:
            events = reader.of_id(reference.uuid)
            return _Source(
                events, directory, "among the computed calls (--window looks in the events themselves)"
            )
        events = reader.of_number(reference.key, reference.text, reference.at)
        return _Source(events, directory, "in the event store")
    finally:
        engine.dispose()


def _window(key: str, settings: Settings) -> Window:
    try:
        return window_from_key(key, settings.window_length)
    except ValueError:
        raise click.UsageError(
            f"--window {key!r} is no window: write 2024-01-15-09:00 ({KEY_FORMAT})"
        ) from None


def _correlated(source: _Source, settings: Settings, now: datetime) -> Correlation:
    return correlate(source.events, settings.correlation_rules, source.directory, now)


def _tell_candidates(reference: Reference, found: Found, place: str) -> None:
    console = open_console()
    at = f" at {reference.at:%Y-%m-%d %H:%M:%S} UTC" if reference.at else ""
    if found.calls.is_empty():
        click.echo(f"No call {reference.text}{at} {place}.", err=True)
        if reference.uuid is None and reference.at is None:
            click.echo("If it is an extension, say when: --at 2024-01-15T09:23Z.", err=True)
        if len(found.near):
            click.echo("The nearest ones:", err=True)
            print_candidates(console, found.near)
        return
    click.echo(f"{found.calls.height} calls are {reference.text}{at}: say which by its call id.", err=True)
    print_candidates(console, found.calls)
