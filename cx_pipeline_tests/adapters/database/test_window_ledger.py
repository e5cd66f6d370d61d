from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, insert

from cx_pipeline.adapters.database.tables import open_call_key, window_computation
from cx_pipeline.adapters.database.window_ledger import RUN_MARGIN, WindowLedger

HOUR = timedelta(hours=1)
SILENCE = timedelta(hours=12)
TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)


def computed(engine: Engine, start: datetime, at: datetime, *, mark: int = 1, is_open: bool = True) -> None:
    counts = dict.fromkeys(("input_count", "used_count", "duplicate_count", "quarantined_count"), 0)
    with engine.begin() as connection:
        connection.execute(
            insert(window_computation).values(
                window_start=start,
                window_end=start + HOUR,
                high_water=mark,
                computed_at=at,
                run_id="r",
                **counts,
            )
        )
        if is_open:
            connection.execute(
                insert(open_call_key).values(window_start=start, tenant_id="acme", call_key="1_1")
            )


def test_marks_are_given_for_windows_that_were_computed(engine: Engine):
    computed(engine, TEN, TEN + HOUR, mark=7)
    ledger = WindowLedger(engine)
    assert ledger.high_water_marks([TEN, TEN + HOUR]) == {TEN: 7}
    assert ledger.high_water_marks([]) == {}


def test_windows_left_open_are_found_until_they_were_computed_after_all_silence_ran_out(engine: Engine):
    computed(engine, TEN, TEN + HOUR)
    computed(engine, TEN + HOUR, TEN + HOUR + SILENCE + HOUR + RUN_MARGIN)
    computed(engine, TEN + 2 * HOUR, TEN + 3 * HOUR, is_open=False)
    ledger = WindowLedger(engine)
    found = ledger.with_calls_left_open(TEN + timedelta(days=3), SILENCE, 10)
    assert [each.window.start for each in found] == [TEN]
    assert found[0].began_after == TEN + HOUR - RUN_MARGIN
    assert ledger.with_calls_left_open(TEN + SILENCE - timedelta(seconds=1), SILENCE, 10) == []
