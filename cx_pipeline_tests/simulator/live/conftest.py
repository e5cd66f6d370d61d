"""One small site for all tests of this folder: its audio takes half a second."""

import pytest

from cx_pipeline.simulator.live.site import LiveSite
from cx_pipeline_tests.simulator.live.sites import small_site


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> LiveSite:
    """Never to be played itself: that would move its files away."""
    return small_site(tmp_path_factory.mktemp("live"))
