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
from collections import defaultdict
from pathlib import Path

import click

from cx_pipeline.cli.live_phase import play_live_site
from cx_pipeline.cli.rendering.console import open_console
from cx_pipeline.cli.rendering.live_report import print_live
from cx_pipeline.settings import Settings
from cx_pipeline.simulator.live.phase import GRACE_S, LiveReport

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
        try:
            report = play_live_site(
                home,
                seconds=seconds,
                warm_up_s=WARM_UP_S,
                grace_s=GRACE_S,
                calls_per_hour=calls_per_hour,
                seed=seed,
                on_up=lambda url: click.echo(f"up: gateway {url}"),
                after=print_all,
            )
        finally:
            if keep_logs is not None:
                shutil.copytree(home / "logs", keep_logs, dirs_exist_ok=True)
    links = report.links
    click.echo(
        f"\nend to link: median {links.p50_s} s (target {TARGET_P50_S:g}), 95 % {links.p95_s} s (target {TARGET_P95_S:g}); "
        f"{links.links} of {links.expected} linked, {links.wrong_links} wrong"
    )


def print_all(settings: Settings, report: LiveReport) -> None:
    print_live(open_console(), report)
    print_runs(settings, report.site.plan.begins.timestamp())


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
