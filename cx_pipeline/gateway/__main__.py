"""`python -m cx_pipeline.gateway`: the gateway as a process. SIGTERM ends it well, with exit code 0."""

import logging
import os
import sys
from typing import NoReturn

from stamina.instrumentation import set_on_retry_hooks

from cx_pipeline.core.errors import CxError
from cx_pipeline.gateway.app import create_app
from cx_pipeline.gateway.serving.logs import set_up_logs
from cx_pipeline.gateway.serving.server import GatewayServer, listening_socket
from cx_pipeline.settings import load_settings

EXIT_FAILED = 1
_log = logging.getLogger("cx_pipeline.gateway")


def main() -> int:
    """Serve until asked to end; the exit code."""
    set_up_logs()
    set_on_retry_hooks([])
    try:
        settings = load_settings()
        with listening_socket(settings.gateway_host, settings.gateway_port) as socket:
            # With port 0 the address is known only now, and the login leads back to it.
            settings = settings.model_copy(update={"gateway_port": socket.getsockname()[1]})
            address = f"http://{_in_url(settings.gateway_host)}:{settings.gateway_port}"

            def tell_address() -> None:
                sys.stdout.write(f"The gateway listens at {address}\n")
                sys.stdout.flush()

            server = GatewayServer(create_app(settings), settings, on_listening=tell_address)
            server.run(sockets=[socket])
    except CxError as error:
        _log.error("%s", error)
        return EXIT_FAILED
    return 0


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _leave(code: int) -> NoReturn:
    """End now: what hangs on a storage that is away would keep the process, and has nothing left to lose."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    try:
        _leave(main())
    except SystemExit:  # of uvicorn, where the rooms could not be opened
        _leave(EXIT_FAILED)
