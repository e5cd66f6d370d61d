"""The variables of a process that is started with settings of its own."""

import os
from collections.abc import Mapping
from pathlib import Path

import cx_pipeline
from cx_pipeline.settings import Settings


def environment_of(settings: Settings, dagster: Mapping[str, str]) -> dict[str, str]:
    """What a process sees that is to have these settings and none of this one's: secrets included, never print it.

    Args:
        settings: all that it may know of the deployment.
        dagster: the variables of Dagster's own configuration (`DagsterHome.environment`).
    """
    others = {name: value for name, value in os.environ.items() if not name.startswith("CX_")}
    # The home and the database are named by what Dagster's own configuration reads.
    own = {name: value for name, value in settings.as_environment().items() if name not in dagster}
    # It runs in a folder without .env, and imports this package wherever this process found it.
    package = str(Path(cx_pipeline.__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [package, others.get("PYTHONPATH")]))
    return {**others, **dagster, **own, "PYTHONPATH": path}
