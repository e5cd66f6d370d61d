"""How fast files go into the event store: NDJSON, CSV and Parquet, whole way, and again when all is there already.

    python benchmarks/intake.py [--events 1000000]

Makes the files (calls of ten events each, a time of day's traffic) and a durable embedded server in a temporary
folder, and prints events a second, and what each step takes by itself. The target is 100,000 events/s on two cores.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl
import psutil
from pydantic import SecretStr
from sqlalchemy import Engine, text

from cx_pipeline.adapters.database.connection import engine_for
from cx_pipeline.adapters.database.embedded import ensure_databases
from cx_pipeline.adapters.database.embedded_server import EmbeddedServer
from cx_pipeline.adapters.database.event_intake import EventIntake
from cx_pipeline.adapters.database.migrate import migrate
from cx_pipeline.adapters.intake.files import inspect_file, read_file
from cx_pipeline.adapters.intake.ingestion import Ingestion
from cx_pipeline.adapters.intake.validation import to_events
from cx_pipeline.core.directory import EMPTY_DIRECTORY
from cx_pipeline.core.events.intake import prepare

Result = TypeVar("Result")

EVENTS_OF_A_CALL = 10
NAMES = (
    "CallActiveEv",
    "CallCtlConnOfferedEv",
    "CallCtlTermConnRingingEv",
    "CallCtlTermConnTalkingEv",
    "CallCtlTermConnHeldEv",
    "CallCtlTermConnTalkingEv",
    "CallCtlConnEstablishedEv",
    "CallCtlTermConnDroppedEv",
    "ConnDisconnectedEv",
    "CallInvalidEv",
)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=1_000_000)
    count = parser.parse_args().events
    with tempfile.TemporaryDirectory(prefix="cx-bench-") as name, server(Path(name) / "postgres") as engine:
        for file in write_files(Path(name), traffic(count)):
            print(f"{file.suffix[1:]}: {count:,} events, {file.stat().st_size / 1e6:,.0f} MB")
            for what in ("new", "double"):
                before = np.array([time.process_time(), server_cpu(engine)])
                report, seconds = timed(partial(Ingestion(engine, EMPTY_DIRECTORY).ingest, file))
                ours, servers = (np.array([time.process_time(), server_cpu(engine)]) - before) / count * 1e6
                assert report.error is None, report.error
                assert (report.duplicates if what == "double" else report.stored) == count, report
                cpu = f"processor time {ours:.1f} µs an event here, {servers:.1f} in the server"
                print(f"  {what:7} {count / seconds:9,.0f} events/s ({seconds:.1f} s; {cpu})")
            empty(engine)
            alone = steps(file, engine)
            print(
                "  alone  ",
                ", ".join(f"{step} {took / count * 1e6:.1f}" for step, took in alone.items()),
                "µs an event",
            )
            empty(engine)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak memory of this process: {peak / 1024:,.0f} MB (the making of the files included)")


def traffic(count: int) -> pl.DataFrame:
    """`count` events in order of time: calls of ten events that overlap, a hundred new calls a second."""
    random = np.random.default_rng(7)
    calls = count // EVENTS_OF_A_CALL + 1
    call = np.repeat(np.arange(calls), EVENTS_OF_A_CALL)
    step = np.tile(np.arange(EVENTS_OF_A_CALL), calls)
    offset_us = call * 10_000 + step * 20_000_000 + random.integers(0, 1_000_000, len(call))
    agent = call % 12_000
    frame = pl.DataFrame({"offset": offset_us, "call": call, "step": step, "agent": agent}).head(count)
    start = datetime(2026, 1, 15, 6, tzinfo=UTC)
    moment = pl.lit(start) + pl.duration(microseconds="offset")
    written = "%Y-%m-%dT%H:%M:%S%.6fZ"
    return frame.sort("offset").select(
        event_time=moment.dt.strftime(written),
        received_at=(moment + timedelta(milliseconds=40)).dt.strftime(written),
        source=pl.lit("jtapi"),
        listener_id=pl.lit("listener-1"),
        event_name=pl.Series(NAMES).gather(frame["step"]),
        global_call_id=pl.format("1_{}", (pl.col("call") * 7919) % (1 << 24)),
        extension=pl.format("{}", pl.col("agent") + 10_000),
        terminal=pl.format("SEP0000000{}", pl.col("agent") + 10_000),
        calling_extension=pl.format("+1800{}", pl.col("call") % 1_000_000 + 1_000_000),
        called_extension=pl.format("{}", pl.col("agent") + 10_000),
        cause=pl.lit("16"),
    )


def write_files(folder: Path, events: pl.DataFrame) -> list[Path]:
    """The same events as each kind of file."""
    files = [folder / f"events.{suffix}" for suffix in ("ndjson", "csv", "parquet")]
    events.write_ndjson(files[0])
    events.write_csv(files[1])
    times = pl.col("event_time", "received_at").str.to_datetime(time_zone="UTC", time_unit="us")
    events.with_columns(times).write_parquet(files[2])
    return files


@contextmanager
def server(folder: Path) -> Iterator[Engine]:
    """An embedded server as it is by default, that is durable."""
    embedded = EmbeddedServer(folder)
    postmaster = embedded.start()
    try:
        ensure_databases(postmaster.url("postgres"), "bench")
        engine = engine_for(SecretStr(postmaster.url("bench")))
        migrate(engine)
        yield engine
        engine.dispose()
    finally:
        embedded.stop()


def server_cpu(engine: Engine) -> float:
    """Seconds of processor time that the server's processes have taken so far."""
    with engine.connect() as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    postmaster = psutil.Process(pid).parent()
    return sum(sum(process.cpu_times()[:2]) for process in postmaster.children()) if postmaster else 0.0


def timed(work: Callable[[], Result]) -> tuple[Result, float]:
    """What `work` gives, and the seconds that it took."""
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def steps(file: Path, engine: Engine) -> dict[str, float]:
    """Seconds that each step takes by itself, one after the other."""
    seconds = dict.fromkeys(("read", "types", "prepare", "store"), 0.0)
    intake, chunks = EventIntake(engine), read_file(inspect_file(file))
    while True:
        chunk, took = timed(lambda: next(chunks, None))
        seconds["read"] += took
        if chunk is None:
            return seconds
        checked, took = timed(partial(to_events, chunk))
        seconds["types"] += took
        prepared, took = timed(partial(prepare, checked.events, EMPTY_DIRECTORY))
        seconds["prepare"] += took
        _, took = timed(partial(intake.insert, prepared.usable))
        seconds["store"] += took


def empty(engine: Engine) -> None:
    """Start anew."""
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE jtapi_event"))


if __name__ == "__main__":
    main()
