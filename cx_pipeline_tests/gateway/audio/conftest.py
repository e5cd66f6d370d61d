"""A gateway that runs for all tests of audio, with recordings made as they ask for them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
from sqlalchemy import Engine

from cx_pipeline.adapters.database.connection import engine_for
from cx_pipeline.adapters.database.postmaster import Postmaster
from cx_pipeline_tests.adapters.playback.made_recordings import RING_TEXT, MadeRecordings
from cx_pipeline_tests.database import copied_database
from cx_pipeline_tests.gateway.running import Gateway, gateway_settings_in, running_gateway


@dataclass
class Stage:
    """A gateway, and what it plays."""

    gateway: Gateway
    made: MadeRecordings
    engine: Engine


@pytest.fixture(scope="session")
def stage(
    database_server: Postmaster,
    database_template: str,
    tokens: Mapping[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stage]:
    """One gateway for all these tests: each makes recordings of its own."""
    with copied_database(database_server, database_template) as url:
        folder = tmp_path_factory.mktemp("audio")
        engine = engine_for(url)
        settings = gateway_settings_in(
            folder / "home", url, tokens, key_ring=RING_TEXT, screen_root=folder / "screens"
        )
        with running_gateway(settings, tokens) as gateway:
            yield Stage(gateway, MadeRecordings(gateway.settings, engine), engine)
        engine.dispose()
