"""Sends a file's bytes as they are read, with a block or two of them in memory, for as long as the client is there."""

import logging
from collections.abc import Awaitable, Callable, Iterator

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from cx_pipeline.core.errors import CxError
from cx_pipeline.gateway.audio.parts import Parts, Piece
from cx_pipeline.gateway.audio.ranges import Span

FIRST_BLOCK_BYTES = 65_536
BLOCK_BYTES = 262_144
"""Of what follows: each block is a change of thread."""

Reading = Callable[[Span], Awaitable[bytes]]
"""Reads a span of the file, off the event loop."""

_log = logging.getLogger(__name__)


class CutShortError(Exception):
    """A file was shorter than it said: the answer cannot be ended as it was begun."""


class StreamedAnswer(Response):
    """An answer of known length, of which the first block was read before it begins.

    What goes wrong in the middle cuts the connection: the client has fewer bytes than it was told of, and so knows.

    Args:
        parts: status, headers and pieces.
        first: the bytes of the first block of the file among the pieces; what could not be read never began.
        read: reads the others.
        on_sent: told of each number of the file's bytes that have left.
        on_end: called once when all is over, however.
    """

    def __init__(
        self,
        parts: Parts,
        headers: dict[str, str],
        first: bytes,
        read: Reading,
        on_sent: Callable[[int], None],
        on_end: Callable[[], None],
    ) -> None:
        super().__init__(status_code=parts.status)
        self.init_headers({**headers, **parts.headers})
        self._parts, self._first, self._read = parts, first, read
        self._on_sent, self._on_end = on_sent, on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            if scope["method"] == "HEAD":
                await send(self._start())
                await send(_body(b"", is_last=True))
            elif len(self._parts.pieces) == 1 and self._parts.size_bytes == len(self._first):
                await send(self._start())
                await send(_body(self._first, is_last=True))
                self._on_sent(len(self._first))
            else:
                await self._while_connected(receive, send)
        finally:
            self._on_end()

    async def _while_connected(self, receive: Receive, send: Send) -> None:
        async with anyio.create_task_group() as tasks:

            async def listen() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                tasks.cancel_scope.cancel()

            tasks.start_soon(listen)
            try:
                await self._send_all(send)
            except (CxError, CutShortError) as error:
                # Returned from without the rest of the body, the server closes the connection.
                _log.error("cut in mid-stream: %s", error)
            tasks.cancel_scope.cancel()

    async def _send_all(self, send: Send) -> None:
        await send(self._start())
        first: bytes | None = self._first
        for piece in _blocks(self._parts.pieces):
            if isinstance(piece, bytes):
                await send(_body(piece))
                continue
            data = await self._read(piece) if first is None else first
            first = None
            if len(data) != piece.size_bytes:
                raise CutShortError(
                    f"{piece.size_bytes} bytes were to come from {piece.start}, {len(data)} came"
                )
            await send(_body(data))
            self._on_sent(len(data))
        await send(_body(b"", is_last=True))

    def _start(self) -> dict[str, object]:
        return {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}


def first_block_of(parts: Parts) -> Span | None:
    """What has to be read before an answer begins."""
    spans = (piece for piece in _blocks(parts.pieces) if isinstance(piece, Span))
    return next(spans, None)


def _blocks(pieces: tuple[Piece, ...]) -> Iterator[Piece]:
    """The pieces, spans cut into what is read at once; the very first is short, so that it leaves soon."""
    length = FIRST_BLOCK_BYTES
    for piece in pieces:
        if isinstance(piece, bytes):
            yield piece
            continue
        place = piece.start
        while place < piece.end:
            yield Span(place, min(place + length, piece.end))
            place, length = place + length, BLOCK_BYTES


def _body(data: bytes, *, is_last: bool = False) -> dict[str, object]:
    return {"type": "http.response.body", "body": data, "more_body": not is_last}
