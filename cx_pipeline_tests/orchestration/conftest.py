"""A deployment on a real database, with an instance of Dagster of its own."""

from collections.abc import Callable, Iterator
from datetime import datetime, tzinfo
from pathlib import Path

import dagster as dg
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from cx_pipeline.orchestration import sensors
from cx_pipeline.orchestration.assets import ingest, legs
from cx_pipeline.orchestration.build import build_definitions
from cx_pipeline.settings import load_settings
from cx_pipeline_tests.orchestration.deployment import Deployment


@pytest.fixture
def deployment(
    tmp_path: Path, database_url: SecretStr, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Deployment]:
    """Settings in the environment, as a process of Dagster finds them."""
    monkeypatch.chdir(tmp_path)  # no .env of whoever runs the tests
    monkeypatch.setenv("CX_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CX_DATABASE_URL", database_url.get_secret_value())
    monkeypatch.setenv("CX_FIRST_WINDOW", "2026-03-01T00:00:00Z")
    settings = load_settings()
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        yield Deployment(settings, engine, instance, build_definitions(settings))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Sets the clock of sensors and runs."""

    def set_to(moment: datetime) -> None:
        class Clock(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
                return moment.astimezone(tz)

        monkeypatch.setattr(sensors, "datetime", Clock)
        for assets in (ingest, legs):
            monkeypatch.setattr(assets, "moment_of", lambda _context: moment)

    return set_to
