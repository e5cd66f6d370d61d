"""A switch in each Lua that FreeSWITCH builds with."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cx_pipeline_tests.lua.switch import VERSIONS, Switch

NewSwitch = Callable[..., Switch]


@pytest.fixture(params=VERSIONS)
def new_switch(request: pytest.FixtureRequest, tmp_path: Path) -> NewSwitch:
    """Makes a switch: `new_switch(answer=…, settings={…}, missing=(…))`."""

    def make(**options: Any) -> Switch:
        folder = tmp_path / f"switch-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        return Switch(version=request.param, folder=folder, **options)

    return make


@pytest.fixture
def switch(new_switch: NewSwitch) -> Switch:
    """A switch with a gateway that wants everything recorded."""
    return new_switch()
