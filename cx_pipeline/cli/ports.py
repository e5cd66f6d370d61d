"""Ports to listen at."""

import socket

from cx_pipeline.core.errors import ConfigurationError


def free_port(host: str, port: int, setting: str) -> int:
    """The port, or a free one for 0; what has to agree on it learns it before it is taken.

    Args:
        host: address to listen at.
        port: what is asked for.
        setting: what a person would choose another one by.

    Raises:
        ConfigurationError: it is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            message = (
                f"cannot listen at {host}:{port} ({error.strerror}): choose another with {setting}, "
                "0 takes a free one"
            )
            raise ConfigurationError(message) from None
        return int(probe.getsockname()[1])
