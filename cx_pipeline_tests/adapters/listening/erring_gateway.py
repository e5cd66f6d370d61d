"""A gateway over real HTTP that takes events, and errs as it is told."""

import json
import ssl
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar

TLS = ssl.create_default_context()
"""Made once: else each client takes long to make one that nobody uses on loopback."""
DROPPED = "dropped"
"""It keeps the events, and closes the connection without an answer."""


@dataclass
class ErringGateway:
    """What came, and what is to be answered next; when nothing is left to be answered, 200."""

    url: str = ""
    lines: list[bytes] = field(default_factory=list)
    batches: list[list[bytes]] = field(default_factory=list)
    beats: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    answers: deque[int | str | tuple[int, dict[str, str]]] = field(default_factory=deque)
    most_lines: int | None = None
    """More in a batch are answered with 413."""
    poison: bytes | None = None
    """A batch with a line that holds this is answered with 422."""
    token: str | None = None
    """Any other is answered with 401."""

    def answer_to(self, lines: list[bytes], token: str | None) -> int | str | tuple[int, dict[str, str]]:
        self.tokens.append(token)
        if self.token is not None and token != f"Bearer {self.token}":
            return 401
        if self.answers:
            return self.answers.popleft()
        if self.most_lines is not None and len(lines) > self.most_lines:
            return 413
        return 422 if self.poison is not None and any(self.poison in line for line in lines) else 200


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gateway: ClassVar[ErringGateway]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        token = self.headers.get("Authorization")
        if self.path == "/listeners/heartbeat":
            refused = self.gateway.token is not None and token != f"Bearer {self.gateway.token}"
            if not refused:
                self.gateway.beats.append(json.loads(body))
            self._answer(401 if refused else 200, {})
            return
        lines = body.splitlines()
        answer = self.gateway.answer_to(lines, token)
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        if status in (200, 202, DROPPED):
            self.gateway.lines += lines
            self.gateway.batches.append(lines)
        if status == DROPPED:
            self.close_connection = True
            return
        assert isinstance(status, int)
        self._answer(status, headers)

    def _answer(self, status: int, headers: dict[str, str]) -> None:
        content = json.dumps({"status": status}).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is no error here."""


@contextmanager
def erring_gateway() -> Iterator[ErringGateway]:
    gateway = ErringGateway()
    handler = type("Handler", (_Handler,), {"gateway": gateway})
    with _Server(("127.0.0.1", 0), handler) as server:
        gateway.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield gateway
        finally:
            server.shutdown()
            thread.join()
