"""A gateway beside an issuer, both over HTTP, for tests of JWTs and logins."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from pydantic import HttpUrl, SecretStr

from cx_pipeline.gateway.access.login import CALLBACK_PATH
from cx_pipeline.gateway.serving.server import listening_socket
from cx_pipeline.simulator.oidc.issuer import Client, Person, SimulatedIssuer
from cx_pipeline.simulator.oidc.running import PERSON_FIELD, running_issuer
from cx_pipeline_tests.gateway.probes import add_probes
from cx_pipeline_tests.gateway.running import AWAY, TLS, Gateway, gateway_settings_in, running_gateway

AUDIENCE, CLIENT_ID, CLIENT_SECRET = "cx-gateway", "cx-browser", "s3cret of the client & more"
ALICE = Person("alice", "acme", ("supervisor", "offline_access"))
BOB = Person("bob", "globex", ("agent",))
NOBODYS = Person("nobodys", "", ("supervisor",))
ROLES = {
    "supervisor": ("recordings:read", "recordings:play"),
    "agent": ("recordings:read",),
}


@dataclass
class Site:
    """Both of them."""

    gateway: Gateway
    issuer: SimulatedIssuer

    def ask(self, path: str, token: str) -> httpx.Response:
        return self.gateway.client().get(path, headers={"Authorization": f"Bearer {token}"})

    def browser(self) -> httpx.Client:
        """A browser: it keeps cookies, and says that it wants pages."""
        return self.gateway.client(headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})

    def logged_in(self, person: Person, then: str = "/probe/read") -> tuple[httpx.Client, httpx.Response]:
        """A browser in which somebody logged in, and what it was led to in the end."""
        browser = self.browser()
        at_login = browser.get("/login", params={"next": then})
        assert at_login.status_code == 302, at_login.text
        back = log_in_at_issuer(at_login.headers["location"], person)
        return browser, browser.get(back)


def log_in_at_issuer(address: str, person: Person) -> str:
    """Log in at the issuer; the address that the browser is led back to."""
    answer = httpx.post(address, data={PERSON_FIELD: person.name}, trust_env=False, verify=TLS)
    assert answer.status_code == 302, answer.text
    return str(answer.headers["location"])


def free_port() -> int:
    with listening_socket("127.0.0.1", 0) as socket:
        port: int = socket.getsockname()[1]
    return port


def settings_beside(issuer_url: str, home: Path, tokens: Mapping[str, str], **overrides: Any) -> Any:
    given: dict[str, Any] = {
        "oidc_issuer": HttpUrl(issuer_url),
        "oidc_audience": AUDIENCE,
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": SecretStr(CLIENT_SECRET),
        "oidc_scopes_of_roles": ROLES,
        "session_secret": SecretStr("a session secret of the tests, longer than 32"),
        **overrides,
    }
    return gateway_settings_in(home, AWAY, tokens, **given)


@contextmanager
def running_site(home: Path, tokens: Mapping[str, str], **overrides: Any) -> Iterator[Site]:
    """An issuer and a gateway that believes it; the gateway's port is known beforehand, as its callback must be."""
    port = free_port()
    clients = {CLIENT_ID: Client(CLIENT_ID, f"http://127.0.0.1:{port}{CALLBACK_PATH}", CLIENT_SECRET)}
    people = {person.name: person for person in (ALICE, BOB, NOBODYS)}
    with running_issuer(people, clients) as issuer:
        settings = settings_beside(issuer.url, home, tokens, **overrides)
        with running_gateway(settings, tokens, add_probes, port) as gateway:
            yield Site(gateway, issuer)
