"""A plain socket to a gateway, for clients that do not behave."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from cx_pipeline_tests.gateway.running import Gateway

PATIENCE_S = 20.0


class Wire:
    """One connection, byte by byte."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def send(self, text: str | bytes) -> None:
        self.connection.sendall(text.encode("latin-1") if isinstance(text, str) else text)

    def dribble(self, text: str, every_s: float) -> bytes:
        """Send sign by sign until the other side hangs up; what it said."""
        self.connection.settimeout(every_s)
        for sign in text:
            try:
                self.connection.sendall(sign.encode("latin-1"))
                answer = self.connection.recv(65_536)
            except TimeoutError:
                continue
            except OSError:
                return b""
            return answer
        raise AssertionError("the gateway listened to the end")

    def read_all(self) -> bytes:
        """All until the other side hangs up."""
        self.connection.settimeout(PATIENCE_S)
        read = bytearray()
        try:
            while piece := self.connection.recv(65_536):
                read += piece
        except ConnectionResetError:
            pass
        return bytes(read)

    def read_until(self, mark: bytes) -> bytes:
        """All up to and with these signs, or until the other side hangs up."""
        self.connection.settimeout(PATIENCE_S)
        read = b""
        while mark not in read and (piece := self.connection.recv(65_536)):
            read += piece
        return read

    def is_cut_within(self, seconds: float) -> bool:
        """Whether the other side hangs up in time, though we read nothing before."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                self.connection.sendall(b"")
                if self.connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    return True
                info = self.connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
                if info[0] != 1:  # no longer TCP_ESTABLISHED
                    return True
            except OSError:
                return True
            time.sleep(0.05)
        return False


@contextmanager
def wire_to(gateway: Gateway, receive_bytes: int | None = None) -> Iterator[Wire]:
    """A connection; `receive_bytes`: so little does the system take for us unread."""
    parts = urlsplit(gateway.url)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
        if receive_bytes is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        connection.settimeout(PATIENCE_S)
        connection.connect((parts.hostname, parts.port))
        yield Wire(connection)
