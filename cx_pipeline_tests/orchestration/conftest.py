"""A deployment on a real database, with an instance of Dagster of its own."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, tzinfo
from pathlib import Path

import dagster as dg
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from cx_pipeline.orchestration import link_ticks, recording_ticks, sensors, waiting
from cx_pipeline.orchestration.assets import enrichment, ingest, legs, links, messages, recordings
from cx_pipeline.orchestration.build import build_definitions
from cx_pipeline.settings import load_settings
from cx_pipeline.simulator.ccm.authorisation import TOKEN_PATH, ClientCredentials
from cx_pipeline.simulator.ccm.manager import ManagerOptions
from cx_pipeline.simulator.ccm.running import running_ccm
from cx_pipeline.simulator.cisco.tables import create_tables
from cx_pipeline_tests.orchestration.deployment import Deployment
from cx_pipeline_tests.orchestration.recorded_site import RecordedSite
from cx_pipeline_tests.orchestration.telling_site import SECRET, TellingSite


@pytest.fixture
def deployment(
    tmp_path: Path, database_url: SecretStr, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Deployment]:
    """Settings in the environment, as a process of Dagster finds them."""
    monkeypatch.chdir(tmp_path)  # no .env of whoever runs the tests
    monkeypatch.setenv("CX_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CX_DATABASE_URL", database_url.get_secret_value())
    monkeypatch.setenv("CX_FIRST_WINDOW", "2026-03-01T00:00:00Z")
    monkeypatch.setattr(waiting, "PATIENCE_S", 0.0)
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

        for ticks in (sensors, recording_ticks, link_ticks):
            monkeypatch.setattr(ticks, "datetime", Clock)
        for assets in (ingest, legs, enrichment, messages, recordings, links):
            monkeypatch.setattr(assets, "moment_of", lambda _context: moment)

    return set_to


@pytest.fixture
def site(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator[TellingSite]:
    """The deployment with a Cisco database and a conversation manager, reached as the settings say."""
    create_tables(deployment.engine, "ucce")
    source = {"name": "hds", "flavour": "ucce", "connection": "embedded", "tenants": {"5000": "acme"}}
    monkeypatch.setenv("CX_CISCO_SOURCES", json.dumps([source]))
    access = ClientCredentials("cx", SecretStr(SECRET), lifetime_s=30)
    with running_ccm(ManagerOptions(access=access)) as manager:
        monkeypatch.setenv("CX_CCM_URL", manager.url)
        monkeypatch.setenv("CX_CCM_OAUTH_TOKEN_URL", f"{manager.url}{TOKEN_PATH}")
        monkeypatch.setenv("CX_CCM_OAUTH_CLIENT_ID", "cx")
        monkeypatch.setenv("CX_CCM_OAUTH_CLIENT_SECRET", SECRET)
        settings = load_settings()
        deployment.settings, deployment.definitions = settings, build_definitions(settings)
        yield TellingSite(deployment, manager)
        with deployment.engine.begin() as connection:
            connection.exec_driver_sql("DROP SCHEMA cisco_ucce CASCADE")


@pytest.fixture
def recorded(deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RecordedSite:
    """The deployment with a recorder's folder; messages go nowhere."""
    streams = tmp_path / "streams"
    streams.mkdir()
    monkeypatch.setenv("CX_STREAM_ROOTS", json.dumps([str(streams)]))
    monkeypatch.setenv("CX_MIX_WORKERS", "1")
    settings = load_settings()
    deployment.settings, deployment.definitions = settings, build_definitions(settings)
    return RecordedSite(deployment, streams)
