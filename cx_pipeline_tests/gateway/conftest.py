"""What tests of the gateway share: tokens, and a gateway that runs."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from cx_pipeline.settings import Settings
from cx_pipeline_tests.gateway.running import Gateway, gateway_settings_in, make_tokens, running_gateway


@pytest.fixture(autouse=True)
def _loggers_are_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever configures logging anew, as Dagster does when it is loaded, switches off all that are there."""
    for name, logger in logging.root.manager.loggerDict.items():
        if name.startswith("cx_pipeline") and isinstance(logger, logging.Logger):
            monkeypatch.setattr(logger, "disabled", False)


@pytest.fixture(scope="session")
def tokens() -> Mapping[str, str]:
    """Text of each token by its name (`running.TOKEN_RIGHTS`)."""
    return make_tokens()


@pytest.fixture
def gateway_overrides() -> dict[str, Any]:
    """Settings that differ; a test module has a fixture of this name where it needs others."""
    return {}


@pytest.fixture
def gateway_settings(
    tmp_path: Path, database_url: SecretStr, tokens: Mapping[str, str], gateway_overrides: dict[str, Any]
) -> Settings:
    """Settings of this test's gateway."""
    return gateway_settings_in(tmp_path / "home", database_url, tokens, **gateway_overrides)


@pytest.fixture
def gateway(gateway_settings: Settings, tokens: Mapping[str, str]) -> Iterator[Gateway]:
    """A gateway that runs, with an empty, migrated database."""
    with running_gateway(gateway_settings, tokens) as running:
        yield running
