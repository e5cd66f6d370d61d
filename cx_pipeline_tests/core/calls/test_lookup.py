"""Which call somebody means: ids, keys in any spelling, extensions at a moment."""

from datetime import timedelta

import pytest

from cx_pipeline.core.calls.lookup import Found, find_calls, reference_of
from cx_pipeline_tests.core.calls.scenario import DAY, correlated, time_of

OUTCOME = correlated("""
    time     | event   | key   | ext  | tenant
    10:00:02 | RINGING | 1_100 | 1005 | red
    10:00:05 | TALKING | 1_100 | 1005 | red
    10:05:00 | DROPPED | 1_100 | 1005 | red
    10:01:00 | TALKING | 1_100 | 1005 | blue
    10:02:00 | DROPPED | 1_100 | 1005 | blue
    11:00:00 | TALKING | 1_200 | 1005 | red
    11:01:00 | DROPPED | 1_200 | 1005 | red
""")
CORRELATION = OUTCOME.correlation


def found(text: str, at: str | None = None) -> Found:
    return find_calls(CORRELATION, reference_of(text, time_of(at) if at else None))


def keys(found: Found) -> list[tuple[str, str]]:
    return [(tenant, key) for tenant, key in found.calls.select("tenant_id", "root_call_key").rows()]


@pytest.mark.parametrize("spelling", ["1_200", "200/1", str((1 << 24) + 200), " 1_200 "])
def test_a_call_key_is_found_in_any_spelling(spelling: str) -> None:
    assert keys(found(spelling)) == [("red", "1_200")]


@pytest.mark.parametrize("column", ["leg_id", "leg_key", "call_id"])
def test_ids_of_the_call_and_of_its_legs_find_it(column: str) -> None:
    for leg in CORRELATION.legs.iter_rows(named=True):
        assert found(leg[column].upper()).calls["call_id"].to_list() == [leg["call_id"]]


def test_equal_keys_of_two_tenants_are_two_calls() -> None:
    assert keys(found("1_100")) == [("red", "1_100"), ("blue", "1_100")]


def test_a_moment_tells_which_call_of_an_extension_is_meant_its_ring_included() -> None:
    assert keys(found("1005", "11:00:30")) == [("red", "1_200")]
    assert keys(found("1005", "10:00:03")) == [("red", "1_100")]
    assert len(keys(found("1005", "10:01:30"))) == 2


def test_a_moment_tells_which_life_of_a_key_is_meant() -> None:
    assert keys(found("1_100", "10:04:00")) == [("red", "1_100")]


def test_where_there_was_no_call_then_the_nearest_ones_are_told() -> None:
    nothing = found("1005", "10:30:00")
    assert nothing.calls.is_empty()
    assert nothing.near.height == 3
    assert found("4711", "10:30:00").near.is_empty()


def test_an_extension_without_a_moment_is_no_call() -> None:
    assert found("1005").calls.is_empty()


def test_a_call_that_goes_on_is_found_later_than_its_last_fact() -> None:
    running = correlated("time | event | key | ext\n10:00:05 | TALKING | 1_100 | 1005").correlation
    at = DAY + timedelta(hours=10, minutes=2)
    assert find_calls(running, reference_of("1005", at)).calls.height == 1
    assert find_calls(running, reference_of("1_100", at)).calls.height == 1


def test_a_blank_reference_is_refused() -> None:
    with pytest.raises(ValueError, match="blank"):
        reference_of("  ")
