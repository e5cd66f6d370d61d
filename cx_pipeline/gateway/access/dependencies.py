"""What a route asks of who calls it: `Depends(needs(RECORDINGS_PLAY))`."""

from urllib.parse import parse_qsl, quote, urlencode

from starlette.requests import Request

from cx_pipeline.gateway.access.principal import Principal
from cx_pipeline.gateway.access.service import (
    SIGNATURE_PARAMETERS,
    AccessService,
    forbidden,
    unauthorised,
)
from cx_pipeline.gateway.negotiation import prefers_html
from cx_pipeline.gateway.problems import Problem

_READING = ("GET", "HEAD")


class Needs:
    """Lets in who has a scope. Called by FastAPI for each request; the description of the interface reads it too."""

    def __init__(self, scope: str, *, is_signed_accepted: bool) -> None:
        self.scope = scope
        self.is_signed_accepted = is_signed_accepted

    async def __call__(self, request: Request) -> Principal:
        """Who asks.

        Raises:
            Problem: 401 for nobody, 403 without the scope, 302 to the login for a browser, 503 if it cannot be told.
        """
        access: AccessService = request.app.state.access
        principal = await self._principal(access, request)
        if not principal.may(self.scope):
            raise forbidden(self.scope)
        request.scope["cx_subject"] = principal.subject  # for the log of requests
        return principal

    async def _principal(self, access: AccessService, request: Request) -> Principal:
        header = request.headers.get("authorization")
        if header is not None:
            return await access.of_bearer(_bearer(header))
        # A cookie is sent by whatever page makes the browser ask; so it never changes anything.
        session = access.of_session(request) if request.method in _READING else None
        signed = access.of_signature(request) if self.is_signed_accepted else None
        if signed is not None and not (
            session is not None and session.may(self.scope) and session.sees(signed.tenant)
        ):
            return signed
        if session is not None:
            return session  # also beside a signature, so that the log of access names a person
        if access.has_login and request.method == "GET" and prefers_html(request):
            raise Problem(302, "Log in first", headers={"Location": f"/login?next={_back_to(request)}"})
        raise unauthorised()


def needs(scope: str, *, is_signed_accepted: bool = False) -> Needs:
    """A dependency that lets in who has `scope`, and gives their principal.

    Args:
        scope: one of `principal.SCOPES`.
        is_signed_accepted: whether a signed link will do: only for what links lead to.
    """
    return Needs(scope, is_signed_accepted=is_signed_accepted)


def _bearer(header: str) -> str:
    kind, _, token = header.partition(" ")
    token = token.strip()
    if kind.lower() != "bearer" or not token:
        raise unauthorised("invalid_request")
    return token


def _back_to(request: Request) -> str:
    """Where the login leads back to: here, without the signature that was not enough."""
    path = quote(request.scope["path"], safe="/:@")
    query = [
        (name, value)
        for name, value in parse_qsl(request.url.query, keep_blank_values=True)
        if name not in SIGNATURE_PARAMETERS
    ]
    return quote(path + (f"?{urlencode(query)}" if query else ""), safe="/")
