"""A stand-in for FreeSWITCH's event socket: it lets in by password and answers API commands as the switch does.

It knows channels with their variables, and the recorder's scripts that mask what they record. It can be made to send
its answers in pieces, to go silent, to refuse the host, or to close the connection at a command.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

Fault = Literal["none", "pieces", "silent", "rude", "cut_at_command", "cut_in_answer", "chatter"]

_PIECE_PAUSE_S = 0.002


@dataclass
class Channel:
    """A call's leg: its variables, whether it records, and who had it masked, why."""

    variables: dict[str, str] = field(default_factory=dict)
    is_recording: bool = True
    is_masked: bool = False
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Script, who, why."""


@dataclass
class FakeEventSocket:
    """A switch. `commands`: all that it was asked, passwords left out."""

    password: str
    channels: dict[str, Channel] = field(default_factory=dict)
    fault: Fault = "none"
    commands: list[str] = field(default_factory=list)
    port: int = 0
    connections: int = 0

    def answer(self, command: str) -> str:
        """What an API command gives."""
        name, _, rest = command.partition(" ")
        known = {"uuid_exists": self._exists, "uuid_getvar": self._variable, "lua": self._lua}
        if name not in known:
            return f"-ERR {name} command not found!\n"
        return known[name](rest)

    def _exists(self, rest: str) -> str:
        return "true" if rest in self.channels else "false"

    def _variable(self, rest: str) -> str:
        uuid, _, name = rest.partition(" ")
        channel = self.channels.get(uuid)
        if channel is None:
            return "-ERR No such channel!\n"
        return channel.variables.get(name, "_undef_")

    def _lua(self, rest: str) -> str:
        script, uuid, who, *why = rest.split()
        action = {"recording_pause.lua": "mask", "recording_resume.lua": "unmask"}.get(script)
        if action is None:
            return "-ERR encounterd\n"  # as mod_lua writes it
        channel = self.channels.get(uuid)
        if channel is None or not channel.is_recording:
            return f"-ERR {action}ed 0 of 0\n"
        channel.is_masked = action == "mask"
        channel.asked.append((script, who, " ".join(why)))
        return f"+OK {action}ed 2 of 2\n"


@contextmanager
def running_event_socket(switch: FakeEventSocket) -> Iterator[FakeEventSocket]:
    """Run it on a free port of loopback until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    switch.port = listener.getsockname()[1]
    ended = threading.Event()
    thread = threading.Thread(target=_accept, args=(switch, listener, ended), daemon=True)
    thread.start()
    try:
        yield switch
    finally:
        ended.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def _accept(switch: FakeEventSocket, listener: socket.socket, ended: threading.Event) -> None:
    while not ended.is_set():
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        switch.connections += 1
        threading.Thread(target=_serve, args=(switch, connection, ended), daemon=True).start()


def _serve(switch: FakeEventSocket, connection: socket.socket, ended: threading.Event) -> None:
    with connection, suppress(OSError):
        if switch.fault == "silent":
            ended.wait(60)
            return
        if switch.fault == "rude":
            _send(switch, connection, "text/rude-rejection", "Access Denied, go away.\n")
            return
        _send_head(switch, connection, {"Content-Type": "auth/request"})
        is_in = False
        for command in _commands(connection):
            if command.startswith("auth "):
                is_in = command.removeprefix("auth ") == switch.password
                reply = "+OK accepted" if is_in else "-ERR invalid"
                _send_head(switch, connection, {"Content-Type": "command/reply", "Reply-Text": reply})
                if not is_in:
                    _send(switch, connection, "text/disconnect-notice", "Disconnected, goodbye.\n")
                    return
            elif not _obey(switch, connection, command, is_in=is_in):
                return


def _obey(switch: FakeEventSocket, connection: socket.socket, command: str, *, is_in: bool) -> bool:
    switch.commands.append(command)
    if not is_in or not command.startswith("api "):
        _send_head(
            switch, connection, {"Content-Type": "command/reply", "Reply-Text": "-ERR command not found"}
        )
        return True
    if switch.fault == "cut_at_command":
        return False
    body = switch.answer(command.removeprefix("api "))
    if switch.fault == "cut_in_answer":
        connection.sendall(b"Content-Type: api/response\nContent-Length: 4000\n\n-ERR")
        return False
    if switch.fault == "chatter":
        _send(switch, connection, "text/event-plain", "Event-Name: HEARTBEAT\n\n")
    _send(switch, connection, "api/response", body)
    return True


def _commands(connection: socket.socket) -> Iterator[str]:
    """Each ends with an empty line; further lines of one are its headers, which are not looked at."""
    received = b""
    while data := connection.recv(4096):
        received += data
        while b"\n\n" in received:
            command, _, received = received.partition(b"\n\n")
            yield command.decode("utf-8", "replace").partition("\n")[0]


def _send(switch: FakeEventSocket, connection: socket.socket, kind: str, body: str) -> None:
    _send_head(switch, connection, {"Content-Type": kind, "Content-Length": str(len(body.encode()))}, body)


def _send_head(
    switch: FakeEventSocket, connection: socket.socket, head: dict[str, str], body: str = ""
) -> None:
    data = "".join(f"{name}: {value}\n" for name, value in head.items()).encode() + b"\n" + body.encode()
    if switch.fault != "pieces":
        connection.sendall(data)
        return
    for start in range(0, len(data), 7):
        connection.sendall(data[start : start + 7])
        time.sleep(_PIECE_PAUSE_S)
