"""From a conversation's voice activity to the audio of Eleveo, through links and gateway."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import polars as pl
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, select

from cx_pipeline.adapters.database.message_tables import outbox_message
from cx_pipeline.adapters.eleveo.playback import EleveoAudio
from cx_pipeline.adapters.linking.window_links import LinkReport, link_window
from cx_pipeline.core.enrichment.schema import ENRICHED_LEG_SCHEMA
from cx_pipeline.core.errors import DestinationUnavailableError
from cx_pipeline.core.messages.activities import CCM_VOICE_ACTIVITY_SCHEMA
from cx_pipeline.core.recording.schema import MIXED_RECORDING_SCHEMA
from cx_pipeline.core.windows import window_of
from cx_pipeline.settings import Settings
from cx_pipeline.simulator.eleveo.running import RunningEleveo
from cx_pipeline_tests.adapters.eleveo.conftest import KEY, LEG, START, legs, settings_of
from cx_pipeline_tests.gateway.running import Gateway, gateway_settings_in, make_tokens, running_gateway

WINDOW = window_of(START, timedelta(hours=1))


@pytest.fixture
def signed(eleveo: RunningEleveo, tmp_path: Path, stored_url: SecretStr) -> Settings:
    site = settings_of(eleveo, tmp_path).eleveo
    more = {"recording_backend": "eleveo", "eleveo": site, "link_mode": "signed"}
    return gateway_settings_in(tmp_path / "home", stored_url, make_tokens(), **more)


@pytest.fixture
def gateway(signed: Settings, stored: Engine) -> Iterator[Gateway]:
    with running_gateway(signed, make_tokens()) as running:
        yield running


def frame(schema: pl.Schema, *rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame([{**dict.fromkeys(schema), **row} for row in rows], schema=schema)


def link(settings: Settings, engine: Engine, **activity: Any) -> LinkReport:
    told = {
        "activity_id": "a-1", "conversation_id": "c-1", "channel_session_id": "s-1", "call_id": "cx-1", "leg_id": LEG, "leg": KEY,
        "agent_extension": "1001", "start_time": START, "end_time": START + timedelta(seconds=10), "raw": "{}",
    }  # fmt: skip
    (row,) = legs({}).iter_rows(named=True)
    whole = {**row, "is_answered": True, "is_reportable": True, "status": "COMPLETED", "leg_number": 1}
    return link_window(
        settings,
        engine,
        WINDOW,
        frame(CCM_VOICE_ACTIVITY_SCHEMA, {**told, **activity}),
        frame(ENRICHED_LEG_SCHEMA, whole),
        MIXED_RECORDING_SCHEMA.to_frame(),
        datetime.now(UTC),
    )


def test_a_link_to_eleveo_is_told_once_and_plays_through_the_gateway(
    eleveo: RunningEleveo, signed: Settings, stored: Engine, gateway: Gateway
) -> None:
    eleveo.behaviour.error_every = 1
    with pytest.raises(DestinationUnavailableError):
        link(signed, stored)
    eleveo.behaviour.error_every = 0
    first, second = link(signed, stored), link(signed, stored)
    assert (first.links["state"].to_list(), first.pushed, second.pushed) == (["LINKED"], 1, 0)
    address = urlsplit(_address_told(stored))
    link_path = f"{address.path}?{address.query}"
    client = gateway.client()
    own = EleveoAudio(signed, stored)
    playable = own.of_leg_key(KEY, "red")
    assert playable is not None
    with own.open(playable) as readable:
        content = readable.read_at(0, readable.size_bytes)
    own.close()
    whole = client.get(link_path)
    assert (whole.status_code, whole.headers["content-type"], whole.content) == (200, "audio/wav", content)
    for asked, expected in (("bytes=100-299", content[100:300]), ("bytes=-50", content[-50:])):
        part = client.get(link_path, headers={"Range": asked, "If-Range": whole.headers["etag"]})
        assert (part.status_code, part.content) == (206, expected)
    assert client.get(link_path.replace("1001", "1002")).status_code in {401, 403, 404}
    assert eleveo.seen.requests["download"] == 6  # three couples, once here and once in the gateway


def _address_told(engine: Engine) -> str:
    query = select(outbox_message.c.payload).order_by(outbox_message.c.sequence.desc()).limit(1)
    with engine.connect() as connection:
        payload = connection.execute(query).scalar_one()
    body = (json.loads(payload) if isinstance(payload, str) else payload)["body"]
    return str(body["voiceRecordingUrl"])
