"""A link leads a person to a page, a player to the bytes, and to Eleveo's where the recordings are there."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from cx_pipeline.simulator.eleveo.running import running_eleveo
from cx_pipeline_tests.adapters.eleveo.conftest import HELD, KEY, PASSWORD, USER, legs
from cx_pipeline_tests.adapters.eleveo.stored_legs import store
from cx_pipeline_tests.gateway.audio.conftest import Stage
from cx_pipeline_tests.gateway.running import gateway_settings_in, running_gateway

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def test_a_browser_gets_the_page_of_a_link_whose_player_asks_the_same_address(stage: Stage) -> None:
    leg = stage.made.leg(number="+1800555")
    recording_id = stage.made.recording(b"heard", legs=[leg])
    player = stage.gateway.client("player")
    link = f"/{leg.key}/recording-file"
    page = player.get(link, headers=BROWSER)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "Accept" in page.headers["vary"]
    assert f"/{leg.key.replace('+', '%2B')}/recording-file" in page.text
    assert player.get(link, headers={"Accept": "*/*"}).content == b"heard"
    by_id = player.get(f"/recordings/{recording_id}", headers=BROWSER)
    assert f"/recordings/{recording_id}/audio" in by_id.text


@pytest.mark.parametrize("path", ["/nothing:1005:555:1772445600/recording-file", "/recordings/nothing"])
def test_there_is_no_page_of_what_is_not_there(stage: Stage, path: str) -> None:
    assert stage.gateway.client("player").get(path, headers=BROWSER).status_code == 404


def test_a_link_leads_to_eleveos_recording_where_recordings_are_eleveos(
    database_url: SecretStr, engine: Engine, tokens: Mapping[str, str], tmp_path: Path
) -> None:
    store(engine, legs({"tenant_id": "acme"}))
    with running_eleveo(HELD, user=USER, password=PASSWORD) as eleveo:
        site = {"url": eleveo.url, "user": USER, "password": PASSWORD, "tenant_id": "acme"}
        home = tmp_path / "home"
        settings = gateway_settings_in(home, database_url, tokens, recording_backend="eleveo", eleveo=site)
        with running_gateway(settings, tokens) as gateway:
            player, link = gateway.client("player"), f"/{KEY}/recording-file"
            whole = player.get(link)
            assert (whole.status_code, whole.headers["content-type"]) == (200, "audio/wav")
            part = player.get(link, headers={"Range": "bytes=1000-1999", "If-Range": whole.headers["etag"]})
            assert (part.status_code, part.content) == (206, whole.content[1000:2000])
            assert gateway.client("globex").get(link).status_code == 404
            assert player.get(link.replace(":1001:", ":1002:")).status_code == 404
