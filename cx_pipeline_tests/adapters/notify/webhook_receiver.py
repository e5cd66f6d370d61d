"""A webhook on loopback that keeps what it is sent."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pydantic import SecretStr


class Receiver(ThreadingHTTPServer):
    """A webhook on loopback that answers with the given codes, the last one for ever."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.codes = [200]
        self.received: list[dict[str, object]] = []

    @property
    def url(self) -> SecretStr:
        return SecretStr(f"http://127.0.0.1:{self.server_port}/services/T0/s3cret")


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Receiver)
        server.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(server.codes.pop(0) if len(server.codes) > 1 else server.codes[0])
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def running_receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
