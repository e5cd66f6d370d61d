"""A gateway that runs for all tests of the pages, with recordings and legs of its own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from cx_pipeline.adapters.database.connection import engine_for
from cx_pipeline.adapters.database.postmaster import Postmaster
from cx_pipeline_tests.database import copied_database
from cx_pipeline_tests.gateway.pages.recorded_calls import RING_TEXT, RecordedCalls
from cx_pipeline_tests.gateway.pages.samples import Samples, more_calls, sample_calls
from cx_pipeline_tests.gateway.running import Gateway, gateway_settings_in, running_gateway

SAMPLE_S = 12
"""Length of the samples: long enough to play and seek in, quick to make."""


@dataclass
class Stage:
    """A gateway, and what its pages show."""

    gateway: Gateway
    engine: Engine
    calls: RecordedCalls
    samples: Samples

    def page(self, path: str, token: str | None = "all", **params: str) -> str:
        """A page as a browser gets it."""
        answer = self.answer(path, token, **params)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        return str(answer.text)

    def answer(self, path: str, token: str | None = "all", **params: str) -> Any:
        """What a browser is answered that goes there."""
        client = self.gateway.client(token, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        return client.get(path, params=params or None)


@pytest.fixture(scope="session")
def stage(
    database_server: Postmaster,
    database_template: str,
    tokens: Mapping[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stage]:
    """One gateway for all these tests: each makes what else it needs."""
    with copied_database(database_server, database_template) as url:
        folder = tmp_path_factory.mktemp("pages")
        engine = engine_for(url)
        settings = gateway_settings_in(
            folder / "home", url, tokens, key_ring=RING_TEXT, screen_root=folder / "screens"
        )
        calls, now = RecordedCalls(settings, engine, folder / "streams"), datetime.now(UTC)
        samples = sample_calls(calls, now, SAMPLE_S)
        more_calls(calls, now)
        with running_gateway(settings, tokens) as gateway:
            yield Stage(gateway, engine, calls, samples)
        engine.dispose()
