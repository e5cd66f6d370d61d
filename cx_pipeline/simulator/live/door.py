"""The gateway as a site sees it: where listener, recorders and switch bring what they have to tell."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any, Protocol

import httpx
import stamina
from pydantic import SecretStr

from cx_pipeline.adapters.listening.event_client import EventClient
from cx_pipeline.adapters.listening.token import ListenerToken
from cx_pipeline.core.errors import ConfigurationError, DestinationUnavailableError
from cx_pipeline.core.listening import ListenerState

EVENTS_A_REQUEST = 500
TIMEOUT_S = 10.0
PATIENCE_S = 60.0
"""So long what is to be told is told again while the gateway is away."""
SOURCE = "jtapi"
_THROTTLED = 429
_FIRST_FAULT_OF_THE_SERVER = 500


class Door(Protocol):
    """Takes what a site tells; returns once it is safe there."""

    def tell_events(self, lines: Sequence[bytes]) -> None:
        """Events, one line of NDJSON each, in the order in which they were heard."""

    def tell_of_listener(self, listener_id: str, beat_at: datetime) -> None:
        """The listener's sign of life."""

    def tell(self, path: str, document: Mapping[str, Any]) -> None:
        """One JSON document of a script."""


class GatewayDoor:
    """The gateway over HTTP; made by `open_door`.

    All methods raise ConfigurationError where the gateway refuses, DestinationUnavailableError where it is away for
    longer than `PATIENCE_S`.
    """

    def __init__(self, listener: EventClient, scripts: httpx.Client) -> None:
        self._listener, self._scripts = listener, scripts

    def tell_events(self, lines: Sequence[bytes]) -> None:
        """Events, some hundred at a time, by the listeners' own client."""
        for first in range(0, len(lines), EVENTS_A_REQUEST):
            batch = lines[first : first + EVENTS_A_REQUEST]
            _patiently(partial(self._listener.post_events, batch))

    def tell_of_listener(self, listener_id: str, beat_at: datetime) -> None:
        """A sign of life of a listener that hears its source."""
        state = ListenerState(SOURCE, listener_id, beat_at, is_connected=True, failed_reconnections=0)
        _patiently(lambda: self._listener.heartbeat(state))

    def tell(self, path: str, document: Mapping[str, Any]) -> None:
        """One document, as the scripts on recorders and switch post it."""
        _patiently(lambda: _require_taken(self._answer(path, document)))

    def _answer(self, path: str, document: Mapping[str, Any]) -> httpx.Response:
        try:
            return self._scripts.post(path, json=dict(document))
        except httpx.TransportError as error:
            message = f"{self._scripts.base_url} does not answer: {error}; see whether the gateway runs"
            raise DestinationUnavailableError(message) from error


@contextmanager
def open_door(gateway_url: str, token: SecretStr | None) -> Iterator[GatewayDoor]:
    """The door of a gateway, `token` being one with the scopes of listeners and recorders."""
    credentials = ListenerToken(token)
    with (
        EventClient(gateway_url, credentials) as listener,
        httpx.Client(
            base_url=gateway_url.rstrip("/"), headers=credentials.headers, timeout=TIMEOUT_S, trust_env=False
        ) as scripts,
    ):
        yield GatewayDoor(listener, scripts)


def _patiently(told: Callable[[], object]) -> None:
    for attempt in stamina.retry_context(
        on=DestinationUnavailableError, attempts=None, timeout=PATIENCE_S, wait_max=2.0
    ):
        with attempt:
            told()


def _require_taken(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    told = f"{answer.request.url} answered {answer.status_code}: {answer.text[:300]}"
    if answer.status_code >= _FIRST_FAULT_OF_THE_SERVER or answer.status_code == _THROTTLED:
        raise DestinationUnavailableError(told)
    raise ConfigurationError(f"{told}; give the gateway's address and a token that may tell this")
