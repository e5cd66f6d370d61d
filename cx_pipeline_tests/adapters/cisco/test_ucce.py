"""UCCE: rows of Termination_Call_Detail on a real PostgreSQL become records."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from cx_pipeline.adapters.cisco import pool
from cx_pipeline.core.enrichment.schema import CISCO_RECORD_SCHEMA
from cx_pipeline_tests.adapters.cisco.cisco_rows import HOUR, NEW_YORK, NOON, dialled, naive, records, tcd
from cx_pipeline_tests.adapters.cisco.conftest import Fill, OpenSource


def test_a_row_becomes_a_record_with_its_agent_and_all_its_numbers(
    fill: Fill, open_source: OpenSource
) -> None:
    agent = {"SkillTargetID": 5001, "EnterpriseName": "Doe_Jane"}
    fill("ucce", termination_call_detail=[tcd(4998376500012, WrapupData="SALE")], agent=[agent])
    frame = records(open_source())
    assert frame.schema == CISCO_RECORD_SCHEMA
    [record] = frame.drop("raw").to_dicts()
    assert record == {
        "record_id": "hds:4998376500012",
        "source": "hds",
        "tenant_id": None,
        "jtapi_id": "16945106",
        "call_key": "1_167890",
        "peripheral_id": "5000",
        "ani": "+18005550199",
        "dialled_number": "8001",
        "wrap_up": "SALE",
        "agent_id": "5001",
        "agent_name": "Doe_Jane",
        "extension": "1005",
        "ended_at": NOON + timedelta(minutes=10),
        "dialler_call_id": None,
        "call_result": None,
        "disposition": 13,
        "conversation_type": "INBOUND",
        "talk_s": 300,
        "hold_s": 20,
        "work_s": 30,
        "ring_s": 4,
        "queue_s": 7,
        "custom_variables": None,
    }


def test_the_raw_row_is_kept_as_it_came(fill: Fill, open_source: OpenSource) -> None:
    fill("ucce", termination_call_detail=[tcd(WrapupData=" SALE ", RouterCallKeyDay=153)])
    raw = json.loads(records(open_source())["raw"][0])
    assert raw["wrapupdata"] == " SALE "
    assert raw["routercallkeyday"] == 153
    assert raw["dnis"] == "8001"
    assert raw["callterminateddatetimeutc"] == "2026-06-08T12:10:00.000000"
    assert raw["variable1"] is None


def test_only_records_that_ended_in_the_span_are_read(fill: Fill, open_source: OpenSource) -> None:
    rows = [tcd(1, ended=-0.01), tcd(2, ended=0), tcd(3, ended=59.99), tcd(4, ended=60)]
    fill("ucce", termination_call_detail=rows)
    assert records(open_source())["record_id"].to_list() == ["hds:2", "hds:3"]
    assert list(open_source().read(NOON, NOON)) == []


@pytest.mark.parametrize("zone", [NEW_YORK, 0, -330, 720, -840])
def test_a_span_is_of_utc_wherever_the_central_controller_stands(
    zone: int, fill: Fill, open_source: OpenSource
) -> None:
    rows = [tcd(1, ended=-1, zone=zone), tcd(2, ended=30, zone=zone), tcd(3, ended=61, zone=zone)]
    fill("ucce", termination_call_detail=rows)
    assert records(open_source())["record_id"].to_list() == ["hds:2"]


@pytest.mark.parametrize("zone", [NEW_YORK, 0, -330, 720, -840])
def test_a_release_before_12_5_gives_the_same_records(zone: int, fill: Fill, open_source: OpenSource) -> None:
    rows = [tcd(1, ended=-1, zone=zone), tcd(2, ended=30, zone=zone), tcd(3, ended=60, zone=zone)]
    fill("ucce", "11.6", termination_call_detail=rows)
    source = open_source()
    read = records(source)
    assert read["record_id"].to_list() == ["hds:2"]
    assert read["ended_at"].to_list() == [NOON + timedelta(minutes=30)]
    assert "callterminateddatetimeutc" not in json.loads(read["raw"][0])
    assert source.check().statement == "call_records_before_12_5"


def test_a_release_before_12_5_is_read_through_the_change_of_the_clocks(
    fill: Fill, open_source: OpenSource
) -> None:
    summer, winter = tcd(1, ended=10, zone=NEW_YORK), tcd(2, ended=50, zone=300)
    fill("ucce", "11.6", termination_call_detail=[summer, winter])
    read = records(open_source())
    assert read["ended_at"].to_list() == [NOON + timedelta(minutes=10), NOON + timedelta(minutes=50)]


def test_a_zone_that_is_meant_the_other_way_round_is_found_by_the_calls_starts(
    fill: Fill, open_source: OpenSource
) -> None:
    rows = [
        {**tcd(number, ended=10 * number, zone=NEW_YORK), "TimeZone": -NEW_YORK} for number in range(1, 5)
    ]
    fill("ucce", "11.6", termination_call_detail=rows)
    read = records(open_source())
    assert read["ended_at"].to_list() == [NOON + timedelta(minutes=10 * number) for number in range(1, 5)]


def test_a_row_from_before_the_upgrade_to_12_5_is_dated_by_its_local_time(
    fill: Fill, open_source: OpenSource
) -> None:
    old = [
        {**tcd(n, ended=ended, zone=NEW_YORK), "CallTerminatedDateTimeUTC": None}
        for n, ended in enumerate((20, 70))
    ]
    fill("ucce", termination_call_detail=[*old, tcd(9)])
    read = records(open_source())
    assert read["record_id"].to_list() == ["hds:0", "hds:9"]
    assert read["ended_at"][0] == NOON + timedelta(minutes=20)


@pytest.mark.parametrize(
    ("call_types", "kind"),
    [
        ((18, 27, 28, 29, 30, 31), "RESERVATION"),
        ((7, 8, 9, 17, 32, 33, 34, 35, 36, 37, 41), "OUTBOUND"),
        ((1, 2, 3, 6, 10, 12, None), "INBOUND"),
    ],
)
def test_the_type_of_a_call_is_told_by_its_peripheral_call_type(
    call_types: tuple[int | None, ...], kind: str, fill: Fill, open_source: OpenSource
) -> None:
    fill("ucce", termination_call_detail=[tcd(n, PeripheralCallType=t) for n, t in enumerate(call_types)])
    read = records(open_source())
    assert read["conversation_type"].to_list() == [kind] * len(call_types)


def test_the_dialled_number_is_the_service_of_an_inbound_call_and_the_customers_of_an_outbound_one(
    fill: Fill, open_source: OpenSource
) -> None:
    rows = [
        tcd(1, DNIS="8001", DigitsDialed="4711"),
        tcd(2, DNIS=None, DigitsDialed="4711"),
        tcd(3, DNIS="8001", DigitsDialed="+18005550111", PeripheralCallType=9),
        tcd(4, DNIS="8001", DigitsDialed=None, PeripheralCallType=35),
    ]
    fill("ucce", termination_call_detail=rows, dialer_detail=[dialled()])
    read = records(open_source())
    assert read["dialled_number"].to_list() == ["8001", "4711", "+18005550111", "18005550199"]


def test_the_dialler_adds_its_call_id_and_result_to_the_calls_own_columns(
    fill: Fill, open_source: OpenSource
) -> None:
    row = dialled(FirstName="Ada", AccountNumber="42", CampaignID=7)
    fill("ucce", termination_call_detail=[tcd(Variable1="gold", PeripheralCallType=35)], dialer_detail=[row])
    [record] = records(open_source()).to_dicts()
    assert record["dialler_call_id"] == "cx-call-1"
    assert record["call_result"] == 10
    assert json.loads(record["custom_variables"]) == {
        "Variable1": "gold",
        "DiallerFirstName": "Ada",
        "DiallerAccountNumber": "42",
        "DiallerPhone": "18005550199",
        "DiallerCampaignID": "7",
    }
    assert json.loads(record["raw"])["dialler_lastname"] == "cx-call-1"


def test_a_call_key_used_again_takes_the_diallers_row_nearest_in_time_and_stays_one_record(
    fill: Fill, open_source: OpenSource
) -> None:
    again = [
        dialled(ended=-20, LastName="earlier"),
        dialled(ended=12, LastName="own"),
        dialled(ended=30, LastName="later"),
        dialled(ended=9, LastName="of another peripheral", PeripheralID=5001),
    ]
    fill("ucce", termination_call_detail=[tcd(1), tcd(2, ended=29)], dialer_detail=again)
    assert records(open_source())["dialler_call_id"].to_list() == ["own", "later"]


def test_a_diallers_row_that_called_another_number_is_of_another_call_with_this_key(
    fill: Fill, open_source: OpenSource
) -> None:
    rows = [
        tcd(1),
        tcd(2, ANI=None, DNIS=None, DigitsDialed=None),
        tcd(3, ANI="5550123", DigitsDialed="(800) 5550111"),
    ]
    fill("ucce", termination_call_detail=rows, dialer_detail=[dialled(Phone="918005550111")])
    assert records(open_source())["dialler_call_id"].to_list() == [None, "cx-call-1", "cx-call-1"]


def test_a_diallers_row_more_than_an_hour_away_is_of_another_call(
    fill: Fill, open_source: OpenSource
) -> None:
    fill("ucce", termination_call_detail=[tcd()], dialer_detail=[dialled(ended=-51), dialled(ended=71)])
    assert records(open_source())["dialler_call_id"].to_list() == [None]


def test_the_dialler_is_joined_in_the_controllers_own_time(fill: Fill, open_source: OpenSource) -> None:
    row = {**dialled(), "DateTime": naive(11, NEW_YORK), "TimeZone": NEW_YORK}
    for version in ("12.5", "11.6"):
        fill("ucce", version, termination_call_detail=[tcd(zone=NEW_YORK)], dialer_detail=[row])
        assert set(records(open_source())["dialler_call_id"]) == {"cx-call-1"}


def test_a_row_without_a_call_id_is_kept_and_matches_no_call(fill: Fill, open_source: OpenSource) -> None:
    fill("ucce", termination_call_detail=[tcd(1, PeripheralCallKey=None), tcd(2, PeripheralCallKey=0)])
    read = records(open_source())
    assert read["record_id"].to_list() == ["hds:1", "hds:2"]
    assert read["call_key"].to_list() == [None, None]


def test_a_row_of_no_agent_and_no_extension_is_no_record(fill: Fill, open_source: OpenSource) -> None:
    nobody = {"AgentSkillTargetID": None, "InstrumentPortNumber": None}
    extension = tcd(2, AgentSkillTargetID=None)
    rows = [{**tcd(1), **nobody}, extension, tcd(3, InstrumentPortNumber=None)]
    for version in ("12.5", "11.6"):
        fill("ucce", version, termination_call_detail=rows)
        assert set(records(open_source())["record_id"]) == {"hds:2", "hds:3"}


def test_a_row_without_a_zone_is_kept_as_of_utc(fill: Fill, open_source: OpenSource) -> None:
    fill("ucce", "11.6", termination_call_detail=[{**tcd(1), "TimeZone": None}, tcd(2)])
    assert records(open_source())["record_id"].to_list() == ["hds:1", "hds:2"]


def test_odd_characters_survive_and_blanks_around_a_text_do_not(fill: Fill, open_source: OpenSource) -> None:
    odd = 'O\'Brien "ж" 日本 \\ \n %s :ended_from ?'
    row = tcd(Variable1=f"  {odd}\t", Variable2="   ", Variable10=odd, ANI="  ", WrapupData=f" {odd} ")
    fill("ucce", termination_call_detail=[row], agent=[{"SkillTargetID": 5001, "EnterpriseName": "Łukasz"}])
    [record] = records(open_source()).to_dicts()
    assert json.loads(record["custom_variables"]) == {"Variable1": odd, "Variable10": odd}
    assert record["wrap_up"] == odd
    assert record["ani"] is None
    assert record["agent_name"] == "Łukasz"
    assert json.loads(record["raw"])["variable1"] == f"  {odd}\t"


def test_many_rows_come_in_chunks_and_none_is_lost_or_doubled(
    fill: Fill, open_source: OpenSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "ROWS_AT_ONCE", 7)
    rows = [tcd(number, ended=number, PeripheralCallKey=number + 1) for number in range(50)]
    dialler = [
        dialled(ended=number, PeripheralCallKey=number + 1, LastName=f"n{number}") for number in range(50)
    ]
    fill("ucce", termination_call_detail=rows, dialer_detail=dialler)
    chunks = list(open_source().read(*HOUR))
    assert [len(chunk) for chunk in chunks] == [7] * 7 + [1]
    ids = [record_id for chunk in chunks for record_id in chunk["record_id"]]
    assert sorted(ids) == sorted(f"hds:{number}" for number in range(50))
    assert all(c["dialler_call_id"].to_list() == [f"n{int(k) - 1}" for k in c["jtapi_id"]] for c in chunks)


def test_the_tenant_is_that_of_the_peripheral_or_of_all_others(fill: Fill, open_source: OpenSource) -> None:
    rows = [tcd(1, PeripheralID=5000), tcd(2, PeripheralID=5001), tcd(3, PeripheralID=None)]
    fill("ucce", termination_call_detail=rows)
    tenants = {"5000": "acme", "*": "rest"}
    assert records(open_source(tenants=tenants))["tenant_id"].to_list() == ["acme", "rest", "rest"]
    assert records(open_source(tenants={"5001": "zeta"}))["tenant_id"].to_list() == [None, "zeta", None]


def test_columns_are_asked_for_once(fill: Fill, open_source: OpenSource) -> None:
    fill("ucce", termination_call_detail=[tcd()])
    source = open_source()
    assert len(records(source)) == 1
    fill("ucce", "11.6")  # what it has found out by now stays so for this source
    with pytest.raises(Exception, match="a column is not there"):
        records(source)
    assert len(records(open_source())) == 1


def test_a_trial_query_says_how_the_database_is_asked_and_what_it_had(
    fill: Fill, open_source: OpenSource
) -> None:
    now = datetime.now(UTC)
    ended = (now - NOON).total_seconds() / 60 - 1
    fill("ucce", termination_call_detail=[tcd(1, ended=ended), tcd(2, ended=ended - 60)])
    check = open_source().check()
    assert (check.name, check.flavour, check.statement, check.record_count) == (
        "hds",
        "ucce",
        "call_records",
        1,
    )
