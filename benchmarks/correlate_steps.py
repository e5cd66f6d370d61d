"""Where the time of a correlation goes: seconds and processor seconds of each step, and the memory after it.

    python benchmarks/correlate_steps.py [--events 3000000] [--folder FOLDER]

Reads and correlates one day in this process. The parts of the last step run two at once.
"""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import polars as pl

from cx_pipeline.core.calls import correlate as engine
from cx_pipeline.core.calls.rules import DEFAULT_RULES
from cx_pipeline.core.directory import EMPTY_DIRECTORY

STEPS = {
    "read_facts": "read the columns, texts to numbers",
    "clean": "sort, duplicates, skew, listeners",
    "group_into_calls": "lives of keys, components",
    "_in_parts": "connections, legs, holds, relations, texts",
}


def timed(name: str, step: Callable[..., Any]) -> Callable[..., Any]:
    """The step, printing what it took."""

    def run(*arguments: Any, **named: Any) -> Any:
        wall, cpu = time.perf_counter(), time.process_time()
        result = step(*arguments, **named)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000
        print(
            f"{STEPS[name]:45} {time.perf_counter() - wall:7.2f} s {time.process_time() - cpu:7.2f} CPU s"
            f" {peak:>6,} MB at peak",
            flush=True,
        )
        return result

    return run


@click.command(help=__doc__)
@click.option("--events", default=3_000_000, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False))
def main(events: int, folder: Path | None) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        day = (folder or Path(temporary)) / f"day-{events}.parquet"
        if not day.exists():
            make = [sys.executable, str(Path(__file__).with_name("events_of_a_day.py"))]
            subprocess.run([*make, "--events", str(events), "--out", str(day)], check=True)
        for name in STEPS:
            setattr(engine, name, timed(name, getattr(engine, name)))
        started = time.perf_counter()
        found = engine.correlate(
            pl.scan_parquet(day), DEFAULT_RULES, EMPTY_DIRECTORY, datetime(2030, 1, 1, tzinfo=UTC)
        )
        seconds = time.perf_counter() - started
        print(
            f"{found.counts.input:,} events, {len(found.legs):,} legs in {seconds:.2f} s without start and writing"
        )


if __name__ == "__main__":
    main()
