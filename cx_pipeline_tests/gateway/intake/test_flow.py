"""The way into the database and the spool: who waits for what, and what becomes of what nobody can store."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, text

from cx_pipeline.adapters.intake.batches import BatchCounts, EventBatch, EventBatches
from cx_pipeline.adapters.spool.spool import Spool
from cx_pipeline.core.directory import Directory
from cx_pipeline.core.errors import DatabaseUnavailableError
from cx_pipeline.gateway.intake import flow as flow_module
from cx_pipeline.gateway.intake.figures import IntakeFigures
from cx_pipeline.gateway.intake.flow import IntakeFlow
from cx_pipeline.gateway.intake.records import Kind, Outcome, Receipt, Record, from_bytes, to_bytes
from cx_pipeline.gateway.intake.storing import RecordStore
from cx_pipeline.settings import Settings
from cx_pipeline_tests.gateway.intake.test_events import event, lines, quarantined, stored

OpenFlow = Callable[[], IntakeFlow]


def record(*numbers: int) -> Record:
    payload = lines([event(number) for number in numbers])
    return Record(Kind.EVENTS, "acme", "listener", datetime(2026, 6, 8, tzinfo=UTC), payload, len(numbers))


@pytest.fixture
def open_flow(engine: Engine, tmp_path: Path) -> Iterator[OpenFlow]:
    """Opens the intake upon the same spool; the one before must be closed."""
    opened: list[IntakeFlow] = []

    def open_one() -> IntakeFlow:
        spool = Spool(tmp_path / "spool", limit_bytes=10_000_000)
        figures = IntakeFigures(CollectorRegistry())
        opened.append(IntakeFlow(RecordStore(Settings(_env_file=None), engine), spool, figures))
        return opened[-1]

    yield open_one
    for flow in opened:
        flow.close(10)


def answer(future: Future[Receipt]) -> Receipt:
    return future.result(timeout=20)


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


def test_a_database_that_hangs_is_not_waited_for(
    open_flow: OpenFlow, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow_module, "PATIENCE_S", 0.1)
    flow = open_flow()
    with engine.begin() as blocking:
        blocking.execute(text("LOCK TABLE jtapi_event IN ACCESS EXCLUSIVE MODE"))
        receipts = [answer(flow.take(record(number))) for number in (1, 2)]

    assert receipts == [Receipt(None)] * 2
    until(lambda: len(stored(engine)) == 2)


def test_what_comes_while_the_spool_is_drained_comes_behind_it(
    open_flow: OpenFlow, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as away:
        away.setattr(EventBatches, "store", _is_away)
        flow = open_flow()
        assert [answer(flow.take(record(number))) for number in (1, 2, 3)] == [Receipt(None)] * 3
        assert flow.is_database_away
        flow.close(10)
    flow = open_flow()

    assert answer(flow.take(record(4))).outcome == Outcome(1, stored=1)

    assert [call for _, call in stored(engine)] == ["1_1", "1_2", "1_3", "1_4"]
    assert not flow.is_database_away


def test_closing_makes_safe_what_was_taken_in(open_flow: OpenFlow, engine: Engine) -> None:
    flow = open_flow()
    futures = [flow.take(record(number)) for number in range(50)]
    flow.close(20)

    assert len(wait(futures, timeout=1).done) == 50
    spooled = sum(future.result().outcome is None for future in futures)
    assert len(stored(engine)) == 50 - spooled
    open_flow()
    until(lambda: len(stored(engine)) == 50)


def test_what_cannot_be_stored_is_kept_with_its_reason_and_holds_nobody_up(
    open_flow: OpenFlow, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = EventBatches.store

    def store(self: EventBatches, batches: list[EventBatch], directory: Directory) -> list[BatchCounts]:
        if any(b'"1_2"' in batch.payload for batch in batches):
            raise RuntimeError("nobody foresaw this")
        return whole(self, batches, directory)

    monkeypatch.setattr(EventBatches, "store", store)
    flow = open_flow()

    outcomes = [answer(each).outcome for each in [flow.take(record(number)) for number in (1, 2, 3)]]

    assert outcomes == [Outcome(1, stored=1), Outcome(1, quarantined=1), Outcome(1, stored=1)]
    assert quarantined(engine) == [(0, "NOT_STORED")]


def test_a_record_of_another_release_is_set_aside_and_the_rest_is_stored(
    open_flow: OpenFlow, engine: Engine, tmp_path: Path
) -> None:
    spool = Spool(tmp_path / "spool", limit_bytes=10_000_000)
    unknown = json.dumps({"kind": "faxes"}).encode() + b"\n{}"
    spool.append([to_bytes(record(1)), unknown, to_bytes(record(2))])
    spool.close()
    open_flow()

    until(lambda: len(stored(engine)) == 2)
    dead = spool.folder / "dead"
    until(lambda: len(list(dead.iterdir())) == 2)
    assert [path.read_bytes() for path in dead.iterdir() if not path.suffix] == [unknown]


def test_a_record_is_the_same_out_of_the_spool() -> None:
    assert from_bytes(to_bytes(record(1, 2))) == record(1, 2)


def _is_away(*_: object) -> list[BatchCounts]:
    raise DatabaseUnavailableError("the database is away")
