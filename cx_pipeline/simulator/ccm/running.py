"""Running the reference manager: in this process, or in a thread beside it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import httpx
import uvicorn

from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.simulator.ccm.connections import OpenProtocol
from cx_pipeline.simulator.ccm.failures import Failures
from cx_pipeline.simulator.ccm.manager import ManagerOptions, ReferenceManager

GRACE_S = 5
KEEP_ALIVE_S = 75
"""Longer than clients keep idle connections: one that is closed while it is used again looks like a failure."""
_TIMEOUT_S = 30.0


class Server(uvicorn.Server):
    """uvicorn's server on a socket that is bound already, so that clients may come before it runs."""

    def __init__(self, manager: ReferenceManager, listener: socket.socket) -> None:
        config = uvicorn.Config(
            manager.app(),
            http=OpenProtocol,
            ws="none",
            lifespan="on",
            log_config=None,
            log_level="critical",
            access_log=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACE_S,
        )
        super().__init__(config)
        self._manager = manager
        self._listener = listener

    def serve_until_told(self) -> None:
        """Serve until a signal or `should_exit`, then answer what is under way and end."""
        self.run([self._listener])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let go of requests that hang, then end as uvicorn does."""
        self._manager.ending.set()
        await super().shutdown(sockets)


def listen(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """A listening socket; port 0: one that is free.

    Raises:
        ConfigurationError: the address is not ours or the port is taken.
    """
    try:
        return socket.create_server((host, port), backlog=1024)
    except OSError as error:
        raise ConfigurationError(f"cannot listen on {host}:{port}: {error.strerror}") from error


class RunningManager:
    """A reference manager in a thread: its address, its ledger, and its failures, over HTTP like everybody else."""

    def __init__(self, url: str, server: Server, thread: Thread) -> None:
        self.url = url
        self._server, self._thread = server, thread

    def end(self) -> None:
        """Answer what is under way, let go of what hangs, and end; a second time does nothing."""
        self._server.should_exit = True
        self._thread.join(2 * GRACE_S)

    def ledger(self, *, is_detailed: bool = True) -> dict[str, Any]:
        """What it counted."""
        answer = httpx.get(
            f"{self.url}/ledger",
            params={"detail": "yes" if is_detailed else "no"},
            timeout=_TIMEOUT_S,
            trust_env=False,
        )
        answer.raise_for_status()
        count: dict[str, Any] = answer.json()
        return count

    def fail(self, failures: Failures) -> None:
        """Let it fail in this way from now on; `Failures()` ends it."""
        answer = httpx.post(
            f"{self.url}/failures", content=failures.model_dump_json(), timeout=_TIMEOUT_S, trust_env=False
        )
        answer.raise_for_status()


@contextmanager
def running_ccm(options: ManagerOptions | None = None, *, port: int = 0) -> Iterator[RunningManager]:
    """A reference manager in a thread of this process, on loopback, for as long as the context lasts.

    Raises:
        ConfigurationError: the port is taken.
        InputError: the journal is none.
    """
    manager = ReferenceManager(options or ManagerOptions())
    manager.open()
    with listen(port=port) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = Server(manager, listener)
        thread = Thread(target=server.serve_until_told, name="reference conversation manager", daemon=True)
        thread.start()
        running = RunningManager(url, server, thread)
        try:
            yield running
        finally:
            running.end()
