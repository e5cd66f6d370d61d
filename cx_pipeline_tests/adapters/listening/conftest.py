"""A gateway that errs, new for each test, and attempts that follow each other without a pause."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from cx_pipeline_tests.adapters.listening.erring_gateway import ErringGateway, erring_gateway


@pytest.fixture
def gateway() -> Iterator[ErringGateway]:
    with erring_gateway() as running:
        yield running


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=lambda _: None))
