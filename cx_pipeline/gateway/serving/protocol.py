"""uvicorn's HTTP protocol with what it lacks: limits of time and size for clients that are slow, silent or endless.

uvicorn cuts a connection only while nothing is under way on it. Here one timer for each connection looks a few times
within the time-out whether the client keeps us waiting: for the rest of its request, or by not reading its answer.
"""

import asyncio
import socket
import struct
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from cx_pipeline.gateway.problem_answers import problem_body
from cx_pipeline.gateway.problems import PROBLEM_TYPE

LOOKS_WITHIN_TIMEOUT = 10
"""How often a connection is looked at within the time-out."""
LAST_CALL_S = 0.2
"""So long a connection without a request is kept when the gateway ends: one may be on its way already."""
LINGER_S = 2.0
"""So long the rest of a request is still taken after its answer, so that the client comes to read that."""
_REASONS = {400: "Bad Request", 408: "Request Timeout", 431: "Request Header Fields Too Large"}
_HEADER_OVERHEAD_BYTES = 4
_REQUEST_LINE_BYTES = 16


class _HeadTooLong(Exception):  # noqa: N818 - never leaves the parser
    pass


class GuardedProtocol(HttpToolsProtocol):
    """One connection. Subclassed with the limits by `guarded_protocol`."""

    read_timeout_s = 30.0
    most_head_bytes = 32_768

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.access_log = (
            False  # it would show queries, and so signatures, as soon as anybody sets up logging
        )
        self._look_every_s = self.read_timeout_s / LOOKS_WITHIN_TIMEOUT
        self._timer: asyncio.TimerHandle | None = None
        self._is_receiving = True
        """Whether the client owes us (the rest of) a request. A new connection does."""
        self._is_in_head = True
        self._head_bytes = 0
        self._is_message_ended = False
        self._waited_s = 0.0
        self._unread_s = 0.0
        self._refusal = 400
        self._is_ending = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(self._look_every_s, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Something of a request has come."""
        if self.parser is None or self.transport.is_closing():
            return
        self._is_receiving, self._is_message_ended = True, False
        super().data_received(data)
        if self._is_in_head and not self._is_message_ended:  # else it was the end of a body
            self._head_bytes += len(data)
            if self._head_bytes > self.most_head_bytes and not self.transport.is_closing():
                self._refuse(431)

    def on_message_begin(self) -> None:
        """The parser begins a request."""
        self._waited_s, self._head_bytes = 0.0, 1
        self._is_in_head, self._is_receiving = True, True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The parser has its head."""
        self._is_in_head = False
        head_bytes = _REQUEST_LINE_BYTES + len(self.url)
        head_bytes += sum(len(name) + len(value) + _HEADER_OVERHEAD_BYTES for name, value in self.headers)
        if head_bytes > self.most_head_bytes:
            self._refusal = 431
            raise _HeadTooLong
        super().on_headers_complete()
        if self._is_ending:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """The parser has all of it."""
        self._is_receiving, self._is_in_head, self._head_bytes = False, True, 0
        self._is_message_ended = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """It was answered; maybe before all of it had come."""
        if self._is_receiving and not self.pipeline:
            self._waited_s = max(self._waited_s, self.read_timeout_s - LINGER_S)
        super().on_response_complete()

    def resume_writing(self) -> None:
        """The client has read a good part of what was sent."""
        self._unread_s = 0.0
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request, or one whose head is too long."""
        self._refuse(self._refusal)

    def shutdown(self) -> None:
        """End when what is under way has been answered, be it a request of which nothing has been seen yet."""
        self._is_ending = True
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
        else:
            self.loop.call_later(LAST_CALL_S, self._close_if_idle)

    def _close_if_idle(self) -> None:
        is_idle = self.cycle is None or self.cycle.response_complete
        # A head that has begun to come is waited for; `_look` sees that this has an end.
        if is_idle and not (self._is_in_head and self._head_bytes):
            self.transport.close()

    def _look(self) -> None:
        """Cut a client that kept us waiting for too long."""
        self._timer = self.loop.call_later(self._look_every_s, self._look)
        if self.transport.get_write_buffer_size() > 0:
            self._unread_s += self._look_every_s
            if self._unread_s > self.read_timeout_s:
                self._cut()
                return
        else:
            self._unread_s = 0.0
        # While we do not read, because a handler is busy, the client is not to blame.
        if self._is_receiving and not self.flow.read_paused:
            self._waited_s += self._look_every_s
            if self._waited_s > self.read_timeout_s:
                self._give_up()

    def _give_up(self) -> None:
        is_answered = not self._is_in_head and self.cycle is not None and self.cycle.response_started
        if is_answered or not (self._head_bytes or not self._is_in_head):
            self._cut()  # a connection on which nothing was said is owed no answer
        else:
            self._refuse(408)

    def _cut(self) -> None:
        """Close at once. Without this option the system keeps what was not read, for as long as the client likes."""
        connection = self.transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def _refuse(self, status: int) -> None:
        """Answer from here, and close."""
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            self._cut()
            return
        body = problem_body(status, _REASONS[status])
        head = (
            f"HTTP/1.1 {status} {_REASONS[status]}\r\ncontent-type: {PROBLEM_TYPE}\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def guarded_protocol(read_timeout_s: float, most_head_bytes: int) -> type[GuardedProtocol]:
    """The protocol with its limits."""
    limits = {"read_timeout_s": read_timeout_s, "most_head_bytes": most_head_bytes}
    return type("LimitedProtocol", (GuardedProtocol,), limits)
