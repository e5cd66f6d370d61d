"""An SMTP server on loopback that keeps what it is sent, as much of the protocol as a client needs."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class MailServer(socketserver.ThreadingTCPServer):
    """Accepts mails, unless told to answer otherwise to a command."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.mails: list[str] = []
        self.answers: dict[str, list[str]] = {}
        """Answers to give to a command (`RCPT`) before the usual one."""

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self._say("220 ready")
        while line := self.rfile.readline().decode().strip():
            command = line.split(" ", 1)[0].upper()
            prepared = self._server.answers.get(command)
            if prepared:
                self._say(prepared.pop(0))
            elif command == "DATA":
                self._say("354 go on")
                self._server.mails.append("".join(iter(lambda: self.rfile.readline().decode(), ".\r\n")))
                self._say("250 kept")
            elif command == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    @property
    def _server(self) -> MailServer:
        assert isinstance(self.server, MailServer)
        return self.server

    def _say(self, answer: str) -> None:
        self.wfile.write(f"{answer}\r\n".encode())


@contextmanager
def running_mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
