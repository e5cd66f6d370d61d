"""One log line and the figures of each request. Neither has a query: signatures and codes of logins stand there."""

import logging
import time
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cx_pipeline.gateway.metrics import Metrics

NO_ROUTE = "(no route)"
_QUIET_ROUTES = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked every few seconds by machines: told at debug level."""
_log = logging.getLogger(__name__)


class RequestRecord:
    """Measures and logs what is answered."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun_at = time.perf_counter()
        first_byte_at, status, sent_bytes = 0.0, 0, 0

        async def noting_send(message: Message) -> None:
            nonlocal first_byte_at, status, sent_bytes
            if message["type"] == "http.response.start":
                first_byte_at, status = time.perf_counter(), message["status"]
            else:
                sent_bytes += len(message.get("body", b""))
            await send(message)

        self._metrics.running.inc()
        try:
            await self._app(scope, receive, noting_send)
        finally:
            self._metrics.running.dec()
            ended_at = time.perf_counter()
            route = getattr(scope.get("route"), "path", NO_ROUTE)
            first_byte_s = (first_byte_at or ended_at) - begun_at
            self._metrics.observe(route, scope["method"], status, first_byte_s, ended_at - begun_at)
            _note(scope, route, status, sent_bytes, ended_at - begun_at)


def _note(scope: Scope, route: str, status: int, sent_bytes: int, took_s: float) -> None:
    level = logging.DEBUG if route in _QUIET_ROUTES and status < 500 else logging.INFO
    if not _log.isEnabledFor(level):
        return
    client = scope["client"][0] if scope.get("client") else "-"
    # Encoded, so that nobody writes lines of their own into the log.
    path = quote(scope["path"], safe="/:@", errors="replace")
    subject = quote(scope.get("cx_subject", "-"), safe=":@ .,", errors="replace")
    _log.log(
        level,
        "%s %s %s %s %d %d B %.1f ms",
        client,
        subject,
        scope["method"],
        path,
        status,
        sent_bytes,
        took_s * 1000,
    )
