"""Headers that keep browsers from doing what nobody wants with our answers."""

from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    # Signatures stand in addresses: no other site is told the address a person came from.
    (b"referrer-policy", b"no-referrer"),
)
_NO_STORE = (b"cache-control", b"no-store")


class SecurityHeaders:
    """Adds them to each answer, where the route has not set its own."""

    def __init__(self, app: ASGIApp, form_targets: Sequence[str] = ()) -> None:
        """`form_targets`: origins to which a form of ours may lead on, beside our own."""
        self._app = app
        targets = " ".join(("'self'", *form_targets))
        policy = (
            "default-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'self'; "
            f"form-action {targets}"
        )
        self._headers = (*_HEADERS, (b"content-security-policy", policy.encode()), _NO_STORE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def adding_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                present = {name.lower() for name, _ in headers}
                headers.extend(pair for pair in self._headers if pair[0] not in present)
                message["headers"] = headers
            await send(message)

        await self._app(scope, receive, adding_send)
