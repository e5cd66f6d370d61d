"""Who may talk to the reference manager: anybody, a static token, or OAuth2 client credentials as Keycloak has them."""

import secrets
from base64 import b64decode
from binascii import Error as NoBase64
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote

from pydantic import SecretStr

TOKEN_PATH = "/realms/cx/protocol/openid-connect/token"  # noqa: S105  a path, no secret
_BEARER = "Bearer "
_BASIC = "Basic "


@dataclass(frozen=True, slots=True)
class StaticToken:
    """One token for ever."""

    token: SecretStr


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """Tokens for a client that knows its secret, each valid for a short time."""

    client_id: str
    client_secret: SecretStr
    lifetime_s: float = 60.0


Access = StaticToken | ClientCredentials | None


@dataclass
class Authorisation:
    """Issues tokens and checks them. A restart forgets those that were issued."""

    access: Access
    clock: Callable[[], float]
    """Seconds that never go back."""
    refused: int = 0
    issued: int = 0
    _valid_until: dict[str, float] = field(default_factory=dict)

    def allows(self, header: str | None) -> bool:
        """Whether a request with this Authorization header may pass."""
        is_allowed = self.access is None or self._is_valid(header)
        self.refused += not is_allowed
        return is_allowed

    def token(self, form: bytes, header: str | None) -> dict[str, object] | str:
        """The answer of the token end point, or the error's name."""
        if not isinstance(self.access, ClientCredentials):
            return "unsupported_grant_type"
        fields = {name: values[0] for name, values in parse_qs(form.decode("utf-8", "replace")).items()}
        if fields.get("grant_type") != "client_credentials":
            return "unsupported_grant_type"
        client_id, secret = _basic(header) or (fields.get("client_id", ""), fields.get("client_secret", ""))
        wanted = self.access.client_secret.get_secret_value()
        if client_id != self.access.client_id or not secrets.compare_digest(secret.encode(), wanted.encode()):
            return "invalid_client"
        token = secrets.token_urlsafe(24)
        self._valid_until[token] = self.clock() + self.access.lifetime_s
        self.issued += 1
        return {"access_token": token, "expires_in": int(self.access.lifetime_s), "token_type": "Bearer"}

    def _is_valid(self, header: str | None) -> bool:
        if header is None or not header.startswith(_BEARER):
            return False
        token = header.removeprefix(_BEARER)
        if isinstance(self.access, StaticToken):
            return secrets.compare_digest(token.encode(), self.access.token.get_secret_value().encode())
        return self.clock() < self._valid_until.get(token, 0.0)


def _basic(header: str | None) -> tuple[str, str] | None:
    """Client id and secret of a Basic header (RFC 6749 2.3.1)."""
    if header is None or not header.startswith(_BASIC):
        return None
    try:
        name, _, secret = b64decode(header.removeprefix(_BASIC), validate=True).decode().partition(":")
    except (NoBase64, UnicodeDecodeError):
        return None
    return unquote(name), unquote(secret)
