"""Messages to a Slack-compatible webhook."""

from collections.abc import Mapping

import httpx
import stamina
from pydantic import SecretStr

from cx_pipeline.core.errors import ConfigurationError, DestinationUnavailableError

TIMEOUT_S = 5.0
ATTEMPTS = 3
_TOO_MANY_REQUESTS = 429


class Webhook:
    """Posts JSON to one address, which is a secret: it never stands in an error."""

    def __init__(self, url: SecretStr, *, transport: httpx.BaseTransport | None = None) -> None:
        self._url = url
        self._transport = transport

    def post(self, payload: Mapping[str, object]) -> None:
        """Deliver one message, with at most `ATTEMPTS` tries of `TIMEOUT_S` each.

        Raises:
            DestinationUnavailableError: it did not answer in time, or with an error that may pass.
            ConfigurationError: it refuses the message; trying again gives the same answer.
        """
        retry = stamina.retry_context(
            on=DestinationUnavailableError,
            attempts=ATTEMPTS,
            timeout=None,
            wait_initial=0.2,
            wait_max=2.0,
            wait_jitter=0.2,
        )
        for attempt in retry:
            with attempt:
                self._post_once(payload)

    def _post_once(self, payload: Mapping[str, object]) -> None:
        try:
            with httpx.Client(timeout=TIMEOUT_S, transport=self._transport, trust_env=False) as client:
                response = client.post(self._url.get_secret_value(), json=payload)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise ConfigurationError("CX_ALERT_WEBHOOK_URL is no http(s) address") from None
        except httpx.TransportError as error:
            raise DestinationUnavailableError(
                f"the webhook does not answer ({type(error).__name__}): check CX_ALERT_WEBHOOK_URL and the network"
            ) from None
        if response.status_code == _TOO_MANY_REQUESTS or response.is_server_error:
            raise DestinationUnavailableError(f"the webhook answers {response.status_code}")
        if not response.is_success:
            raise ConfigurationError(
                f"the webhook answers {response.status_code}: check CX_ALERT_WEBHOOK_URL"
            )
