"""Lets in who may: by static tokens, JWTs, logins and signed links."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from sqlalchemy import Engine
from starlette.requests import Request

from cx_pipeline.adapters.access.token_store import TokenStore
from cx_pipeline.core.linking.signing import is_signature
from cx_pipeline.gateway.access.principal import RECORDINGS_PLAY, RECORDINGS_READ, Principal
from cx_pipeline.gateway.metrics import Metrics
from cx_pipeline.gateway.problems import Problem
from cx_pipeline.settings import Settings

SIGNED_SCOPES = frozenset({RECORDINGS_PLAY, RECORDINGS_READ})
SIGNATURE_PARAMETERS = ("tenant", "expires", "signature")
_LONGEST_EXPIRY_DIGITS = 12


class AccessService:
    """Who somebody is, by what they show."""

    def __init__(self, tokens: TokenStore, link_key: bytes | None) -> None:
        self.tokens = tokens
        self._link_key = link_key

    async def of_bearer(self, token: str) -> Principal:
        """Who shows a bearer token.

        Raises:
            Problem: 401, it is none of ours, or no longer.
        """
        static = self.tokens.find(token, datetime.now(UTC))
        if static is not None:
            return Principal(static.name, static.tenant, frozenset(static.scopes), "token", static.name)
        raise unauthorised("invalid_token")

    @property
    def has_login(self) -> bool:
        """Whether browsers can log in."""
        return False

    def of_session(self, request: Request) -> Principal | None:
        """Whose browser this is, if somebody logged in there and the session is not over."""
        return None

    def of_signature(self, request: Request) -> Principal | None:
        """Who follows a signed link; None if it is not signed by us for this path, or no longer valid."""
        given = [request.query_params.getlist(name) for name in SIGNATURE_PARAMETERS]
        if self._link_key is None or any(len(values) != 1 for values in given):
            return None
        (tenant,), (expires,), (signature,) = given
        if not (expires.isascii() and expires.isdigit() and len(expires) <= _LONGEST_EXPIRY_DIGITS):
            return None
        expires_s = int(expires)
        if not is_signature(self._link_key, request.scope["path"], tenant, expires_s, signature):
            return None
        if expires_s <= datetime.now(UTC).timestamp():
            return None
        return Principal("link", tenant, SIGNED_SCOPES, "signed")


def unauthorised(error: str = "") -> Problem:
    """Nothing was shown that lets anybody in; `error` as RFC 6750 has it."""
    challenge = 'Bearer realm="cx-pipeline"' + (f', error="{error}"' if error else "")
    return Problem(401, "Not authorised", headers={"WWW-Authenticate": challenge})


def forbidden(scope: str) -> Problem:
    """They are known, and may not do this."""
    challenge = f'Bearer realm="cx-pipeline", error="insufficient_scope", scope="{scope}"'
    return Problem(403, "Not allowed", f"This needs the scope {scope}.", {"WWW-Authenticate": challenge})


@asynccontextmanager
async def open_service(settings: Settings, engine: Engine, metrics: Metrics) -> AsyncIterator[AccessService]:
    """What lets people and programs in.

    Raises:
        ConfigurationError: the tokens, keys or the login are wrongly set.
    """
    from cx_pipeline.adapters.linking.link_key import link_key

    yield AccessService(TokenStore(settings), link_key(settings))
