"""One issuer and one gateway for all tests of a module: keys take a while to make."""

from collections.abc import Iterator, Mapping

import pytest

from cx_pipeline_tests.gateway.access.issuing import Site, running_site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, tokens: Mapping[str, str]) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site"), tokens) as running:
        yield running
