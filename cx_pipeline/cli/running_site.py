"""A whole deployment on this machine: code server, web UI, daemon and gateway, up together and ended together."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from os import environ
from pathlib import Path

import httpx

from cx_pipeline.adapters.processes.dagster_home import (
    DEFINITIONS,
    LOCATION,
    DagsterHome,
    prepare_dagster_home,
)
from cx_pipeline.adapters.processes.own_environment import environment_of
from cx_pipeline.adapters.processes.supervisor import Program, Supervisor
from cx_pipeline.cli.demo_keys import keys_to_listen
from cx_pipeline.cli.local_access import local_variables
from cx_pipeline.cli.ports import free_port
from cx_pipeline.cli.running_gateway import is_alive
from cx_pipeline.core.errors import CxError
from cx_pipeline.settings import Settings

READY_TIMEOUT_S = 180.0
_STEP_S = 0.2
_REQUEST_TIMEOUT_S = 10.0
_PREPARE_TIMEOUT_S = 300
_STATUS = """
{
  workspaceOrError { ... on Workspace { locationEntries {
    locationOrLoadError { __typename ... on PythonError { message } }
  } } }
  instance { daemonHealth { allDaemonStatuses { required healthy } } }
}
"""
_UNREACHABLE = "DagsterUserCodeUnreachableError"
"""The web UI asked before the code server answered; it asks again."""


class NotReadyError(CxError):
    """The web UI, the code location or the gateway did not come up."""


@dataclass(frozen=True, slots=True)
class RunningSite:
    """What runs, and where it is reached."""

    url: str
    """Of the web UI."""
    gateway_url: str
    """At which the gateway listens; people may reach it elsewhere (`CX_GATEWAY_URL`)."""
    logs: Path
    supervisor: Supervisor


@contextmanager
def running_site(
    settings: Settings,
    *,
    host: str,
    port: int,
    prepared: Callable[[Supervisor], None],
    is_alone: bool = False,
) -> Iterator[RunningSite]:
    """Start everything but the database, and wait until all of it answers.

    Args:
        settings: of the deployment, as this process's environment has them.
        host: address of the web UI.
        port: its port; 0 takes a free one.
        prepared: called before the first program starts, for what the supervisor has to look after beside.
        is_alone: the programs are given these settings, and see none of this process's variables.

    Raises:
        ConfigurationError: a port is taken, or the home cannot be written to.
        NotReadyError: something did not come up; the message names the logs.
    """
    home = prepare_dagster_home(settings)
    _prepare_storage(home)
    port = free_port(host, port, "--port")
    gateway_port = free_port(settings.gateway_host, settings.gateway_port, "CX_GATEWAY_PORT")
    url, logs = f"http://{host}:{port}", settings.home.absolute() / "logs"
    gateway_url = f"http://{settings.gateway_host}:{gateway_port}"
    environment = {
        **home.environment,
        "CX_PUBLIC_URL": str(settings.public_url) if "public_url" in settings.model_fields_set else url,
        "CX_GATEWAY_PORT": str(gateway_port),
        "CX_GATEWAY_URL": str(settings.gateway_url or gateway_url),
        **local_variables(settings),
    }
    inherited = environment_of(settings, home.environment) if is_alone else None
    with Supervisor(environment, inherited, home.folder if is_alone else None) as supervisor:
        prepared(supervisor)
        code_server, *others = _programs(home, logs, host, port, keys_to_listen(settings))
        supervisor.start(code_server)
        _wait_until(lambda: _listens(home.socket), supervisor, logs)
        for program in others:
            supervisor.start(program)
        with httpx.Client(timeout=_REQUEST_TIMEOUT_S, trust_env=False) as client:
            _wait_until(lambda: _is_ready(client, url), supervisor, logs)
            _wait_until(lambda: is_alive(client, gateway_url), supervisor, logs)
        yield RunningSite(url, gateway_url, logs, supervisor)


def _programs(
    home: DagsterHome, logs: Path, host: str, port: int, gateways: Mapping[str, str]
) -> list[Program]:
    """Code server first, as the others ask it; the gateway needs none of them."""
    workspace = ["--workspace", str(home.workspace)]
    python = [sys.executable, "-m"]
    code_server = [
        *python,
        "cx_pipeline.orchestration.code_server",
        "--socket",
        str(home.socket),
        "--module-name",
        DEFINITIONS,
    ]
    web = [*python, "dagster_webserver", "--host", host, "--port", str(port), *workspace]
    return [
        Program("code server", [*code_server, "--location-name", LOCATION], logs / "code-server.log"),
        Program("gateway", [*python, "cx_pipeline.gateway"], logs / "gateway.log", gateways),
        Program("web UI", web, logs / "web.log"),
        Program("daemon", [*python, "dagster._daemon", "run", *workspace], logs / "daemon.log"),
    ]


def _prepare_storage(home: DagsterHome) -> None:
    """Make Dagster's tables before its processes start, in a process of its own: this one does not load Dagster."""
    prepared = subprocess.run(
        [sys.executable, "-m", "cx_pipeline.orchestration.prepare"],
        env={**environ, **home.environment},
        capture_output=True,
        text=True,
        timeout=_PREPARE_TIMEOUT_S,
        check=False,
    )
    if prepared.returncode:
        last = (prepared.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise NotReadyError(f"Dagster's storage could not be made ready: {last}")


def _wait_until(condition: Callable[[], bool], supervisor: Supervisor, logs: Path) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not condition():
        fallen = supervisor.revive()
        if fallen or time.monotonic() > deadline:
            what = f"the {fallen[0]} ended" if fallen else f"not ready after {READY_TIMEOUT_S:.0f} s"
            raise NotReadyError(f"{what}: see the logs in {logs}")
        time.sleep(_STEP_S)


def _listens(path: Path) -> bool:
    """Whether somebody accepts connections at a socket; what a killed server left behind accepts none."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def _is_ready(client: httpx.Client, url: str) -> bool:
    """Whether the web UI answers, the definitions are loaded, and the daemon is at work."""
    try:
        answer = client.post(f"{url}/graphql", json={"query": _STATUS})
    except httpx.TransportError:
        return False
    if not answer.is_success:
        return False
    data = answer.json()["data"]
    for entry in data["workspaceOrError"].get("locationEntries", []):
        loaded = entry["locationOrLoadError"] or {}
        if loaded.get("__typename") == "PythonError" and _UNREACHABLE not in loaded["message"]:
            raise NotReadyError(f"the definitions cannot be loaded: {loaded['message'].strip()}")
        if loaded.get("__typename") == "RepositoryLocation":
            daemons = data["instance"]["daemonHealth"]["allDaemonStatuses"]
            return all(daemon["healthy"] for daemon in daemons if daemon["required"])
    return False
