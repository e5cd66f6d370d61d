"""Rows of Termination_Call_Detail, Agent and Dialer_Detail, as UCCE writes them."""

from datetime import timedelta
from uuid import UUID

import polars as pl
import pytest

from cx_pipeline.core.events.call_keys import call_key
from cx_pipeline.simulator.cisco.plan import CiscoPlan, Trouble
from cx_pipeline.simulator.cisco.records import simulate_records
from cx_pipeline.simulator.cisco.wrap_ups import ODD_WRAP_UPS
from cx_pipeline.simulator.comparison import KEY
from cx_pipeline.simulator.site import SERVICE_NUMBERS
from cx_pipeline_tests.simulator.cisco.simulated import TROUBLED, simulated, true_legs

RESERVATIONS = (18, 27, 28, 29, 30, 31)


def rows(trouble: Trouble = TROUBLED, version: str = "12.5") -> pl.DataFrame:
    """Rows of Termination_Call_Detail beside their truth and, where there is one, their leg."""
    result = simulated("ucce", trouble, version)
    details = result.tables["termination_call_detail"].with_columns(
        record_key=pl.col("recoverykey").cast(pl.Int64).cast(pl.String)
    )
    truth = result.truth.drop("extension", "replicated_at")
    return details.join(truth, on=["record_key", "tenant_id"]).join(
        true_legs(), on=KEY, how="left", suffix="_true"
    )


def leg_rows(**where: object) -> pl.DataFrame:
    found = rows().filter(pl.col("kind") == "LEG", **where)
    assert found.height > 0
    return found


def test_every_record_is_a_row_and_recovery_keys_grow_with_time() -> None:
    details = rows()
    assert details.height == simulated().truth.height
    assert details["recoverykey"].is_unique().all()
    minutes = details.sort("tenant_id", "recoverykey").select(
        back=pl.col("callterminateddatetimeutc").diff().over("tenant_id") < timedelta(0)
    )
    assert not minutes["back"].any()
    assert details["recoverykey"].max() < 2**53  # type: ignore[operator]


def test_the_call_key_is_a_number_of_one_of_the_call_s_keys_the_root_s_or_a_consult_s() -> None:
    keyed = leg_rows().with_columns(bears=call_key(pl.col("peripheralcallkey").cast(pl.String)))
    assert keyed.filter(~pl.col("bears").is_in(pl.col("call_keys"))).is_empty()
    consulted = keyed.filter(pl.col("consult_source").is_not_null(), pl.col("call_keys").list.len() > 1)
    on_root = consulted.select(pl.col("bears") == pl.col("root_call_key")).to_series()
    assert on_root.any()
    assert not on_root.all()
    others = keyed.filter(pl.col("consult_source").is_null())
    assert others.filter(pl.col("bears") != pl.col("root_call_key")).is_empty()


def test_call_keys_come_again_in_other_calls_and_in_other_tenants() -> None:
    keyed = leg_rows().group_by("tenant_id", "peripheralcallkey").agg(pl.col("call_number").n_unique())
    assert keyed.filter(pl.col("call_number") > 1).height > 10
    assert (
        leg_rows().group_by("peripheralcallkey").agg(pl.col("peripheralid").n_unique())["peripheralid"].max()
        == 2
    )


def test_each_agent_of_a_transfer_or_a_conference_has_a_row() -> None:
    agents = (
        leg_rows()
        .filter(pl.col("call_type").is_in(["CONSULT_TRANSFER", "DIRECT_TRANSFER", "CONFERENCE"]))
        .group_by("tenant_id", "call_number")
        .agg(pl.col("agentskilltargetid").n_unique())
    )
    assert agents["agentskilltargetid"].max() == 3
    assert (agents["agentskilltargetid"] > 1).mean() > 0.8  # type: ignore[operator]


def test_a_duration_is_the_sum_of_its_parts() -> None:
    parts = ("localqtime", "ringtime", "talktime", "worktime", "holdtime", "delaytime")
    assert rows().filter(pl.col("duration") != pl.sum_horizontal(*parts)).is_empty()
    assert rows().select(pl.min_horizontal(*parts).min()).item() == 0


def test_talk_is_without_hold_and_both_are_the_leg_s_duration_unless_that_is_the_trouble() -> None:
    answered = leg_rows(is_answered=True)
    away = (pl.col("talktime") + pl.col("holdtime")) * 1000 - pl.col("duration_ms")
    right, wrong = answered.filter(~pl.col("has_wrong_talk_time")), answered.filter("has_wrong_talk_time")
    assert right.filter(away.abs() > 1000).is_empty()
    assert wrong.height > 10
    assert wrong.filter(away.abs() <= 5000).is_empty()
    held = right.filter(pl.col("held_ms") > 10_000, ~pl.col("has_unseen_hold"))
    assert held.height > 10
    assert held.filter((pl.col("holdtime") * 1000 - pl.col("held_ms")).abs() > 1000).is_empty()


def test_a_hold_that_the_events_do_not_tell_stands_where_they_tell_none() -> None:
    unseen = leg_rows(has_unseen_hold=True)
    assert unseen.filter(pl.col("held_ms") > 0).is_empty()
    assert unseen["holdtime"].min() >= 5  # type: ignore[operator]


def test_an_agent_who_did_not_answer_has_a_row_without_talk() -> None:
    unanswered = leg_rows(call_type="RONA", rona_reason="NO_ANSWER")
    assert set(unanswered["calldisposition"]) == {19}
    assert unanswered.select(pl.sum_horizontal("talktime", "holdtime", "worktime").sum()).item() == 0
    assert unanswered["ringtime"].min() > 0  # type: ignore[operator]
    assert unanswered["wrapupdata"].null_count() == unanswered.height


@pytest.mark.parametrize(
    ("where", "dispositions"),
    [
        ({"end_reason": "DIALOG_ENDED", "start_reason": "INBOUND"}, {13}),
        ({"end_reason": "DIALOG_ENDED", "start_reason": "DIRECT_TRANSFER"}, {14}),
        ({"end_reason": "DIRECT_TRANSFER"}, {28}),
        ({"end_reason": "CONSULT_TRANSFER"}, {29}),
        ({"end_reason": "CONFERENCE_ENDED"}, {30}),
        ({"rona_reason": "ABANDONED"}, {3}),
        ({"rona_reason": "ANSWERED_ELSEWHERE"}, {15}),
        ({"direction": "OUTBOUND", "end_reason": "NO_ANSWER"}, {10}),
    ],
)
def test_the_disposition_says_how_the_agent_s_part_ended(
    where: dict[str, str], dispositions: set[int]
) -> None:
    assert set(leg_rows(**where)["calldisposition"]) == dispositions


def test_an_inbound_call_is_of_the_customer_and_dialled_the_service_number() -> None:
    inbound = leg_rows(direction="INBOUND")
    assert inbound.filter(pl.col("dnis") != pl.col("service_number")).is_empty()
    assert inbound.filter(pl.col("digitsdialed") != pl.col("service_number")).is_empty()
    assert inbound.filter(~pl.col("ani").str.starts_with("+155")).is_empty()
    # The events may show the service number in the customer's place: Cisco knows the customer.
    hidden = pl.col("other_party").is_in(SERVICE_NUMBERS)
    assert inbound.filter(hidden).height > 10
    assert inbound.filter(~hidden, pl.col("ani") != pl.col("other_party")).is_empty()
    assert inbound.group_by("tenant_id", "call_number").agg(pl.col("ani").n_unique())["ani"].max() == 1
    assert not set(inbound["peripheralcalltype"]) & {7, 8, 9, 17, *range(27, 38), 41}


def test_an_outbound_call_is_of_the_agent_and_dialled_the_customer() -> None:
    outbound = leg_rows(direction="OUTBOUND")
    assert outbound.filter(pl.col("digitsdialed") != pl.col("other_party")).is_empty()
    assert (
        outbound.filter(start_reason="OUTBOUND").filter(pl.col("ani") != pl.col("agent_extension")).is_empty()
    )
    assert set(outbound["peripheralcalltype"]) <= {7, 8, 9, 17, 32, 35, 41}


def test_reservation_calls_are_told_by_their_type_on_the_leg_s_key_or_another() -> None:
    reserved = rows().filter(pl.col("peripheralcalltype").is_in(RESERVATIONS))
    assert set(reserved["kind"]) == {"RESERVATION"}
    assert rows().filter(kind="RESERVATION").height == reserved.height
    on_the_leg_s = call_key(pl.col("peripheralcallkey").cast(pl.String)) == pl.col("call_key")
    assert set(reserved.select(on_the_leg_s).to_series()) == {True, False}


def test_extensions_are_missing_or_others_as_asked() -> None:
    port = pl.col("instrumentportnumber")
    legs = leg_rows()
    assert legs.filter(port.is_null()).height > 10
    assert legs.filter(port == pl.concat_str(pl.lit("9"), "agent_extension")).height > 10
    assert legs.filter(port == pl.col("agent_extension")).height > 0.8 * legs.height


@pytest.mark.parametrize("version", ["12.5", "11.6"])
def test_local_times_and_their_zone_give_the_end_in_utc_which_only_newer_releases_tell(version: str) -> None:
    details = rows(version=version)
    utc = pl.col("datetime") + pl.duration(minutes="timezone")
    assert details.filter(utc != pl.col("ended_at").dt.replace_time_zone(None)).is_empty()
    zones = details.group_by("tenant_id").agg(pl.col("timezone").unique()).sort("tenant_id")
    assert zones["timezone"].to_list() == [[-60], [300]]
    assert details["callterminateddatetimeutc"].is_null().all() == (version == "11.6")


def test_a_zone_s_summer_time_is_its_minutes_of_that_day() -> None:
    summer = true_legs().with_columns(
        pl.col("first_fact_time", "ring_time", "start_time", "end_time").dt.offset_by("6mo")
    )
    details = simulate_records(summer, CiscoPlan()).tables["termination_call_detail"]
    assert set(details["timezone"]) == {-120, 240}


def test_wrap_ups_with_odd_characters_occur_as_they_were_written() -> None:
    written = set(leg_rows()["wrapupdata"])
    assert set(ODD_WRAP_UPS) <= written
    assert max(map(len, ODD_WRAP_UPS)) == 300
    together = "".join(ODD_WRAP_UPS)
    assert all(odd in together for odd in ('"', "'", "ü", "\n", "\t", ";", "👍", "\\", "%"))


def test_the_dialler_s_record_bears_the_cx_call_id_of_the_call_that_it_made() -> None:
    result = simulated()
    dialled = result.tables["dialer_detail"]
    told = leg_rows().filter(pl.col("dialler_call_id").is_not_null())
    both = told.join(dialled, left_on="dialler_call_id", right_on="lastname", suffix="_dialler")
    assert both.height == told.height > 10
    assert both.filter(pl.col("peripheralcallkey") != pl.col("peripheralcallkey_dialler")).is_empty()
    assert set(both["direction"]) == {"OUTBOUND"}
    assert {str(UUID(name)) for name in dialled["lastname"]} == set(dialled["lastname"])
    assert both.filter(pl.col("callresult") != pl.when("is_answered").then(10).otherwise(8)).is_empty()
    # A call whose agent's record is missing was dialled all the same.
    assert dialled.height > told.height


def test_every_agent_of_a_row_is_configured() -> None:
    result = simulated()
    agents = result.tables["agent"]
    assert agents["skilltargetid"].is_unique().all()
    found = result.tables["termination_call_detail"].join(
        agents,
        left_on=["agentskilltargetid", "peripheralid"],
        right_on=["skilltargetid", "peripheralid"],
        how="anti",
    )
    assert found.is_empty()
