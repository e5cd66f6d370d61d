"""How long the minute takes at a large site: one run of the open window, from stored events to messages planned.

    python benchmarks/minute_tick.py [--calls 108000]

Simulates an hour (12,000 agents have about 108,000 calls in it, 1.7 million events) and Cisco's records of it, stores
both in an embedded server in a temporary folder, and computes the window through Dagster: first, again with nothing
new, and again after a minute's new events. Prints each step's seconds. The target is 30 s for the third, of which at
most 5 s are Dagster's own. Messages are planned but go nowhere: the conversation manager is a closed port.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import polars as pl

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
KEY = "2026-03-02-09:00"


@click.command()
@click.option("--calls", default=108_000, show_default=True)
def main(calls: int) -> None:
    with tempfile.TemporaryDirectory(prefix="cx-tick-") as folder:
        measure(Path(folder), calls)


def measure(folder: Path, calls: int) -> None:
    port = free_port()
    os.environ |= {
        "CX_HOME": str(folder),
        "CX_CISCO_SOURCES": json.dumps([{"name": "hds", "flavour": "ucce", "connection": "embedded"}]),
        "CX_CCM_URL": f"http://127.0.0.1:{port}",
        "CX_FIRST_WINDOW": "2026-03-01T00:00:00Z",
    }
    from cx_pipeline.adapters.database.connection import open_engine
    from cx_pipeline.adapters.database.embedded import start_embedded, stop_embedded
    from cx_pipeline.adapters.database.event_intake import EventIntake
    from cx_pipeline.adapters.database.migrate import migrate
    from cx_pipeline.core.directory import EMPTY_DIRECTORY
    from cx_pipeline.core.events.intake import prepare
    from cx_pipeline.orchestration.launch import dagster_instance
    from cx_pipeline.settings import load_settings
    from cx_pipeline.simulator.cisco.fill import fill
    from cx_pipeline.simulator.cisco.plan import CiscoPlan
    from cx_pipeline.simulator.cisco.records import simulate_records
    from cx_pipeline.simulator.plan import Noise, TrafficPlan
    from cx_pipeline.simulator.traffic import simulate_traffic

    settings = load_settings()
    start_embedded(settings)
    manager = subprocess.Popen(
        [sys.executable, "-m", "cx_pipeline.cli.main", "simulate", "ccm", "--port", str(port)],
        stdout=subprocess.DEVNULL,
    )
    try:
        begun = time.monotonic()
        plan = TrafficPlan(
            calls=calls,
            start=START,
            noise=Noise(duplicates=0.01, other_events=0.1),
            call_keys_per_tenant=2 * calls,
        )
        traffic = simulate_traffic(plan)
        usable = prepare(traffic.events, EMPTY_DIRECTORY).usable.sort("received_at")
        print(f"simulated    {calls:,} calls, {usable.height:,} events in {time.monotonic() - begun:.0f} s")
        engine = open_engine(settings)
        migrate(engine)
        cisco = simulate_records(traffic.legs, CiscoPlan())
        fill(engine, cisco)
        last_minute = usable["received_at"].max() - timedelta(minutes=1)  # type: ignore[operator]
        before = usable.filter(pl.col("received_at") <= last_minute)
        intake = EventIntake(engine)
        for chunk in before.iter_slices(200_000):
            intake.insert(chunk)
        print(f"stored       {before.height:,} events, {cisco.truth.height:,} records")
        with dagster_instance(settings) as instance:
            run(instance, "first")
            run(instance, "again")
            intake.insert(usable.filter(pl.col("received_at") > last_minute))
            run(instance, "a minute on")
        engine.dispose()
    finally:
        manager.terminate()
        manager.wait()
        stop_embedded(settings)


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def run(instance, name: str) -> None:  # type: ignore[no-untyped-def]
    """One run, its steps' seconds, and what Dagster adds."""
    from cx_pipeline.orchestration.build import build_definitions
    from cx_pipeline.orchestration.jobs import WINDOW_JOB

    job = build_definitions().resolve_job_def(WINDOW_JOB)
    begun = time.monotonic()
    result = job.execute_in_process(partition_key=KEY, instance=instance, raise_on_error=False)
    whole = time.monotonic() - begun
    steps = {
        s.step_key: s.end_time - s.start_time
        for s in instance.get_run_step_stats(result.run_id)
        if s.end_time and s.start_time
    }
    told = ", ".join(f"{step} {seconds:.1f}" for step, seconds in steps.items())
    print(f"{name:<12} {whole:.1f} s, Dagster's own {whole - sum(steps.values()):.1f} s: {told}", flush=True)


if __name__ == "__main__":
    main()
