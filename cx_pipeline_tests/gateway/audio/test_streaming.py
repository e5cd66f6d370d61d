"""An answer is read as it is sent: no further than the client reads, and not on when it has gone."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.types import Message, Scope

from cx_pipeline.gateway.audio.parts import parts_of
from cx_pipeline.gateway.audio.ranges import Span
from cx_pipeline.gateway.audio.streaming import BLOCK_BYTES, FIRST_BLOCK_BYTES, StreamedAnswer

SIZE = 10_000_000
SCOPE: Scope = {"type": "http", "method": "GET"}


class Client:
    """Takes so many messages, then waits; leaves when told."""

    def __init__(self, takes: int) -> None:
        self.messages: list[Message] = []
        self.is_stuck, self.has_left = asyncio.Event(), asyncio.Event()
        self._takes = takes
        self.read_bytes = self.sent_bytes = self.ended = 0

    async def send(self, message: Message) -> None:
        if len(self.messages) == self._takes:
            self.is_stuck.set()
            await asyncio.Event().wait()
        self.messages.append(message)

    async def receive(self) -> Message:
        await self.has_left.wait()
        return {"type": "http.disconnect"}

    async def read(self, span: Span) -> bytes:
        await asyncio.sleep(0)
        self.read_bytes += span.size_bytes
        return bytes(span.size_bytes)

    def answer(self, read: Callable[[Span], Awaitable[bytes]] | None = None) -> StreamedAnswer:
        parts = parts_of(None, SIZE, "audio/wav")
        return StreamedAnswer(parts, {}, bytes(FIRST_BLOCK_BYTES), read or self.read, self._sent, self._ended)

    def _sent(self, count: int) -> None:
        self.sent_bytes += count

    def _ended(self) -> None:
        self.ended += 1


def test_a_client_that_reads_all_gets_all() -> None:
    async def run() -> Client:
        client = Client(takes=1000)
        await client.answer()(SCOPE, client.receive, client.send)
        return client

    client = asyncio.run(run())
    bodies: list[Any] = [message["body"] for message in client.messages[1:]]
    assert sum(map(len, bodies)) == client.sent_bytes == SIZE
    assert max(map(len, bodies)) == BLOCK_BYTES
    assert client.messages[-1]["more_body"] is False
    assert client.ended == 1


def test_a_client_that_stops_reading_is_not_read_ahead_for_and_ends_when_it_leaves() -> None:
    async def run() -> Client:
        client = Client(takes=4)
        task = asyncio.create_task(client.answer()(SCOPE, client.receive, client.send))
        await client.is_stuck.wait()
        assert client.ended == 0
        client.has_left.set()
        await task
        return client

    client = asyncio.run(run())
    assert client.read_bytes <= 3 * BLOCK_BYTES
    assert client.sent_bytes < SIZE
    assert client.ended == 1


def test_a_file_that_is_shorter_than_it_was_is_never_ended_well() -> None:
    async def run() -> Client:
        client = Client(takes=1000)

        async def short(span: Span) -> bytes:
            return bytes(span.size_bytes - 1)

        await client.answer(short)(SCOPE, client.receive, client.send)
        return client

    client = asyncio.run(run())
    assert all(message.get("more_body", True) for message in client.messages)
    assert client.ended == 1
