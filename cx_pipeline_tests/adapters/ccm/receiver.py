"""A conversation manager on loopback that does to each request what a test tells it, and keeps what it committed."""

import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

TOKEN_PATH = "/token"


@dataclass(frozen=True)
class Post:
    """One request: which message, and the how-manieth time that it comes."""

    message_id: str
    call: str
    body: bytes
    headers: dict[str, str]
    path: str
    attempt: int


@dataclass(frozen=True)
class Reply:
    """What is done to a request."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: str = "{}"
    commits: bool | None = None
    """Whether the message is kept; if not said, for 2xx."""
    hangs_s: float = 0.0
    drops: bool = False
    """Close the connection without an answer."""


OK, DROPPED = Reply(), Reply(drops=True, commits=True)
Script = Callable[[Post], Reply]


class Receiver(ThreadingHTTPServer):
    """Keeps messages by id, in the order of their first commit."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: Script = lambda _: OK
        self.posts: list[Post] = []
        self.committed: dict[str, Post] = {}
        self.under_way: Counter[str] = Counter()
        self.overlaps: list[str] = []
        """Calls of which two requests were under way at the same time."""
        self.tokens: list[str] = []
        self.valid_tokens: set[str] | None = None
        """None: whoever comes may post."""
        self.token_reply: Callable[[dict[str, list[str]]], Reply] | None = None
        self.token_forms: list[dict[str, list[str]]] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def token_url(self) -> str:
        return self.url + TOKEN_PATH

    def calls(self) -> dict[str, list[str]]:
        """The ids of what was committed, by call, in order."""
        by_call = defaultdict(list)
        for message_id, post in list(self.committed.items()):
            by_call[post.call].append(message_id)
        return dict(by_call)

    def issue(self) -> Reply:
        """A new token, the only valid one."""
        self.tokens.append(f"tok-s3cret-{len(self.tokens) + 1}")
        self.valid_tokens = {self.tokens[-1]}
        return Reply(body=json.dumps({"access_token": self.tokens[-1], "expires_in": 300}))

    def take(self, path: str, headers: dict[str, str], body: bytes) -> Reply:
        if path == TOKEN_PATH:
            with self.lock:
                self.token_forms.append(parse_qs(body.decode()))
                return self.token_reply(self.token_forms[-1]) if self.token_reply else self.issue()
        message_id, call = headers["idempotency-key"], json.loads(body)["call"]
        with self.lock:
            token = headers.get("authorization", "").removeprefix("Bearer ")
            attempt = sum(each.message_id == message_id for each in self.posts) + 1
            post = Post(message_id, call, body, headers, path, attempt)
            self.posts.append(post)
            if self.valid_tokens is not None and token not in self.valid_tokens:
                return Reply(401, body=f"token {token} has expired", commits=False)
            if self.under_way[call]:
                self.overlaps.append(call)
            self.under_way[call] += 1
        try:
            reply = self.script(post)
            if reply.hangs_s:
                time.sleep(reply.hangs_s)
        finally:
            with self.lock:
                self.under_way[call] -= 1
        if reply.commits if reply.commits is not None else 200 <= reply.status < 300:
            with self.lock:
                self.committed.setdefault(message_id, post)
        return reply


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Receiver)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(self.headers["Content-Length"]))
        reply = server.take(self.path, headers, body)
        if reply.drops:
            self.close_connection = True
            return
        content = reply.body.encode()
        self.send_response(reply.status)
        for name, value in {**reply.headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:  # who sent it has gone
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def running_receiver() -> Iterator[Receiver]:
    """A receiver in threads of this process."""
    with Receiver() as server:
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
