"""An OpenID Connect issuer with real keys that knows a few people: what Keycloak is to the gateway, without Keycloak.

It has the code flow with PKCE (RFC 6749, 7636; OpenID Connect Core 3.1), a discovery document and keys that turn over.
Roles stand in access tokens only, as Keycloak writes them.
"""

import secrets
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from cx_pipeline.core.errors import InputError

REALM_PATH = "/realms/cx"
AUTHORISATION_PATH = f"{REALM_PATH}/protocol/openid-connect/auth"
TOKEN_PATH = f"{REALM_PATH}/protocol/openid-connect/token"
KEYS_PATH = f"{REALM_PATH}/protocol/openid-connect/certs"
END_PATH = f"{REALM_PATH}/protocol/openid-connect/logout"
DISCOVERY_PATH = f"{REALM_PATH}/.well-known/openid-configuration"
_CODE_LASTS_S = 60
_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can log in."""

    name: str
    tenant: str
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Client:
    """A program that people log in for."""

    client_id: str
    redirect_uri: str
    secret: str | None = None
    """None: a public one."""


class RefusedError(InputError):
    """A request of the code flow is not right; the message is OAuth2's word for it."""


@dataclass
class _Code:
    person: Person
    client: Client
    challenge: str
    nonce: str | None
    made_at: float


@dataclass
class SimulatedIssuer:
    """The issuer's state; `running` puts it behind HTTP."""

    url: str
    """Its name: base address and realm."""
    people: Mapping[str, Person]
    clients: Mapping[str, Client]
    token_lasts_s: float = 300.0
    asked: Counter[str] = field(default_factory=Counter)
    """How often each path was asked for."""
    _keys: list[RSAKey | ECKey] = field(default_factory=list)
    _codes: dict[str, _Code] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.turn_keys()

    def turn_keys(self, *, keeps_old: bool = True) -> None:
        """Sign by a new key from now on; the old ones are published on, or not."""
        new = RSAKey.generate_key(_RSA_BITS, {"use": "sig"}, private=True, auto_kid=True)
        self._keys = [new, *(self._keys if keeps_old else [])]

    @property
    def signing_key(self) -> RSAKey | ECKey:
        """The key that tokens are signed by."""
        return self._keys[0]

    def description(self) -> dict[str, Any]:
        """The discovery document."""
        base = self.url.removesuffix(REALM_PATH)
        return {
            "issuer": self.url,
            "authorization_endpoint": base + AUTHORISATION_PATH,
            "token_endpoint": base + TOKEN_PATH,
            "jwks_uri": base + KEYS_PATH,
            "end_session_endpoint": base + END_PATH,
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def public_keys(self) -> dict[str, Any]:
        """Its keys, the public halves."""
        return dict(KeySet(list(self._keys)).as_dict(private=False))

    def code_for(self, person_name: str, query: Mapping[str, str]) -> str:
        """Log somebody in, and make the code that their browser takes back.

        Args:
            person_name: who logs in.
            query: of the authorisation request.

        Raises:
            RefusedError: the request is not right, or nobody is called so.
        """
        client = self.clients.get(query.get("client_id", ""))
        if client is None or query.get("redirect_uri") != client.redirect_uri:
            raise RefusedError("invalid_client")
        if query.get("response_type") != "code" or "openid" not in query.get("scope", "").split():
            raise RefusedError("invalid_request")
        if query.get("code_challenge_method") != "S256" or not query.get("code_challenge"):
            raise RefusedError("invalid_request")
        person = self.people.get(person_name)
        if person is None:
            raise RefusedError("access_denied")
        code = secrets.token_urlsafe(24)
        self._codes[code] = _Code(person, client, query["code_challenge"], query.get("nonce"), time.time())
        return code

    def redeem(self, form: Mapping[str, str], credentials: tuple[str, str] | None) -> dict[str, Any]:
        """The tokens for a code; a code is good once.

        Args:
            form: of the request.
            credentials: client id and secret of its Basic header, if there is one.

        Raises:
            RefusedError: the code, the client or the verifier is not right.
        """
        if form.get("grant_type") != "authorization_code":
            raise RefusedError("unsupported_grant_type")
        client_id = credentials[0] if credentials else form.get("client_id", "")
        client = self.clients.get(client_id)
        given = credentials[1] if credentials else form.get("client_secret", "")
        if client is None or not secrets.compare_digest((client.secret or "").encode(), given.encode()):
            raise RefusedError("invalid_client")
        code = self._codes.pop(form.get("code", ""), None)
        if code is None or code.client is not client or time.time() - code.made_at > _CODE_LASTS_S:
            raise RefusedError("invalid_grant")
        if form.get("redirect_uri") != client.redirect_uri:
            raise RefusedError("invalid_grant")
        if create_s256_code_challenge(form.get("code_verifier", "")) != code.challenge:
            raise RefusedError("invalid_grant")
        identity = {"typ": "ID", "aud": client_id, "azp": client_id, "name": code.person.name}
        if code.nonce is not None:
            identity["nonce"] = code.nonce
        return {
            "access_token": self.access_token(code.person, client_id),
            "id_token": self.signed({**self._claims(code.person), **identity}),
            "token_type": "Bearer",
            "expires_in": int(self.token_lasts_s),
        }

    def access_token(self, person: Person, audience: str, **claims: Any) -> str:
        """An access token for a person; `claims` go over those that it would have, None takes one out."""
        usual = {
            **self._claims(person),
            "typ": "Bearer",
            "aud": audience,
            "realm_access": {"roles": list(person.roles)},
        }
        return self.signed({name: value for name, value in {**usual, **claims}.items() if value is not None})

    def signed(self, claims: Mapping[str, Any]) -> str:
        """Any claims as a JWT that the issuer signed."""
        header = {"alg": "RS256", "kid": self.signing_key.kid}
        return jwt.encode(header, dict(claims), self.signing_key, algorithms=["RS256"])

    def _claims(self, person: Person) -> dict[str, Any]:
        now = int(time.time())
        return {
            "iss": self.url,
            "sub": f"id-of-{person.name}",
            "preferred_username": person.name,
            "tenant": person.tenant,
            "iat": now,
            "exp": now + int(self.token_lasts_s),
        }
