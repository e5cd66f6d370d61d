"""How fast the gateway takes events in: batches of 500 NDJSON events over HTTP, durable in PostgreSQL when answered.

    python benchmarks/gateway_events.py [--events 400000] [--connections 16]

Makes a durable embedded server and a gateway, each in processes of their own, and sends from this one. Prints events a
second, what a sender waits for, and the processor time of each. The target is 20,000 events/s on two cores.
"""

import argparse
import http.client
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from urllib.parse import urlsplit

import numpy as np
import polars as pl
import psutil
from intake import server, server_cpu, traffic
from sqlalchemy import Engine, text

from cx_pipeline.adapters.access.token_file import new_token, token_hash
from cx_pipeline.adapters.database.connection import bulk_uri

BATCH = 500


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--connections", type=int, default=16)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cx-bench-") as name, server(Path(name) / "postgres") as engine:
        bodies = batches(options.events)
        token = new_token()
        with gateway(Path(name), engine, token) as (url, process):
            send(url, token, batches(20 * BATCH, tenant="warm"), options.connections)
            for what in ("new", "double"):
                report(what, url, token, bodies, options.connections, engine, process)
        with engine.connect() as connection:
            count = connection.execute(
                text("SELECT count(*) FROM jtapi_event WHERE tenant_id = 'acme'")
            ).scalar_one()
        assert count == options.events, count
        print(f"{count:,} events are stored, each once")


def report(
    what: str,
    url: str,
    token: str,
    bodies: list[bytes],
    connections: int,
    engine: Engine,
    process: psutil.Process,
) -> None:
    """Send all bodies and print how that went."""
    before = cpu(engine, process)
    start = time.perf_counter()
    waits_s = send(url, token, bodies, connections)
    seconds = time.perf_counter() - start
    events = len(bodies) * BATCH
    ours, gateways, servers = (cpu(engine, process) - before) / events * 1e6
    p50, p99 = np.percentile(waits_s, [50, 99]) * 1e3
    print(
        f"{what:7} {events / seconds:8,.0f} events/s over {connections} connections; answered within {p50:.0f} ms "
        f"(median), {p99:.0f} ms (99 %); processor time an event: {gateways:.1f} µs gateway, {servers:.1f} µs "
        f"PostgreSQL, {ours:.1f} µs sender"
    )


def cpu(engine: Engine, process: psutil.Process) -> np.ndarray:
    """Seconds of processor time so far: of this process, the gateway, and PostgreSQL."""
    return np.array([time.process_time(), sum(process.cpu_times()[:2]), server_cpu(engine)])


def batches(count: int, tenant: str = "acme") -> list[bytes]:
    """The events as bodies of `BATCH` each."""
    events = traffic(count).with_columns(pl.lit(tenant).alias("tenant_id"))
    bodies = []
    for start in range(0, count, BATCH):
        body = io.BytesIO()
        events.slice(start, BATCH).write_ndjson(body)
        bodies.append(body.getvalue())
    return bodies


def send(url: str, token: str, bodies: list[bytes], connections: int) -> list[float]:
    """POST all bodies, as many at once as there are connections; the seconds that each waited for its answer."""
    waiting: SimpleQueue[bytes] = SimpleQueue()
    for body in bodies:
        waiting.put(body)
    waits_s: list[float] = []
    failures: list[str] = []
    threads = [
        threading.Thread(target=_send_some, args=(url, token, waiting, waits_s, failures))
        for _ in range(connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]
    return waits_s


def _send_some(
    url: str, token: str, waiting: "SimpleQueue[bytes]", waits_s: list[float], failures: list[str]
) -> None:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"}
    while not failures:
        try:
            body = waiting.get_nowait()
        except Empty:
            return
        start = time.perf_counter()
        connection.request("POST", "/events", body, headers)
        response = connection.getresponse()
        answer = response.read()
        waits_s.append(time.perf_counter() - start)
        if response.status != 200 or json.loads(answer)["read"] != BATCH:
            failures.append(f"{response.status}: {answer[:500]!r}")


@contextmanager
def gateway(folder: Path, engine: Engine, token: str) -> Iterator[tuple[str, psutil.Process]]:
    """A gateway in a process of its own: its address, and the process."""
    tokens = folder / "tokens.json"
    row = {"name": "bench", "sha256": token_hash(token), "tenant": "*", "scopes": ["events:write"]}
    tokens.write_text(json.dumps([row]))
    environment = {
        **os.environ,
        "CX_HOME": str(folder / "home"),
        "CX_DATABASE_URL": bulk_uri(engine),
        "CX_GATEWAY_PORT": "0",
        "CX_GATEWAY_TOKENS_FILE": str(tokens),
        "CX_GATEWAY_REQUESTS_PER_S": "1000000",
    }
    command = [sys.executable, "-m", "cx_pipeline.gateway"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().rsplit(maxsplit=1)[-1]
            yield url, psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(60)


if __name__ == "__main__":
    main()
