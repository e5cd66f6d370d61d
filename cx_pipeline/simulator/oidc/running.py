"""The simulated issuer behind HTTP, in a thread beside who wants it."""

from base64 import b64decode
from binascii import Error as NoBase64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from json import dumps
from threading import Thread
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from cx_pipeline.simulator.oidc.issuer import (
    AUTHORISATION_PATH,
    DISCOVERY_PATH,
    END_PATH,
    KEYS_PATH,
    REALM_PATH,
    TOKEN_PATH,
    Client,
    Person,
    RefusedError,
    SimulatedIssuer,
)

PERSON_FIELD = "person"
"""Field of the login form: who logs in. There are no passwords: nobody real does."""
_FORM_BYTES = 65_536


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    issuer: SimulatedIssuer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def _issuer(self) -> SimulatedIssuer:
        return cast("_Server", self.server).issuer

    def do_GET(self) -> None:
        path, query = self._asked()
        if path == DISCOVERY_PATH:
            self._answer_json(200, self._issuer.description())
        elif path == KEYS_PATH:
            self._answer_json(200, self._issuer.public_keys())
        elif path == AUTHORISATION_PATH:
            self._answer(200, "text/html; charset=utf-8", self._login_page().encode())
        elif path == END_PATH:
            self._lead_to(query.get("post_logout_redirect_uri", "/"))
        else:
            self._answer_json(404, {"error": "not_found"})

    def do_POST(self) -> None:
        path, query = self._asked()
        length = min(int(self.headers.get("Content-Length", 0)), _FORM_BYTES)
        form = _first_values(self.rfile.read(length).decode("utf-8", "replace"))
        try:
            if path == TOKEN_PATH:
                self._answer_json(200, self._issuer.redeem(form, self._credentials()))
            elif path == AUTHORISATION_PATH:
                code = self._issuer.code_for(form.get(PERSON_FIELD, ""), query)
                back = {"code": code, "state": query.get("state", ""), "iss": self._issuer.url}
                self._lead_to(f"{query['redirect_uri']}?{urlencode(back)}")
            else:
                self._answer_json(404, {"error": "not_found"})
        except RefusedError as error:
            self._answer_json(400, {"error": str(error)})

    def _asked(self) -> tuple[str, Mapping[str, str]]:
        parts = urlsplit(self.path)
        self._issuer.asked[parts.path] += 1
        return parts.path, _first_values(parts.query)

    def _login_page(self) -> str:
        buttons = "".join(
            f'<p><button name="{PERSON_FIELD}" value="{escape(name)}">{escape(name)}</button>'
            for name in self._issuer.people
        )
        return (
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>Log in</title><h1>Who are you?</h1>'
            f'<form method="post" action="{escape(self.path)}">{buttons}</form></html>'
        )

    def _credentials(self) -> tuple[str, str] | None:
        kind, _, encoded = self.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "basic":
            return None
        try:
            name, _, secret = b64decode(encoded, validate=True).decode().partition(":")
        except (NoBase64, UnicodeDecodeError):
            return None
        return unquote(name), unquote(secret)

    def _lead_to(self, url: str) -> None:
        self._answer(302, "text/plain", b"", {"Location": url})

    def _answer_json(self, status: int, fields: Mapping[str, Any]) -> None:
        self._answer(status, "application/json", dumps(fields).encode())

    def _answer(
        self, status: int, media_type: str, content: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": media_type, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def running_issuer(
    people: Mapping[str, Person], clients: Mapping[str, Client], *, port: int = 0
) -> Iterator[SimulatedIssuer]:
    """An issuer on loopback; port 0: one that is free."""
    with _Server(("127.0.0.1", port), _Handler) as server:
        server.issuer = SimulatedIssuer(f"http://127.0.0.1:{server.server_port}{REALM_PATH}", people, clients)
        thread = Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True)
        thread.start()
        try:
            yield server.issuer
        finally:
            server.shutdown()
            thread.join()


def _first_values(text: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}
