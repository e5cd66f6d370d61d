from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from cx_pipeline.adapters.database import event_store
from cx_pipeline.adapters.database.connection import engine_for
from cx_pipeline.adapters.database.event_store import EventStore, RawWindow
from cx_pipeline.adapters.database.leg_store import LegStore
from cx_pipeline.adapters.database.partitions import drop_partitions_before
from cx_pipeline.core.errors import DatabaseUnavailableError, EventsDroppedError
from cx_pipeline.core.events.schema import RAW_WINDOW_SCHEMA
from cx_pipeline.core.windows import Window
from cx_pipeline_tests.adapters.database.stored import (
    a_call,
    at,
    correlation_of,
    fact,
    hour,
    open_keys,
    store,
)

SILENCE = timedelta(hours=3)
TEN, ELEVEN, NOON = hour("10:00"), hour("11:00"), hour("12:00")


def read(engine: Engine, window: Window = TEN, *, is_open: bool = False, **more: Any) -> RawWindow:
    return EventStore(engine).read_window(window, max_silence=SILENCE, is_open=is_open, **more)


def facts(raw: RawWindow) -> list[str]:
    """What was read, as `key@10:30`, with a star where it lies in the window."""
    rows = raw.events.select("call_key", pl.col("event_time").dt.strftime("%H:%M"), "in_window").iter_rows()
    return [f"{key}@{clock}{'*' if inside else ''}" for key, clock, inside in rows]


def computed(engine: Engine, window: Window, *calls: dict[str, Any], mark: int = 0) -> None:
    LegStore(engine).write_window(
        window, correlation_of([]), open_keys(*calls), high_water=mark, is_open=False, run_id="test"
    )


def test_an_empty_store_gives_an_empty_window_in_the_schema(engine: Engine) -> None:
    raw = read(engine)
    assert raw.events.schema == RAW_WINDOW_SCHEMA
    assert (raw.events.height, raw.high_water) == (0, 0)


def test_every_column_comes_as_it_was_stored(engine: Engine) -> None:
    sequence = store(engine, fact("1_1", at("10:30:00.000001"), "Ü", extension=""))
    raw = read(engine)
    assert raw.events.schema == RAW_WINDOW_SCHEMA
    assert raw.high_water == sequence
    row = raw.events.row(0, named=True)
    assert row.pop("event_id").count("-") == 4
    assert {name: value for name, value in row.items() if value is not None} == {
        "arrival_sequence": sequence,
        "call_key": "1_1",
        "tenant_id": "default",
        "source": "jtapi",
        "listener_id": "",
        "event_time": at("10:30:00.000001"),
        "received_at": at("10:30:00.000001"),
        "event_name": "Ü",
        "global_call_id": "1_1",
        "extension": "",
        "in_window": True,
    }


def test_a_window_holds_what_begins_it_and_not_what_ends_it(engine: Engine) -> None:
    store(engine, fact("1_1", at("09:59:59.999999")), fact("1_2", at("10:00")))
    store(engine, fact("1_3", at("10:59:59.999999")), fact("1_4", at("11:00")))
    assert facts(read(engine)) == ["1_2@10:00*", "1_3@10:59*"]


def test_the_facts_of_its_calls_come_from_earlier_and_later_over_midnight_too(engine: Engine) -> None:
    store(engine, fact("1_1", at("00:10", 16)), fact("1_1", at("23:50", 14)), fact("1_1", at("01:30", 15)))
    store(engine, fact("1_1", at("23:40", 15)), fact("1_2", at("22:00", 15)))
    assert facts(read(engine, hour("00:00", 15))) == []
    assert facts(read(engine, hour("23:00", 15))) == ["1_1@23:40*", "1_1@00:10"]
    assert facts(read(engine, hour("01:00", 15))) == ["1_1@23:50", "1_1@01:30*"]


def test_a_fact_stamped_ahead_of_its_arrival_brings_its_call_to_the_window_in_which_it_arrived(
    engine: Engine,
) -> None:
    ahead = fact("1_1", at("13:00"), received_at=at("11:05"))
    seen = store(engine, fact("1_1", at("10:10")))
    late = store(engine, ahead)
    assert facts(read(engine, ELEVEN)) == ["1_1@10:10", "1_1@13:00"]
    touched = EventStore(engine).windows_touched(seen, 100, length=TEN.length, max_silence=SILENCE)
    assert touched.windows == {TEN: late, ELEVEN: late}


def test_what_a_long_silence_separates_is_left_out(engine: Engine) -> None:
    store(engine, fact("1_1", at("05:00")), fact("1_1", at("10:30")), fact("1_1", at("15:00")))
    assert facts(read(engine)) == ["1_1@10:30*"]


def test_a_call_longer_than_the_silence_is_whole_as_long_as_it_was_never_silent_so_long(
    engine: Engine,
) -> None:
    clocks = ["01:00", "03:30", "06:00", "08:30", "10:30", "13:20", "16:00", "18:30"]
    store(engine, *(fact("1_1", at(clock)) for clock in clocks), fact("1_1", at("23:00")))
    assert [each[4:9] for each in facts(read(engine))] == clocks


@pytest.mark.parametrize("first", ["1_1", "1_2", "1_3"])
def test_keys_are_followed_both_ways_and_over_any_number_of_them(engine: Engine, first: str) -> None:
    """1_2 continues 1_1, and 1_3 continues 1_2; only one of them has a fact in the window."""
    clocks = {key: "10:30" if key == first else "11:30" for key in ("1_1", "1_2", "1_3")}
    store(engine, fact("1_1", at(clocks["1_1"])), fact("1_2", at(clocks["1_2"]), previous_call_key="1_1"))
    store(engine, fact("1_3", at(clocks["1_3"]), previous_call_key="1_2"), fact("1_9", at("11:30")))
    assert {each[:3] for each in facts(read(engine))} == {"1_1", "1_2", "1_3"}
    assert [each for each in facts(read(engine)) if each.endswith("*")] == [f"{first}@10:30*"]


def test_a_long_chain_in_any_order_of_arrival_is_one_call(engine: Engine) -> None:
    chain = [fact(f"1_{n}", at(f"11:{n:02d}"), previous_call_key=f"1_{n - 1}") for n in range(1, 40)]
    store(engine, *chain[::-1], fact("1_39", at("10:59")))
    assert len(facts(read(engine))) == 40


def test_equal_link_ids_join_calls(engine: Engine) -> None:
    store(engine, fact("1_1", at("10:30"), link_id="L"), fact("2_7", at("11:30"), link_id="L"))
    store(engine, fact("2_8", at("11:30"), previous_call_key="2_7"), fact("2_9", at("11:30"), link_id="M"))
    assert sorted(facts(read(engine))) == ["1_1@10:30*", "2_7@11:30", "2_8@11:30"]


def test_a_reference_outside_of_the_window_is_followed_as_well(engine: Engine) -> None:
    """The fact that joins the two calls lies earlier than the window."""
    store(engine, fact("1_1", at("10:30")), fact("1_1", at("09:30"), previous_call_key="1_0"))
    store(engine, fact("1_0", at("09:20")), fact("1_5", at("09:40"), previous_call_key="1_1"))
    assert facts(read(engine)) == ["1_0@09:20", "1_1@09:30", "1_5@09:40", "1_1@10:30*"]


def test_rows_are_sorted_the_same_way_whatever_their_arrival(engine: Engine) -> None:
    same_time = [fact("1_1", at("10:30"), name) for name in "abcdefgh"]
    store(engine, *same_time, fact("1_1", at("09:30")), fact("1_1", at("10:10")))
    events = read(engine).events
    assert events.equals(events.sort("event_time", "event_id"))


def test_high_water_is_that_of_the_rows_even_while_events_arrive(engine: Engine, monkeypatch: Any) -> None:
    before = store(engine, fact("1_1", at("10:30")))
    close = event_store.closure.close

    def arrives_meanwhile(*args: Any, **more: Any) -> None:
        store(engine, fact("1_2", at("10:40")), fact("1_1", at("10:50")))
        close(*args, **more)

    monkeypatch.setattr(event_store.closure, "close", arrives_meanwhile)
    raw = read(engine)
    assert (facts(raw), raw.high_water) == (["1_1@10:30*"], before)


def test_high_water_does_not_go_back_when_the_newest_arrival_is_dropped(engine: Engine) -> None:
    store(engine, fact("1_1", at("10:30", 16)))
    newest = store(engine, fact("1_2", at("10:30", 15)))
    computed(engine, TEN, mark=newest)
    drop_partitions_before(engine, at("00:00", 16).date())
    assert read(engine, hour("10:00", 16)).high_water == newest


def test_a_window_whose_events_were_dropped_is_not_computed_again(engine: Engine) -> None:
    """Without its events it would be empty, and its legs would be deleted."""
    store(engine, *(fact("1_1", at("10:30", day)) for day in (15, 16)))
    drop_partitions_before(engine, at("00:00", 16).date())
    late = store(
        engine, fact("1_2", at("10:40", 15)), fact("1_3", at("02:00", 16)), fact("1_1", at("10:40", 16))
    )
    for window in (TEN, hour("02:00", 16)):
        with pytest.raises(EventsDroppedError, match=rf"{window.key}.*before 2024-01-16"):
            read(engine, window)
    assert facts(read(engine, hour("10:00", 16))) == ["1_1@10:30*", "1_1@10:40*"]
    touched = EventStore(engine).windows_touched(0, 100, length=TEN.length, max_silence=SILENCE)
    assert (touched.high_water, list(touched.windows)) == (late, [hour("10:00", 16)])


def test_retention_that_found_nothing_to_drop_refuses_nothing(engine: Engine) -> None:
    store(engine, fact("1_1", at("10:30")))
    drop_partitions_before(engine, at("00:00", 15).date())
    assert facts(read(engine)) == ["1_1@10:30*"]


def test_the_open_window_has_calls_that_earlier_windows_left_open(engine: Engine) -> None:
    store(engine, fact("1_1", at("10:30")), fact("1_2", at("10:40")))
    for window in (hour("09:00"), TEN, ELEVEN):
        computed(engine, window, *([a_call(1, None)] if window == TEN else []))
    assert facts(read(engine, NOON, is_open=True)) == ["1_1@10:30"]
    assert facts(read(engine, NOON)) == []


def test_the_open_window_has_what_was_never_computed_before_it(engine: Engine) -> None:
    store(engine, fact("1_1", at("10:30")), fact("1_2", at("11:40")), fact("1_3", at("08:59")))
    computed(engine, ELEVEN)
    assert facts(read(engine, NOON, is_open=True)) == ["1_1@10:30"]


def test_of_what_was_never_computed_calls_that_ended_can_be_left_out(engine: Engine) -> None:
    store(engine, fact("1_1", at("10:30")), fact("1_1", at("10:35"), "CallInvalidEv"))
    store(
        engine, fact("1_2", at("10:30")), fact("1_2", at("10:35"), "CallInvalidEv"), fact("1_2", at("11:40"))
    )
    store(
        engine, fact("1_3", at("10:50"), "CallInvalidEv"), fact("1_4", at("10:51"), previous_call_key="1_3")
    )
    raw = read(engine, NOON, is_open=True, ending_names={"CallInvalidEv"})
    assert set(facts(raw)) == {"1_2@10:30", "1_2@10:35", "1_2@11:40", "1_3@10:50", "1_4@10:51"}


def test_windows_arrived_facts_concern_are_those_of_their_whole_calls(engine: Engine) -> None:
    seen = store(engine, fact("1_1", at("09:30")), fact("1_2", at("10:30"), previous_call_key="1_1"))
    late = store(engine, fact("1_2", at("12:30"), "CallInvalidEv"))
    newest = store(engine, fact("1_7", at("12:40")))
    computed(engine, TEN, mark=seen)
    touched = EventStore(engine).windows_touched(seen, 100, length=TEN.length, max_silence=SILENCE)
    assert touched.high_water == newest
    assert touched.windows == {hour("09:00"): late, TEN: late, NOON: newest}
    assert touched.computed == {TEN: seen}
    assert list(touched.due) == [hour("09:00"), TEN, NOON]


def test_a_window_that_was_computed_with_the_late_fact_is_not_due(engine: Engine) -> None:
    seen = store(engine, fact("1_1", at("10:30")))
    late = store(engine, fact("1_1", at("11:30")))
    newest = store(engine, fact("1_9", at("15:30")))
    computed(engine, TEN, mark=late)
    touched = EventStore(engine).windows_touched(seen, 100, length=TEN.length, max_silence=SILENCE)
    assert touched.due == {ELEVEN: late, hour("15:00"): newest}


def test_late_facts_are_read_in_pieces_of_the_limit(engine: Engine) -> None:
    first = store(engine, fact("1_1", at("10:30")))
    second = store(engine, fact("1_2", at("11:30")))
    events = EventStore(engine)
    for after, clock, reached in ((0, "10:00", first), (first, "11:00", second), (second, None, second)):
        touched = events.windows_touched(after, 1, length=TEN.length, max_silence=SILENCE)
        assert touched.high_water == reached
        assert list(touched.windows) == ([hour(clock)] if clock else [])


def test_windows_shorter_than_an_hour_are_found(engine: Engine) -> None:
    store(engine, fact("1_1", at("10:07")), fact("1_1", at("10:22")))
    quarter = timedelta(minutes=15)
    touched = EventStore(engine).windows_touched(0, 100, length=quarter, max_silence=SILENCE)
    assert list(touched.windows) == [Window(at("10:00"), at("10:15")), Window(at("10:15"), at("10:30"))]


def test_arrived_facts_are_counted_by_window_source_and_name(engine: Engine) -> None:
    seen = store(engine, fact("1_0", at("10:01"), "a"))
    store(engine, fact("1_1", at("10:30"), "a"), fact("1_2", at("10:31"), "a"), fact("1_1", at("11:31"), "a"))
    newest = store(engine, fact("1_1", at("10:40"), "b"))
    arrived = EventStore(engine).arrived_after(seen, 100, length=TEN.length)
    assert arrived.high_water == newest
    assert {
        window.key: [(each.source, each.event_name, each.count, each.newest) for each in found]
        for window, found in arrived.windows.items()
    } == {
        "2024-01-15-10:00": [("jtapi", "a", 2, newest - 2), ("jtapi", "b", 1, newest)],
        "2024-01-15-11:00": [("jtapi", "a", 1, newest - 1)],
    }
    assert EventStore(engine).arrived_after(newest, 100, length=TEN.length).high_water == newest


def test_what_is_read_leaves_nothing_in_the_database(engine: Engine) -> None:
    store(engine, fact("1_1", at("10:30")))
    read(engine)
    with engine.connect() as connection:
        temporary = text("SELECT count(*) FROM pg_class WHERE relpersistence = 't'")
        assert connection.execute(temporary).scalar_one() == 0


def test_an_unreachable_database_is_one_error_without_its_secret() -> None:
    with pytest.raises(DatabaseUnavailableError) as raised:
        read(engine_for(SecretStr("postgresql://someone:geheim@127.0.0.1:1/nothing")))
    assert "geheim" not in str(raised.value)
    assert "\n" not in str(raised.value)
