"""Rows of ContactCallDetail and what hangs on it, as UCCX writes them."""

import polars as pl

from cx_pipeline.core.events.call_keys import call_key
from cx_pipeline.simulator.comparison import KEY
from cx_pipeline_tests.simulator.cisco.simulated import simulated, true_legs

CALL_LEG = ["sessionid", "sessionseqnum", "nodeid", "profileid"]


def table(name: str) -> pl.DataFrame:
    return simulated("uccx").tables[name]


def told(name: str) -> pl.DataFrame:
    """Rows of a table beside the leg whose record they are, by what the record key says."""
    parts = [pl.col(column).cast(pl.String) for column in CALL_LEG]
    if name == "agentconnectiondetail":
        parts += [
            pl.col("resourceid").cast(pl.String),
            pl.col("startdatetime").dt.strftime("%Y-%m-%dT%H:%M:%S%.6f"),
        ]
    keyed = table(name).with_columns(record_key=pl.concat_str(parts, separator="-"))
    truth = simulated("uccx").truth.drop("replicated_at").filter(kind="LEG")
    return keyed.join(truth, on=["record_key", "tenant_id"]).join(true_legs(), on=KEY, suffix="_true")


def test_every_record_is_an_agent_connection_or_a_call_leg_without_one() -> None:
    without = table("contactcalldetail").join(table("agentconnectiondetail"), on=CALL_LEG, how="anti")
    assert table("agentconnectiondetail").height + without.height == simulated("uccx").truth.height
    assert told("agentconnectiondetail").height + told("contactcalldetail").height == (
        simulated("uccx").truth.filter(kind="LEG").height
    )


def test_call_legs_have_one_row_and_everything_hangs_on_one() -> None:
    calls = table("contactcalldetail")
    assert not calls.select(CALL_LEG).is_duplicated().any()
    for name in ("agentconnectiondetail", "consultlegdetail"):
        assert table(name).height > 0
        assert table(name).join(calls, on=[*CALL_LEG, "contactid"], how="anti").is_empty()


def test_the_contact_id_is_text_of_one_of_the_call_s_keys() -> None:
    for name in ("agentconnectiondetail", "contactcalldetail"):
        keyed = told(name).with_columns(bears=call_key(pl.col("contactid")))
        assert keyed.schema["contactid"] == pl.String
        assert keyed.filter(~pl.col("bears").is_in(pl.col("call_keys"))).is_empty()


def test_agents_who_were_rung_before_one_answered_share_a_call_leg_and_one_who_took_over_has_another() -> (
    None
):
    connections = told("agentconnectiondetail").filter(pl.col("direction") == "INBOUND")
    per_leg = connections.group_by(CALL_LEG).agg(pl.len(), pl.col("start_reason").unique())
    assert per_leg["len"].max() > 1  # type: ignore[operator]
    transferred = connections.filter(start_reason="DIRECT_TRANSFER")
    assert transferred.height > 0
    assert transferred["sessionseqnum"].min() > 0  # type: ignore[operator]
    assert transferred.select(CALL_LEG).n_unique() == transferred.height


def test_talk_is_told_of_agent_connections_only() -> None:
    truth = simulated("uccx").truth.filter(kind="LEG")
    assert 0 < truth["talk_s"].null_count() == told("contactcalldetail").height
    right = told("agentconnectiondetail").filter("is_answered", ~pl.col("has_wrong_talk_time"))
    away = (pl.col("talktime") + pl.col("holdtime")).cast(pl.Int64) * 1000 - pl.col("duration_ms")
    assert right.filter(away.abs() > 1000).is_empty()


def test_an_agent_who_dialled_by_hand_is_the_originator_and_one_who_was_consulted_the_destination() -> None:
    calls, consults = told("contactcalldetail"), told("consultlegdetail")
    dialled = calls.filter(direction="OUTBOUND", start_reason="OUTBOUND")
    assert dialled.height > 0
    assert dialled["originatorid"].null_count() == 0
    assert set(dialled["contacttype"]) == {2}
    resources = table("resource").filter(pl.col("extension").is_not_null())
    named = consults.join(
        resources,
        left_on=["destinationresourceid", "profileid"],
        right_on=["resourceid", "profileid"],
        suffix="_of",
    )
    assert named.height > 0
    assert named.filter(pl.col("extension_of") != pl.col("extension")).is_empty()


def test_a_call_leg_is_there_as_soon_as_the_first_of_its_connections() -> None:
    both = table("agentconnectiondetail").join(table("contactcalldetail"), on=CALL_LEG, suffix="_call")
    first = both.group_by(CALL_LEG).agg(pl.col("replicated_at").min(), pl.col("replicated_at_call").first())
    assert first.filter(pl.col("replicated_at") != pl.col("replicated_at_call")).is_empty()


def test_an_extension_is_that_of_the_resource() -> None:
    connections = told("agentconnectiondetail").join(
        table("resource"), on=["resourceid", "profileid"], how="left", suffix="_of"
    )
    assert connections["resourcename"].null_count() == 0
    assert connections.filter(pl.col("extension_of").ne_missing(pl.col("extension"))).is_empty()
    assert connections.filter(pl.col("extension").is_null()).height > 10


def test_the_dialler_s_list_bears_the_cx_call_id_of_the_connection_that_names_it() -> None:
    dialled = told("agentconnectiondetail").filter(pl.col("dialinglistid").is_not_null())
    named = dialled.join(table("dialinglist"), on="dialinglistid", suffix="_list")
    assert named.height == dialled.height > 10
    assert named.filter(pl.col("lastname") != pl.col("dialler_call_id")).is_empty()
    assert set(named["direction"]) == {"OUTBOUND"}
    assert table("dialinglist")["dialinglistid"].is_unique().all()


def test_there_are_no_reservation_calls() -> None:
    assert "RESERVATION" not in set(simulated("uccx").truth["kind"])
