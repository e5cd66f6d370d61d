"""The address that `cx-pipeline up` prints: it lets people in where no issuer is set."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from pydantic import SecretStr

from cx_pipeline.cli.local_access import calls_address, local_variables
from cx_pipeline.core.linking.signing import TICKET_PATH, signature_of
from cx_pipeline.settings import Settings
from cx_pipeline_tests.gateway.running import AWAY, LINK_KEY, Gateway, gateway_settings_in, running_gateway

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory, tokens: Mapping[str, str]) -> Iterator[Gateway]:
    """A gateway as `up` starts it: nobody set who may log in."""
    home = tmp_path_factory.mktemp("local") / "home"
    file = local_variables(Settings(_env_file=None, home=home))["CX_SESSION_SECRET_FILE"]
    settings = gateway_settings_in(home, AWAY, tokens, session_secret_file=Path(file))
    with running_gateway(settings, tokens) as running:
        yield running


def address(door: Gateway) -> str:
    given = Settings(_env_file=None, home=door.settings.home)
    return calls_address(given, door.url)


def test_who_follows_the_address_is_led_to_the_calls_and_known_from_then_on(door: Gateway) -> None:
    browser = door.client(headers=BROWSER)
    assert browser.get("/calls").status_code == 401
    led = browser.get(address(door))
    assert (led.status_code, led.headers["location"]) == (303, "/")
    assert "httponly" in led.headers["set-cookie"].lower()
    assert browser.get("/calls").status_code == 503  # in, and the database is away
    browser.post("/logout")
    assert browser.get("/calls").status_code == 401


def test_a_ticket_that_is_old_changed_or_signed_by_another_key_lets_nobody_in(door: Gateway) -> None:
    secret = (door.settings.home / "gateway" / "session-secret").read_text().strip().encode()
    later, earlier = int(time.time()) + 60, int(time.time()) - 1
    signed = {
        (later, signature_of(LINK_KEY.encode(), TICKET_PATH, "*", later)),
        (later, signature_of(secret, "/login", "*", later)),
        (later, signature_of(secret, TICKET_PATH, "acme", later)),
        (later + 1, signature_of(secret, TICKET_PATH, "*", later)),
        (earlier, signature_of(secret, TICKET_PATH, "*", earlier)),
    }
    for expires, signature in signed:
        query = {"expires": str(expires), "signature": signature}
        answer = door.client().get(TICKET_PATH, params=query)
        assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)


def test_where_people_log_in_otherwise_there_are_no_tickets(
    tmp_path: Path, tokens: Mapping[str, str]
) -> None:
    given = Settings(_env_file=None, home=tmp_path, session_secret=SecretStr("s" * 40))
    assert local_variables(given) == {}
    assert calls_address(given, "http://g") == "http://g/calls"
    with running_gateway(gateway_settings_in(tmp_path / "home", AWAY, tokens), tokens) as running:
        answer = running.client().get(TICKET_PATH, params={"expires": "1", "signature": "x"})
        assert answer.status_code == 404


def test_a_browser_is_told_what_is_wrong_on_a_page_and_a_program_by_a_document(door: Gateway) -> None:
    page = door.client(headers=BROWSER).get("/calls")
    assert page.headers["content-type"].startswith("text/html")
    assert "Not authorised" in page.text
    assert "may have expired" in page.text
    assert page.headers["vary"] == "Accept"
    assert "default-src 'self'" in page.headers["content-security-policy"]
    document = door.client().get("/calls")
    assert document.headers["content-type"] == "application/problem+json"
