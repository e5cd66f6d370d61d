"""What /healthz, /readyz and /metrics tell."""

import asyncio
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, insert

from cx_pipeline.adapters.database.heartbeats import Heartbeats
from cx_pipeline.adapters.database.signs_of_work import newest_computation_at
from cx_pipeline.adapters.database.tables import window_computation
from cx_pipeline.core.window_checks import Verdict
from cx_pipeline.gateway.health import service as health_service
from cx_pipeline.gateway.health.checks import recordings_verdict, spool_verdict, windows_verdict
from cx_pipeline.gateway.health.service import open_health
from cx_pipeline.gateway.metrics import Metrics
from cx_pipeline_tests.gateway.probes import add_probes
from cx_pipeline_tests.gateway.running import AWAY, Gateway, gateway_settings_in, running_gateway

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _look_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_service, "FRESH_S", 0.0)


@pytest.fixture(scope="module")
def lonely(tmp_path_factory: pytest.TempPathFactory, tokens: Mapping[str, str]) -> Iterator[Gateway]:
    """A gateway whose database is away."""
    settings = gateway_settings_in(tmp_path_factory.mktemp("lonely"), AWAY, tokens, gateway_spool_mb=1)
    with running_gateway(settings, tokens, add_probes) as running:
        yield running


def checks_of(gateway: Gateway) -> dict[str, dict[str, str]]:
    checks: dict[str, dict[str, str]] = gateway.client().get("/readyz").json()["checks"]
    return checks


def test_a_gateway_whose_systems_are_well_is_ready(gateway: Gateway) -> None:
    answer = gateway.client().get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    assert {check["state"] for check in answer.json()["checks"].values()} == {"ok"}


def test_what_dagster_cannot_report_about_itself_is_told(gateway: Gateway, engine: Engine) -> None:
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    computation = dict.fromkeys(("high_water", "input_count", "used_count"), 0)
    computation |= dict.fromkeys(("duplicate_count", "quarantined_count"), 0)
    with engine.begin() as connection:
        connection.execute(
            insert(window_computation).values(
                window_start=long_ago, window_end=long_ago, computed_at=long_ago, run_id="r", **computation
            )
        )
    Heartbeats(engine).beat("jtapi", "listener-1", long_ago, is_connected=True)
    assert newest_computation_at(engine) == long_ago
    checks = checks_of(gateway)
    assert checks["windows"]["state"] == "warning"
    assert "Dagster's daemon" in checks["windows"]["reason"]
    assert checks["listeners"]["state"] == "warning"
    assert "listener-1" in checks["listeners"]["reason"]
    assert gateway.client().get("/readyz").json()["status"] == "degraded"
    figures = gateway.client("metrics").get("/metrics").text
    assert 'cx_gateway_check_passed{check="windows"} 0.0' in figures
    assert 'cx_gateway_check_figure{check="windows",figure="newest_computation_s"}' in figures


def test_without_its_database_it_stays_in_service_for_the_spool(lonely: Gateway) -> None:
    answer = lonely.client().get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["checks"]["database"] == {"state": "warning", "reason": "does not answer"}
    assert "127.0.0.1" not in answer.text


def test_without_database_and_spool_it_is_not_ready(lonely: Gateway) -> None:
    full = lonely.settings.spool_folder / "full"
    full.parent.mkdir(parents=True, exist_ok=True)
    full.write_bytes(bytes(1_000_001))
    try:
        answer = lonely.client().get("/readyz")
    finally:
        full.unlink()
    assert (answer.status_code, answer.json()["status"]) == (503, "not ready")
    checks = answer.json()["checks"]
    assert {name for name, check in checks.items() if check["state"] == "down"} == {"database", "spool"}


def test_it_lives_whatever_is_away(lonely: Gateway) -> None:
    assert lonely.client().get("/healthz").json() == {"status": "alive"}


def test_figures_are_for_who_may_read_them(lonely: Gateway) -> None:
    assert lonely.client().get("/metrics").status_code == 401
    assert lonely.client("player").get("/metrics").status_code == 403


def test_requests_are_counted_by_route_and_never_by_path(lonely: Gateway) -> None:
    client = lonely.client("all")
    client.get("/probe/play/secret-name")
    client.get("/nothing-like-that")
    client.request("PROPFIND", "/healthz")
    text = ""
    deadline = time.monotonic() + 10
    while 'method="other"' not in text and time.monotonic() < deadline:
        text = client.get("/metrics").text  # a request is counted when its answer has left
    assert 'cx_gateway_requests_total{method="GET",route="/probe/play/{name}",status="200"} 1.0' in text
    assert 'cx_gateway_requests_total{method="GET",route="(no route)",status="404"} 1.0' in text
    assert 'method="other"' in text
    assert "secret-name" not in text
    assert "nothing-like-that" not in text
    assert "PROPFIND" not in text
    assert "cx_gateway_first_byte_seconds_bucket" in text
    assert "process_resident_memory_bytes" in text


async def hanging(metrics: Metrics, release: Any) -> list[str]:
    """What two looks at a check that hangs say, and how often it was asked."""
    asked: list[int] = []

    def check() -> Verdict:
        asked.append(1)
        release.wait(10)
        return Verdict(True, "well")

    async with open_health({"storage": check}, metrics) as health:
        reasons = [(await health.readiness()).verdicts["storage"].description for _ in range(2)]
        release.set()
        reasons.append((await health.readiness()).verdicts["storage"].description)
    return [*reasons, str(len(asked))]


def test_a_check_that_hangs_is_told_and_not_asked_again_while_it_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health_service, "CHECK_TIMEOUT_S", 0.1)
    told = asyncio.run(hanging(Metrics(), threading.Event()))
    assert told == ["does not answer", "does not answer", "well", "1"]


def test_the_spools_state_is_told_before_it_is_full(tmp_path: Path) -> None:
    assert spool_verdict(tmp_path / "none", 1000).passed
    (tmp_path / "segment").write_bytes(bytes(850))
    nearly = spool_verdict(tmp_path, 1000)
    assert (nearly.passed, nearly.is_grave) == (False, False)
    (tmp_path / "segment").write_bytes(bytes(1000))
    full = spool_verdict(tmp_path, 1000)
    assert (full.passed, full.is_grave) == (False, True)


def test_a_storage_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert not recordings_verdict(tmp_path / "file").passed
    assert recordings_verdict(tmp_path).passed
    assert recordings_verdict(tmp_path / "none").passed


def test_windows_that_were_never_computed_are_nothing_to_worry_about() -> None:
    assert windows_verdict(None, NOW).passed
    assert windows_verdict(NOW - timedelta(minutes=2), NOW).passed
    assert not windows_verdict(NOW - timedelta(minutes=6), NOW).passed


def test_its_address_and_password_stand_in_no_answer(tmp_path: Path, tokens: Mapping[str, str]) -> None:
    url = SecretStr("postgresql://user:s3cret-word@127.0.0.1:1/name")
    settings = gateway_settings_in(tmp_path, url, tokens)
    with running_gateway(settings, tokens) as gateway:
        for path in ("/readyz", "/metrics", "/openapi.json"):
            assert "s3cret-word" not in gateway.client("all").get(path).text
