"""`cx-pipeline simulate`: make traffic for demos, tests and benchmarks."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from cx_pipeline.cli.moments import MOMENT
from cx_pipeline.cli.simulate_audio import audio
from cx_pipeline.cli.simulate_ccm import ccm
from cx_pipeline.cli.simulate_cisco import cisco
from cx_pipeline.cli.simulate_live import live
from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.simulator.plan import QUIET, Noise, TrafficPlan, noise_from_text

ROWS_A_BATCH = 200_000


@click.group()
def simulate() -> None:
    """Simulate a site: what it reports, and what truly happened."""


simulate.add_command(cisco)


simulate.add_command(ccm)


simulate.add_command(audio)


simulate.add_command(live)


@simulate.command()
@click.option("--calls", type=click.IntRange(min=1), required=True, help="How many calls.")
@click.option(
    "--from", "start", type=MOMENT, required=True, help="Begin of the span, e.g. 2024-01-15T09:00Z."
)
@click.option("--hours", type=float, default=1.0, show_default=True, help="Length of the span.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same bytes."
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="File *.ndjson, *.csv or *.parquet."
)
@click.option("--into-store", is_flag=True, help="Insert the events into the event store instead.")
@click.option("--legs-out", type=click.Path(dir_okay=False, path_type=Path), help="File of the true legs.")
@click.option(
    "--directory-out", type=click.Path(dir_okay=False, path_type=Path), help="File *.yaml of the directory."
)
@click.option("--dialect", type=click.Choice(["jtapi", "table", "both"]), default="jtapi", show_default=True)
@click.option("--tenants", type=click.IntRange(1, 99), default=1, show_default=True)
@click.option(
    "--noise",
    "noise_texts",
    multiple=True,
    metavar="NOISE",
    help="none, realistic, or a list as duplicates=0.01,late=0.01,shuffled=0.01,lost=0.001,skewed=0.001,"
    "other_events=0.5,second_listener=yes; may be given again to change single ones.",
)
@click.option(
    "--finish", is_flag=True, help="Let calls go on after the span's end, so that none is in progress."
)
def traffic(
    calls: int,
    start: datetime,
    hours: float,
    seed: int,
    out: Path | None,
    into_store: bool,
    legs_out: Path | None,
    directory_out: Path | None,
    dialect: Any,
    tenants: int,
    noise_texts: tuple[str, ...],
    finish: bool,
) -> None:
    """Simulate calls: events as a listener reports them, and the true legs beside them.

    The true legs go to a file beside the events, OUT.legs.parquet or OUT.legs.ndjson, unless --legs-out names one.
    """
    from cx_pipeline.simulator import files

    if (out is None) == (not into_store):
        raise click.UsageError("give either --out FILE or --into-store")
    try:
        plan = TrafficPlan(
            calls=calls,
            start=start,
            hours=hours,
            seed=seed,
            tenants=tenants,
            dialect=dialect,
            noise=_noise(noise_texts),
            let_calls_finish=finish,
        )
        if out is not None:
            files.require_suffix(out, files.EVENT_SUFFIXES)
            legs_out = legs_out or files.true_legs_path(out)
        if legs_out is not None:
            files.require_suffix(legs_out, files.LEG_SUFFIXES)
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from error
    _simulate(plan, out, legs_out, directory_out)


def _noise(texts: tuple[str, ...]) -> Noise:
    noise = QUIET
    for text in texts:
        noise = noise_from_text(text, noise)
    return noise


def _simulate(plan: TrafficPlan, out: Path | None, legs_out: Path | None, directory_out: Path | None) -> None:
    from cx_pipeline.simulator import files
    from cx_pipeline.simulator.traffic import simulate_traffic

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        calls = progress.add_task("calls", total=plan.calls)
        simulated = simulate_traffic(plan, lambda more: progress.advance(calls, more))
    if out is not None:
        files.write_events(simulated.events, out)
        click.echo(f"{simulated.events.height:,} events in {out}")
    else:
        _insert(simulated.events)
    if legs_out is not None:
        files.write_true_legs(simulated.legs, legs_out)
        click.echo(f"{simulated.legs.height:,} true legs in {legs_out}")
    if directory_out is not None:
        files.write_directory(simulated.directory, directory_out)
        click.echo(f"{len(simulated.directory['agents']):,} agents' phones in {directory_out}")


def _insert(events: Any) -> None:
    """Insert the events in the order of their arrival, a transaction for each batch."""
    from cx_pipeline.adapters.database.connection import open_engine
    from cx_pipeline.adapters.database.event_intake import EventIntake
    from cx_pipeline.adapters.database.migrate import is_migrated
    from cx_pipeline.core.directory import EMPTY_DIRECTORY
    from cx_pipeline.core.events.intake import prepare
    from cx_pipeline.settings import Settings

    engine = open_engine(Settings())
    try:
        if not is_migrated(engine):
            raise ConfigurationError("the database has not the newest schema: run cx-pipeline migrate first")
        intake = EventIntake(engine)
        stored = duplicates = 0
        for start in range(0, events.height, ROWS_A_BATCH):
            # Every simulated event names its tenant: no directory is needed to find it.
            counts = intake.insert(prepare(events.slice(start, ROWS_A_BATCH), EMPTY_DIRECTORY).usable)
            stored, duplicates = stored + counts.stored, duplicates + counts.duplicates
        click.echo(f"{events.height:,} events: {stored:,} stored, {duplicates:,} duplicates")
    finally:
        engine.dispose()
