"""Static tokens over HTTP: who is let in, who is not, and what they are told."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from cx_pipeline.adapters.access import token_store
from cx_pipeline.adapters.access.token_file import change_token_file, new_token, without
from cx_pipeline.core.access_scopes import RECORDINGS_PLAY, RECORDINGS_READ
from cx_pipeline.gateway.problems import PROBLEM_TYPE
from cx_pipeline_tests.gateway.probes import add_probes
from cx_pipeline_tests.gateway.running import AWAY, Gateway, gateway_settings_in, running_gateway


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory, tokens: Mapping[str, str]) -> Iterator[Gateway]:
    settings = gateway_settings_in(tmp_path_factory.mktemp("door"), AWAY, tokens)
    with running_gateway(settings, tokens, add_probes) as running:
        yield running


def test_a_token_with_the_scope_is_let_in_as_its_tenant(door: Gateway) -> None:
    answer = door.client("player").get("/probe/play")
    assert answer.json() == {
        "subject": "player",
        "tenant": "acme",
        "scopes": sorted([RECORDINGS_PLAY, RECORDINGS_READ]),
        "access": "token",
        "name": "player",
    }


@pytest.mark.parametrize("name", ["nothing", "reader", "listener"])
def test_a_token_without_the_scope_is_told_which_it_lacks(door: Gateway, name: str) -> None:
    answer = door.client(name).get("/probe/play")
    assert answer.status_code == 403
    assert 'error="insufficient_scope", scope="recordings:play"' in answer.headers["www-authenticate"]
    assert answer.headers["content-type"] == PROBLEM_TYPE


@pytest.mark.parametrize(
    "header",
    [
        "Bearer cxt_made-up",
        "Bearer",
        "Basic dXNlcjpwYXNz",
        "bearer\tcxt_x",
        "",
        "Bearer eyJhbGciOiJub25lIn0.e30.",
        "Bearer \xff\xfe",
    ],
)
def test_what_is_no_token_of_ours_is_refused(door: Gateway, header: str) -> None:
    answer = door.client().get("/probe/play", headers=[(b"Authorization", header.encode("latin-1"))])
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith('Bearer realm="cx-pipeline"')
    assert answer.json()["title"] == "Not authorised"


def test_whoever_shows_nothing_is_asked_for_a_token(door: Gateway) -> None:
    answer = door.client().get("/probe/play")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="cx-pipeline"')


def test_an_expired_token_is_refused(door: Gateway) -> None:
    assert door.client("expired").get("/probe/play").status_code == 401


def test_the_hash_of_a_token_is_no_token(door: Gateway) -> None:
    text = Path(str(door.settings.gateway_tokens_file)).read_text(encoding="utf-8")
    some_hash = text.partition('"sha256": "')[2].partition('"')[0]
    answer = door.client().get("/probe/play", headers={"Authorization": f"Bearer {some_hash}"})
    assert answer.status_code == 401


def test_a_token_in_the_address_lets_nobody_in(door: Gateway) -> None:
    answer = door.client().get("/probe/play", params={"access_token": door.tokens["all"]})
    assert answer.status_code == 401


def test_a_browser_without_a_login_to_go_to_is_refused_as_all_are(door: Gateway) -> None:
    answer = door.client().get("/probe/play", headers={"Accept": "text/html"})
    assert answer.status_code == 401
    assert door.client().get("/login").status_code == 404
    assert door.client().post("/logout").status_code == 404


def test_a_revoked_token_is_refused_without_a_restart(
    tmp_path: Path, tokens: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_store, "LOOK_AGAIN_S", 0.0)
    settings = gateway_settings_in(tmp_path, AWAY, tokens)
    with running_gateway(settings, tokens, add_probes) as door:
        client = door.client("player")
        assert client.get("/probe/play").status_code == 200
        assert settings.gateway_tokens_file is not None
        change_token_file(settings.gateway_tokens_file, lambda before: without(before, "player"))
        assert client.get("/probe/play").status_code == 401


def test_no_token_stands_in_the_log(door: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    made_up = new_token()
    with caplog.at_level("DEBUG"):
        door.client("player").get("/probe/play", params={"signature": "s3cret-signature", "tenant": "acme"})
        door.client().get("/probe/play", headers={"Authorization": f"Bearer {made_up}"})
        time.sleep(0.05)  # the line is written after the answer left
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("http")]
    assert any("player GET /probe/play 200" in line for line in ours)
    for secret in (door.tokens["player"], made_up, "s3cret-signature"):
        assert not any(secret in line for line in ours)
