"""FreeSWITCH's event socket (mod_event_socket, inbound): API commands, one after the other, on one connection.

A message is a head of `Name: value` lines that ends with an empty line, and as many bytes as its Content-Length says.
The switch begins with `auth/request`; a command ends with an empty line, so that none may hold a line's end.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cx_pipeline.core.errors import ConfigurationError, DestinationUnavailableError
from cx_pipeline.system_settings import EventSocketSettings

CONNECT_TIMEOUT_S = 3.0
ANSWER_TIMEOUT_S = 5.0
_LONGEST_HEAD = 64 * 1024
_LONGEST_BODY = 1024 * 1024
_NOTICES = frozenset({"text/disconnect-notice", "text/rude-rejection"})


@dataclass(frozen=True, slots=True)
class _Message:
    head: dict[str, str]
    body: str

    @property
    def kind(self) -> str:
        return self.head.get("content-type", "")


class EventSocket:
    """A connection that was let in. Use it from one task."""

    def __init__(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._name, self._reader, self._writer = name, reader, writer

    async def api(self, command: str) -> str:
        """What the switch answers to an API command, without blanks around it.

        Raises:
            DestinationUnavailableError: it did not answer in time, or closed the connection.
            ValueError: the command holds a line's end.
        """
        message = await self._ask(f"api {command}", {"api/response", "command/reply"})
        return (message.body or message.head.get("reply-text", "")).strip()

    async def log_in(self, password: str) -> None:
        """Get in.

        Raises:
            ConfigurationError: the switch refuses the password, or this host.
            DestinationUnavailableError: it did not answer in time, or is no event socket.
        """
        greeting = await self._next()
        if greeting.kind == "text/rude-rejection":
            message = (
                f"the event socket of {self._name} refuses this host: allow it in its ACL (apply-inbound-acl)"
            )
            raise ConfigurationError(message)
        if greeting.kind != "auth/request":
            raise DestinationUnavailableError(f"what answers for {self._name} is no event socket")
        reply = await self._ask(f"auth {password}", {"command/reply"})
        if not reply.head.get("reply-text", "").startswith("+OK"):
            raise ConfigurationError(f"the event socket of {self._name} refuses the password")

    async def _ask(self, line: str, wanted: set[str]) -> _Message:
        if "\n" in line or "\r" in line or "\0" in line:
            raise ValueError("a command of the event socket is one line")
        self._writer.write(f"{line}\n\n".encode())
        with _faults(self._name):
            await asyncio.wait_for(self._writer.drain(), ANSWER_TIMEOUT_S)
        while (message := await self._next()).kind not in wanted:
            if message.kind in _NOTICES:
                raise DestinationUnavailableError(f"the event socket of {self._name} closed the connection")
        return message

    async def _next(self) -> _Message:
        with _faults(self._name):
            return await asyncio.wait_for(self._read(), ANSWER_TIMEOUT_S)

    async def _read(self) -> _Message:
        raw = await self._reader.readuntil(b"\n\n")
        lines = raw.decode("utf-8", "replace").strip().splitlines()
        pairs = (line.partition(":") for line in lines)
        head = {name.strip().lower(): value.strip() for name, _, value in pairs}
        length = head.get("content-length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > _LONGEST_BODY:
            raise DestinationUnavailableError(f"the event socket of {self._name} sends a length that is none")
        body = await self._reader.readexactly(int(length))
        return _Message(head, body.decode("utf-8", "replace"))


@asynccontextmanager
async def open_event_socket(settings: EventSocketSettings) -> AsyncIterator[EventSocket]:
    """A connection to a recorder, let in.

    Raises:
        DestinationUnavailableError: it cannot be reached, or does not answer in time.
        ConfigurationError: it refuses us, or the password cannot be read.
    """
    name = settings.recorder_id
    password = _password(settings)
    with _faults(name):
        opening = asyncio.open_connection(settings.host, settings.port, limit=_LONGEST_HEAD)
        reader, writer = await asyncio.wait_for(opening, CONNECT_TIMEOUT_S)
    try:
        connection = EventSocket(name, reader, writer)
        await connection.log_in(password)
        yield connection
    finally:
        writer.close()
        with suppress(OSError, asyncio.TimeoutError):
            await asyncio.wait_for(writer.wait_closed(), 1)


class _faults:  # noqa: N801 - reads as the context that it is
    """What the network says, as ours."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, TimeoutError | asyncio.TimeoutError):
            message = f"the event socket of {self._name} did not answer in time"
            raise DestinationUnavailableError(message) from None
        if isinstance(error, asyncio.IncompleteReadError | asyncio.LimitOverrunError):
            message = f"the event socket of {self._name} broke off its answer"
            raise DestinationUnavailableError(message) from None
        if isinstance(error, OSError):
            message = f"the event socket of {self._name} cannot be reached: {error.strerror or type(error).__name__}"
            raise DestinationUnavailableError(message) from None


def _password(settings: EventSocketSettings) -> str:
    if settings.password is not None:
        password = settings.password.get_secret_value()
    else:
        try:
            password = Path(settings.password_file or "").read_text().strip()
        except (OSError, UnicodeDecodeError):
            message = f"the password file of the event socket of {settings.recorder_id} cannot be read"
            raise ConfigurationError(message) from None
    if not password or not password.isprintable():
        raise ConfigurationError(f"the password of the event socket of {settings.recorder_id} cannot be one")
    return password
