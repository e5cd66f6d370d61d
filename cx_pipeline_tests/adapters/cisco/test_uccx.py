"""UCCX: rows of ContactCallDetail and AgentConnectionDetail on a real PostgreSQL become records."""

import json
from datetime import timedelta

from cx_pipeline.core.enrichment.schema import CISCO_RECORD_SCHEMA
from cx_pipeline_tests.adapters.cisco.cisco_rows import HOUR, KEY, NOON, acd, agent, ccd, naive, records
from cx_pipeline_tests.adapters.cisco.conftest import Fill, OpenSource


def test_an_agents_connection_becomes_a_record(fill: Fill, open_source: OpenSource) -> None:
    fill(
        "uccx",
        contactcalldetail=[ccd(customVariable1="gold")],
        agentconnectiondetail=[acd(7, ringTime=3, workTime=9, callWrapupData="SALE")],
        resource=[agent(7)],
    )
    frame = records(open_source("uccx", tenants={"*": "acme"}))
    assert frame.schema == CISCO_RECORD_SCHEMA
    [record] = frame.drop("raw").to_dicts()
    assert record == {
        "record_id": "hds:90001-0-1-1-7-2026-06-08T12:06:00.000000",
        "source": "hds",
        "tenant_id": "acme",
        "jtapi_id": "16945106",
        "call_key": "1_167890",
        "peripheral_id": "1",
        "ani": "+18005550199",
        "dialled_number": "8001",
        "wrap_up": "SALE",
        "agent_id": "7",
        "agent_name": "Agent 7",
        "extension": "1007",
        "ended_at": NOON + timedelta(minutes=10),
        "dialler_call_id": None,
        "call_result": None,
        "disposition": 2,
        "conversation_type": "INBOUND",
        "talk_s": 200,
        "hold_s": 10,
        "work_s": 9,
        "ring_s": 3,
        "queue_s": None,
        "custom_variables": '{"customVariable1":"gold"}',
    }


def test_a_transferred_call_gives_one_record_for_each_agent_not_each_pair(
    fill: Fill, open_source: OpenSource
) -> None:
    legs = [ccd(10), ccd(20, sessionSeqNum=1), ccd(30, sessionSeqNum=2)]
    connections = [acd(7), acd(8, 20, sessionSeqNum=1), acd(9, 30, sessionSeqNum=2)]
    fill(
        "uccx",
        contactcalldetail=legs,
        agentconnectiondetail=connections,
        resource=[agent(7), agent(8), agent(9)],
    )
    read = records(open_source("uccx"))
    assert read["agent_id"].to_list() == ["7", "8", "9"]
    assert read["jtapi_id"].to_list() == ["16945106"] * 3
    assert read["ended_at"].dt.minute().to_list() == [10, 20, 30]


def test_agents_of_one_conferenced_leg_have_a_record_each(fill: Fill, open_source: OpenSource) -> None:
    connections = [acd(7, 8), acd(8, 9), acd(7, 2)]
    fill("uccx", contactcalldetail=[ccd()], agentconnectiondetail=connections, resource=[agent(7), agent(8)])
    read = records(open_source("uccx"))
    assert read["agent_id"].to_list() == ["7", "7", "8"]
    assert read["record_id"].n_unique() == 3


def test_the_same_key_of_another_node_or_profile_is_another_call(fill: Fill, open_source: OpenSource) -> None:
    fill(
        "uccx",
        contactcalldetail=[ccd(), ccd(nodeID=2, contactid="other")],
        agentconnectiondetail=[acd(7), acd(8, nodeID=2)],
        resource=[agent(7), agent(8), agent(7, profileID=2, resourceName="of another profile")],
    )
    read = records(open_source("uccx"))
    assert read.select("jtapi_id", "agent_name").rows() == [("16945106", "Agent 7"), ("other", "Agent 8")]


def test_a_call_that_an_agent_dialled_is_his_though_no_agent_was_connected_to_it(
    fill: Fill, open_source: OpenSource
) -> None:
    row = ccd(contactType=2, originatorType=1, originatorID=7, originatorDN="", calledNumber="+18005550111")
    fill("uccx", contactcalldetail=[row], resource=[agent(7)])
    [record] = records(open_source("uccx")).to_dicts()
    assert record["record_id"] == "hds:90001-0-1-1"
    assert record["conversation_type"] == "OUTBOUND"
    assert (record["dialled_number"], record["agent_id"], record["ani"]) == ("+18005550111", "7", None)


def test_a_consultation_is_of_the_agent_who_was_asked(fill: Fill, open_source: OpenSource) -> None:
    consult = {
        **{name: KEY[name] for name in ("sessionID", "sessionSeqNum", "nodeID")},
        "destinationResourceID": 8,
        "endDateTime": naive(9),
    }
    row = ccd(contactType=3, originatorType=1, originatorID=7)
    fill("uccx", contactcalldetail=[row], consultlegdetail=[consult], resource=[agent(7), agent(8)])
    [record] = records(open_source("uccx")).to_dicts()
    assert (record["agent_id"], record["ended_at"]) == ("8", NOON + timedelta(minutes=9))


def test_the_dialling_lists_last_name_is_the_call_id_and_its_doubles_multiply_nothing(
    fill: Fill, open_source: OpenSource
) -> None:
    contact = {"dialingListID": 5, "lastName": "cx-call-1", "firstName": "Ada", "phone01": "+18005550111"}
    fill(
        "uccx",
        contactcalldetail=[ccd(contactType=8)],
        agentconnectiondetail=[acd(7, dialingListID=5, callResult=1)],
        resource=[agent(7), agent(7)],
        dialinglist=[contact, contact, {**contact, "dialingListID": 6, "lastName": "another"}],
    )
    [record] = records(open_source("uccx")).to_dicts()
    assert (record["dialler_call_id"], record["call_result"]) == ("cx-call-1", 1)
    assert json.loads(record["custom_variables"])["DiallerFirstName"] == "Ada"


def test_the_agents_part_decides_the_span_not_the_calls(fill: Fill, open_source: OpenSource) -> None:
    fill(
        "uccx",
        contactcalldetail=[ccd(70)],
        agentconnectiondetail=[acd(7, 20), acd(8, 65), acd(9, -1)],
    )
    assert records(open_source("uccx"))["ended_at"].to_list() == [NOON + timedelta(minutes=20)]


def test_a_contact_id_that_is_no_number_is_kept_as_it_is(fill: Fill, open_source: OpenSource) -> None:
    calls = [ccd(contactid=" A1B2-C3 "), ccd(sessionID=90002, contactid=None)]
    fill("uccx", contactcalldetail=calls, agentconnectiondetail=[acd(7), acd(7, sessionID=90002)])
    assert records(open_source("uccx"))["call_key"].to_list() == ["A1B2-C3", None]


def test_a_call_that_reached_no_agent_is_no_record(fill: Fill, open_source: OpenSource) -> None:
    fill("uccx", contactcalldetail=[ccd(contactDisposition=1)])
    assert list(open_source("uccx").read(*HOUR)) == []
