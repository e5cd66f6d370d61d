from datetime import UTC, datetime
from itertools import permutations
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import Engine, text

from cx_pipeline.adapters.database.leg_store import LegStore, WriteCounts
from cx_pipeline.core.errors import StaleWriterError
from cx_pipeline.core.windows import Window
from cx_pipeline_tests.adapters.database.stored import (
    a_call,
    a_leg,
    at,
    call_id,
    correlation_of,
    hour,
    leg_id,
    open_keys,
    others,
)

TEN, ELEVEN, NOON = hour("10:00"), hour("11:00"), hour("12:00")


class Writer:
    """Writes a window as the pipeline does: all calls that the computation saw go in, their place follows."""

    def __init__(self, engine: Engine) -> None:
        self._store = LegStore(engine)

    def __call__(
        self, window: Window, seen: list[dict[str, Any]], mark: int, *, is_open: bool = False, **more: Any
    ) -> WriteCounts:
        own = [c for c in seen if (c["end_time"] in window if c["end_time"] else is_open)]
        rest = [c for c in seen if c not in own]
        return self._store.write_window(
            window,
            correlation_of(own, **more),
            open_keys(*seen),
            high_water=mark,
            is_open=is_open,
            run_id=f"run {mark}",
            other_calls=others(*rest),
        )


@pytest.fixture
def write(engine: Engine) -> Writer:
    return Writer(engine)


def places(engine: Engine, table: str = "call") -> dict[int, datetime]:
    """The window of each call's rows, by the call's number; a leg's call stands for it."""
    with engine.connect() as connection:
        rows = connection.execute(text(f"SELECT call_id, window_start FROM {table}")).all()
    assert len({row.call_id for row in rows}) == len(rows)
    return {row.call_id.int: row.window_start for row in rows}


def versions(engine: Engine) -> list[tuple[Any, ...]]:
    """The physical version of every row: a row that is written again gets another, even with equal values."""
    tables = ("call", "call_leg", "quarantined_event", "open_call_key")
    with engine.connect() as connection:
        return [
            (table, *row)
            for table in tables
            for row in connection.execute(text(f"SELECT ctid::text, xmin::text FROM {table} ORDER BY 1"))
        ]


def test_what_is_written_is_what_is_read(engine: Engine, write: Writer) -> None:
    call = a_call(1, at("10:05"))
    assert write(TEN, [call], 7) == WriteCounts(1, 0, 0, 0)
    with engine.connect() as connection:
        stored = connection.execute(text("SELECT * FROM call")).one()._mapping
        leg = connection.execute(text("SELECT * FROM call_leg")).one()._mapping
    assert {name: stored[name] for name in call if name != "call_id"} == {
        name: value for name, value in call.items() if name != "call_id"
    }
    assert str(stored["call_id"]) == call_id(1)
    assert (stored["window_start"], stored["high_water"]) == (TEN.start, 7)
    assert leg["participants"] == ["1001", ""]
    assert leg["other_party"] == ""
    assert leg["rona_reason"] is None
    moments = [datetime.fromisoformat(leg["hold_segments"][0][name]) for name in ("start_time", "end_time")]
    assert moments == [at("10:01"), at("10:02")]
    assert leg["evidence"]["start"]["rule"] == "first talking"
    assert leg["evidence"]["end"] is None


def test_rows_that_did_not_change_are_not_written_again(engine: Engine, write: Writer) -> None:
    calls = [a_call(n, at("10:05")) for n in range(1, 20)] + [a_call(30, None)]
    bad = {"reason": "NO_CALL_ID", "event_time": at("10:07"), "row": "{}"}
    write(TEN, calls, 7, is_open=True, quarantine=[bad, bad])
    before = versions(engine)
    assert write(TEN, calls, 9, is_open=True, quarantine=[bad, bad]) == WriteCounts(0, 0, 20, 0)
    assert versions(engine) == before
    with engine.connect() as connection:
        assert connection.execute(text("SELECT high_water, run_id FROM window_computation")).one() == (
            9,
            "run 9",
        )


def test_only_what_changed_is_written(engine: Engine, write: Writer) -> None:
    calls = [a_call(n, at("10:05")) for n in (1, 2, 3)]
    legs = [a_leg(calls[0], 1), a_leg(calls[0], 2), a_leg(calls[1]), a_leg(calls[2])]
    write(TEN, calls, 7, legs=legs)
    legs = [a_leg(calls[0], 1), a_leg(calls[1], start_reason="INBOUND"), a_leg(calls[2]), a_leg(calls[2], 2)]
    assert write(TEN, calls, 8, legs=legs) == WriteCounts(1, 1, 2, 1)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT leg_id::text, high_water FROM call_leg")).all()
    assert dict(rows) == {leg_id(1, 1): 7, leg_id(2, 1): 8, leg_id(3, 1): 7, leg_id(3, 2): 8}


def test_the_quarantine_is_replaced_when_it_differs(engine: Engine, write: Writer) -> None:
    first = {"reason": "NO_CALL_ID", "event_time": None, "row": '{"a": "b,\\"c"}'}
    write(TEN, [], 7, quarantine=[first])
    write(ELEVEN, [], 7, quarantine=[first])
    write(TEN, [], 8, quarantine=[first, first])
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT window_start, row_text, high_water FROM quarantined_event")
        ).all()
    assert sorted(rows) == [(TEN.start, first["row"], 8)] * 2 + [(ELEVEN.start, first["row"], 7)]


def test_a_computation_that_saw_less_than_the_last_is_refused_and_writes_nothing(
    engine: Engine, write: Writer
) -> None:
    write(TEN, [a_call(1, at("10:05"))], 9)
    before = versions(engine)
    with pytest.raises(StaleWriterError, match=r"2024-01-15-10:00.*up to 9.*had seen 8"):
        write(TEN, [a_call(2, at("10:06"))], 8)
    assert versions(engine) == before


def test_a_window_computed_from_the_same_arrivals_again_may_be_written(engine: Engine, write: Writer) -> None:
    write(TEN, [a_call(1, at("10:05"))], 9)
    write(TEN, [a_call(2, at("10:06"))], 9)
    assert places(engine) == {2: TEN.start}


@pytest.mark.parametrize("order", list(permutations((TEN, ELEVEN, NOON))))
def test_a_call_whose_end_moved_is_there_once_whatever_window_is_computed_first(
    engine: Engine, write: Writer, order: tuple[Window, ...]
) -> None:
    """A late fact asks for every window that the call touched: all are computed again, in any order."""
    stays = [a_call(8, at("10:30")), a_call(9, at("11:30"))]
    for window in (TEN, ELEVEN, NOON):
        write(window, [*stays, a_call(1, at("10:05"))], 5)
    moved = [*stays, a_call(1, at("11:05"))]
    for window in order:
        write(window, moved, 6)
        assert set(places(engine)) == {1, 8, 9}  # at no moment is it missing, or there twice
        assert places(engine) == places(engine, "call_leg")
    assert places(engine) == {1: ELEVEN.start, 8: TEN.start, 9: ELEVEN.start}
    back = [*stays, a_call(1, at("10:05"))]
    for window in order:
        write(window, back, 7)
    assert places(engine) == {1: TEN.start, 8: TEN.start, 9: ELEVEN.start}
    assert places(engine) == places(engine, "call_leg")


def test_an_old_run_does_not_take_a_call_back_from_a_newer_one(engine: Engine, write: Writer) -> None:
    write(TEN, [a_call(1, at("10:05"))], 5)
    write(ELEVEN, [a_call(1, at("11:05"))], 9)
    counts = write(TEN, [a_call(1, at("10:05")), a_call(2, at("10:06"))], 7)
    assert (counts.inserted, counts.refused) == (1, 1)
    assert places(engine) == places(engine, "call_leg") == {1: ELEVEN.start, 2: TEN.start}


def test_the_owners_newest_computation_counts_even_where_the_row_did_not_change(
    engine: Engine, write: Writer
) -> None:
    """An unchanged row keeps its old mark, but its owner has looked again since."""
    write(ELEVEN, [a_call(1, at("11:05"))], 5)
    write(ELEVEN, [a_call(1, at("11:05"))], 9)
    assert write(TEN, [a_call(1, at("10:05"))], 7).refused == 1
    assert places(engine) == {1: ELEVEN.start}
    assert write(TEN, [a_call(1, at("10:05"))], 9).refused == 0
    assert places(engine) == {1: TEN.start}


def test_legs_that_a_call_no_longer_has_go_with_its_take_over(engine: Engine, write: Writer) -> None:
    call = a_call(1, at("10:05"))
    write(TEN, [call], 5, legs=[a_leg(call, 1), a_leg(call, 2)])
    moved = a_call(1, at("11:05"))
    assert write(ELEVEN, [moved], 6, legs=[a_leg(moved, 1)]) == WriteCounts(0, 1, 0, 1)
    assert places(engine, "call_leg") == {1: ELEVEN.start}


def test_a_call_that_is_no_more_is_deleted_with_its_legs(engine: Engine, write: Writer) -> None:
    write(TEN, [a_call(1, at("10:05")), a_call(2, at("10:06"))], 5)
    assert write(TEN, [a_call(2, at("10:06"))], 6) == WriteCounts(0, 0, 1, 1)
    assert places(engine) == places(engine, "call_leg") == {2: TEN.start}


def test_a_window_does_not_delete_what_another_owns(engine: Engine, write: Writer) -> None:
    write(TEN, [a_call(1, at("10:05"))], 5)
    write(ELEVEN, [], 6)
    assert places(engine) == {1: TEN.start}


def test_a_call_in_progress_stays_until_the_open_window_takes_it_over(engine: Engine, write: Writer) -> None:
    call = a_call(1, None)
    write(TEN, [call], 5, is_open=True)
    write(TEN, [call], 6)  # the hour ended; computed once more as it settles
    assert places(engine) == places(engine, "call_leg") == {1: TEN.start}
    write(ELEVEN, [call], 6, is_open=True)
    assert places(engine) == places(engine, "call_leg") == {1: ELEVEN.start}
    write(TEN, [call], 7)
    write(ELEVEN, [a_call(1, at("11:20"))], 8, is_open=True)
    assert places(engine) == places(engine, "call_leg") == {1: ELEVEN.start}


def test_a_call_in_progress_is_known_by_its_keys_where_ids_are_not_given(engine: Engine) -> None:
    legs, call, ended = LegStore(engine), a_call(1, None), a_call(2, at("10:05"))
    legs.write_window(
        TEN, correlation_of([call, ended]), open_keys(call), high_water=5, is_open=True, run_id="1"
    )
    legs.write_window(TEN, correlation_of([]), open_keys(call), high_water=6, is_open=False, run_id="2")
    assert places(engine) == places(engine, "call_leg") == {1: TEN.start}


def test_a_call_in_progress_that_got_another_id_does_not_stay_beside_it(
    engine: Engine, write: Writer
) -> None:
    """An earlier fact came late: the id is made of the first fact."""
    write(TEN, [a_call(1, None, keys=["1_5"])], 5, is_open=True)
    renamed = a_call(2, None, keys=["1_5"])
    write(ELEVEN, [renamed], 6, is_open=True)
    write(TEN, [renamed], 6)
    assert places(engine) == {2: ELEVEN.start}


def test_a_call_closed_by_silence_is_given_to_the_window_of_its_last_fact(
    engine: Engine, write: Writer
) -> None:
    """Without a new fact, that window's computation may have seen as much; it has not seen that time passed."""
    write(TEN, [a_call(1, None)], 5)
    write(NOON, [a_call(1, None)], 5, is_open=True)
    closed = a_call(1, at("10:40"))
    assert write(NOON, [closed], 5, is_open=True).handed_over == 1
    assert places(engine) == places(engine, "call_leg") == {1: TEN.start}
    write(TEN, [closed], 5)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT end_time FROM call")).scalar_one() == at("10:40")


def test_a_call_is_not_given_to_a_window_that_saw_more_and_did_not_want_it(
    engine: Engine, write: Writer
) -> None:
    write(TEN, [a_call(1, at("10:05"))], 5)
    write(ELEVEN, [], 9)
    assert write(TEN, [a_call(1, at("11:05"))], 7).handed_over == 0
    assert places(engine) == places(engine, "call_leg") == {}


def test_two_calls_joined_by_a_late_fact_become_one_in_any_order(engine: Engine, write: Writer) -> None:
    joined = a_call(1, at("11:05"), keys=["1_1", "1_2"])
    for order in permutations((TEN, ELEVEN)):
        mark = 2 * (order[0] is ELEVEN) + 5
        apart = [a_call(1, at("10:05")), a_call(2, at("11:05"))]
        for window in (TEN, ELEVEN):
            write(window, apart, mark)
        for window in order:
            write(window, [joined], mark + 1)
        assert places(engine) == places(engine, "call_leg") == {1: ELEVEN.start}


def test_open_keys_are_those_of_the_last_computation(engine: Engine, write: Writer) -> None:
    write(TEN, [a_call(1, None, keys=["1_1", "1_2"]), a_call(2, None)], 5, is_open=True)
    write(TEN, [a_call(1, None, keys=["1_1", "1_3"])], 6, is_open=True)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT window_start, call_key FROM open_call_key ORDER BY 2")).all()
    assert rows == [(TEN.start, "1_1"), (TEN.start, "1_3")]


def test_the_computation_is_on_record(engine: Engine, write: Writer) -> None:
    write(TEN, [], 5)
    with engine.connect() as connection:
        row = connection.execute(text("SELECT * FROM window_computation")).one()
    assert (row.window_start, row.window_end, row.high_water, row.run_id) == (TEN.start, TEN.end, 5, "run 5")
    assert (row.input_count, row.used_count, row.duplicate_count, row.quarantined_count) == (10, 7, 2, 1)
    assert (datetime.now(UTC) - row.computed_at).total_seconds() < 60


def test_windows_written_at_the_same_time_do_not_wait_for_each_other_for_ever(
    engine: Engine, write: Writer
) -> None:
    """Calls that every window claims, in opposite orders: the worst case for row locks."""
    failures: list[BaseException] = []

    def write_often(windows: list[Window]) -> None:
        try:
            for mark in range(1, 6):
                for window in windows:
                    calls = [a_call(n, window.start) for n in range(1, 40)]
                    write(window, calls if window is TEN else calls[::-1], mark)
        except StaleWriterError:
            return
        except BaseException as error:
            failures.append(error)

    windows = [TEN, ELEVEN, NOON]
    threads = [Thread(target=write_often, args=(windows[n:] + windows[:n],)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(places(engine)) == list(range(1, 40))
    assert places(engine) == places(engine, "call_leg")


def test_a_write_that_fails_leaves_everything_as_it_was(engine: Engine, write: Writer) -> None:
    write(TEN, [a_call(1, at("10:05"))], 5)
    before = versions(engine)
    with pytest.raises(Exception, match="leg_number"):
        write(TEN, [a_call(2, at("10:05"))], 6, legs=[a_leg(a_call(2, at("10:05")), leg_number=None)])
    assert versions(engine) == before
