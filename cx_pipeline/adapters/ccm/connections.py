"""The client's pool of connections: the last one used is used again, and none is looked at but that one.

httpx's own pool asks every idle connection, twice for each request, whether it is still alive: with 32 connections that
takes longer than the rest of the request.
"""

from collections.abc import AsyncIterator, Callable

import httpx


class ConnectionStack(httpx.AsyncBaseTransport):
    """As many connections as requests are under way at once; the caller bounds these."""

    def __init__(self, connect: Callable[[], httpx.AsyncBaseTransport]) -> None:
        """`connect` makes a transport of a single connection."""
        self._connect = connect
        self._all: set[httpx.AsyncBaseTransport] = set()
        self._free: list[httpx.AsyncBaseTransport] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request on a connection that is free; it is free again when the answer is closed."""
        connection = self._taken()
        try:
            response = await connection.handle_async_request(request)
        except Exception:  # not what cuts a request off: that must not wait, and the end closes what is left
            await self._discard(connection)
            raise
        response.stream = _HeldStream(response.stream, lambda: self._free.append(connection))
        return response

    async def aclose(self) -> None:
        """Close all connections."""
        for connection in list(self._all):
            await self._discard(connection)

    def _taken(self) -> httpx.AsyncBaseTransport:
        if self._free:
            return self._free.pop()
        connection = self._connect()
        self._all.add(connection)
        return connection

    async def _discard(self, connection: httpx.AsyncBaseTransport) -> None:
        self._all.discard(connection)
        await connection.aclose()


class _HeldStream(httpx.AsyncByteStream):
    """An answer's bytes; gives its connection free when it is closed, unless reading it failed."""

    def __init__(self, stream: object, free: Callable[[], None]) -> None:
        if not isinstance(stream, httpx.AsyncByteStream):
            raise TypeError(f"an asynchronous answer has an asynchronous stream, not {type(stream).__name__}")
        self._stream = stream
        self._free: Callable[[], None] | None = free

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in self._stream:
                yield part
        except Exception:
            self._free = None
            raise

    async def aclose(self) -> None:
        free, self._free = self._free, None
        await self._stream.aclose()
        if free is not None:
            free()
