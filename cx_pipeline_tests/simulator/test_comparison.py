"""Found legs held against true ones: what is equal, what differs and in what, what is missing or too many."""

from datetime import timedelta

import polars as pl
import pytest

from cx_pipeline.simulator.comparison import COMPARED, compare
from cx_pipeline.simulator.plan import Noise
from cx_pipeline.simulator.traffic import simulate_traffic
from cx_pipeline_tests.simulator.stage import plan


@pytest.fixture(scope="module")
def true_legs() -> pl.DataFrame:
    return simulate_traffic(plan(tenants=2, dialect="both")).legs


def found(true_legs: pl.DataFrame) -> pl.DataFrame:
    """Legs as the engine would give them, were it right."""
    return true_legs.drop("call_number", "scenario", "has_lost_event", "has_skew").reverse()


def test_the_truth_equals_itself(true_legs: pl.DataFrame) -> None:
    comparison = compare(true_legs, found(true_legs))
    assert comparison.is_equal
    assert comparison.matched == comparison.true == true_legs.height
    assert comparison.differences.is_empty()


@pytest.mark.parametrize("name", COMPARED)
def test_one_other_value_in_any_field_is_one_mismatch(name: str, true_legs: pl.DataFrame) -> None:
    candidates = true_legs.with_row_index().filter(
        pl.col(name).is_not_null() & (pl.col("status") == "COMPLETED")
    )
    row = candidates["index"][candidates.height // 2] if candidates.height else 0
    is_it = pl.int_range(pl.len()) == row
    other = {
        pl.String(): pl.lit("other"),
        pl.Int64(): pl.lit(-1),
        pl.Boolean(): ~pl.col(name).cast(pl.Boolean, strict=False),
        pl.Datetime("us", "UTC"): pl.col(name).dt.offset_by("1ms")
        if true_legs.schema[name] == pl.Datetime("us", "UTC")
        else pl.lit(None),
    }.get(true_legs.schema[name], pl.lit(None))
    changed = true_legs.with_columns(pl.when(is_it).then(other).otherwise(pl.col(name)).alias(name))
    comparison = compare(true_legs, found(changed))
    assert comparison.mismatched["differing"].to_list() == [[name]]
    assert comparison.differences["field"].to_list() == [name]
    assert comparison.matched == true_legs.height - 1
    assert comparison.missing.is_empty()
    assert comparison.unexpected.is_empty()
    assert not comparison.is_equal


def test_a_missing_leg_is_missing_and_an_invented_one_is_unexpected(true_legs: pl.DataFrame) -> None:
    comparison = compare(true_legs[1:], found(true_legs[:-1]))
    assert comparison.missing.height == comparison.unexpected.height == 1
    assert comparison.missing["call_number"].to_list() == true_legs[-1:]["call_number"].to_list()
    assert comparison.unexpected["agent_extension"].to_list() == true_legs[:1]["agent_extension"].to_list()
    assert not comparison.is_equal


def test_only_an_invented_leg_makes_it_unequal_too(true_legs: pl.DataFrame) -> None:
    comparison = compare(true_legs[1:], found(true_legs))
    assert comparison.matched == comparison.true
    assert not comparison.is_equal


def test_nothing_found_is_all_missing_and_nothing_true_is_all_unexpected(true_legs: pl.DataFrame) -> None:
    assert compare(true_legs, found(true_legs).clear()).missing.height == true_legs.height
    assert compare(true_legs.clear(), found(true_legs)).unexpected.height == true_legs.height


def test_fields_that_the_found_legs_lack_are_not_compared(true_legs: pl.DataFrame) -> None:
    assert compare(true_legs, found(true_legs).drop("participants", "held_ms")).is_equal


def test_calls_that_lost_an_event_or_were_stamped_wrongly_count_apart() -> None:
    true_legs = simulate_traffic(plan(noise=Noise(lost=0.01, skewed=0.05))).legs
    disturbed = pl.col("has_lost_event") | pl.col("has_skew")
    hit = true_legs.filter(disturbed)
    spoilt = true_legs.with_columns(
        pl.when(disturbed)
        .then(pl.col("start_time") + timedelta(seconds=1))
        .otherwise("start_time")
        .alias("start_time")
    ).with_columns(end_reason=pl.when(disturbed).then(pl.lit("UNKNOWN")).otherwise("end_reason"))
    too_many = spoilt.filter(disturbed)[:5].with_columns(agent_extension=pl.lit("9999"))
    comparison = compare(true_legs, found(pl.concat([spoilt, too_many])))
    assert comparison.is_equal
    assert comparison.true == true_legs.height - hit.height
    assert (comparison.disturbed, comparison.disturbed_matched) == (hit.height, 0)
    assert compare(true_legs, found(true_legs)).disturbed_matched == hit.height
