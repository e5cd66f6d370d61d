"""Legs that a computation deletes are remembered until their messages are taken back."""

import pytest
from sqlalchemy import Engine, text

from cx_pipeline.adapters.database.leg_store import LegStore
from cx_pipeline_tests.adapters.database.stored import (
    a_call,
    a_leg,
    at,
    correlation_of,
    hour,
    leg_id,
    open_keys,
)

TEN = hour("10:00")


def write(engine: Engine, mark: int, *legs: tuple[int, int]) -> int:
    """Write the window with these legs (call, number); how many others were deleted."""
    calls = [a_call(number, at("10:05")) for number in sorted({call for call, _ in legs})]
    by_number = {int(call["root_call_key"][2:]): call for call in calls}
    correlation = correlation_of(calls, [a_leg(by_number[call], number) for call, number in legs])
    written = LegStore(engine).write_window(
        TEN, correlation, open_keys(), high_water=mark, is_open=False, run_id=str(mark)
    )
    return written.deleted


def vanished(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return set(connection.execute(text("SELECT leg_id::text FROM vanished_leg")).scalars())


def test_a_leg_that_its_call_has_no_more_is_remembered(engine: Engine) -> None:
    write(engine, 1, (1, 1), (1, 2), (2, 1))
    assert vanished(engine) == set()
    assert write(engine, 2, (1, 1), (2, 1)) == 1
    assert vanished(engine) == {leg_id(1, 2)}


def test_the_legs_of_a_call_that_is_no_more_are_remembered(engine: Engine) -> None:
    write(engine, 1, (1, 1), (1, 2), (2, 1))
    assert write(engine, 2, (2, 1)) == 2
    assert vanished(engine) == {leg_id(1, 1), leg_id(1, 2)}


def test_a_leg_that_comes_back_has_not_vanished_and_may_vanish_again(engine: Engine) -> None:
    write(engine, 1, (1, 1), (2, 1))
    write(engine, 2, (2, 1))
    write(engine, 3, (1, 1), (2, 1))
    assert vanished(engine) == set()
    assert write(engine, 4, (2, 1)) == 1
    assert vanished(engine) == {leg_id(1, 1)}


def test_a_leg_that_vanishes_while_its_last_vanishing_is_still_on_record_is_counted(engine: Engine) -> None:
    write(engine, 1, (1, 1), (2, 1))
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO vanished_leg (leg_id) VALUES (:leg)"), {"leg": leg_id(1, 1)})
    assert write(engine, 2, (2, 1)) == 1
    assert vanished(engine) == {leg_id(1, 1)}


def test_a_write_that_fails_makes_no_leg_vanish(engine: Engine) -> None:
    write(engine, 1, (1, 1), (2, 1))
    broken = correlation_of([a_call(2, at("10:05"))], [a_leg(a_call(2, at("10:05")), leg_number=None)])
    with pytest.raises(Exception, match="leg_number"):
        LegStore(engine).write_window(TEN, broken, open_keys(), high_water=2, is_open=False, run_id="2")
    assert vanished(engine) == set()
