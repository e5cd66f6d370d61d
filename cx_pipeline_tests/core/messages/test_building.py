import json
from datetime import timedelta, timezone

import pytest

from cx_pipeline.core.messages.building import MessageOptions, messages_of
from cx_pipeline_tests.core.messages.enriched_legs import CALL_ID, START, hold, leg, unplaced_hold


def told(options=None, **columns):
    """The messages of a leg by intent, each as JSON; holds in a list."""
    drafts = messages_of(leg(**columns), options or MessageOptions())
    return {draft.intent: json.loads(draft.message.to_json()) for draft in drafts}


def intents(**columns):
    return [(draft.intent, draft.ordinal) for draft in messages_of(leg(**columns))]


def end_of(**columns):
    return told(**columns)["CALL_LEG_ENDED"]["body"]


def start_of(options=None, **columns):
    return told(options, **columns)["CALL_LEG_STARTED"]["body"]


def test_messages_come_as_the_leg_went():
    assert intents(hold_segments=[hold(10, 20), hold(30, 40)]) == [
        ("CALL_LEG_STARTED", 0),
        ("CALL_HOLD", 0),
        ("CALL_RESUME", 0),
        ("CALL_HOLD", 1),
        ("CALL_RESUME", 1),
        ("CALL_LEG_ENDED", 0),
        ("WRAPUP", 0),
    ]


@pytest.mark.parametrize("wrap_up", [None, "", "  "])
def test_without_a_wrap_up_none_is_told(wrap_up):
    assert [intent for intent, _ in intents(wrap_up=wrap_up)] == ["CALL_LEG_STARTED", "CALL_LEG_ENDED"]


def test_a_hold_that_has_no_place_is_told_at_the_end_only():
    assert [intent for intent, _ in intents(hold_segments=[unplaced_hold(5)], wrap_up=None)] == [
        "CALL_LEG_STARTED",
        "CALL_LEG_ENDED",
    ]


def test_a_hold_that_was_not_ended_ends_with_the_leg():
    resumed = told(hold_segments=[hold(10, None)])["CALL_RESUME"]
    assert resumed["header"]["timestamp"] == "2026-06-08T10:05:00.000Z"


@pytest.mark.parametrize(
    ("end_reason", "direction", "told_reason"),
    [
        ("DIALOG_ENDED", "INBOUND", "NORMAL_CLEARING"),
        ("DIALOG_ENDED", "INTERNAL", "NORMAL_CLEARING"),
        ("DIALOG_ENDED", "OUTBOUND", "OUTBOUND"),
        ("UNKNOWN", "OUTBOUND", "UNKNOWN"),
        ("CONSULT_TRANSFER", "OUTBOUND", "CONSULT_TRANSFER"),
        ("CONFERENCE_ENDED", "INBOUND", "CONFERENCE_ENDED"),
        (None, "INBOUND", "UNKNOWN"),
    ],
)
def test_the_reason_of_an_end(end_reason, direction, told_reason):
    assert end_of(end_reason=end_reason, direction=direction)["reasonCode"] == told_reason


@pytest.mark.parametrize(
    ("start_reason", "direction", "told_reason"),
    [("CONSULT", "INBOUND", "CONSULT"), (None, "OUTBOUND", "OUTBOUND"), (None, None, "UNKNOWN")],
)
def test_the_reason_of_a_start(start_reason, direction, told_reason):
    assert start_of(start_reason=start_reason, direction=direction)["reasonCode"] == told_reason


@pytest.mark.parametrize(
    ("cisco_ms", "events_ms", "seconds"),
    [(301_000, 300_000, 301), (None, 300_499, 300), (None, 300_500, 301), (0, 300_000, 0), (None, None, 0)],
)
def test_the_duration_is_the_records_where_there_is_one(cisco_ms, events_ms, seconds):
    detail = end_of(cisco_duration_ms=cisco_ms, duration_ms=events_ms)["additionalDetail"]
    assert detail["durationSeconds"] == seconds


@pytest.mark.parametrize(
    ("status", "said"),
    [("COMPLETE", "COMPLETE"), ("PARTIAL", "PARTIAL"), ("AMBIGUOUS", "PARTIAL"), ("PENDING", "PARTIAL")],
)
def test_what_has_no_record_is_partial(status, said):
    assert start_of(enrichment_status=status)["additionalDetail"]["enrichmentStatus"] == said


def test_what_is_not_known_is_left_out():
    messages = told(
        agent_id=None,
        agent_name=" ",
        jtapi_id=None,
        direction=None,
        service_identifier=None,
        customer_identifier=None,
    )
    assert "null" not in json.dumps(messages)
    assert "channelData" not in messages["CALL_LEG_STARTED"]["header"]
    assert messages["CALL_LEG_STARTED"]["body"]["leg"] == f"{CALL_ID}:1005::2026-06-08T10:00:00.000Z"
    assert not {"agentId", "agentName", "jtapiId", "direction"} & set(
        messages["CALL_LEG_STARTED"]["body"]["additionalDetail"]
    )


def test_the_diallers_call_id_is_that_of_all_messages():
    messages = told(cx_call_id="dialler-17", hold_segments=[hold(10, 20)])
    assert {message["body"]["callId"] for message in messages.values()} == {"dialler-17"}


@pytest.mark.parametrize("call_type", ["CONSULT_TRANSFER", "DIRECT_TRANSFER"])
def test_the_guides_shorter_list_knows_transfers_only(call_type):
    short = MessageOptions(short_call_types=True)
    assert start_of(short, call_type=call_type)["additionalDetail"]["callType"] == "TRANSFER"
    assert start_of(call_type=call_type)["additionalDetail"]["callType"] == call_type


def test_times_are_told_in_utc_with_milliseconds():
    east = timezone(timedelta(hours=5, minutes=30))
    start = (START + timedelta(microseconds=123_999)).astimezone(east)
    assert start_of(start_time=start)["additionalDetail"]["startTime"] == "2026-06-08T10:00:00.123Z"


def test_odd_characters_go_out_as_they_are():
    text = 'Kündigung "sofort"\n\x00\u2028\U0001f600'
    assert told(wrap_up=text)["WRAPUP"]["body"]["wrapUpCode"] == text


def test_the_sender_is_a_sites_choice():
    messages = told(MessageOptions(sender_name="Site"))
    assert {message["header"]["sender"]["senderName"] for message in messages.values()} == {"Site"}
