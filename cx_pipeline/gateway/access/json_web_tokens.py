"""Whether a JWT is the issuer's, for us, and good at this moment (RFC 7519, RFC 8725)."""

import hashlib
import json
import time
from base64 import urlsafe_b64decode
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwt import ClaimsOption, JWTClaimsRegistry

from cx_pipeline.adapters.access.issuer import Issuer
from cx_pipeline.gateway.access.claims import ClaimsReader
from cx_pipeline.gateway.access.principal import Principal

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""Signatures by a key of which the issuer alone has the secret half: never `none`, never HMAC."""
LEEWAY_S = 30
"""So far the issuer's clock may be off."""
LONGEST_TOKEN = 16_384
_KEPT = 2000
_KEPT_S = 60.0


class InvalidTokenError(Exception):
    """A token is not to be believed. Why is for nobody who shows one."""


def looks_like_jwt(token: str) -> bool:
    """Whether a text has the shape of a signed JWT."""
    return token.count(".") == 2 and token.startswith("ey") and len(token) <= LONGEST_TOKEN


class TokenChecker:
    """Checks JWTs of one issuer."""

    def __init__(self, issuer: Issuer, audience: str) -> None:
        self._issuer = issuer
        self._audience = audience

    async def access_claims(self, token: str) -> dict[str, Any]:
        """The claims of an access token for us.

        Raises:
            InvalidTokenError: it is none.
            DestinationUnavailableError: the issuer's keys are not to be had.
        """
        claims = await self.claims(token, audience=self._audience)
        # An ID token tells who logged in somewhere; it lets nobody in (Keycloak tells them apart by this claim).
        if str(claims.get("typ", "Bearer")).lower() != "bearer" or "nonce" in claims:
            raise InvalidTokenError("not an access token")
        return claims

    async def claims(self, token: str, *, audience: str | None) -> dict[str, Any]:
        """The claims of a token that the issuer signed and that is good now.

        Args:
            token: as text.
            audience: for whom it must be; None: for anybody.

        Raises:
            InvalidTokenError: it is not.
            DestinationUnavailableError: the issuer's keys are not to be had.
        """
        header = _header(token)
        if header.get("alg") not in ALGORITHMS or "crit" in header:
            raise InvalidTokenError("signed in no way that we take")
        key_id = header.get("kid")
        keys = await self._issuer.keys(key_id if isinstance(key_id, str) else None)
        name = (await self._issuer.description()).issuer
        needed: ClaimsOption = {"essential": True}
        wanted: ClaimsOption = {} if audience is None else {"essential": True, "value": audience}
        issued_by: ClaimsOption = {"essential": True, "value": name}
        registry = JWTClaimsRegistry(leeway=LEEWAY_S, iss=issued_by, exp=needed, sub=needed, aud=wanted)
        try:
            decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
            registry.validate(decoded.claims)
        except (JoseError, ValueError, TypeError, OverflowError) as error:
            raise InvalidTokenError(type(error).__name__) from None
        return decoded.claims


class RememberedTokens:
    """Checks access tokens, and remembers those that were good: a signature takes longer than the rest of a request.

    A token is remembered by its hash, for a minute at most and never beyond its end.
    """

    def __init__(self, checker: TokenChecker, reader: ClaimsReader) -> None:
        self._checker = checker
        self._reader = reader
        self._kept: OrderedDict[bytes, tuple[Principal, float]] = OrderedDict()

    async def principal(self, token: str) -> Principal:
        """Who shows this token.

        Raises:
            InvalidTokenError: it is not to be believed.
            Problem: 403, it names no tenant.
            DestinationUnavailableError: the issuer's keys are not to be had.
        """
        digest, now = hashlib.sha256(token.encode(errors="surrogatepass")).digest(), time.time()
        principal, until = self._kept.get(digest, (None, 0.0))
        if principal is not None and now < until:
            return principal
        claims = await self._checker.access_claims(token)
        principal = self._reader.principal(claims, "jwt")
        self._kept[digest] = (principal, min(now + _KEPT_S, float(claims["exp"])))
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return principal


def _header(token: str) -> Mapping[str, Any]:
    if not looks_like_jwt(token):
        raise InvalidTokenError("no JWT")
    part = token.partition(".")[0]
    try:
        header = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        raise InvalidTokenError("no JWT") from None
    if not isinstance(header, dict):
        raise InvalidTokenError("no JWT")
    return header
