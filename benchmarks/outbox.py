"""How fast the outbox is emptied: messages to a local receiver, each durable before and after it is sent.

    python benchmarks/outbox.py [--messages 10000] [--concurrency 32]

Makes a durable embedded server in a temporary folder and a receiver in a process of its own (uvicorn; it keeps ids in
memory and counts), writes calls of five messages, and delivers them. Prints messages a second, the 95th percentile of
the time from claim to answer, and what planning took. The target is 500 messages/s on two cores.
"""

import argparse
import json
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import polars as pl
import uvicorn
from pydantic import SecretStr
from sqlalchemy import Engine, text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from cx_pipeline.adapters.ccm.delivery import deliver
from cx_pipeline.adapters.database.connection import engine_for
from cx_pipeline.adapters.database.embedded import ensure_databases
from cx_pipeline.adapters.database.embedded_server import EmbeddedServer
from cx_pipeline.adapters.database.migrate import migrate
from cx_pipeline.adapters.database.outbox import Outbox, PlanState
from cx_pipeline.core.identity import uuid_of
from cx_pipeline.core.messages.outbox_row import VOICE, OutboxRow
from cx_pipeline.settings import Settings

MESSAGES_OF_A_CALL = 5
TARGET = 500
PATH = "/conversation-manager/activities/voice"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--receive", type=int, metavar="FD", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.receive is not None:
        receive(socket.socket(fileno=options.receive))
        return
    with (
        tempfile.TemporaryDirectory(prefix="cx-bench-") as name,
        server(Path(name) / "postgres") as engine,
        receiver() as url,
    ):
        began = time.perf_counter()
        count = write(engine, options.messages)
        took = time.perf_counter() - began
        print(f"plan         {count:,} messages in {took:.1f} s: {count / took:,.0f}/s")
        measure(engine, url, count, options.concurrency)


def measure(engine: Engine, url: str, count: int, concurrency: int) -> None:
    """Deliver all, and print how it went."""
    settings = Settings(_env_file=None, ccm_url=url, ccm_concurrency=concurrency)
    began, cpu = time.perf_counter(), time.process_time()
    report = deliver(settings, engine, budget_s=3600)
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    received = httpx.get(f"{url}/count", trust_env=False).json()
    assert report.delivered == received["messages"] == received["requests"] == count, (report, received)
    with engine.connect() as connection:
        waits = connection.execute(
            text("SELECT extract(epoch FROM delivered_at - first_attempt_at) FROM outbox_message")
        ).scalars()
        claim_to_answer_ms = np.array([float(wait) for wait in waits]) * 1000
    low, high = np.percentile(claim_to_answer_ms, [50, 95])
    print(
        f"delivered    {count:,} in {took:.1f} s: {count / took:,.0f} messages/s durable (target {TARGET}), "
        f"{concurrency} calls at once"
    )
    print(f"one message  claim to answer: median {low:.0f} ms, p95 {high:.0f} ms")
    print(f"processor    {cpu / count * 1e3:.2f} ms a message in this process")
    print(f"memory       {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB at most")


def write(engine: Engine, count: int) -> int:
    """Plan so many messages of about a kilobyte."""
    calls = max(1, count // MESSAGES_OF_A_CALL)
    legs = uuid_of(pl.Series([f"leg {number}" for number in range(calls)]))
    names = [f"{number} {which}" for number in range(calls) for which in range(MESSAGES_OF_A_CALL)]
    ids = uuid_of(pl.Series(names))

    def planner(state: PlanState) -> list[OutboxRow]:
        return [
            OutboxRow(each, legs[n // MESSAGES_OF_A_CALL], legs[n // MESSAGES_OF_A_CALL],
                      f"INTENT_{n % MESSAGES_OF_A_CALL}", 0, 0, payload(each), "f", VOICE)
            for n, each in enumerate(ids)
        ]  # fmt: skip

    frame = pl.DataFrame({"leg_id": legs, "call_id": legs, "digest": ["d"] * calls})
    return Outbox(engine).plan(frame, planner).written


def payload(message_id: str) -> str:
    """JSON as long as a message of a leg's end."""
    return json.dumps({"id": message_id, "body": {"type": "VOICE", "additionalDetail": "x" * 900}})


def receive(listener: socket.socket) -> None:
    """Count messages by their key until killed."""
    times: dict[str, int] = {}

    async def take(request: Request) -> JSONResponse:
        message = json.loads(await request.body())
        times[message["id"]] = times.get(message["id"], 0) + 1
        return JSONResponse({"id": message["id"]})

    async def count(_: Request) -> JSONResponse:
        return JSONResponse({"messages": len(times), "requests": sum(times.values())})

    app = Starlette(routes=[Route(PATH, take, methods=["POST"]), Route("/count", count)])
    config = uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off")
    uvicorn.Server(config).run([listener])


@contextmanager
def receiver() -> Iterator[str]:
    """A receiver in a process of its own, on a port that is free; its address."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        fd = listener.fileno()
        process = subprocess.Popen([sys.executable, __file__, "--receive", str(fd)], pass_fds=[fd])
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            process.kill()
            process.wait()


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


if __name__ == "__main__":
    main()
