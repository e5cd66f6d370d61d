"""The gateway as a site sees it: where listener, recorders and switch bring what they have to tell."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import httpx
import stamina
from pydantic import SecretStr

from cx_pipeline.core.errors import ConfigurationError, DestinationUnavailableError

EVENTS_A_REQUEST = 500
TIMEOUT_S = 10.0
PATIENCE_S = 60.0
"""So long what is to be told is told again while the gateway is away."""
_THROTTLED = 429
_FIRST_FAULT_OF_THE_SERVER = 500


class Door(Protocol):
    """Takes what a site tells; returns once it is safe there."""

    def tell_events(self, lines: Sequence[str]) -> None:
        """Events, one line of NDJSON each, in the order in which they were heard."""

    def tell(self, path: str, document: Mapping[str, Any]) -> None:
        """One JSON document."""


class GatewayDoor:
    """The gateway over HTTP; made by `open_door`."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def tell_events(self, lines: Sequence[str]) -> None:
        """Events by `POST /events`, some hundred at a time.

        Raises:
            ConfigurationError: the gateway refuses them.
            DestinationUnavailableError: it is away for longer than `PATIENCE_S`.
        """
        for first in range(0, len(lines), EVENTS_A_REQUEST):
            body = "".join(f"{line}\n" for line in lines[first : first + EVENTS_A_REQUEST])
            self._post("/events", content=body.encode(), headers={"Content-Type": "application/x-ndjson"})

    def tell(self, path: str, document: Mapping[str, Any]) -> None:
        """One document, as the recorders' scripts post it.

        Raises:
            ConfigurationError: the gateway refuses it.
            DestinationUnavailableError: it is away for longer than `PATIENCE_S`.
        """
        self._post(path, json=dict(document))

    def _post(self, path: str, **request: Any) -> None:
        try:
            for attempt in stamina.retry_context(
                on=(httpx.TransportError, DestinationUnavailableError), attempts=None, timeout=PATIENCE_S
            ):
                with attempt:
                    _require_taken(self._client.post(path, **request))
        except httpx.TransportError as error:
            message = f"{self._client.base_url} does not answer: {error}; see whether the gateway runs"
            raise DestinationUnavailableError(message) from error


@contextmanager
def open_door(gateway_url: str, token: SecretStr | None) -> Iterator[GatewayDoor]:
    """The door of a gateway, `token` being one with the scopes of listeners and recorders."""
    headers = {} if token is None else {"Authorization": f"Bearer {token.get_secret_value()}"}
    with httpx.Client(
        base_url=gateway_url.rstrip("/"), headers=headers, timeout=TIMEOUT_S, trust_env=False
    ) as client:
        yield GatewayDoor(client)


def _require_taken(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    told = f"{answer.request.url} answered {answer.status_code}: {answer.text[:300]}"
    if answer.status_code >= _FIRST_FAULT_OF_THE_SERVER or answer.status_code == _THROTTLED:
        raise DestinationUnavailableError(told)
    raise ConfigurationError(f"{told}; give the gateway's address and a token that may tell events")
