"""What becomes of a window's recordings when mixing goes wrong: each stands for itself, and nothing is forgotten."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import pytest
from sqlalchemy import Engine, text

from cx_pipeline.adapters.audio.mixing import MixOrder
from cx_pipeline.adapters.audio.pool import KILLED, MixOutcome
from cx_pipeline.adapters.mixing import window_mixing
from cx_pipeline.adapters.mixing.window_mixing import MixingReport, WindowMixing
from cx_pipeline.core.errors import CxError, InputError, StorageUnavailableError
from cx_pipeline.core.recording.wanted import WantedRecording
from cx_pipeline.core.windows import Window
from cx_pipeline.settings import Settings
from cx_pipeline_tests.adapters.database.test_recordings import plan, rendered, uuid, wanted

TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)
WINDOW = Window(TEN, TEN + timedelta(hours=1))
SECOND = timedelta(seconds=1)


class Pool:
    """Workers of which it is told beforehand what comes of each order."""

    outcomes: dict[str, tuple[CxError | None, str] | None]

    def __init__(self, workers: int, timeout_s: float) -> None:
        del workers, timeout_s

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def run(self, orders: Iterable[MixOrder]) -> Iterator[MixOutcome]:
        for order in orders:
            failed = self.outcomes.get(order.plan.recording_id)
            if failed is None:
                yield MixOutcome(order, rendered(order.plan), None, None)
            else:
                yield MixOutcome(order, None, *failed)


@pytest.fixture
def mixing(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WindowMixing:
    monkeypatch.setattr(window_mixing, "MixPool", Pool)
    monkeypatch.setattr(Pool, "outcomes", {}, raising=False)
    return WindowMixing(Settings(_env_file=None, home=tmp_path, mix_attempts=3), engine)


def mix(
    mixing: WindowMixing, now: datetime, *rows: WantedRecording, retry_failed: bool = False
) -> MixingReport:
    return mixing.mix(WINDOW, rows or [wanted(plan(31))], now, retry_failed=retry_failed)


def state(engine: Engine, number: int = 31) -> tuple[object, ...]:
    query = text("SELECT state, failure, attempts, next_attempt_at FROM recording WHERE recording_id = :id")
    with engine.connect() as connection:
        return tuple(connection.execute(query, {"id": uuid(number)}).one())


def test_a_storage_that_is_away_puts_it_off_longer_each_time_until_it_counts_as_failed(
    mixing: WindowMixing, engine: Engine
):
    Pool.outcomes = {uuid(31): (StorageUnavailableError("the disk is full"), "STORAGE")}
    assert mix(mixing, TEN).put_off == 1
    assert state(engine) == ("QUEUED", "STORAGE", 1, TEN + 30 * SECOND)
    assert mix(mixing, TEN + 29 * SECOND).waiting == 1
    mix(mixing, TEN + 30 * SECOND)
    assert state(engine) == ("QUEUED", "STORAGE", 2, TEN + 90 * SECOND)
    assert mix(mixing, TEN + 90 * SECOND).failed == 1
    assert state(engine) == ("FAILED", "STORAGE", 3, None)


def test_a_worker_that_was_killed_costs_its_own_recording_a_try_and_no_other(
    mixing: WindowMixing, engine: Engine
):
    Pool.outcomes = {uuid(31): (None, KILLED)}
    other = wanted(plan(32, files=(uuid(13),), legs=(uuid(2),)))
    report = mix(mixing, TEN, wanted(plan(31)), other)
    assert (report.made, report.put_off, dict(report.failures)) == (1, 1, {KILLED: 1})
    assert state(engine)[:2] == ("QUEUED", KILLED)
    assert state(engine, 32)[0] == "COMPLETED"


def test_what_cannot_be_made_is_not_tried_again_unless_a_person_asks(mixing: WindowMixing, engine: Engine):
    Pool.outcomes = {uuid(31): (InputError("the file is another than was planned"), "INPUT")}
    assert mix(mixing, TEN).failed == 1
    assert state(engine) == ("FAILED", "INPUT", 1, None)
    Pool.outcomes = {}
    assert mix(mixing, TEN).failed == 1
    assert mix(mixing, TEN, retry_failed=True).made == 1
    assert state(engine) == ("COMPLETED", None, 2, None)


def test_the_report_counts_what_was_made_before_and_tells_its_progress(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(window_mixing, "MixPool", Pool)
    monkeypatch.setattr(Pool, "outcomes", {}, raising=False)
    mixing = WindowMixing(
        Settings(_env_file=None, home=tmp_path), engine, lambda done, of: told.append((done, of))
    )
    report = mix(mixing, TEN)
    assert (report.made, report.already, report.audio_s) == (1, 0, 2.0)
    assert told == [(1, 1)]
    again = mix(mixing, TEN)
    assert (again.made, again.already) == (0, 1)
