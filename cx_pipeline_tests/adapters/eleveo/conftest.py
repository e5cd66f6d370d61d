"""A fake Eleveo, started once for all tests of a module, with couples of a few simulated calls."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import stamina
from pydantic import SecretStr
from sqlalchemy import Engine

from cx_pipeline.adapters.database.connection import engine_for
from cx_pipeline.adapters.database.postmaster import Postmaster
from cx_pipeline.settings import Settings
from cx_pipeline.simulator.eleveo.couples import HeldCouple
from cx_pipeline.simulator.eleveo.running import RunningEleveo, running_eleveo
from cx_pipeline_tests.adapters.eleveo.stored_legs import store
from cx_pipeline_tests.database import copied_database

USER, PASSWORD = "middleware", "s3cret&w?rd/ü"
START = datetime(2026, 1, 26, 10, tzinfo=UTC)
START_MS = round(START.timestamp() * 1000)
CALL = "1f0d6d24-0000-8000-8000-0000000000aa"
LEG = "1f0d6d24-0000-8000-8000-000000000001"
KEY = f"{CALL}:1001:555:{START_MS}"


def couple(number: int, key: str, start_s: float, end_s: float, **more: Any) -> HeldCouple:
    """A couple of 1001 with 555, so many seconds after `START`."""
    base = round(START.timestamp() * 1_000_000)
    given: dict[str, Any] = {
        "agent_extension": "1001", "calling": "555", "called": "1001",
        "start_reason": "START", "end_reason": "END", "near": 1000 + number, "far": (),
    }  # fmt: skip
    times = {"start": base + round(start_s * 1e6), "end": base + round(end_s * 1e6)}
    return HeldCouple(str(number), f"{key}-{number}", key, **{**given, **times, **more})


HELD = [
    couple(1, "1_7", 0, 2, end_reason="HOLD"),
    couple(2, "1_7", 5, 6.5, start_reason="RETRIEVE", end_reason="HOLD"),
    couple(3, "1_7", 9, 10, start_reason="RETRIEVE"),
]


@pytest.fixture(autouse=True)
def _retries_without_waits() -> Iterator[None]:
    """Attempts as many as in earnest, without the waits between them."""
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@pytest.fixture(scope="module")
def running() -> Iterator[RunningEleveo]:
    with running_eleveo([], user=USER, password=PASSWORD) as running:
        yield running


@pytest.fixture
def eleveo(running: RunningEleveo) -> RunningEleveo:
    """The fake, holding one leg in three couples."""
    running.begin_anew(HELD)
    return running


def settings_of(eleveo: RunningEleveo, home: Path, **more: Any) -> Settings:
    site = {"url": eleveo.url, "user": USER, "password": PASSWORD, "tenant_id": "red", **more}
    return Settings(_env_file=None, home=home, recording_backend="eleveo", eleveo=site)


@pytest.fixture
def settings(eleveo: RunningEleveo, tmp_path: Path) -> Settings:
    return settings_of(eleveo, tmp_path)


def legs(*rows: dict[str, Any]) -> pl.DataFrame:
    """Legs as `eleveo_candidates` takes them; what a row does not say is that of the leg in `HELD`."""
    times = {"start_time": pl.Datetime("us", "UTC"), "end_time": pl.Datetime("us", "UTC")}
    plain: dict[str, Any] = {
        "leg_id": LEG, "leg_key": KEY,
        "call_id": CALL, "cx_call_id": "cx-1", "tenant_id": "red",
        "root_call_key": "1_7", "jtapi_id": "7/1", "agent_extension": "1001", "start_time": START,
        "end_time": START.replace(second=10), "hold_segments": [],
    }  # fmt: skip
    schema = {name: pl.String() for name in plain if name not in {*times, "hold_segments"}}
    hold = {"hold_segments": pl.List(pl.Struct(times))}
    return pl.DataFrame([{**plain, **row} for row in rows], schema={**schema, **times, **hold})


@pytest.fixture(scope="module")
def stored_url(database_server: Postmaster, database_template: str) -> Iterator[SecretStr]:
    """A database with one leg, for all tests of a module."""
    with copied_database(database_server, database_template) as url:
        yield url


@pytest.fixture(scope="module")
def stored(stored_url: SecretStr) -> Iterator[Engine]:
    engine = engine_for(stored_url)
    store(engine, legs({}))
    yield engine
    engine.dispose()
