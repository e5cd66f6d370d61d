"""The gateway as a listener sees it: events go there in batches, and signs of life.

A call returns only when the gateway has answered that it has everything safe. Batches keep their order: each call
sends one, and tries again before it returns.
"""

import re
import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import httpx
import stamina

from cx_pipeline.adapters.listening.token import ListenerToken
from cx_pipeline.core.errors import ConfigurationError, DestinationUnavailableError
from cx_pipeline.core.event_batches import BatchVerdict, batch_verdict
from cx_pipeline.core.listening import ListenerState
from cx_pipeline.core.messages.delivery import excerpt, retry_after_s

ATTEMPTS = 4
LONGEST_WAIT_S = 2.0
LONGEST_RETRY_AFTER_S = 10.0
"""What the gateway asks beyond that is left to who calls again: a listener that is told to end does not hang in here."""
TIMEOUT = httpx.Timeout(10.0, connect=3.0)
_NDJSON = {"Content-Type": "application/x-ndjson"}
_BEAT_TIMEOUT_S = 3.0


class BatchRefusedError(ConfigurationError):
    """The gateway takes no such batch: halves of it may do."""

    def __init__(self, status_code: int, told: str) -> None:
        super().__init__(f"the gateway refuses what it was sent: {told}")
        self.status_code = status_code
        self.told = told


class _LaterError(DestinationUnavailableError):
    """Not now; `wait_s` is how long the gateway asked to be left alone, 0 if it did not."""

    def __init__(self, message: str, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class EventClient:
    """Posts events and heartbeats to one gateway. Used in a `with` block, by two threads at most."""

    def __init__(
        self,
        gateway_url: str,
        token: ListenerToken,
        *,
        timeout: httpx.Timeout = TIMEOUT,
        verify: ssl.SSLContext | bool = True,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        """Make one; nothing is connected yet.

        Args:
            gateway_url: its address.
            token: to show there.
            timeout: of each request.
            verify: which authorities are trusted; by default those that httpx trusts.
            clock: the present, for a `Retry-After` that is a date.

        Raises:
            ConfigurationError: the address is none of HTTP, or holds a user or a password.
        """
        self._base = _checked(gateway_url)
        self._token = token
        self._clock = clock or (lambda: datetime.now(UTC))
        self._http = httpx.Client(timeout=timeout, verify=verify, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def post_events(self, lines: Sequence[bytes], may_send: Callable[[], None] = lambda: None) -> int:
        """Send lines, one event each, in their order; return when the gateway has them safe.

        Args:
            lines: without their newlines.
            may_send: called before each attempt; what it raises ends the call.

        Returns:
            How many of them the gateway quarantined, as far as it tells: one that spools does not know yet.

        Raises:
            DestinationUnavailableError: it does not answer, or cannot take them now, in spite of several attempts.
            BatchRefusedError: it takes no such batch.
            ConfigurationError: it would take no batch: the address, the token or its scope are wrong.
        """
        body = b"\n".join(lines) + b"\n"
        retry = stamina.retry_context(
            on=_patience,
            attempts=ATTEMPTS,
            timeout=None,
            wait_initial=0.1,
            wait_max=LONGEST_WAIT_S,
            wait_jitter=0.1,
        )
        for attempt in retry:
            with attempt:
                may_send()
                answer = self._post("/events", body, _NDJSON)
        return _quarantined(answer)

    def heartbeat(self, beat: ListenerState, tenant_id: str = "") -> None:
        """Tell a sign of life, once: the next one comes soon.

        Args:
            beat: of which listener, when, and how it was.
            tenant_id: whose calls it hears; empty for all.

        Raises:
            DestinationUnavailableError: the gateway does not answer.
            ConfigurationError: it refuses it.
        """
        content = {
            "tenant_id": tenant_id,
            "source": beat.source,
            "listener_id": beat.listener_id,
            "beat_at": beat.beat_at.isoformat(),
            "is_connected": beat.is_connected,
            "failed_reconnections": beat.failed_reconnections,
        }
        request = self._http.build_request(
            "POST", f"{self._base}/listeners/heartbeat", json=content, timeout=_BEAT_TIMEOUT_S
        )
        self._judge(self._sent(request))

    def _post(self, path: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        request = self._http.build_request("POST", self._base + path, content=body, headers=headers)
        response = self._sent(request)
        self._judge(response)
        return response

    def _sent(self, request: httpx.Request) -> httpx.Response:
        request.headers.update(self._token.headers)
        response = self._send(request)
        if response.status_code == httpx.codes.UNAUTHORIZED and self._token.renew():
            request.headers.update(self._token.headers)
            response = self._send(request)
        return response

    def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            return self._http.send(request)
        except httpx.HTTPError as error:
            raise _LaterError(
                f"the gateway at {self._base} does not answer ({type(error).__name__})"
            ) from None

    def _judge(self, response: httpx.Response) -> None:
        verdict = batch_verdict(response.status_code)
        if verdict is BatchVerdict.TAKEN:
            return
        told = excerpt(f"{response.status_code} {response.text}", self._token.secrets)
        if verdict is BatchVerdict.LATER:
            wait_s = retry_after_s(response.headers.get("retry-after"), self._clock())
            raise _LaterError(f"the gateway cannot take events now: {told}", wait_s)
        if verdict is BatchVerdict.DIVIDE:
            raise BatchRefusedError(response.status_code, told)
        raise ConfigurationError(
            f"the gateway at {self._base} refuses this listener: {told}; check its address, token and scope"
        )


def _patience(error: Exception) -> bool | float:
    """Whether to try again, and after how many seconds where the gateway said so."""
    if not isinstance(error, _LaterError):
        return False
    return min(error.wait_s, LONGEST_RETRY_AFTER_S) if error.wait_s > 0 else True


def _quarantined(answer: httpx.Response) -> int:
    try:
        return int(answer.json()["quarantined"])
    except (ValueError, TypeError, KeyError):
        return 0


def _checked(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        raise ConfigurationError("the gateway's address is no URL: write http://host:9900") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ConfigurationError("the gateway's address is no http(s) URL: write http://host:9900")
    if parsed.userinfo:
        raise ConfigurationError(
            "the gateway's address holds a user or a password: give a token file instead"
        )
    return re.sub(r"/+$", "", str(parsed.copy_with(query=None, fragment=None)))
