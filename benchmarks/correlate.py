"""How fast call events become legs, and how much memory that takes: the whole process, Parquet to Parquet.

    python benchmarks/correlate.py [--events 1000000 --events 9000000] [--folder FOLDER]

Runs `cx-pipeline correlate` on days of 1, 3 and 9 million events, with about 15 % of the calls over several keys, and
prints for each: seconds of the whole process, events a second, processor seconds, peak memory and bytes an event.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import pyarrow.parquet as pq

TARGET_EVENTS_A_SECOND = 1_300_000
TARGET_BYTES_AN_EVENT = 250


def measure(day: Path, out: Path) -> tuple[float, float, int]:
    """Run the command on `day`: seconds, processor seconds, and peak memory in bytes."""
    command = [
        sys.executable,
        "-m",
        "cx_pipeline.cli.main",
        "correlate",
        str(day),
        "--out",
        str(out),
        "--as-of",
        "2030-01-01T00:00Z",
    ]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if status:
        raise SystemExit(f"correlate ended with status {status}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


@click.command()
@click.option(
    "--events", "sizes", multiple=True, type=int, default=(1_000_000, 3_000_000, 9_000_000), show_default=True
)
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), help="Where the days are kept between runs."
)
@click.option("--runs", default=1, show_default=True, help="Runs of each size; the fastest counts.")
def main(sizes: tuple[int, ...], folder: Path | None, runs: int) -> None:
    """Print the figures of each size."""
    with tempfile.TemporaryDirectory() as temporary:
        kept = folder or Path(temporary)
        kept.mkdir(parents=True, exist_ok=True)
        print(
            f"{'events':>10} {'legs':>9} {'seconds':>8} {'events/s':>10} {'CPU s':>7} {'peak MB':>8} {'bytes/event':>11}"
        )
        for size in sizes:
            day = kept / f"day-{size}.parquet"
            if not day.exists():
                # In a process of its own: what a process held before it starts another counts as that one's peak.
                make = [sys.executable, str(Path(__file__).with_name("events_of_a_day.py"))]
                subprocess.run(
                    [*make, "--events", str(size), "--out", str(day)], check=True, stdout=subprocess.DEVNULL
                )
            out = Path(temporary) / "legs.parquet"
            seconds, cpu, peak = min(measure(day, out) for _ in range(runs))
            count = pq.read_metadata(day).num_rows
            legs = pq.read_metadata(out).num_rows
            print(
                f"{count:>10,} {legs:>9,} {seconds:>8.2f} {count / seconds:>10,.0f} {cpu:>7.2f} {peak / 1e6:>8,.0f} {peak / count:>11.0f}",
                flush=True,
            )
    print(f"target: {TARGET_EVENTS_A_SECOND:,} events/s and {TARGET_BYTES_AN_EVENT} bytes/event on two cores")


if __name__ == "__main__":
    main()
