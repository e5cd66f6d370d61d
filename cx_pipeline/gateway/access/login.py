"""The login of browsers: OpenID Connect's code flow with PKCE, state and nonce (RFC 6749, 7636; OpenID Connect Core 3.1)."""

import hmac
import time
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import urlencode

from authlib.common.security import generate_token  # type: ignore[import-untyped]
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri  # type: ignore[import-untyped]
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]
from pydantic import SecretStr

from cx_pipeline.adapters.access.issuer import Issuer, LoginRefusedError
from cx_pipeline.gateway.access import sessions
from cx_pipeline.gateway.access.claims import ClaimsReader
from cx_pipeline.gateway.access.destinations import safe_destination
from cx_pipeline.gateway.access.json_web_tokens import InvalidTokenError, TokenChecker
from cx_pipeline.gateway.problems import Problem
from cx_pipeline.settings import Settings

CALLBACK_PATH = "/login/callback"
_SCOPES = "openid profile"
_VERIFIER_LENGTH = 64
_Session = MutableMapping[str, Any]


class Login:
    """Leads browsers to the issuer and takes them back."""

    def __init__(
        self,
        settings: Settings,
        issuer: Issuer,
        checker: TokenChecker,
        client_id: str,
        client_secret: SecretStr | None,
    ) -> None:
        self._issuer = issuer
        self._checker = checker
        self._reader = ClaimsReader(settings)
        self._client_id = client_id
        self._client_secret = client_secret
        self._home_url = settings.middleware_url
        self._session_s = settings.session_hours * 3600

    @property
    def redirect_uri(self) -> str:
        """Where the issuer leads back to; it must know this address."""
        return self._home_url + CALLBACK_PATH

    async def begin(self, session: _Session, destination: str | None) -> str:
        """The issuer's address to go to; notes in the session what the way back must fit.

        Raises:
            DestinationUnavailableError: the issuer does not answer.
        """
        description = await self._issuer.description()
        state, nonce, verifier = generate_token(32), generate_token(32), generate_token(_VERIFIER_LENGTH)
        sessions.begin(session, state, nonce, verifier, safe_destination(destination))
        address: str = prepare_grant_uri(
            description.authorization_endpoint,
            client_id=self._client_id,
            response_type="code",
            redirect_uri=self.redirect_uri,
            scope=_SCOPES,
            state=state,
            nonce=nonce,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        return address

    async def finish(self, session: _Session, state: str, code: str) -> str:
        """Log in who comes back with a code; where to go now.

        Raises:
            Problem: 400, the way back fits no login that this browser began; 403, the issuer or its token says no.
            DestinationUnavailableError: the issuer does not answer.
        """
        begun = sessions.take_begun(session, state)
        if begun is None:
            raise _no_such_login()
        try:
            tokens = await self._issuer.redeem(
                code,
                verifier=begun["verifier"],
                redirect_uri=self.redirect_uri,
                client_id=self._client_id,
                secret=self._client_secret,
            )
            claims = await self._claims(tokens, begun["nonce"])
        except (LoginRefusedError, InvalidTokenError):
            raise Problem(403, "Login failed", "The login was not accepted: begin again.") from None
        principal = self._reader.principal(claims, "session")
        sessions.log_in(session, principal, time.time() + self._session_s)
        return safe_destination(begun["to"])

    def give_up(self, session: _Session, state: str) -> Problem:
        """What to tell who comes back without a code; their login is forgotten."""
        if sessions.take_begun(session, state) is None:
            return _no_such_login()
        return Problem(403, "Login failed", "The login was refused.")

    async def end_url(self) -> str | None:
        """Where the browser logs out of the issuer as well; None if it has no such place."""
        end_point = (await self._issuer.description()).end_session_endpoint
        if end_point is None:
            return None
        query = {"client_id": self._client_id, "post_logout_redirect_uri": f"{self._home_url}/logged-out"}
        return f"{end_point}?{urlencode(query)}"

    async def _claims(self, tokens: Any, nonce: str) -> dict[str, Any]:
        """What the ID token tells, with what the access token alone does: Keycloak writes roles only there."""
        identity = tokens.get("id_token")
        if not isinstance(identity, str):
            raise InvalidTokenError("no ID token")
        claims = await self._checker.claims(identity, audience=self._client_id)
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise InvalidTokenError("another nonce")
        if claims.get("azp", self._client_id) != self._client_id:
            raise InvalidTokenError("authorised for another client")
        return {**await self._access_claims(tokens, claims["sub"]), **claims}

    async def _access_claims(self, tokens: Any, subject: str) -> dict[str, Any]:
        try:
            claims = await self._checker.claims(str(tokens.get("access_token", "")), audience=None)
        except InvalidTokenError:  # it need not be a JWT
            return {}
        return claims if claims["sub"] == subject else {}


def _no_such_login() -> Problem:
    return Problem(
        400, "No such login", "This browser has begun no such login, or too long ago: begin again."
    )
