"""Simulated records as a whole: the same for the same plan, one for each leg, and every trouble in its place."""

from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest

from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.simulator.cisco.plan import QUIET, CiscoPlan, Trouble
from cx_pipeline.simulator.cisco.records import SimulatedCisco, simulate_records
from cx_pipeline.simulator.cisco.tables import FLAVOURS, TABLES, Flavour
from cx_pipeline.simulator.cisco.troubles import KEY_REST
from cx_pipeline.simulator.cisco.truth import MISSING_SCHEMA, TRUTH_SCHEMA
from cx_pipeline.simulator.comparison import KEY
from cx_pipeline_tests.simulator.cisco.simulated import TROUBLED, simulated, true_legs

both_flavours = pytest.mark.parametrize("flavour", FLAVOURS)


def completed() -> pl.DataFrame:
    return true_legs().filter(status="COMPLETED")


def of_legs(result: SimulatedCisco) -> pl.DataFrame:
    """The truth of the legs' own records beside the true legs."""
    return result.truth.filter(kind="LEG").join(true_legs(), on=KEY, suffix="_true")


@both_flavours
def test_the_same_legs_in_any_order_and_the_same_plan_give_the_same_rows(flavour: Flavour) -> None:
    plan = CiscoPlan(flavour=flavour, trouble=TROUBLED)
    again = simulate_records(true_legs().sample(fraction=1, shuffle=True, seed=3), plan)
    first = simulated(flavour)
    assert again.truth.equals(first.truth)
    assert again.missing.equals(first.missing)
    for name in TABLES[flavour]:
        assert again.tables[name].equals(first.tables[name])
    other = simulate_records(true_legs(), replace(plan, seed=1))
    assert not other.truth.equals(first.truth)


@both_flavours
def test_frames_have_their_schemas_and_record_keys_are_unique(flavour: Flavour) -> None:
    result = simulated(flavour)
    assert result.truth.schema == TRUTH_SCHEMA
    assert result.missing.schema == MISSING_SCHEMA
    assert result.truth["record_key"].is_unique().all()
    for name, table in TABLES[flavour].items():
        assert result.tables[name].columns == [column.name for column in table.c]


@both_flavours
def test_every_completed_leg_has_one_record_or_is_missing_and_none_in_progress_has_one(
    flavour: Flavour,
) -> None:
    result = simulated(flavour)
    told = pl.concat([result.truth.filter(kind="LEG").select(KEY), result.missing.select(KEY)])
    assert true_legs().height > completed().height
    assert result.missing.height > 0
    assert told.sort(KEY).equals(completed().select(KEY).sort(KEY))


@both_flavours
def test_where_nothing_goes_wrong_every_leg_has_a_clear_record_at_once(flavour: Flavour) -> None:
    result = simulated(flavour, QUIET)
    assert result.missing.is_empty()
    assert set(result.truth["kind"]) == {"LEG"}
    legs = of_legs(result)
    assert legs.filter(pl.col("extension") != pl.col("agent_extension")).is_empty()
    assert legs.filter(pl.col("replicated_at") != pl.col("end_time")).is_empty()
    assert legs.filter(
        (pl.col("end_time") - pl.col("ended_at")).abs() >= timedelta(milliseconds=1)
    ).is_empty()
    # Only agents who were rung twice at short intervals, and artefacts, need not be told.
    assert legs.filter("is_clear").height > 0.98 * legs.height
    assert not legs["is_ambiguous"].any()


@pytest.mark.parametrize("kind", ["RESERVATION", "FOREIGN"])
def test_records_of_no_leg_have_no_leg_s_times_and_are_nobody_s(kind: str) -> None:
    others = simulated().truth.filter(kind=kind)
    assert others.height > 5
    assert others["start_time"].null_count() == others["end_time"].null_count() == others.height
    assert not others["is_clear"].any()


def test_a_call_of_others_on_the_same_key_lies_away_from_every_call_that_had_it() -> None:
    foreign = simulated().truth.filter(kind="FOREIGN")
    use = (
        true_legs()
        .explode("call_keys")
        .select("tenant_id", "first_fact_time", "end_time", call_key="call_keys")
    )
    near = foreign.drop("end_time").join(use, on=["tenant_id", "call_key"])
    is_away = (pl.col("ended_at") < pl.col("first_fact_time") - KEY_REST + timedelta(seconds=1)) | (
        pl.col("ended_at") - pl.duration(seconds="talk_s")
        > pl.col("end_time") + KEY_REST - timedelta(seconds=1)
    )
    assert near.height >= foreign.height
    assert near.filter(~is_away.fill_null(value=False)).is_empty()


@both_flavours
def test_late_records_take_as_long_as_asked_and_others_the_usual_lag(flavour: Flavour) -> None:
    lag = of_legs(simulated(flavour)).select(
        (pl.col("replicated_at") - pl.col("end_time")).dt.total_seconds().alias("lag_s")
    )["lag_s"]
    late = lag.filter(lag >= 600)
    assert lag.filter(lag < 600).is_between(60, 300).all()
    assert late.is_between(600, 3600).all()
    assert 0.1 < late.len() / lag.len() < 0.3


@both_flavours
def test_clock_skew_moves_ciscos_times_and_not_the_time_at_which_they_can_be_read(flavour: Flavour) -> None:
    plan = CiscoPlan(flavour=flavour, trouble=QUIET, clock_skew=timedelta(seconds=-5))
    late, exact = of_legs(simulate_records(true_legs(), plan)), of_legs(simulated(flavour, QUIET))
    both = exact.join(late, on=KEY, suffix="_late")
    assert both.height == completed().height
    assert set(both["ended_at"] - both["ended_at_late"]) == {timedelta(seconds=5)}
    assert both["replicated_at"].equals(both["replicated_at_late"].rename("replicated_at"))


def test_a_record_that_stands_there_twice_is_ambiguous_and_says_the_same_agent_key_and_end() -> None:
    truth = simulated().truth
    second = truth.filter(kind="SECOND")
    same = ["tenant_id", "root_call_key", "agent_extension", "call_key", "extension", "ended_at"]
    pairs = second.join(truth.filter(kind="LEG"), on=same, nulls_equal=True, suffix="_first")
    assert pairs.height == second.height > 5
    assert pairs["is_ambiguous_first"].all()
    assert pairs["is_ambiguous"].all()
    assert pairs.filter(pl.col("wrap_up").eq_missing(pl.col("wrap_up_first"))).is_empty()


def test_two_that_end_together_and_both_lack_their_extension_are_ambiguous() -> None:
    trouble = Trouble(ambiguous=1)
    legs = of_legs(simulate_records(true_legs(), CiscoPlan(trouble=trouble)))
    together = legs.filter(pl.col("extension").is_null())
    assert together.height > 10
    assert together["is_ambiguous"].all()
    ends = together.group_by("tenant_id", "call_number").agg(
        pl.len(), span=pl.col("end_time").max() - pl.col("end_time").min()
    )
    assert ends["len"].min() == 2
    assert ends.filter(pl.col("span") > timedelta(milliseconds=100)).is_empty()


def test_one_without_its_extension_beside_a_clear_one_can_be_told() -> None:
    """Whoever takes out the clear ones first knows whose the last one is."""
    legs = of_legs(simulated("ucce", Trouble(no_extension=0.2)))
    alone = legs.filter(pl.col("extension").is_null(), ~pl.col("is_ambiguous"))
    beside = alone.join(
        legs.filter("is_clear").select("tenant_id", "call_number", "end_time"),
        on=["tenant_id", "call_number", "end_time"],
    )
    assert beside.height > 0
    assert not alone["is_clear"].any()


@both_flavours
def test_frames_that_are_no_true_legs_are_refused(flavour: Flavour) -> None:
    plan = CiscoPlan(flavour=flavour)
    with pytest.raises(
        ConfigurationError, match="service_number missing; make them with cx-pipeline simulate"
    ):
        simulate_records(true_legs().drop("service_number"), plan)
    with pytest.raises(ConfigurationError, match="extension front desk"):
        simulate_records(true_legs().with_columns(agent_extension=pl.lit("front desk")), plan)


@both_flavours
def test_no_legs_have_no_records(flavour: Flavour) -> None:
    result = simulate_records(true_legs().clear(), CiscoPlan(flavour=flavour))
    assert result.truth.is_empty()
    assert all(table.is_empty() for table in result.tables.values())


def test_peripheral_ids_are_the_plan_s_or_made_of_the_name_and_never_shared() -> None:
    named = simulate_records(true_legs(), CiscoPlan(peripheral_ids={"red": 5001}))
    assert named.peripheral_ids["red"] == 5001
    made = simulated().peripheral_ids
    assert named.peripheral_ids["blue"] == made["blue"] != made["red"]
