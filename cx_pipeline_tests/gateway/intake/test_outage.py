"""The database away, and the gateway killed: what was answered with success is in the store, once."""

import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from cx_pipeline.adapters.database.connection import engine_for
from cx_pipeline.adapters.database.embedded import ensure_databases
from cx_pipeline.adapters.database.embedded_server import EmbeddedServer
from cx_pipeline.adapters.database.migrate import migrate
from cx_pipeline_tests.database import TEST_TUNING
from cx_pipeline_tests.gateway.intake.outage import GatewayProcess, Senders
from cx_pipeline_tests.gateway.running import gateway_settings_in, running_gateway

OUTAGE_S = float(os.environ.get("CX_STRESS_OUTAGE_S", "0.4"))
_DRAINED_WITHIN_S = 60


@pytest.fixture(scope="module")
def own_server() -> Iterator[EmbeddedServer]:
    """A server that these tests may stop. What it committed outlives its own stop, which is all that is done to it."""
    folder = Path(tempfile.mkdtemp(prefix="cx-outage-"))
    server = EmbeddedServer(folder / "postgres", tuning=TEST_TUNING)
    try:
        ensure_databases(server.start().url("postgres"), "outage")
        engine = engine_for(SecretStr(url_of(server)))
        migrate(engine)
        engine.dispose()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def url_of(server: EmbeddedServer) -> str:
    return server.start().url("outage")


def column(server: EmbeddedServer, query: str) -> list[Any]:
    with psycopg.connect(url_of(server)) as connection:
        return [row[0] for row in connection.execute(query.encode())]


def stored(server: EmbeddedServer) -> Counter[str]:
    return Counter(column(server, "SELECT global_call_id FROM jtapi_event"))


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _DRAINED_WITHIN_S
    while not is_so():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


@pytest.mark.stress
def test_events_that_were_answered_with_success_survive_outages_and_kills(
    own_server: EmbeddedServer, tmp_path: Path, tokens: Mapping[str, str]
) -> None:
    gateway = GatewayProcess(tmp_path / "home", url_of(own_server), tokens)
    gateway.start()
    senders = Senders(gateway.port, tokens["listener"], count=3, batch=50)
    senders.start()
    try:
        senders.keep_on(OUTAGE_S / 4, 200)
        own_server.stop()
        for _ in range(2):
            senders.keep_on(OUTAGE_S / 4, 202)
            gateway.kill()
            gateway.start()
        senders.keep_on(OUTAGE_S / 4, 202)
        own_server.start()
        senders.keep_on(OUTAGE_S / 4, 200)
    finally:
        senders.end()
    acknowledged = set(senders.acknowledged)

    wait_for(lambda: acknowledged <= set(stored(own_server)))

    found = stored(own_server)
    assert gateway.stop() == 0
    assert max(found.values()) == 1
    assert len(found) <= len(acknowledged) + 2 * senders.count * senders.batch


def test_all_that_comes_in_while_the_database_is_away_is_there_when_it_is_back(
    own_server: EmbeddedServer, tmp_path: Path, tokens: Mapping[str, str]
) -> None:
    streams = tmp_path / "streams"
    streams.mkdir()
    url = SecretStr(url_of(own_server))
    settings = gateway_settings_in(
        tmp_path / "home", url, tokens, stream_roots=(streams,), gateway_spool_mb=1
    )
    own_server.stop()
    sent: list[tuple[str, str, object]] = [
        ("listener", "/listeners/heartbeat", {"source": "jtapi", "listenerId": "l", "isConnected": True}),
        ("recorder", "/recorders/heartbeat", {"recorderId": "fs1"}),
        ("recorder", "/call-ended", {"uuid": "c-1"}),
        ("recorder", "/mixer/sip-data", {"filePath": f"{streams}/a.wav", "startTime": 1_780_000_000}),
        ("recorder", "/mixer/sip-data", {"filePath": "/etc/passwd", "startTime": 1_780_000_000}),
        (
            "listener",
            "/events",
            {"global_call_id": "9_9", "event_time": "2026-06-08T10:00:00Z", "event_name": "x"},
        ),
    ]
    with running_gateway(settings, tokens) as gateway:
        answers = [gateway.client(token).post(path, json=document) for token, path, document in sent]
        rules = gateway.client("recorder").post("/vrs/recording-rules/evaluate", json={})
        client = gateway.client("listener")
        full = [client.post("/events", json=[{"x": str(number) * 300_000}]) for number in range(5)]
    assert [answer.status_code for answer in answers] == [202, 202, 202, 202, 422, 202]
    assert answers[0].json() == {"spooled": 1}
    assert answers[3].json()["status"] == "QUEUED"
    assert (rules.status_code, rules.json()["record"]) == (200, True)
    assert [answer.status_code for answer in full] == [202, 202, 202, 503, 503]
    assert full[-1].headers["retry-after"]
    assert full[-1].headers["content-type"] == "application/problem+json"

    own_server.start()
    with running_gateway(settings, tokens):
        wait_for(lambda: len(column(own_server, "SELECT reason FROM quarantined_input")) == 4)

    reasons = column(own_server, "SELECT split_part(reason, ':', 1) FROM quarantined_input ORDER BY 1")
    assert reasons == ["NO_CALL_ID"] * 3 + ["OUTSIDE_ROOTS"]
    assert stored(own_server)["9_9"] == 1
    for table in ("listener_heartbeat", "recorder_heartbeat", "call_end", "recording_manifest"):
        assert column(own_server, f"SELECT count(*) FROM {table}") == [1]
