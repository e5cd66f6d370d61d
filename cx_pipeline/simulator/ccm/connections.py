"""Answers that are none: connections that are closed, at once or after a while."""

import asyncio
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class OpenProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with the connection itself among the request's state, so that an answer can cut it off."""

    def connection_made(self, transport: Any) -> None:
        """Note the connection."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class ClosedConnection(Response):
    """No answer: the connection is closed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Close it, and wait until uvicorn knows."""
        scope["state"]["transport"].abort()
        while (await receive())["type"] != "http.disconnect":
            pass


class HungConnection(ClosedConnection):
    """No answer for a while, then the connection is closed; sooner where the client gives up or the server ends."""

    def __init__(self, hang_s: float, ending: asyncio.Event) -> None:
        super().__init__()
        self._hang_s = hang_s
        self._ending = ending

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait, then close."""
        waits = {asyncio.create_task(self._ending.wait()), asyncio.create_task(_gone(receive))}
        _, going_on = await asyncio.wait(waits, timeout=self._hang_s, return_when=asyncio.FIRST_COMPLETED)
        for wait in going_on:
            wait.cancel()
        await asyncio.gather(*going_on, return_exceptions=True)
        await super().__call__(scope, receive, send)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
