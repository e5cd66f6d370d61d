"""The gateway by itself, beside a demo: with links that may be played by who has them, and a token of its own."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from cx_pipeline.adapters.access.local_secrets import local_secret
from cx_pipeline.adapters.processes.dagster_home import prepare_dagster_home
from cx_pipeline.adapters.processes.own_environment import environment_of
from cx_pipeline.adapters.processes.supervisor import Program, Supervisor
from cx_pipeline.cli.ports import free_port
from cx_pipeline.core.errors import CxError
from cx_pipeline.settings import Settings

LINK_KEY = "link-key"
READY_TIMEOUT_S = 60.0
_STEP_S = 0.1
_REQUEST_TIMEOUT_S = 5.0


class GatewayNotReadyError(CxError):
    """The gateway did not come up."""


def with_gateway(settings: Settings, folder: Path) -> Settings:
    """The settings with a port for a gateway that nobody uses, and links that are signed by a key in `folder`.

    The key stays: the links of an earlier demo play as well.
    """
    return settings.model_copy(
        update={
            "gateway_port": free_port(settings.gateway_host, 0, "CX_GATEWAY_PORT"),
            "link_mode": "signed",
            "link_key": local_secret(folder / LINK_KEY),
        }
    )


@contextmanager
def running_gateway(settings: Settings) -> Iterator[str]:
    """A gateway with exactly these settings; its address.

    Raises:
        GatewayNotReadyError: it did not come up; the message names its log.
    """
    home = prepare_dagster_home(settings)
    log = settings.home.absolute() / "logs" / "gateway.log"
    url = f"http://{settings.gateway_host}:{settings.gateway_port}"
    with Supervisor({}, environment_of(settings, home.environment), home.folder) as supervisor:
        supervisor.start(Program("gateway", [sys.executable, "-m", "cx_pipeline.gateway"], log))
        deadline = time.monotonic() + READY_TIMEOUT_S
        with httpx.Client(timeout=_REQUEST_TIMEOUT_S, trust_env=False) as client:
            while not is_alive(client, url):
                if supervisor.revive() or time.monotonic() > deadline:
                    raise GatewayNotReadyError(f"the gateway did not come up: see {log}")
                time.sleep(_STEP_S)
        yield url


def is_alive(client: httpx.Client, gateway_url: str) -> bool:
    """Whether the gateway answers: what it needs may come later."""
    try:
        return client.get(f"{gateway_url}/healthz").is_success
    except httpx.TransportError:
        return False
