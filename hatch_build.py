"""What a built wheel holds beside the files of the package."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FROM_THE_ROOT = ("dagster.yaml", "lua", "sql")
"""File and folders of the repository's root that the product reads; an installed package has no root to find them at."""


class CarryRootFiles(BuildHookInterface):  # type: ignore[type-arg]
    """Puts them into the package. Not into an editable one: there a copy would go stale."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: D102
        if version != "editable":
            build_data["force_include"].update({name: f"cx_pipeline/{name}" for name in FROM_THE_ROOT})
