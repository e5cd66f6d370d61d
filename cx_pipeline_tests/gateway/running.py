"""The gateway as it runs in production, on loopback in a thread of this process."""

import asyncio
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from cx_pipeline.adapters.access.token_file import new_token, token_hash
from cx_pipeline.core import access_scopes as scopes
from cx_pipeline.gateway.app import create_app
from cx_pipeline.gateway.serving.server import GatewayServer, listening_socket
from cx_pipeline.settings import Settings

TLS = ssl.create_default_context()
"""Made once: else each client takes tens of milliseconds to make one that nobody uses on loopback."""
AWAY = SecretStr("postgresql://nobody@127.0.0.1:1/none")
"""A database that does not answer: for tests that need none."""
ACME, GLOBEX = "acme", "globex"
LINK_KEY = "a link key of the tests, 32 chars"

TOKEN_RIGHTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "all": ("*", tuple(sorted(scopes.SCOPES))),
    "acme": (ACME, tuple(sorted(scopes.SCOPES))),
    "globex": (GLOBEX, tuple(sorted(scopes.SCOPES))),
    "listener": (ACME, (scopes.EVENTS_WRITE,)),
    "recorder": (ACME, (scopes.RECORDERS_WRITE,)),
    "player": (ACME, (scopes.RECORDINGS_PLAY, scopes.RECORDINGS_READ)),
    "reader": (ACME, (scopes.RECORDINGS_READ,)),
    "controller": (ACME, (scopes.RECORDINGS_CONTROL,)),
    "metrics": ("*", (scopes.METRICS_READ,)),
    "nothing": (ACME, ()),
    "expired": ("*", tuple(sorted(scopes.SCOPES))),
}
"""Tenant and scopes of the tests' tokens, by name."""


def make_tokens() -> dict[str, str]:
    """A fresh token for each name."""
    return {name: new_token() for name in TOKEN_RIGHTS}


def write_tokens(path: Path, tokens: Mapping[str, str]) -> None:
    """Write their file."""
    rows = [
        {
            "name": name,
            "sha256": token_hash(token),
            "tenant": TOKEN_RIGHTS[name][0],
            "scopes": TOKEN_RIGHTS[name][1],
            **({"expires_at": "2020-01-01T00:00:00Z"} if name == "expired" else {}),
        }
        for name, token in tokens.items()
    ]
    path.write_text(json.dumps(rows), encoding="utf-8")


def gateway_settings_in(
    home: Path, database_url: SecretStr, tokens: Mapping[str, str], **overrides: Any
) -> Settings:
    """Settings of a gateway of the tests. Requests of one client are not limited, unless said."""
    home.mkdir(parents=True, exist_ok=True)
    write_tokens(home / "tokens.json", tokens)
    given: dict[str, Any] = {
        "home": home,
        "database_url": database_url,
        "gateway_tokens_file": home / "tokens.json",
        "gateway_requests_per_s": 1_000_000,
        "gateway_grace_s": 5,
        "link_key": SecretStr(LINK_KEY),
        **overrides,
    }
    return Settings(_env_file=None, **given)


@dataclass
class Gateway:
    """A gateway that runs."""

    url: str
    settings: Settings
    app: FastAPI
    server: GatewayServer
    tokens: Mapping[str, str]
    clients: list[httpx.Client] = field(default_factory=list)

    def client(self, token: str | None = None, **options: Any) -> httpx.Client:
        """A client; closed with the gateway.

        Args:
            token: name of its token (`TOKEN_RIGHTS`); None: it shows none.
            options: of `httpx.Client`.
        """
        headers = {**options.pop("headers", {})}
        if token is not None:
            headers["Authorization"] = f"Bearer {self.tokens[token]}"
        given = {"base_url": self.url, "trust_env": False, "timeout": 30, "verify": TLS, **options}
        client = httpx.Client(headers=headers, **given)
        self.clients.append(client)
        return client


@contextmanager
def running_gateway(
    settings: Settings,
    tokens: Mapping[str, str],
    prepare: Callable[[FastAPI], None] = lambda _: None,
    port: int = 0,
) -> Iterator[Gateway]:
    """Run the whole gateway on a free port, until the block ends; it ends as on SIGTERM.

    Args:
        settings: of the gateway; its port becomes the one that was free.
        tokens: those of the settings' file, by name.
        prepare: may add routes to the application before it starts.
        port: to take; 0: any.
    """
    with listening_socket("127.0.0.1", port) as socket:
        port = socket.getsockname()[1]
        settings = settings.model_copy(update={"gateway_port": port})
        app = create_app(settings)
        prepare(app)
        server = GatewayServer(app, settings, is_main=False)
        thread = threading.Thread(target=_run, args=(server, socket), daemon=True)
        thread.start()
        gateway = Gateway(f"http://127.0.0.1:{port}", settings, app, server, tokens)
        try:
            assert server.wait_until_started(30), "the gateway did not start: see its log"
            yield gateway
        finally:
            for client in gateway.clients:
                client.close()
            server.should_exit = True
            thread.join(60)
            assert not thread.is_alive()


def _run(server: GatewayServer, socket: Any) -> None:
    asyncio.run(server.serve(sockets=[socket]))
