"""`cx-pipeline simulate cisco`: the reporting database that goes with simulated traffic."""

import json
import shlex
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from cx_pipeline.core.errors import ConfigurationError

SOURCE_NAME = "simulated"


@click.command()
@click.option(
    "--legs",
    "legs_file",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="File *.parquet of the true legs, as simulate traffic --legs-out writes it.",
)
@click.option("--flavour", type=click.Choice(["ucce", "uccx"]), default="ucce", show_default=True)
@click.option(
    "--version",
    default="12.5",
    show_default=True,
    help="Of UCCE: 12.5, or 11.6, which tells ends in local time only.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same rows."
)
@click.option(
    "--noise",
    "noise_texts",
    multiple=True,
    metavar="NOISE",
    help="none, realistic (the default), or a list as missing=0.01,late=0.05,late_minutes=5-60,ambiguous=0.003,"
    "no_extension=0.01,other_extension=0.005,reservations=0.03,reused_keys=0.02,wrong_talk_time=0.01,unseen_hold=0.01,"
    "wrap_up=0.6,odd_wrap_up=0.1,dialler=0.5,lag_s=60-300,jitter_ms=300; may be given again to change single ones.",
)
@click.option(
    "--skew",
    "skew_s",
    type=float,
    default=0.0,
    show_default=True,
    help="Seconds that Cisco's clock is ahead.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File *.parquet of the truth: to which leg each record belongs.",
)
def cisco(
    legs_file: Path,
    flavour: Any,
    version: str,
    seed: int,
    noise_texts: tuple[str, ...],
    skew_s: float,
    out: Path | None,
) -> None:
    """Fill Cisco's reporting tables for simulated traffic, in the application's own database.

    The rows stand in the schema cisco_ucce or cisco_uccx, which a source with the connection "embedded" reads. Running
    it again replaces the records of the same tenants.
    """
    from cx_pipeline.simulator import files
    from cx_pipeline.simulator.cisco.plan import CiscoPlan

    try:
        plan = CiscoPlan(
            flavour=flavour,
            version=version,
            seed=seed,
            clock_skew=_skew(skew_s),
            trouble=_trouble(noise_texts),
        )
        if out is not None:
            files.require_suffix(out, (".parquet",))
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from error
    simulated = _simulate(legs_file, plan)
    if out is not None:
        files.write_true_legs(simulated.truth, out)
        click.echo(f"{simulated.truth.height:,} records' true legs in {out}")
    click.echo(_summary(simulated))
    click.echo(f"CX_CISCO_SOURCES={shlex.quote(sources_setting(simulated))}")


def sources_setting(simulated: Any) -> str:
    """The value of `CX_CISCO_SOURCES` by which the simulated records are read."""
    tenants = {str(number): tenant for tenant, number in simulated.peripheral_ids.items()}
    if len(tenants) == 1:
        tenants = {"*": tenants.popitem()[1]}
    source = {
        "name": SOURCE_NAME,
        "flavour": simulated.plan.flavour,
        "connection": "embedded",
        "tenants": tenants,
    }
    return json.dumps([source])


def _skew(seconds: float) -> timedelta:
    try:
        return timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        raise ConfigurationError(f"skew {seconds:g} s: give a number of seconds") from None


def _trouble(texts: tuple[str, ...]) -> Any:
    from cx_pipeline.simulator.cisco.plan import REALISTIC, trouble_from_text

    trouble = REALISTIC
    for text in texts:
        trouble = trouble_from_text(text, trouble)
    return trouble


def _simulate(legs_file: Path, plan: Any) -> Any:
    """Make the records and write them."""
    from cx_pipeline.adapters.database.connection import open_engine
    from cx_pipeline.settings import load_settings
    from cx_pipeline.simulator import files
    from cx_pipeline.simulator.cisco.fill import fill
    from cx_pipeline.simulator.cisco.records import simulate_records

    simulated = simulate_records(files.read_true_legs(legs_file), plan)
    engine = open_engine(load_settings())
    console = Console(stderr=True)
    try:
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            rows = progress.add_task("rows", total=sum(table.height for table in simulated.tables.values()))
            fill(engine, simulated, lambda more: progress.advance(rows, more))
    finally:
        engine.dispose()
    return simulated


def _summary(simulated: Any) -> str:
    """What was written, a line for each table and one for what went wrong."""
    truth = simulated.truth
    kinds = dict(truth.group_by("kind").len().iter_rows())
    tables = [f"{frame.height:,} rows in {name}" for name, frame in simulated.tables.items()]
    told = [
        f"{kinds.get('LEG', 0):,} records of legs",
        f"{simulated.missing.height:,} legs without a record",
        f"{truth.filter('is_ambiguous').height:,} records that nobody can tell apart",
        f"{kinds.get('RESERVATION', 0):,} reservation calls",
        f"{kinds.get('FOREIGN', 0):,} calls of others on the same keys",
    ]
    return "\n".join([*tables, ", ".join(told)])
