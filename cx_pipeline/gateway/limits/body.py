"""How long a request's body may be, with or without a length told beforehand."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cx_pipeline.gateway.problem_answers import problem_response
from cx_pipeline.gateway.problems import Problem


class BodyLimit:
    """Refuses bodies that are too long: before the first byte where a length is told, else when it is passed."""

    def __init__(self, app: ASGIApp, most_bytes: int) -> None:
        self._app = app
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        if told.isdigit() and int(told[:19]) > self._most_bytes:
            await problem_response(_too_long())(scope, receive, send)
            return
        received_bytes, is_too_long, is_begun = 0, False, False

        async def counting_receive() -> Message:
            nonlocal received_bytes, is_too_long
            message = await receive()
            received_bytes += len(message.get("body", b""))
            if received_bytes > self._most_bytes:
                is_too_long = True
                raise _too_long()
            return message

        async def correcting_send(message: Message) -> None:
            nonlocal is_begun
            # A framework that reads the body takes what it meets there for a bad request.
            if is_too_long and not is_begun:
                if message["type"] == "http.response.start":
                    is_begun = True
                    await problem_response(_too_long())(scope, receive, send)
                return
            if not is_too_long:
                is_begun = True
                await send(message)

        await self._app(scope, counting_receive, correcting_send)


def _too_long() -> Problem:
    # The rest of the body is not read, so the connection cannot be used again.
    return Problem(413, "Request too large", headers={"Connection": "close"})
