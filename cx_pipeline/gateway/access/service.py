"""Lets in who may: by static tokens, JWTs, logins and signed links."""

from collections.abc import AsyncIterator, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Engine
from starlette.requests import Request

from cx_pipeline.adapters.access.issuer import Issuer, issuer_client
from cx_pipeline.adapters.access.token_store import TokenStore
from cx_pipeline.adapters.linking.link_key import link_key
from cx_pipeline.core.linking.signing import is_signature
from cx_pipeline.gateway.access import sessions
from cx_pipeline.gateway.access.claims import ClaimsReader
from cx_pipeline.gateway.access.configuration import client_secret, require_whole, session_secret
from cx_pipeline.gateway.access.json_web_tokens import (
    InvalidTokenError,
    RememberedTokens,
    TokenChecker,
    looks_like_jwt,
)
from cx_pipeline.gateway.access.login import Login
from cx_pipeline.gateway.access.principal import ALL_TENANTS, RECORDINGS_PLAY, RECORDINGS_READ, Principal
from cx_pipeline.gateway.metrics import Metrics
from cx_pipeline.gateway.problems import Problem
from cx_pipeline.settings import Settings

SIGNED_SCOPES = frozenset({RECORDINGS_PLAY, RECORDINGS_READ})
SIGNATURE_PARAMETERS = ("tenant", "expires", "signature")
_LONGEST_EXPIRY_DIGITS = 12


@dataclass(frozen=True, slots=True)
class AccessService:
    """Who somebody is, by what they show."""

    tokens: TokenStore
    link_key: bytes | None
    jwts: RememberedTokens | None = None
    """None: no issuer is set, so no JWT is believed."""
    login: Login | None = None
    """None: browsers cannot log in at an issuer."""
    ticket_secret: SecretStr | None = None
    """Signs tickets, where no issuer is set. None: there are none."""

    @property
    def has_sessions(self) -> bool:
        """Whether anybody can be logged in in a browser."""
        return self.login is not None or self.ticket_secret is not None

    @property
    def has_login(self) -> bool:
        """Whether browsers can log in."""
        return self.login is not None

    async def of_bearer(self, token: str) -> Principal:
        """Who shows a bearer token.

        Raises:
            Problem: 401, it is none of ours or no longer; 403, it names no tenant.
            DestinationUnavailableError: it is a JWT, and the issuer's keys are not to be had.
        """
        static = self.tokens.find(token, datetime.now(UTC))
        if static is not None:
            return Principal(static.name, static.tenant, frozenset(static.scopes), "token", static.name)
        if self.jwts is not None and looks_like_jwt(token):
            try:
                return await self.jwts.principal(token)
            except InvalidTokenError:
                raise unauthorised("invalid_token") from None
        raise unauthorised("invalid_token")

    def of_session(self, request: Request) -> Principal | None:
        """Whose browser this is, if somebody logged in there and the session is not over."""
        session: MutableMapping[str, Any] | None = request.scope.get("session")
        return sessions.logged_in(session) if session else None

    def of_signature(self, request: Request) -> Principal | None:
        """Who follows a signed link; None if it is not signed by us for this path, or no longer valid."""
        given = [request.query_params.getlist(name) for name in SIGNATURE_PARAMETERS]
        if self.link_key is None or any(len(values) != 1 for values in given):
            return None
        (tenant,), (expires,), (signature,) = given
        if tenant in ("", ALL_TENANTS):  # a link is of one tenant
            return None
        if not (expires.isascii() and expires.isdigit() and len(expires) <= _LONGEST_EXPIRY_DIGITS):
            return None
        expires_s = int(expires)
        if not is_signature(self.link_key, request.scope["path"], tenant, expires_s, signature):
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
    """What lets people and programs in. The issuer is not asked before somebody comes with a JWT or logs in.

    Raises:
        ConfigurationError: the tokens, keys or the login are wrongly set.
    """
    require_whole(settings)
    tokens, key = TokenStore(settings), link_key(settings)
    async with AsyncExitStack() as stack:
        if settings.oidc_issuer is None:
            yield AccessService(tokens, key, ticket_secret=session_secret(settings))
            return
        client = await stack.enter_async_context(issuer_client(settings))
        issuer = Issuer(str(settings.oidc_issuer), client)
        checker = TokenChecker(issuer, settings.oidc_audience or settings.oidc_client_id or "")
        login = None
        if settings.oidc_client_id is not None:
            login = Login(settings, issuer, checker, settings.oidc_client_id, client_secret(settings))
        yield AccessService(tokens, key, RememberedTokens(checker, ClaimsReader(settings)), login)
