"""The table of enriched legs follows the table of legs, whoever writes in whatever order."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import polars as pl
import pytest
from sqlalchemy import Engine, text

from cx_pipeline.adapters.database.enriched_legs import EnrichedCounts, EnrichedLegs
from cx_pipeline.core.enrichment.schema import (
    AMBIGUOUS,
    COMPLETE,
    ENRICHED_LEG_SCHEMA,
    FROM_EVENTS,
    FROM_RECORD,
    PARTIAL,
    PENDING,
)
from cx_pipeline.core.windows import Window

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)
NINE_WINDOW, TEN_WINDOW = Window(TEN - HOUR, TEN), Window(TEN, TEN + HOUR)
CALL = str(UUID(int=100))


def leg_id(number: int) -> str:
    return str(UUID(int=number))


def enriched(number: int, **values: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "leg_id": leg_id(number),
        "leg_key": f"{CALL}:1005::{number}",
        "call_id": CALL,
        "tenant_id": "red",
        "leg_number": number,
        "agent_extension": "1005",
        "status": "COMPLETED",
        "is_reportable": True,
        "start_time": TEN + MINUTE,
        "end_time": TEN + 2 * MINUTE,
        "participants": ["1005", 'o"dd, {one}\\'],
        "hold_segments": [
            {"start_time": TEN, "end_time": TEN + MINUTE, "duration_ms": 60_000, "is_synthetic": False},
            {"start_time": None, "end_time": None, "duration_ms": 5_000, "is_synthetic": True},
        ],
        "origin": FROM_EVENTS,
        "enrichment_status": COMPLETE,
        "wrap_up": "sale; \"yes\", 'no'\n€",
        "custom_variables": '{"Variable1":"x"}',
    }
    return row | values


def frame(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=ENRICHED_LEG_SCHEMA)


def own(engine: Engine, window: Window, *numbers: int) -> None:
    """Let the table of legs say that the window owns these legs."""
    with engine.begin() as connection:
        for number in numbers:
            connection.execute(
                text(
                    "INSERT INTO call_leg (leg_id, leg_key, call_id, tenant_id, leg_number, status, window_start, high_water) "
                    "VALUES (:leg, 'key', :call, 'red', 1, 'COMPLETED', :start, 1) "
                    "ON CONFLICT (leg_id) DO UPDATE SET window_start = excluded.window_start"
                ),
                {"leg": leg_id(number), "call": CALL, "start": window.start},
            )


def rows(engine: Engine) -> list[tuple[int, datetime, str]]:
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT leg_id, window_start, enrichment_status FROM enriched_leg ORDER BY 1")
        )
        return [(leg.int, start, status) for leg, start, status in found]


@pytest.fixture
def store(engine: Engine) -> EnrichedLegs:
    return EnrichedLegs(engine)


def test_legs_come_back_as_they_were_written(engine: Engine, store: EnrichedLegs):
    own(engine, TEN_WINDOW, 1, 2)
    legs = frame(enriched(1), enriched(2, enrichment_status=PENDING, wrap_up=None, hold_segments=[]))
    assert store.write_window(TEN_WINDOW, legs, high_water=5) == EnrichedCounts(2, 0, 0, 0, 0)
    assert store.of_call(CALL).equals(legs)
    assert store.of_tenants(["red"]).equals(legs)
    assert store.of_tenants(["blue"]).is_empty()
    assert sorted(store.ids_of(TEN_WINDOW)) == [leg_id(1), leg_id(2)]
    assert store.ids_of(NINE_WINDOW).is_empty()


def test_what_did_not_change_is_not_written_again(engine: Engine, store: EnrichedLegs):
    own(engine, TEN_WINDOW, 1, 2)
    store.write_window(TEN_WINDOW, frame(enriched(1), enriched(2)), high_water=5)
    with engine.connect() as connection:
        before = connection.execute(text("SELECT leg_id, xmin::text FROM enriched_leg ORDER BY 1")).all()
    counts = store.write_window(TEN_WINDOW, frame(enriched(1), enriched(2, wrap_up="other")), high_water=6)
    with engine.connect() as connection:
        after = connection.execute(text("SELECT leg_id, xmin::text FROM enriched_leg ORDER BY 1")).all()
    assert counts == EnrichedCounts(0, 1, 1, 0, 0)
    assert after[0] == before[0]
    assert after[1] != before[1]


@pytest.mark.parametrize(
    "change",
    [
        {"hold_segments": [{"start_time": TEN, "end_time": TEN, "duration_ms": 1, "is_synthetic": False}]},
        {"hold_segments": []},
        {"hold_segments": None},
        {"participants": ["1005"]},
        {"wrap_up": ""},
        {"wrap_up": None},
        {"talk_s": 0},
        {"match_distance_ms": -1},
        {"end_time": TEN + 2 * MINUTE + timedelta(microseconds=1)},
        {"is_answered": False},
    ],
    ids=str,
)
def test_every_change_of_a_leg_is_written(engine: Engine, store: EnrichedLegs, change: dict[str, Any]):
    own(engine, TEN_WINDOW, 1)
    store.write_window(TEN_WINDOW, frame(enriched(1)), high_water=5)
    changed = frame(enriched(1, **change))
    assert store.write_window(TEN_WINDOW, changed, high_water=6) == EnrichedCounts(0, 1, 0, 0, 0)
    assert store.of_call(CALL).equals(changed)


def test_a_leg_that_moved_to_another_window_is_left_to_that_one(engine: Engine, store: EnrichedLegs):
    own(engine, NINE_WINDOW, 1)
    store.write_window(NINE_WINDOW, frame(enriched(1, enrichment_status=PENDING)), high_water=5)
    own(engine, TEN_WINDOW, 1)  # the call went on, and ended in the next hour
    counts = store.write_window(NINE_WINDOW, frame(enriched(1, enrichment_status=PARTIAL)), high_water=6)
    assert (counts.elsewhere, rows(engine)) == (1, [(1, NINE_WINDOW.start, PENDING)])
    store.write_window(TEN_WINDOW, frame(enriched(1)), high_water=4)
    assert rows(engine) == [(1, TEN_WINDOW.start, COMPLETE)]
    store.write_window(NINE_WINDOW, frame(), high_water=7)
    assert rows(engine) == [(1, TEN_WINDOW.start, COMPLETE)]


def test_a_leg_that_is_no_more_goes_and_one_of_a_record_goes_with_its_record(
    engine: Engine, store: EnrichedLegs
):
    own(engine, TEN_WINDOW, 1, 2)
    store.write_window(
        TEN_WINDOW, frame(enriched(1), enriched(2), enriched(3, origin=FROM_RECORD)), high_water=5
    )
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM call_leg WHERE leg_id = :leg"), {"leg": leg_id(2)})
    assert store.write_window(TEN_WINDOW, frame(enriched(1)), high_water=6).deleted == 2
    assert [number for number, _, _ in rows(engine)] == [1]


def test_a_leg_that_vanished_while_it_was_enriched_is_not_written(engine: Engine, store: EnrichedLegs):
    assert store.write_window(TEN_WINDOW, frame(enriched(1)), high_water=5).elsewhere == 1
    assert rows(engine) == []


def test_a_computation_that_saw_less_does_not_replace_one_that_saw_more(engine: Engine, store: EnrichedLegs):
    own(engine, TEN_WINDOW, 1)
    store.write_window(TEN_WINDOW, frame(enriched(1)), high_water=9)
    counts = store.write_window(TEN_WINDOW, frame(enriched(1, enrichment_status=PENDING)), high_water=8)
    assert (counts.unchanged, rows(engine)) == (1, [(1, TEN, COMPLETE)])


def test_windows_are_known_by_their_reportable_legs_without_a_record(engine: Engine, store: EnrichedLegs):
    own(engine, TEN_WINDOW, 1, 2, 3)
    own(engine, NINE_WINDOW, 4, 5)
    late = TEN + 50 * MINUTE
    store.write_window(
        TEN_WINDOW,
        frame(
            enriched(1, enrichment_status=PARTIAL),
            enriched(2, enrichment_status=AMBIGUOUS, end_time=late),
            enriched(3, end_time=late + MINUTE),
        ),
        high_water=5,
    )
    store.write_window(
        NINE_WINDOW,
        frame(
            enriched(4, enrichment_status=PENDING, is_reportable=False, end_time=TEN - MINUTE),
            enriched(5, end_time=TEN - MINUTE),
        ),
        high_water=5,
    )
    assert store.windows_without_records(TEN - HOUR, TEN + HOUR) == {TEN: late}
    assert store.windows_without_records(late + MINUTE, TEN + HOUR) == {}
