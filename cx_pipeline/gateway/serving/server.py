"""The server that the application runs in: uvicorn with our limits, logs and way to end."""

import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator

import uvicorn
from fastapi import FastAPI

from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.gateway.serving.protocol import guarded_protocol
from cx_pipeline.settings import Settings

KEEP_ALIVE_S = 75
"""So long a connection without requests is kept: longer than the proxies in front usually do."""
BACKLOG = 2048
_END_MARGIN_S = 15.0
"""After the grace, so long the rooms have to close before the process ends whatever they do."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class GatewayServer(uvicorn.Server):
    """Serves one application until it is asked to end."""

    def __init__(
        self,
        app: FastAPI,
        settings: Settings,
        *,
        is_main: bool = True,
        on_listening: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare to serve.

        Args:
            app: made by `create_app`.
            settings: the limits are of here.
            is_main: whether the process is ours: then SIGTERM and SIGINT end the server.
            on_listening: called once it answers.
        """
        self._settings = settings
        self._is_main = is_main
        self._has_started = threading.Event()
        self._on_listening = on_listening
        super().__init__(
            uvicorn.Config(
                app,
                http=guarded_protocol(settings.gateway_read_timeout_s, settings.gateway_header_kb * 1024),
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,  # it would show queries, and so signatures
                proxy_headers=False,
                server_header=False,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=max(1, round(settings.gateway_grace_s)),
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the application and listen."""
        await super().startup(sockets)
        self._has_started.set()
        self._on_listening()

    def wait_until_started(self, timeout_s: float) -> bool:
        """For other threads: whether it listens, within a time."""
        return self._has_started.wait(timeout_s)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on SIGTERM and SIGINT. uvicorn's own way raises the signal again, so that a good end looks like a bad one."""
        if not self._is_main:
            yield
            return
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._end, number)
        try:
            yield
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)

    def _end(self, number: int) -> None:
        if not self.should_exit:
            # A thread that waits for a system that hangs must not keep the process.
            last = threading.Timer(self._settings.gateway_grace_s + _END_MARGIN_S, os._exit, (1,))
            last.daemon = True
            last.start()
        elif number == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one.

    Raises:
        ConfigurationError: the address is not ours, or taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise ConfigurationError(
            f"the gateway cannot listen at {host}:{port}: {error.strerror or error}; "
            "CX_GATEWAY_HOST and CX_GATEWAY_PORT say where"
        ) from None
    listener.setblocking(False)
    return listener
