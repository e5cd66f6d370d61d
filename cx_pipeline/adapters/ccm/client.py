"""The conversation manager over HTTP: one pooled client that sends a message and tells what came of it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from pydantic import SecretStr

from cx_pipeline.adapters.ccm.connections import ConnectionStack
from cx_pipeline.adapters.ccm.tokens import Tokens, tokens_of
from cx_pipeline.adapters.database.outbox_delivery import StepHook
from cx_pipeline.core.errors import ConfigurationError, CxError
from cx_pipeline.core.messages.delivery import UNAUTHORISED, Answer, Claim, Verdict, excerpt, verdict_of
from cx_pipeline.core.messages.outbox_row import THIRD_PARTY, VOICE
from cx_pipeline.settings import Settings

MOST_BYTES = 64 * 1024
"""So much of an answer is read; the connection of a longer one is closed."""


class MessageSender:
    """Sends messages; made by `open_sender`."""

    def __init__(
        self, client: httpx.AsyncClient, tokens: Tokens, settings: Settings, on_step: StepHook | None
    ) -> None:
        base = base_url(settings)
        paths = {VOICE: settings.ccm_voice_path, THIRD_PARTY: settings.ccm_third_party_path}
        self._urls = {destination: httpx.URL(base + path) for destination, path in paths.items()}
        self._client, self._tokens = client, tokens
        self._total_s = settings.ccm_total_timeout_s
        self._on_step = on_step

    async def send(self, claim: Claim) -> Answer:
        """Send one message; what came of it is an answer, whatever it is.

        A 401 is answered by one new token, where there may be one. All of it takes `ccm_total_timeout_s` at most.
        """
        try:
            async with asyncio.timeout(self._total_s):
                return await self._sent(claim)
        except TimeoutError:
            return Answer(None, f"no answer within {self._total_s:g} s")
        except httpx.TimeoutException as error:
            return Answer(None, f"no answer in time ({type(error).__name__})")
        except (httpx.HTTPError, OSError) as error:
            return Answer(None, self._excerpt(f"no answer: {_reason(error)}"))
        except CxError as error:  # no token to be had: the message is not to blame
            return Answer(None, self._excerpt(str(error)))

    async def _sent(self, claim: Claim) -> Answer:
        token = await self._tokens.current()
        answer = await self._post(claim, token)
        if answer.status_code == UNAUTHORISED:
            token = await self._tokens.renewed(token)
            if token is not None:
                answer = await self._post(claim, token)
        return answer

    async def _post(self, claim: Claim, token: SecretStr | None) -> Answer:
        headers = {"Content-Type": "application/json", "Idempotency-Key": claim.message_id}
        if token is not None:
            headers["Authorization"] = f"Bearer {token.get_secret_value()}"
        url, content = self._urls[claim.destination], claim.payload.encode()
        if self._on_step:
            self._on_step("before send")
        async with self._client.stream(
            "POST", url, content=content, headers=headers, extensions=self._traced()
        ) as response:
            body = await _beginning(response)
        if self._on_step:
            self._on_step("after answer")
        code = response.status_code
        told = "" if verdict_of(code) is Verdict.DELIVERED else self._told(code, body)
        return Answer(code, told, response.headers.get("retry-after"))

    def _told(self, code: int, body: str) -> str:
        hint = " (a redirect: check CX_CCM_URL)" if 300 <= code < 400 else ""
        return self._excerpt(f"{code}{hint}: {body}" if body else f"{code}{hint}")

    def _excerpt(self, text: str) -> str:
        return excerpt(text, self._tokens.secrets)

    def _traced(self) -> dict[str, Any]:
        on_step = self._on_step
        if on_step is None:
            return {}
        names = {
            "http11.send_request_body.complete": "after send",
            "http11.receive_response_headers.started": "before answer",
        }

        async def trace(event: str, _: object) -> None:
            if event in names:
                on_step(names[event])

        return {"trace": trace}


@asynccontextmanager
async def open_sender(settings: Settings, on_step: StepHook | None = None) -> AsyncIterator[MessageSender]:
    """A sender with its pool of connections, closed at the end.

    Raises:
        ConfigurationError: no conversation manager is set, or what is set cannot be used.
    """
    async with open_client(settings) as client:
        yield MessageSender(client, tokens_of(settings, client), settings, on_step)


def open_client(settings: Settings) -> httpx.AsyncClient:
    """A client with the time-outs, the pool and the authorities of the settings; no proxies of the environment.

    Raises:
        ConfigurationError: the file of authorities cannot be used.
    """
    authorities = _authorities(settings)

    def connect() -> httpx.AsyncHTTPTransport:
        one = httpx.Limits(max_connections=1, max_keepalive_connections=1)
        return httpx.AsyncHTTPTransport(verify=authorities, trust_env=False, limits=one)

    timeout = httpx.Timeout(settings.ccm_read_timeout_s, connect=settings.ccm_connect_timeout_s)
    return httpx.AsyncClient(transport=ConnectionStack(connect), timeout=timeout, trust_env=False)


def base_url(settings: Settings) -> str:
    """The address of the conversation manager, without a slash at its end.

    Raises:
        ConfigurationError: none is set, or it holds a password, which would show up in logs.
    """
    if settings.ccm_url is None:
        raise ConfigurationError(
            "CX_CCM_URL is not set: there is no conversation manager to send messages to"
        )
    if settings.ccm_url.password is not None or settings.ccm_url.username is not None:
        raise ConfigurationError("CX_CCM_URL holds a user or a password: set CX_CCM_TOKEN instead")
    return str(settings.ccm_url).rstrip("/")


def _authorities(settings: Settings) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if settings.ccm_ca_file is not None:
        try:
            context.load_verify_locations(cafile=settings.ccm_ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"CX_CCM_CA_FILE: {settings.ccm_ca_file} holds no certificates ({type(error).__name__})"
            ) from None
    return context


async def _beginning(response: httpx.Response) -> str:
    """The first bytes of the body as text."""
    data = bytearray()
    async for piece in response.aiter_bytes():
        data += piece
        if len(data) > MOST_BYTES:
            break
    return data[:MOST_BYTES].decode("utf-8", "replace")


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
