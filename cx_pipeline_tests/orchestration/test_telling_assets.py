"""From a window's legs to what the conversation manager has: Cisco records that come, come late, or never."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from cx_pipeline.core.frames import ENRICHED_CALL_LEGS, RAW_CCM_VOICE_ACTIVITIES, RAW_CISCO_CALL_DETAILS
from cx_pipeline_tests.orchestration.deployment import HOUR, TEN, call
from cx_pipeline_tests.orchestration.telling_site import TellingSite

MINUTE = timedelta(minutes=1)
KEY = "2026-03-02-10:00"
START, LASTS = TEN + MINUTE, 5 * MINUTE
END = START + LASTS
THREE = ["CALL_LEG_STARTED", "CALL_LEG_ENDED", "WRAPUP"]

Clock = Callable[[datetime], None]


def test_a_leg_gets_its_record_and_the_conversation_manager_its_messages_once(site: TellingSite):
    site.deployment.store(*call("1_100", START, lasts=LASTS))
    site.agent(7001, "Ada Abt")
    record = site.record(100, END)
    result = site.deployment.run(KEY)
    assert all(check.passed for check in result.get_asset_check_evaluations())
    assert site.states() == [("COMPLETE", None, record)]
    assert site.messages() == [(intent, 0, "DELIVERED") for intent in THREE]
    ledger = site.ledger()
    assert (ledger["messages"], ledger["receptions"], ledger["order_violations"]) == (3, 3, [])
    window = site.deployment.window(KEY)
    assert site.deployment.frames.read(RAW_CISCO_CALL_DETAILS, window).frame["record_id"].to_list() == [
        record
    ]
    legs = site.deployment.frames.read(ENRICHED_CALL_LEGS, window).frame.row(0, named=True)
    assert (legs["agent_name"], legs["wrap_up"], legs["customer_identifier"], legs["service_identifier"]) == (
        "Ada Abt",
        "solved",
        "0301234567",
        "8001",
    )
    activities = site.deployment.frames.read(RAW_CCM_VOICE_ACTIVITIES, window).frame
    assert activities["leg_id"].to_list() == [legs["leg_id"]]
    conversation = site.deployment.rows("SELECT cx_call_id, conversation_id FROM call_conversation")
    assert conversation == [(legs["cx_call_id"], activities["conversation_id"][0])]


def test_a_window_computed_again_sends_nothing_and_gives_the_same_bytes(site: TellingSite):
    site.deployment.store(*call("1_100", START, lasts=LASTS))
    site.record(100, END)
    site.deployment.run(KEY)
    before = site.deployment.frame_bytes()
    site.deployment.run(KEY)
    site.deployment.run_range("2026-03-02-09:00", KEY)
    assert site.ledger()["receptions"] == 3
    after = site.deployment.frame_bytes()
    assert {path: after[path] for path in before} == before


def test_messages_wait_for_the_record_and_leave_when_it_comes(site: TellingSite, clock: Clock):
    site.deployment.store(*call("1_100", START, lasts=LASTS))
    clock(END + 2 * MINUTE)
    site.deployment.run(KEY)
    assert site.states() == [("PENDING", "NO_RECORD_YET", None)]
    assert site.messages() == []
    record = site.record(100, END)
    clock(END + 6 * MINUTE)
    site.deployment.run(KEY)
    assert site.states() == [("COMPLETE", None, record)]
    assert site.ledger()["messages"] == 3


def test_after_the_last_try_messages_leave_without_and_are_corrected_when_the_record_comes(
    site: TellingSite, clock: Clock
):
    site.deployment.store(*call("1_100", START, lasts=LASTS))
    clock(END + 61 * MINUTE)
    site.deployment.run(KEY)
    assert site.states() == [("PARTIAL", "NO_RECORD", None)]
    assert site.messages() == [(intent, 0, "DELIVERED") for intent in THREE[:2]]
    record = site.record(100, END)
    clock(END + 5 * HOUR)
    site.deployment.run(KEY)
    assert site.states() == [("COMPLETE", None, record)]
    assert site.messages()[2:] == [
        ("CALL_LEG_STARTED", 1, "DELIVERED"),
        ("CALL_LEG_ENDED", 1, "DELIVERED"),
        ("WRAPUP", 0, "DELIVERED"),
    ]
    assert site.ledger()["corrections"] == 2
    assert site.ledger()["order_violations"] == []


def test_two_records_that_may_both_be_its_own_are_shown_and_none_is_taken(site: TellingSite):
    site.deployment.store(*call("1_100", START, lasts=LASTS))
    site.record(100, END, wrapupdata="one")
    site.record(100, END, wrapupdata="other")
    result = site.deployment.run(KEY)
    assert site.states() == [("AMBIGUOUS", "TWO_RECORDS_TIE", None)]
    assert [intent for intent, _, _ in site.messages()] == THREE[:2]
    figures = {
        event.asset_key.to_user_string(): event.materialization.metadata
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }
    assert "AMBIGUOUS | TWO_RECORDS_TIE | 1" in str(figures["enriched_call_legs"]["legs_by_status"].value)


def test_a_source_that_does_not_answer_is_no_try_and_lets_legs_be_correlated(
    site: TellingSite, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    site.deployment.store(*call("1_100", START, lasts=LASTS))
    clock(END + 61 * MINUTE)
    with site.deployment.engine.begin() as connection:
        connection.exec_driver_sql("ALTER SCHEMA cisco_ucce RENAME TO gone")
    result = site.deployment.run(KEY, ok=False)
    with site.deployment.engine.begin() as connection:
        connection.exec_driver_sql("ALTER SCHEMA gone RENAME TO cisco_ucce")
    failed = [event.step_key for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    assert failed == ["raw_cisco_call_details"]
    assert site.deployment.value("SELECT count(*) FROM call_leg") == 1
    assert site.states() == site.messages() == []
    record = site.record(100, END)
    site.deployment.run(KEY)
    assert site.states() == [("COMPLETE", None, record)]


def test_a_call_that_goes_on_into_the_next_window_is_told_of_once(site: TellingSite, clock: Clock):
    """A leg of a call in progress is told of from the open window; the call's own window has nothing to add."""
    start = TEN + 50 * MINUTE
    site.deployment.store(*call("1_100", start, lasts=5 * MINUTE, ends=False))
    clock(TEN + 59 * MINUTE)
    site.deployment.run(KEY)
    assert site.states() == [("PENDING", "IN_PROGRESS", None)]
    ended = call("1_100", start, lasts=20 * MINUTE)[-2:]
    site.deployment.store(*ended)
    record = site.record(100, start + 20 * MINUTE, talktime=1194)
    clock(TEN + 80 * MINUTE)
    for key in (KEY, "2026-03-02-11:00", KEY):
        site.deployment.run(key)
    assert site.states() == [("COMPLETE", None, record)]
    assert site.messages() == [(intent, 0, "DELIVERED") for intent in THREE]


def test_a_leg_that_late_events_merge_into_another_is_taken_back(site: TellingSite):
    second = [
        row | {"previous_global_call_id": "1_100"} if row["event_name"] == "CallActiveEv" else row
        for row in call("1_101", END + MINUTE, lasts=LASTS, agent="1001")
    ]
    site.deployment.store(*call("1_101", END + MINUTE, lasts=LASTS))
    site.deployment.run(KEY)
    told = site.ledger()["messages"]
    with site.deployment.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM jtapi_event")
    site.deployment.store(*call("1_100", START, lasts=LASTS), *second)
    site.deployment.run(KEY)
    rows = site.deployment.rows(
        "SELECT payload::jsonb -> 'body' ->> 'reasonCode' FROM outbox_message WHERE leg_id NOT IN "
        "(SELECT leg_id FROM call_leg) AND revision = 1 AND intent = 'CALL_LEG_ENDED'"
    )
    assert rows == [("SUPERSEDED",)]
    assert site.deployment.value("SELECT count(*) FROM vanished_leg") == 0
    assert site.ledger()["messages"] > told
    site.deployment.run(KEY)
    assert site.ledger()["messages"] == site.deployment.value("SELECT count(*) FROM outbox_message")


def test_calls_of_an_outage_have_legs_of_their_own(site: TellingSite):
    from cx_pipeline.adapters.database.heartbeats import Heartbeats

    heartbeats = Heartbeats(site.deployment.engine)
    for seconds in (-60, *range(20 * 60, 60 * 60 + 30, 30)):
        heartbeats.beat("jtapi", "l1", TEN + timedelta(seconds=seconds), is_connected=True)
    unheard = site.record(700, TEN + 10 * MINUTE, extension="1007")
    site.record(
        701, TEN + 40 * MINUTE, extension="1008"
    )  # somebody listened: its events are lost, or it is no call of ours
    site.deployment.run(KEY)
    rows = site.deployment.rows(
        "SELECT origin, record_id, agent_extension, call_type, is_start_estimated, start_time, end_time FROM enriched_leg"
    )
    start = TEN + 10 * MINUTE - timedelta(seconds=294)
    assert rows == [("cisco_record", unheard, "1007", "SIMPLE", True, start, TEN + 10 * MINUTE)]
    assert site.ledger()["messages"] == 3


def test_without_a_conversation_manager_no_message_is_made(
    site: TellingSite, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("CX_CCM_URL")
    site.deployment.store(*call("1_100", START, lasts=LASTS))
    site.record(100, END)
    site.deployment.run(KEY)
    assert site.states()[0][0] == "COMPLETE"
    assert site.messages() == []


def test_without_a_cisco_source_messages_leave_at_once_with_what_is_known(
    site: TellingSite, monkeypatch: pytest.MonkeyPatch, clock: Clock
):
    monkeypatch.setenv("CX_CISCO_SOURCES", "[]")
    site.deployment.store(*call("1_100", START, lasts=LASTS))
    clock(END + MINUTE)
    site.deployment.run(KEY)
    assert site.states() == [("PARTIAL", "NO_SOURCE", None)]
    assert site.ledger()["messages"] == 2
