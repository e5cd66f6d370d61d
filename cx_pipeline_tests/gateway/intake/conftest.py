"""One gateway for each module of these tests, with its database emptied after each test."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from cx_pipeline.adapters.database.connection import engine_for
from cx_pipeline.adapters.database.postmaster import Postmaster
from cx_pipeline_tests.database import copied_database
from cx_pipeline_tests.gateway.running import Gateway, gateway_settings_in, running_gateway

EMPTIED = "jtapi_event quarantined_input recording_manifest listener_heartbeat recorder_heartbeat call_end recording_control"


@pytest.fixture(scope="module")
def module_database(database_server: Postmaster, database_template: str) -> Iterator[SecretStr]:
    """A migrated database of the module's own."""
    with copied_database(database_server, database_template) as url:
        yield url


@pytest.fixture(scope="module")
def module_settings() -> dict[str, Any]:
    """Settings that differ; a module has a fixture of this name where it needs others."""
    return {}


@pytest.fixture(scope="module")
def module_gateway(
    tmp_path_factory: pytest.TempPathFactory,
    module_database: SecretStr,
    tokens: Mapping[str, str],
    module_settings: dict[str, Any],
) -> Iterator[Gateway]:
    home: Path = tmp_path_factory.mktemp("home")
    settings = gateway_settings_in(home, module_database, tokens, **module_settings)
    with running_gateway(settings, tokens) as running:
        yield running


@pytest.fixture(scope="module")
def module_engine(module_database: SecretStr) -> Iterator[Engine]:
    engine = engine_for(module_database)
    yield engine
    engine.dispose()


@pytest.fixture
def gateway(module_gateway: Gateway) -> Gateway:
    return module_gateway


@pytest.fixture
def engine(module_engine: Engine) -> Iterator[Engine]:
    yield module_engine
    with module_engine.begin() as connection:
        for table in EMPTIED.split():
            connection.execute(text(f"DELETE FROM {table}"))
