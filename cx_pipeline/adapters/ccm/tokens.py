"""Bearer tokens for the conversation manager: none, a static one, or OAuth2 client credentials (RFC 6749, 4.4).

A token never stands in an error or a log line; who asks gets a `SecretStr`.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Protocol

import httpx
import stamina
from pydantic import SecretStr

from cx_pipeline.core.errors import ConfigurationError, DestinationUnavailableError
from cx_pipeline.settings import Settings

EARLY_S = 30.0
"""A token is renewed so long before it expires; a short-lived one when a tenth of its life is left."""
LIFETIME_S = 60.0
"""Of a token whose end point does not tell."""
TIMEOUT_S = 10.0
_ATTEMPTS = 2


class Tokens(Protocol):
    """Where tokens come from."""

    async def current(self) -> SecretStr | None:
        """The token to send, if any."""

    async def renewed(self, refused: SecretStr | None) -> SecretStr | None:
        """Another token than the one that was refused; None if there is none."""

    @property
    def secrets(self) -> list[str]:
        """All that must not show up anywhere."""


class NoTokens:
    """For a manager that asks for none."""

    secrets: list[str] = []  # noqa: RUF012  no token, nothing to add

    async def current(self) -> None:
        """None."""

    async def renewed(self, refused: SecretStr | None) -> None:
        """None."""


class StaticToken:
    """One token, from a setting or a file; the file is read anew when its token is refused."""

    def __init__(self, token: SecretStr | None, file: Path | None) -> None:
        self._file = file
        self._token = token if token is not None else self._read()

    @property
    def secrets(self) -> list[str]:
        """The token."""
        return [self._token.get_secret_value()]

    async def current(self) -> SecretStr:
        """The token."""
        return self._token

    async def renewed(self, refused: SecretStr | None) -> SecretStr | None:
        """The token that the file holds now, if it is another."""
        if self._file is not None:
            self._token = await asyncio.to_thread(self._read)
        return self._token if self._token != refused else None

    def _read(self) -> SecretStr:
        return secret_from_file(self._file, "CX_CCM_TOKEN_FILE")


class ClientCredentials:
    """OAuth2 client credentials. However many wait for a token, one request fetches it."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        url: str,
        client_id: str,
        client_secret: Callable[[], SecretStr],
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._client, self._url, self._client_id, self._client_secret = client, url, client_id, client_secret
        self._clock = clock
        self._token: SecretStr | None = None
        self._good_until = 0.0
        self._renewal: asyncio.Task[SecretStr] | None = None
        self._seen: list[str] = []

    @property
    def secrets(self) -> list[str]:
        """The newest tokens and the client's secret."""
        return self._seen

    async def current(self) -> SecretStr:
        """The token, fetched where there is none that lasts.

        Raises:
            DestinationUnavailableError: the token end point does not answer.
            ConfigurationError: it refuses the client.
        """
        if self._token is not None and self._clock() < self._good_until:
            return self._token
        return await self._fetched()

    async def renewed(self, refused: SecretStr | None) -> SecretStr | None:
        """A token fetched since the refused one was; raises as `current` does."""
        if self._token is not None and self._token != refused:
            return self._token
        return await self._fetched()

    async def _fetched(self) -> SecretStr:
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._fetch())
            self._renewal.add_done_callback(self._renewal_is_over)
        # One of those who wait may give up: the others still want the token.
        return await asyncio.shield(self._renewal)

    def _renewal_is_over(self, task: asyncio.Task[SecretStr]) -> None:
        self._renewal = None
        if not task.cancelled():
            task.exception()

    async def _fetch(self) -> SecretStr:
        async for attempt in stamina.retry_context(
            on=DestinationUnavailableError, attempts=_ATTEMPTS, timeout=None, wait_initial=0.2, wait_max=0.5
        ):
            with attempt:
                answer = await self._ask()
        token, lifetime_s = _token_of(answer)
        self._good_until = self._clock() + lifetime_s - min(EARLY_S, lifetime_s / 10)
        self._token = token
        self._seen = [*self._seen, token.get_secret_value()][-5:]
        return token

    async def _ask(self) -> httpx.Response:
        secret = self._client_secret().get_secret_value()
        if secret not in self._seen:
            self._seen = [secret, *self._seen]
        form = {"grant_type": "client_credentials", "client_id": self._client_id, "client_secret": secret}
        try:
            answer = await self._client.post(self._url, data=form, timeout=TIMEOUT_S)
        except (httpx.HTTPError, OSError) as error:
            raise DestinationUnavailableError(
                f"the token end point does not answer ({type(error).__name__}): check CX_CCM_OAUTH_TOKEN_URL"
            ) from None
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error:
            raise DestinationUnavailableError(f"the token end point answers {answer.status_code}")
        if not answer.is_success:
            raise ConfigurationError(
                f"the token end point refuses us ({answer.status_code}): check CX_CCM_OAUTH_TOKEN_URL, "
                "CX_CCM_OAUTH_CLIENT_ID and the client's secret"
            )
        return answer


def tokens_of(settings: Settings, client: httpx.AsyncClient) -> Tokens:
    """What the settings say.

    Raises:
        ConfigurationError: they contradict each other, or a file cannot be read.
    """
    has_static = settings.ccm_token is not None or settings.ccm_token_file is not None
    url, client_id = settings.ccm_oauth_token_url, settings.ccm_oauth_client_id
    if url is None:
        if client_id is not None:
            raise ConfigurationError("CX_CCM_OAUTH_CLIENT_ID is set and CX_CCM_OAUTH_TOKEN_URL is not")
        return StaticToken(settings.ccm_token, settings.ccm_token_file) if has_static else NoTokens()
    if has_static:
        raise ConfigurationError("set either CX_CCM_TOKEN (or its file) or CX_CCM_OAUTH_TOKEN_URL, not both")
    secret, file = settings.ccm_oauth_client_secret, settings.ccm_oauth_client_secret_file
    if client_id is None or (secret is None and file is None):
        raise ConfigurationError(
            "CX_CCM_OAUTH_TOKEN_URL needs CX_CCM_OAUTH_CLIENT_ID and CX_CCM_OAUTH_CLIENT_SECRET (or its file)"
        )

    def client_secret() -> SecretStr:
        return secret or secret_from_file(file, "CX_CCM_OAUTH_CLIENT_SECRET_FILE")

    return ClientCredentials(client, str(url), client_id, client_secret)


def secret_from_file(file: Path | None, variable: str) -> SecretStr:
    """The secret that a file holds, white space around it apart.

    Raises:
        ConfigurationError: it cannot be read, or is empty.
    """
    try:
        text = file.read_text(encoding="utf-8").strip() if file is not None else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{variable}: {file} cannot be read ({type(error).__name__})") from None
    if not text:
        raise ConfigurationError(f"{variable}: {file} is empty")
    return SecretStr(text)


def _token_of(answer: httpx.Response) -> tuple[SecretStr, float]:
    """The token and its lifetime in seconds."""
    try:
        fields = answer.json()
        token, lifetime_s = fields["access_token"], float(fields.get("expires_in", LIFETIME_S))
    except (ValueError, KeyError, TypeError, AttributeError):
        token, lifetime_s = None, 0.0
    if not isinstance(token, str) or not token:
        raise ConfigurationError(
            "the token end point answers without an access_token: check CX_CCM_OAUTH_TOKEN_URL"
        ) from None
    return SecretStr(token), lifetime_s
