"""From the end of a call to its link: a whole deployment, a site that behaves in real time, and where the time goes.

    python benchmarks/end_to_link.py [--seconds 300] [--calls-per-hour 600]

Brings up everything in a temporary folder: embedded database, code server, web UI, daemon, gateway, a simulated
conversation manager and Cisco's tables. Then a site of the demo's load is played, all of its calls recorded. Prints the
median and the 95th percentile of the seconds from the latest of a leg's end, its Cisco record's and its files'
arrival until the conversation was told of its recording; after how many seconds each stage was reached; and what Dagster's
runs did with their time. The targets are 15 s and 30 s.
"""

import shutil
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from sqlalchemy import Engine

from cx_pipeline.adapters.database.connection import open_engine
from cx_pipeline.adapters.database.embedded import start_embedded, stop_embedded
from cx_pipeline.adapters.database.migrate import migrate
from cx_pipeline.cli.live_deployment import live_deployment
from cx_pipeline.cli.rendering.console import open_console
from cx_pipeline.cli.rendering.live_report import print_live
from cx_pipeline.cli.running_site import RunningSite, running_site
from cx_pipeline.settings import Settings
from cx_pipeline.simulator.ccm.running import running_ccm
from cx_pipeline.simulator.cisco.tables import create_tables
from cx_pipeline.simulator.live.phase import run_live, soon

TARGET_P50_S, TARGET_P95_S = 15.0, 30.0
WARM_UP_S = 30.0
"""A deployment that has run for a while: its first runs are over."""


@click.command(help=__doc__)
@click.option("--seconds", default=300.0, show_default=True)
@click.option("--calls-per-hour", default=600, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--keep-logs", type=click.Path(path_type=Path, file_okay=False), help="Copy the logs there.")
def main(seconds: float, calls_per_hour: int, seed: int, keep_logs: Path | None) -> None:
    with tempfile.TemporaryDirectory(prefix="cx-live-") as folder:
        home = Path(folder)
        given = Settings(home=home, gateway_port=0, _env_file=None)
        plan = {"seconds": seconds, "calls_per_hour": calls_per_hour, "seed": seed}
        try:
            with database(given) as engine, running_ccm() as manager:
                measure(given, engine, home / "site", manager.url, plan)
        finally:
            if keep_logs is not None:
                shutil.copytree(home / "logs", keep_logs, dirs_exist_ok=True)


def measure(given: Settings, engine: Engine, folder: Path, ccm_url: str, plan: dict[str, float]) -> None:
    """Bring all up, play, and print."""
    deployment = live_deployment(given, soon(**plan), folder, ccm_url)
    with up(deployment.settings) as site:
        click.echo(f"up: {site.url}, gateway {site.gateway_url}")
        time.sleep(WARM_UP_S)
        report = run_live(
            soon(**plan),
            engine,
            gateway_url=site.gateway_url,
            token=deployment.token,
            streams=deployment.streams,
            staging=deployment.staging,
        )
        begun = report.site.plan.begins.timestamp()
        print_live(open_console(), report)
        print_runs(deployment.settings, begun)
    links = report.links
    click.echo(
        f"\nend to link: median {links.p50_s} s (target {TARGET_P50_S:g}), 95 % {links.p95_s} s (target {TARGET_P95_S:g}); "
        f"{links.links} of {links.expected} linked, {links.wrong_links} wrong"
    )


@contextmanager
def database(settings: Settings) -> Iterator[Engine]:
    """The embedded server, migrated, with Cisco's tables, which are empty still."""
    start_embedded(settings)
    engine = open_engine(settings)
    try:
        migrate(engine)
        create_tables(engine, "ucce")
        yield engine
    finally:
        engine.dispose()
        stop_embedded(settings)


@contextmanager
def up(settings: Settings) -> Iterator[RunningSite]:
    """What `cx-pipeline up` starts, with these settings and no others."""
    with running_site(settings, host="127.0.0.1", port=0, prepared=lambda _: None, is_alone=True) as site:
        yield site


def print_runs(settings: Settings, since: float) -> None:
    """By job, over the runs that ended: median seconds in the queue, of its process's start, of the run and its steps."""
    from cx_pipeline.orchestration.launch import dagster_instance

    phases: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with dagster_instance(settings) as instance:
        for run in instance.get_runs():
            stats = instance.get_run_stats(run.run_id)
            if stats.end_time is None or stats.start_time is None or (stats.enqueued_time or 0) < since:
                continue
            found = phases[run.job_name]
            found["runs"].append(1.0)
            if stats.enqueued_time and stats.launch_time:
                found["in the queue"].append(stats.launch_time - stats.enqueued_time)
                found["process start"].append(stats.start_time - stats.launch_time)
            found["run"].append(stats.end_time - stats.start_time)
            for step in instance.get_run_step_stats(run.run_id):
                if step.start_time and step.end_time:
                    found[f"  {step.step_key}"].append(step.end_time - step.start_time)
    for job, found in sorted(phases.items()):
        click.echo(f"\n{job}: {len(found.pop('runs'))} runs, median and most seconds")
        for name, values in found.items():
            click.echo(f"  {name:<28} {statistics.median(values):6.2f} {max(values):6.2f}")


if __name__ == "__main__":
    main()
