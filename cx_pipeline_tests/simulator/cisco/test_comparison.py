"""The comparison of matches with the truth: what is right is right, and each planted fault is found as what it is."""

from dataclasses import fields
from datetime import datetime

import polars as pl
import pytest

from cx_pipeline.simulator.cisco.comparison import MATCH_DIFFERENCE_SCHEMA, MatchComparison, compare_matches
from cx_pipeline.simulator.comparison import KEY
from cx_pipeline_tests.simulator.cisco.simulated import simulated, true_legs

VERDICTS = (
    *("matched", "wrong_matches", "guessed", "unmatched_clear"),
    *("unmatched_unclear", "waiting", "missing_expected"),
)


def truth() -> pl.DataFrame:
    return simulated().truth


def matched_rightly() -> pl.DataFrame:
    """Legs as a perfect matching would leave them: their own record, unless nobody can tell."""
    own = (
        truth()
        .filter(kind="LEG")
        .select(*KEY, "is_ambiguous", record_id=pl.lit("hds:") + pl.col("record_key"))
    )
    legs = true_legs().select(KEY).join(own, on=KEY, how="left", maintain_order="left")
    status = (
        pl.when("is_ambiguous")
        .then(pl.lit("AMBIGUOUS"))
        .when(pl.col("record_id").is_null())
        .then(pl.lit("PARTIAL"))
        .otherwise(pl.lit("COMPLETE"))
    )
    return legs.with_columns(
        enrichment_status=status, record_id=pl.when(pl.col("is_ambiguous").not_()).then("record_id")
    ).drop("is_ambiguous")


def clear_legs(count: int) -> pl.DataFrame:
    return truth().filter("is_clear").head(count)


def with_record(
    legs: pl.DataFrame, of: pl.DataFrame, record_keys: list[str | None], status: str = "COMPLETE"
) -> pl.DataFrame:
    """The legs with other records for some of them."""
    ids = [None if key is None else f"hds:{key}" for key in record_keys]
    other = of.select(KEY).with_columns(pl.Series("other", ids, dtype=pl.String), is_other=True)
    return (
        legs.join(other, on=KEY, how="left", maintain_order="left")
        .with_columns(
            record_id=pl.when("is_other").then("other").otherwise("record_id"),
            enrichment_status=pl.when("is_other").then(pl.lit(status)).otherwise("enrichment_status"),
        )
        .drop("other", "is_other")
    )


def compared(legs: pl.DataFrame, read_at: datetime | None = None) -> MatchComparison:
    return compare_matches(legs, truth(), true_legs(), read_at)


def test_perfect_matches_are_right_and_every_leg_is_accounted_for() -> None:
    result = compared(matched_rightly())
    completed = true_legs().filter(status="COMPLETED").height
    unknowable = truth().filter("is_ambiguous", kind="LEG").height
    assert result.is_right
    assert result.judged == completed == sum(getattr(result, name) for name in VERDICTS)
    assert result.missing_expected == simulated().missing.height
    assert result.ambiguous == result.ambiguous_expected == result.ambiguous_records == unknowable > 0
    assert result.matched == completed - unknowable - simulated().missing.height
    assert result.differences.schema == MATCH_DIFFERENCE_SCHEMA


def test_two_records_that_changed_places_are_two_wrong_matches() -> None:
    one, other = clear_legs(2)["record_key"]
    result = compared(with_record(matched_rightly(), clear_legs(2), [other, one]))
    assert (result.wrong_matches, result.is_right) == (2, False)
    assert set(result.differences["found_record"]) == {one, other}
    assert set(result.differences["verdict"]) == {"WRONG"}


@pytest.mark.parametrize("kind", ["RESERVATION", "FOREIGN", "SECOND"])
def test_a_record_of_no_leg_is_a_wrong_match(kind: str) -> None:
    stray = truth().filter(kind=kind)["record_key"][0]
    result = compared(with_record(matched_rightly(), clear_legs(1), [stray]))
    assert result.wrong_matches == 1
    assert result.differences["found_kind"].to_list() == [kind]


def test_a_record_that_nobody_simulated_is_a_wrong_match() -> None:
    assert compared(with_record(matched_rightly(), clear_legs(1), ["42"])).wrong_matches == 1


def test_a_leg_without_a_record_of_its_own_that_was_given_one_is_a_wrong_match() -> None:
    lacking = simulated().missing.head(1)
    result = compared(with_record(matched_rightly(), lacking, [clear_legs(1)["record_key"][0]]))
    assert result.wrong_matches == 1


def test_a_clear_record_that_was_left_is_a_fault_whatever_the_leg_is_called() -> None:
    for status in ("PENDING", "PARTIAL", "AMBIGUOUS"):
        result = compared(with_record(matched_rightly(), clear_legs(3), [None] * 3, status))
        assert (result.unmatched_clear, result.wrong_matches, result.is_right) == (3, 0, False)


def test_a_record_that_could_not_be_read_yet_is_waited_for() -> None:
    late = truth().filter("is_clear").sort("replicated_at").tail(4)
    legs = with_record(matched_rightly(), late, [None] * 4, "PENDING")
    read_at = late["replicated_at"][1]
    result = compared(legs, read_at)
    assert result.waiting == compared(matched_rightly(), read_at).waiting + 2
    assert result.unmatched_clear == 2
    assert set(result.differences["own_record"]) == set(late["record_key"][:2])


def test_a_lucky_guess_is_no_match() -> None:
    unknowable = truth().filter("is_ambiguous", kind="LEG").head(1)
    result = compared(with_record(matched_rightly(), unknowable, unknowable["record_key"].to_list()))
    assert (result.guessed, result.wrong_matches, result.is_right) == (1, 0, False)


def test_a_record_that_need_not_be_found_may_be_left() -> None:
    unclear = truth().filter(~pl.col("is_clear"), ~pl.col("is_ambiguous"), kind="LEG").head(1)
    result = compared(with_record(matched_rightly(), unclear, [None], "PARTIAL"))
    found = compared(matched_rightly())
    assert result.unmatched_unclear == found.unmatched_unclear + 1
    assert result.is_right


def test_disturbed_calls_and_legs_of_an_outage_are_not_judged() -> None:
    one, other = clear_legs(2)["record_key"]
    legs = with_record(matched_rightly(), clear_legs(2), [other, one])
    disturbed = true_legs().with_columns(has_lost_event=pl.lit(value=True))
    assert compare_matches(legs, truth(), disturbed).judged == 0
    of_records = legs.with_columns(origin=pl.lit("cisco_record"))
    assert compare_matches(of_records, truth(), true_legs()).judged == 0
    of_events = legs.with_columns(origin=pl.lit("events"))
    assert compare_matches(of_events, truth(), true_legs()).wrong_matches == 2


def test_a_leg_in_progress_is_judged_only_if_it_was_given_a_record() -> None:
    in_progress = true_legs().filter(status="IN_PROGRESS").head(1)
    result = compared(with_record(matched_rightly(), in_progress, [clear_legs(1)["record_key"][0]]))
    assert result.wrong_matches == 1
    assert result.judged == compared(matched_rightly()).judged + 1


def test_a_leg_of_whose_end_nobody_has_heard_yet_waits_for_no_record() -> None:
    legs = with_record(matched_rightly(), clear_legs(3), [None] * 3, "PENDING")
    heard = legs.with_columns(status=pl.lit("COMPLETED"))
    unheard = legs.with_columns(status=pl.lit("IN_PROGRESS"))
    assert compared(heard).unmatched_clear == 3
    assert compared(unheard).unmatched_clear == 0
    assert compared(unheard).matched == compared(heard).matched


def test_every_count_is_a_number() -> None:
    result = compared(matched_rightly().clear())
    assert {getattr(result, field.name) for field in fields(result) if field.name != "differences"} == {0}
