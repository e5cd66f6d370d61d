"""What the tests of delivery share."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from cx_pipeline.adapters.ccm.delivery import DeliveryReport, deliver
from cx_pipeline.settings import Settings
from cx_pipeline_tests.adapters.ccm.receiver import Receiver, running_receiver


class Clock:
    """A clock that moves when it is told."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC) + timedelta(minutes=1)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **span: float) -> None:
        self.now += timedelta(**span)


class Site:
    """A deliverer of a test: its settings, its clock, its receiver."""

    def __init__(self, engine: Engine, receiver: Receiver) -> None:
        self.engine, self.receiver, self.clock = engine, receiver, Clock()
        self.options: dict[str, Any] = {"ccm_url": receiver.url, "ccm_total_timeout_s": 5}

    @property
    def settings(self) -> Settings:
        return Settings(_env_file=None, **self.options)

    def deliver(self, *, budget_s: float = 30, **more: Any) -> DeliveryReport:
        return deliver(
            self.settings, self.engine, budget_s=budget_s, clock=self.clock, jitter=lambda: 0.5, **more
        )


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture
def site(engine: Engine, receiver: Receiver) -> Site:
    return Site(engine, receiver)
