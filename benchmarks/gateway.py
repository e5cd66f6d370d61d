"""How soon a range of a long, sealed recording begins to arrive from the gateway, and whether the gateway grows.

    python benchmarks/gateway.py [--rate 300] [--seconds 30] [--requests 50000] [--hours 2]

Makes a durable embedded server in a temporary folder, a sealed recording of two hours (8 kHz, stereo, 16 bit), and starts
the gateway as a process, as it runs in production. Another process asks for random 64 KiB of the recording by its leg's
key, so many a second whether or not earlier ones were answered (an open loop), and compares each answer with the recording.
The time to the first byte counts from the moment at which a request was due. Then it asks as fast as 16 connections
answer, and the gateway's memory is looked at as it goes. Targets on two cores: p99 under 50 ms at 300 a second, memory
flat over 50,000 requests.
"""

import argparse
import asyncio
import json
import mmap
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import numpy as np
import psutil
from pydantic import SecretStr
from sqlalchemy import Engine, insert

from cx_pipeline.adapters.access.token_file import new_token, token_hash
from cx_pipeline.adapters.crypto.key_ring import KeyRing
from cx_pipeline.adapters.crypto.ring_keys import RingKeys, new_key
from cx_pipeline.adapters.crypto.sealing import open_writer
from cx_pipeline.adapters.database.connection import engine_for
from cx_pipeline.adapters.database.embedded import ensure_databases
from cx_pipeline.adapters.database.embedded_server import EmbeddedServer
from cx_pipeline.adapters.database.message_tables import enriched_leg
from cx_pipeline.adapters.database.migrate import migrate
from cx_pipeline.adapters.database.recording_keys import RecordingKeys
from cx_pipeline.adapters.database.recording_tables import recording, recording_leg

RANGE_BYTES = 65_536
CONNECTIONS = 64
BUSY_CONNECTIONS = 16
TARGET_P99_MS = 50
LOOKS = 10
CALL, LEG, RECORDING = (f"00000000-0000-8000-8000-00000000000{number}" for number in (1, 2, 3))
START = datetime(2026, 3, 2, 10, tzinfo=UTC)
KEY = f"{CALL}:1005:+18005550199:{round(START.timestamp() * 1000)}"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=300)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--hours", type=float, default=2)
    parser.add_argument("--load", metavar="JSON", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load is not None:
        asyncio.run(load(Load(**json.loads(options.load))))
        return
    with tempfile.TemporaryDirectory(prefix="cx-bench-") as name:
        home = Path(name)
        home.chmod(0o755)  # the database's own account has to pass
        with server(home / "postgres") as (engine, url):
            token = prepare(home, engine, options.hours)
            with gateway(home, url) as (port, pid):
                measure(home, token, port, pid, options)


def measure(home: Path, token: str, port: int, pid: int, options: argparse.Namespace) -> None:
    """Ask at the rate, then as fast as it goes."""
    plain = str(home / "plain.wav")
    print(f"machine      {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} before")
    asking(Load(port, token, plain, 300, 100.0, CONNECTIONS))  # what is done once is not measured
    cpu_s = cpu_of(pid)
    paced = asking(Load(port, token, plain, round(options.rate * options.seconds), options.rate, CONNECTIONS))
    cpu_s = cpu_of(pid) - cpu_s
    print(
        f"ranges       {paced['count']:,} of 64 KiB at {options.rate:g}/s: first byte median {paced['p50_ms']:.1f} ms, "
        f"p95 {paced['p95_ms']:.1f}, p99 {paced['p99_ms']:.1f} (target {TARGET_P99_MS}), longest {paced['most_ms']:.0f}"
    )
    print(
        f"             {paced['rate']:.0f}/s answered, {paced['failed']} failed or differed, "
        f"{cpu_s / paced['count'] * 1000:.2f} ms of a processor for each"
    )
    step = max(1, options.requests // LOOKS)
    seen, rates = [memory_mb(pid)], []
    for _ in range(LOOKS):
        busy = asking(Load(port, token, plain, step, 0.0, BUSY_CONNECTIONS))
        assert not busy["failed"], busy
        seen.append(memory_mb(pid))
        rates.append(busy["rate"])
    print(
        f"busy         {step * LOOKS:,} requests, {np.mean(rates):,.0f}/s with {BUSY_CONNECTIONS} connections"
    )
    print("memory       MB in use, each tenth: " + " ".join(f"{each['VmRSS']:.0f}" for each in seen))
    print(
        f"             {seen[-1]['VmHWM']:.0f} MB at most, {seen[-1]['VmRSS'] - seen[1]['VmRSS']:+.1f} MB from the first tenth to the last"
    )
    print(f"machine      load average {os.getloadavg()[0]:.1f} after")


@dataclass(frozen=True)
class Load:
    """What the other process does."""

    port: int
    token: str
    plain: str
    count: int
    rate: float
    """Requests a second; 0: as fast as they are answered."""
    connections: int


def asking(load: Load) -> dict[str, float]:
    """Have another process ask; what it found."""
    command = [sys.executable, __file__, "--load", json.dumps(vars(load))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


async def load(work: Load) -> None:
    """Ask, compare, and print what came of it as JSON."""
    loop = asyncio.get_running_loop()
    drawn = random.Random(work.count)
    due: asyncio.Queue[float] = asyncio.Queue()
    firsts: list[float] = []
    failed = 0
    with Path(work.plain).open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as plain:

        async def connection() -> None:
            nonlocal failed
            reader, writer = await asyncio.open_connection("127.0.0.1", work.port, limit=2 * RANGE_BYTES)
            while True:
                due_s = await due.get()
                start = drawn.randrange(len(plain) - RANGE_BYTES)
                if due_s <= 0:
                    due_s = loop.time()
                writer.write(request(work.token, start))
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.readexactly(1)
                firsts.append(loop.time() - due_s)
                is_whole = f"bytes {start}-{start + RANGE_BYTES - 1}/".encode() in head
                body += await reader.readexactly(RANGE_BYTES - 1) if is_whole else b""
                failed += body != plain[start : start + RANGE_BYTES]
                due.task_done()

        began = loop.time()
        workers = [asyncio.create_task(connection()) for _ in range(work.connections)]
        for number in range(work.count):
            moment = began + number / work.rate if work.rate else 0.0
            if moment > loop.time():
                await asyncio.sleep(moment - loop.time())
            due.put_nowait(moment)
        joined = asyncio.ensure_future(due.join())
        await asyncio.wait([joined, *workers], return_when=asyncio.FIRST_COMPLETED)
        took = loop.time() - began
        for worker in workers:
            worker.cancel()
            with suppress(asyncio.CancelledError):
                await worker
    p50, p95, p99, most = np.percentile(np.array(firsts) * 1000, [50, 95, 99, 100])
    figures = {"count": len(firsts), "failed": failed, "rate": len(firsts) / took}
    print(json.dumps({**figures, "p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "most_ms": most}))


def request(token: str, start: int) -> bytes:
    """A request for 64 KiB."""
    return (
        f"GET /{KEY}/recording-file HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Range: bytes={start}-{start + RANGE_BYTES - 1}\r\n\r\n"
    ).encode()


def cpu_of(pid: int) -> float:
    """Seconds of processor that a process has used."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def memory_mb(pid: int) -> dict[str, float]:
    """What a process has in memory now (VmRSS), and had at most (VmHWM)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    told = (line.split() for line in lines if line.startswith(("VmRSS:", "VmHWM:")))
    return {name.rstrip(":"): int(kilobytes) / 1024 for name, kilobytes, _ in told}


def prepare(home: Path, engine: Engine, hours: float) -> str:
    """A sealed recording with its leg, a key ring and a token; the token."""
    key_id, key = new_key(datetime.now(UTC))
    ring = RingKeys().with_key("*", key_id, key)
    (home / "ring.json").touch(mode=0o600)
    (home / "ring.json").write_text(ring.as_json())
    token = new_token()
    rights = {
        "name": "benchmark",
        "sha256": token_hash(token),
        "tenant": "acme",
        "scopes": ["recordings:play"],
    }
    (home / "tokens.json").touch(mode=0o600)
    (home / "tokens.json").write_text(json.dumps([rights]))
    path = home / "recordings" / "one.wav"
    path.parent.mkdir()
    size, digest, drawn = 44 + round(hours * 3600) * 8000 * 2 * 2, sha256(), np.random.default_rng(1)
    sealing = RecordingKeys(engine).sealing_for("gcm", RECORDING, "acme", KeyRing(ring))
    with (
        (home / "plain.wav").open("wb") as plain,
        path.open("wb") as target,
        open_writer(target, sealing) as sealed,
    ):
        for place in range(0, size, 1_000_000):
            block = drawn.bytes(min(1_000_000, size - place))
            plain.write(block)
            sealed.write(block)
            digest.update(block)
    write_rows(engine, digest.hexdigest(), size)
    return token


def write_rows(engine: Engine, digest: str, size: int) -> None:
    """What the pipeline would have written."""
    leg = {
        "leg_id": LEG, "leg_key": KEY, "call_id": CALL, "cx_call_id": CALL, "tenant_id": "acme", "leg_number": 1,
        "status": "COMPLETED", "origin": "events", "enrichment_status": "COMPLETE", "agent_extension": "1005",
        "other_party": "+18005550199", "start_time": START, "window_start": START, "high_water": 1, "row_hash": 1,
    }  # fmt: skip
    row = {
        "recording_id": RECORDING, "tenant_id": "acme", "kind": "LEG", "call_id": CALL, "leg_id": LEG,
        "window_start": START, "state": "COMPLETED", "manifest_ids": [], "start_time": START, "format": "wav",
        "encryption": "gcm", "path": "one.wav", "sha256": digest, "audio_bytes": size, "completed_at": START,
    }  # fmt: skip
    with engine.begin() as connection:
        connection.execute(insert(enriched_leg).values(leg))
        connection.execute(insert(recording).values(row))
        connection.execute(insert(recording_leg).values(recording_id=RECORDING, leg_id=LEG, offset_ms=0))


@contextmanager
def gateway(home: Path, url: str) -> Iterator[tuple[int, int]]:
    """The gateway as a process; its port and its id."""
    given: Mapping[str, str] = {
        "CX_HOME": str(home), "CX_DATABASE_URL": url, "CX_RECORDINGS_ROOT": str(home / "recordings"),
        "CX_KEY_RING_FILE": str(home / "ring.json"), "CX_GATEWAY_TOKENS_FILE": str(home / "tokens.json"),
        "CX_GATEWAY_PORT": "0", "CX_GATEWAY_REQUESTS_PER_S": "1000000",
    }  # fmt: skip
    command = [sys.executable, "-m", "cx_pipeline.gateway"]
    environment = {**os.environ, **given}
    with (home / "gateway.log").open("wb") as log:  # it writes a line for each request, as in production
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert process.stdout is not None
            address = process.stdout.readline()
            yield int(address.rpartition(":")[2]), process.pid
        finally:
            process.terminate()
            process.wait(60)


@contextmanager
def server(folder: Path) -> Iterator[tuple[Engine, str]]:
    """An embedded server as it is by default, that is durable; and how to reach it."""
    embedded = EmbeddedServer(folder)
    postmaster = embedded.start()
    try:
        ensure_databases(postmaster.url("postgres"), "bench")
        engine = engine_for(SecretStr(postmaster.url("bench")))
        migrate(engine)
        yield engine, postmaster.url("bench")
        engine.dispose()
    finally:
        embedded.stop()


if __name__ == "__main__":
    main()
