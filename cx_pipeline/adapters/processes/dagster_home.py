"""The folder and the environment of Dagster's processes, below `CX_HOME`/dagster."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cx_pipeline.adapters.database.connection import dagster_database_url
from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.settings import Settings

LOCATION = "cx-pipeline"
"""Name of the code location: cursors of sensors and states of schedules hang on it."""
DEFINITIONS = "cx_pipeline.definitions"

_PACKAGE = Path(__file__).resolve().parents[2]
_LONGEST_SOCKET_PATH = 100
"""Of 107 that the system allows."""


@dataclass(frozen=True, slots=True)
class DagsterHome:
    """A folder that is ready, and what stands in it."""

    folder: Path
    workspace: Path
    """Names the code location as served at `socket`."""
    socket: Path
    environment: dict[str, str]
    """For the processes, beside their parent's: it holds the database's URL, so never print it."""


def prepare_dagster_home(settings: Settings) -> DagsterHome:
    """Make the folder, with the instance's configuration of this release, and find or start the database.

    Raises:
        ConfigurationError: the folder cannot be written to, or the database's URL is wrong.
        DatabaseUnavailableError: the embedded database did not start.
    """
    folder = settings.home.absolute() / "dagster"
    socket = _socket_path(folder)
    workspace = (
        "load_from:\n  - grpc_server:\n"
        f'      socket: "{socket}"\n      host: localhost\n      location_name: {LOCATION}\n'
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "dagster.yaml", instance_configuration().read_text(encoding="utf-8"))
        _write(folder / "workspace.yaml", workspace)
    except OSError as error:
        raise ConfigurationError(f"cannot write to {folder}: {error.strerror}; check CX_HOME") from error
    return DagsterHome(folder, folder / "workspace.yaml", socket, _environment(settings, folder))


def instance_configuration() -> Path:
    """The `dagster.yaml` of this release: at the root of a checkout, or inside an installed package."""
    for candidate in (_PACKAGE / "dagster.yaml", _PACKAGE.parent / "dagster.yaml"):
        if candidate.is_file():
            return candidate
    raise ConfigurationError("dagster.yaml is missing from the installation: install cx-pipeline again")


def _environment(settings: Settings, folder: Path) -> dict[str, str]:
    return {
        "DAGSTER_HOME": str(folder),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "CX_HOME": str(settings.home.absolute()),
        "CX_DAGSTER_DATABASE_URL": dagster_database_url(settings).get_secret_value(),
        "CX_MAX_CONCURRENT_RUNS": str(settings.max_concurrent_runs),
    }


def _socket_path(folder: Path) -> Path:
    socket = folder / "code.sock"
    if len(str(socket)) <= _LONGEST_SOCKET_PATH:
        return socket
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"cx-pipeline-{os.getuid()}-{name}.sock"


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
