"""An OpenID Connect issuer (Keycloak for one): its description, its keys, and its token end point."""

import asyncio
import logging
import ssl
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx
import stamina
from authlib.oauth2.rfc6749.parameters import prepare_token_request  # type: ignore[import-untyped]
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, SecretStr, ValidationError

from cx_pipeline.core.errors import ConfigurationError, DestinationUnavailableError
from cx_pipeline.settings import Settings

KEYS_LAST_S = 3600.0
"""So long keys are used without asking for newer ones."""
ASK_AGAIN_S = 10.0
"""So long after an answer or a failure the issuer is not asked for its keys again, whatever tokens come."""
_TIMEOUT = httpx.Timeout(5.0, connect=3.0)
_ATTEMPTS = 2
_MOST_ANSWER_BYTES = 1_000_000
_log = logging.getLogger(__name__)


class IssuerDescription(BaseModel):
    """What of the discovery document is used (OpenID Connect Discovery 1.0, section 3)."""

    issuer: str
    jwks_uri: str
    authorization_endpoint: str
    token_endpoint: str
    end_session_endpoint: str | None = None


class LoginRefusedError(Exception):
    """The token end point does not take a code: used, expired, or not made for us."""


class Issuer:
    """One issuer. Belongs to one event loop.

    Keys are kept; a token with a key that is not known has them read again, at most once in `ASK_AGAIN_S`. While the
    issuer is away those that are known stay good.
    """

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self._url = url.rstrip("/")
        self._client = client
        self._description: IssuerDescription | None = None
        self._keys: KeySet | None = None
        self._keys_at = self._asked_at = float("-inf")
        self._failure: DestinationUnavailableError | None = None
        self._lock = asyncio.Lock()

    async def description(self) -> IssuerDescription:
        """Where its end points are.

        Raises:
            DestinationUnavailableError: it does not answer, or not as an issuer does.
        """
        if self._description is None:
            fields = await self._json(f"{self._url}/.well-known/openid-configuration")
            try:
                found = IssuerDescription.model_validate(fields)
            except ValidationError:
                raise DestinationUnavailableError(
                    f"{self._url} does not describe itself as an OpenID Connect issuer: check CX_OIDC_ISSUER"
                ) from None
            # Else the keys of one issuer would open the door for tokens in another's name (Discovery, 4.3).
            if found.issuer.rstrip("/") != self._url:
                raise DestinationUnavailableError(
                    f"{self._url} calls itself {found.issuer}: CX_OIDC_ISSUER must be that very name"
                )
            self._description = found
        return self._description

    async def keys(self, key_id: str | None) -> KeySet:
        """Its keys, read again if none has this id.

        Raises:
            DestinationUnavailableError: it does not answer and no keys are known.
        """
        if self._is_good(key_id):
            return self._known()
        async with self._lock:  # one asks, the others use its answer
            if not self._is_good(key_id) and time.monotonic() - self._asked_at >= ASK_AGAIN_S:
                await self._read_keys()
        if self._keys is None:
            raise self._failure or DestinationUnavailableError(f"the issuer {self._url} has no keys")
        return self._keys

    async def redeem(
        self, code: str, *, verifier: str, redirect_uri: str, client_id: str, secret: SecretStr | None
    ) -> Mapping[str, Any]:
        """The tokens for a code of the login (RFC 6749, 4.1.3; RFC 7636, 4.5).

        Raises:
            LoginRefusedError: it refuses the code.
            DestinationUnavailableError: it does not answer.
        """
        description = await self.description()
        body = prepare_token_request(
            "authorization_code",
            redirect_uri=redirect_uri,
            code=code,
            code_verifier=verifier,
            client_id=client_id,
        )
        # RFC 6749, 2.3.1: encoded as a form before it becomes a Basic header.
        auth = httpx.Auth()
        if secret is not None:
            auth = httpx.BasicAuth(quote(client_id, safe=""), quote(secret.get_secret_value(), safe=""))
        try:  # once only: a code is good for one try
            answer = await self._client.post(
                description.token_endpoint,
                content=body,
                headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
                auth=auth,
            )
        except httpx.HTTPError as error:
            raise self._away(error) from None
        if answer.status_code >= 500:
            raise DestinationUnavailableError(f"the issuer {self._url} answers {answer.status_code}")
        fields = _object(answer)
        if answer.status_code != 200 or fields is None:
            reason = str((fields or {}).get("error", answer.status_code))
            raise LoginRefusedError(reason)
        return fields

    def _is_good(self, key_id: str | None) -> bool:
        if self._keys is None or time.monotonic() - self._keys_at > KEYS_LAST_S:
            return False
        return key_id is None or any(key.kid == key_id for key in self._keys)

    def _known(self) -> KeySet:
        assert self._keys is not None  # noqa: S101 - `_is_good` has seen to it
        return self._keys

    async def _read_keys(self) -> None:
        try:
            description = await self.description()
            fields = await self._json(description.jwks_uri)
            self._keys = KeySet.import_key_set(_signing_keys(fields))
            self._keys_at, self._failure = time.monotonic(), None
        except DestinationUnavailableError as error:
            self._failure = error
            _log.warning("%s", error)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            self._failure = DestinationUnavailableError(
                f"the issuer {self._url} gives keys that cannot be used ({type(error).__name__})"
            )
            _log.warning("%s", self._failure)
        finally:
            self._asked_at = time.monotonic()

    async def _json(self, url: str) -> Mapping[str, Any]:
        try:
            async for attempt in stamina.retry_context(
                on=httpx.TransportError, attempts=_ATTEMPTS, wait_initial=0.1, wait_max=0.5
            ):
                with attempt:
                    answer = await self._client.get(url, headers={"Accept": "application/json"})
        except httpx.HTTPError as error:
            raise self._away(error) from None
        fields = _object(answer)
        if answer.status_code != 200 or fields is None:
            raise DestinationUnavailableError(
                f"the issuer {self._url} answers {answer.status_code} where it should describe itself"
            )
        return fields

    def _away(self, error: Exception) -> DestinationUnavailableError:
        return DestinationUnavailableError(f"the issuer {self._url} does not answer ({type(error).__name__})")


def issuer_client(settings: Settings) -> httpx.AsyncClient:
    """The client by which the issuer is asked; to be closed by who has it.

    Raises:
        ConfigurationError: the file of trusted authorities cannot be used.
    """
    context = ssl.create_default_context()
    if settings.oidc_ca_file is not None:
        try:
            context.load_verify_locations(cafile=settings.oidc_ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"CX_OIDC_CA_FILE: {settings.oidc_ca_file} holds no certificates ({type(error).__name__})"
            ) from None
    return httpx.AsyncClient(verify=context, timeout=_TIMEOUT, trust_env=False)


def _object(answer: httpx.Response) -> Mapping[str, Any] | None:
    if len(answer.content) > _MOST_ANSWER_BYTES:
        return None
    try:
        fields = answer.json()
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None


def _signing_keys(fields: Mapping[str, Any]) -> Any:
    """Those for signatures: Keycloak lists its encryption key as well. Secret keys have no business there."""
    keys = [key for key in fields["keys"] if key.get("use", "sig") == "sig" and key.get("kty") != "oct"]
    return {"keys": keys}
