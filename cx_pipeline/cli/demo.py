"""`cx-pipeline demo`: an hour of a contact centre becomes call legs, from nothing, and all are held against the truth."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree

import click
import polars as pl
from filelock import FileLock, Timeout
from rich.console import Console
from sqlalchemy import Engine

from cx_pipeline.adapters.database.call_events import CallEvents
from cx_pipeline.adapters.database.call_tables import read_calls
from cx_pipeline.adapters.database.connection import open_engine
from cx_pipeline.adapters.database.embedded import find_embedded, start_embedded, stop_embedded
from cx_pipeline.adapters.database.enriched_legs import EnrichedLegs
from cx_pipeline.adapters.database.migrate import migrate
from cx_pipeline.adapters.database.outbox_reading import OutboxReading
from cx_pipeline.adapters.database.recordings import Recordings
from cx_pipeline.adapters.directory.tables import read_directory_tables, replace_directory_tables
from cx_pipeline.adapters.directory.yaml_file import read_directory_file
from cx_pipeline.adapters.intake.ingestion import FileReport, Ingestion
from cx_pipeline.adapters.processes.supervisor import Supervisor
from cx_pipeline.adapters.processes.window_runs import compute_windows
from cx_pipeline.adapters.storage.exported_frames import write_text_whole
from cx_pipeline.cli.demo_keys import demo_folder
from cx_pipeline.cli.demo_links import LinkOutcome, follow_links
from cx_pipeline.cli.demo_recorders import (
    DemoRecorders,
    RecordingOutcome,
    is_sampled,
    recording_site,
    recordings_of,
)
from cx_pipeline.cli.demo_site import (
    DemoSite,
    build_site,
    demo_plan,
    demo_settings,
    remove_files,
)
from cx_pipeline.cli.demo_summary import summarised
from cx_pipeline.cli.demo_systems import DemoSystems, Outcome, deliver_all, outcome_of, running_systems
from cx_pipeline.cli.endings import ending_in_order
from cx_pipeline.cli.live_phase import play_live_site
from cx_pipeline.cli.main import EXIT_FOUND_PROBLEMS
from cx_pipeline.cli.rendering.call_recordings_report import print_call_recordings
from cx_pipeline.cli.rendering.console import open_console
from cx_pipeline.cli.rendering.demo_report import print_summary
from cx_pipeline.cli.rendering.details_report import print_details
from cx_pipeline.cli.rendering.explanation_report import print_explanation
from cx_pipeline.cli.rendering.recordings_report import print_recordings
from cx_pipeline.cli.running_gateway import running_gateway, with_gateway
from cx_pipeline.core.calls.correlate import correlate
from cx_pipeline.core.calls.explanation import Explanation, explain
from cx_pipeline.core.directory import Directory
from cx_pipeline.core.errors import ConfigurationError, CxError
from cx_pipeline.core.job_names import LINK_JOB, RECORDING_JOB, WINDOW_JOB
from cx_pipeline.settings import Settings, load_settings
from cx_pipeline.simulator.live.end_to_link import EndToLink

LIVE_WARM_UP_S = 10.0
LIVE_GRACE_S = 120.0
"""So long the live site's links are waited for; a slow machine is no wrong one."""


@click.command(name="demo")
@click.option("--calls", type=click.IntRange(min=1), default=600, show_default=True, help="How many calls.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Same seed and day, same calls."
)
@click.option(
    "--recorded",
    type=click.FloatRange(0.01, 100),
    default=10.0,
    show_default=True,
    help="Percentage of the calls that are recorded; an hour of audio takes 200 MB.",
)
@click.option(
    "--live",
    "live_s",
    type=click.FloatRange(0, 3600),
    default=60.0,
    show_default=True,
    help="Seconds for which a site is played in real time at the end; 0: not at all.",
)
@click.option(
    "--keep", is_flag=True, help="Keep the simulated events, true legs and recorders' files in CX_HOME/demo."
)
def demo(calls: int, seed: int, recorded: float, live_s: float, keep: bool) -> None:
    """Show it all: simulate an hour of a contact centre, take its events in, compute its windows, tell of its legs.

    Beside the phones it simulates Cisco's reporting database, a conversation manager that fails now and then, and
    recorders with wrong clocks and broken files. All legs, their records, their messages and what is heard in their
    recordings are held against the truth, and every link to a recording is followed through the gateway. Then a small
    site is played in real time, and how long its links take is measured.

    Everything lies below CX_HOME, in a PostgreSQL that this command starts and stops: no other database is touched,
    whatever CX_DATABASE_URL says. The hour is yesterday's, from 9 UTC on. `cx-pipeline up` shows its windows.

    Exit codes: 0 all legs are as they truly were, none has a wrong record, each message arrived once, each recording
    holds the right voices in time, each link plays its leg's recording; 1 some are not, or something failed; 2 wrong use.
    """
    begun = time.monotonic()
    given = load_settings()
    folder = demo_folder(given.home)
    plan = demo_plan(calls, seed, datetime.now(UTC))
    settings = demo_settings(given, folder, plan)
    console = open_console()
    with ending_in_order(), _alone(folder), _database(settings, console) as engine:
        site = build_site(plan, settings, folder)
        _say(console, "Simulated", f"{calls:,} calls from {plan.start:%Y-%m-%d %H:%M} UTC, "
             f"{site.event_count:,} events of 2 sources and {len(site.tenants)} tenants")  # fmt: skip
        directory = _directory(engine, site)
        reports = _ingest(engine, directory, site)
        stored = sum(report.stored for report in reports)
        _say(console, "Taken in", f"{stored:,} events stored")
        with recording_site(settings, site, folder, recorded, keep=keep) as recorders:
            _say(console, "Recorded", f"{recorders.audio.files:,} files of {recorders.audio.hours:.1f} hours by "
                 "recorders with wrong clocks and broken files")  # fmt: skip
            log = given.home.absolute() / "logs" / "demo.log"
            log.unlink(missing_ok=True)
            told, heard, followed = _tell_and_follow(console, engine, site, recorders, folder, log)
        live = _play_live(console, folder, live_s)
        comparison, summary = summarised(engine, site, reports, told, heard, followed, live, begun)
        write_text_whole(json.dumps(summary.as_json(), indent=1) + "\n", folder / "summary.json")
        console.print()
        _explain_one(console, engine, settings, site, directory, recorded)
        console.print()
        print_summary(console, summary, comparison, told.comparison)
        print_recordings(console, heard.rows, heard.comparison)
        if not keep:
            remove_files(site, folder)
    is_right = told.is_right and heard.is_right and followed.is_right and (live is None or live.is_right)
    if not (is_right and comparison.is_equal):
        sys.exit(EXIT_FOUND_PROBLEMS)


def _tell_and_follow(
    console: Console, engine: Engine, site: DemoSite, recorders: DemoRecorders, folder: Path, log: Path
) -> tuple[Outcome, RecordingOutcome, LinkOutcome]:
    """Compute the windows, deliver what they tell, link, and follow the links; what came of each."""
    with running_systems(with_gateway(recorders.settings, folder), engine, site, folder) as systems:
        _compute(console, systems.settings, site, [WINDOW_JOB, RECORDING_JOB], log)
        _deliver(console, systems, engine)
        # What only now came to be known to the conversation manager can be linked only now.
        _compute(console, systems.settings, site, [LINK_JOB], log)
        _deliver(console, systems, engine)
        told = outcome_of(engine, site, systems)
        heard = recordings_of(engine, site, recorders)
        with running_gateway(systems.settings) as gateway_url:
            followed = follow_links(engine, site.tenants, heard.rows, gateway_url)
    _say(console, "Followed", f"{followed.links:,} links to recordings, {followed.playing:,} of them play")
    return told, heard, followed


def _compute(console: Console, settings: Settings, site: DemoSite, jobs: Sequence[str], log: Path) -> None:
    for computed in compute_windows(settings, site.windows, jobs, log):
        _say(console, "Computed", f"window {computed.window} ({computed.job}, run {computed.run_id[:8]})")


def _deliver(console: Console, systems: DemoSystems, engine: Engine) -> None:
    """Send what the windows' runs left: what failed there waits for its next try."""
    sent = sum(report.sent for report in deliver_all(systems.settings, engine))
    _say(console, "Delivered", f"what was left of the messages, in {sent:,} more attempts")


def _play_live(console: Console, folder: Path, seconds: float) -> EndToLink | None:
    """A site in real time, in a deployment of its own beside the demo's: how long from a call's end to its link."""
    if not seconds:
        return None
    home = folder / "live"
    rmtree(home, ignore_errors=True)
    _say(
        console, "Live", f"bringing up gateway, web UI and daemon for a site of {seconds:.0f} s in real time"
    )
    try:
        report = play_live_site(home, seconds=seconds, warm_up_s=LIVE_WARM_UP_S, grace_s=LIVE_GRACE_S)
    except CxError:
        _say(console, "Live", f"failed: the logs are in {home / 'logs'}")
        raise
    if report.links.is_right:
        rmtree(home, ignore_errors=True)
    return report.links


def _say(console: Console, what: str, text: str) -> None:
    console.print(f"{what:<12} {text}", markup=False, soft_wrap=True)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two demos in one folder would end each other's database."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout:
        raise ConfigurationError(
            f"another demo runs in {folder}: wait for it, or set another CX_HOME"
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"cannot write to {folder}: {error.strerror}; set another CX_HOME"
        ) from error


@contextmanager
def _database(settings: Settings, console: Console) -> Iterator[Engine]:
    """The embedded database, migrated; ended with this command (by a watchdog, if this is killed) unless it ran before."""
    was_running = find_embedded(settings) is not None
    with Supervisor({}) as supervisor:
        try:
            server = start_embedded(settings)
            if not was_running:
                supervisor.guard(server.pid)
            engine = open_engine(settings)
            try:
                migrate(engine)
                _say(console, "Database", f"PostgreSQL below {settings.home / 'postgres'}")
                yield engine
            finally:
                engine.dispose()
        finally:
            if not was_running:
                stop_embedded(settings)


def _directory(engine: Engine, site: DemoSite) -> Directory:
    """The site's directory; put into the tables too where they are empty, so that other commands know the names."""
    directory = read_directory_file(site.directory_file)
    if read_directory_tables(engine).agents.is_empty():
        replace_directory_tables(engine, directory)
    return directory


def _ingest(engine: Engine, directory: Directory, site: DemoSite) -> list[FileReport]:
    ingestion = Ingestion(engine, directory)
    reports = [ingestion.ingest(path) for path in site.event_files]
    for report in reports:
        if report.error is not None:
            raise report.error
    return reports


def _explain_one(
    console: Console,
    engine: Engine,
    settings: Settings,
    site: DemoSite,
    directory: Directory,
    recorded_percent: float,
) -> None:
    explanation = _worth_a_look(engine, settings, site, directory, recorded_percent)
    print_explanation(console, explanation)
    call_id = explanation.call["call_id"]
    legs = EnrichedLegs(engine).of_call(call_id)
    print_details(console, legs, OutboxReading(engine).messages(call=call_id))
    numbers = dict(legs.select("leg_id", "leg_number").iter_rows())
    print_call_recordings(console, Recordings(engine).of_call(call_id), numbers)


def _worth_a_look(
    engine: Engine, settings: Settings, site: DemoSite, directory: Directory, recorded_percent: float
) -> Explanation:
    """A call worth a look: recorded, of several keys and legs, put together by a consult if there is one."""
    calls = read_calls(engine, site.tenants).filter(pl.col("start_time") >= site.plan.start)
    worth = calls.sort(
        is_sampled(calls, recorded_percent),
        pl.col("call_type") == "CONSULT_TRANSFER",
        pl.col("root_call_key").str.contains("_"),  # not of the persisted table, which knows no rings
        pl.col("call_keys").list.len(),
        "leg_count",
        "start_time",
        "call_id",
        descending=[True, True, True, True, True, False, False],
    )
    call_id = worth["call_id"][0]
    rules = settings.correlation_rules
    events = CallEvents(engine, rules.max_silence).of_id(call_id)
    correlation = correlate(events, rules, directory, datetime.now(UTC))
    return explain(events, correlation, call_id, rules, directory)
