"""The JSON of each message, field by field, as the specification writes it."""

import json

import pytest

from cx_pipeline.core.messages.building import NO_ID, MessageOptions, messages_of
from cx_pipeline.core.messages.models import Message, ScreenRecording, VoiceRecording
from cx_pipeline.core.messages.parts import Header, Sender
from cx_pipeline.core.messages.published import (
    ScreenRecordingDetails,
    ScreenRecordingUrl,
    VoiceRecordingDetails,
    VoiceRecordingUrl,
)
from cx_pipeline_tests.core.messages.enriched_legs import CALL_ID, LEG_ID, START, hold, leg, unplaced_hold

LEG_TEXT = f"{CALL_ID}:1005:+18005550199:2026-06-08T10:00:00.000Z"


def header(intent, timestamp):
    return {
        "intent": intent,
        "channelData": {"channelCustomerIdentifier": "+18005550199", "serviceIdentifier": "8001"},
        "sender": {"type": "CONNECTOR", "senderName": "CX-Cisco-Connector"},
        "timestamp": timestamp,
    }


STARTED_DETAIL = {
    "legId": LEG_ID,
    "jtapiId": "16945106",
    "agentExtension": "1005",
    "agentId": "5001",
    "agentName": "Anna Muster",
    "startTime": "2026-06-08T10:00:00.000Z",
    "callType": "SIMPLE",
    "direction": "INBOUND",
    "serviceIdentifier": "8001",
    "customerIdentifier": "+18005550199",
    "enrichmentStatus": "COMPLETE",
    "revision": 0,
}
SHORT_DETAIL = {"legId": LEG_ID, "jtapiId": "16945106", "agentExtension": "1005"}


def sent(intent, options=None, **columns):
    options = options or MessageOptions()
    messages = [
        json.loads(draft.message.to_json())
        for draft in messages_of(leg(**columns), options)
        if draft.intent == intent
    ]
    return messages[0] if len(messages) == 1 else messages


def test_the_start_of_a_leg():
    assert sent("CALL_LEG_STARTED") == {
        "id": NO_ID,
        "header": header("CALL_LEG_STARTED", "2026-06-08T10:00:00.000Z"),
        "body": {
            "type": "VOICE",
            "callId": CALL_ID,
            "leg": LEG_TEXT,
            "reasonCode": "INBOUND",
            "additionalDetail": STARTED_DETAIL,
        },
    }


def test_the_end_of_a_leg():
    assert sent("CALL_LEG_ENDED", hold_segments=[hold(60, 90), unplaced_hold(12)]) == {
        "id": NO_ID,
        "header": header("CALL_LEG_ENDED", "2026-06-08T10:05:00.000Z"),
        "body": {
            "type": "VOICE",
            "callId": CALL_ID,
            "leg": LEG_TEXT,
            "reasonCode": "NORMAL_CLEARING",
            "additionalDetail": {
                **STARTED_DETAIL,
                "endTime": "2026-06-08T10:05:00.000Z",
                "durationSeconds": 301,
                "holdSegments": [
                    {"start": "2026-06-08T10:01:00.000Z", "end": "2026-06-08T10:01:30.000Z"},
                    {"durationSeconds": 12, "isSynthetic": True},
                ],
            },
        },
    }


@pytest.mark.parametrize(
    ("intent", "timestamp"),
    [("CALL_HOLD", "2026-06-08T10:01:00.000Z"), ("CALL_RESUME", "2026-06-08T10:01:30.000Z")],
)
def test_a_hold_and_its_end(intent, timestamp):
    assert sent(intent, hold_segments=[hold(60, 90)]) == {
        "id": NO_ID,
        "header": header(intent, timestamp),
        "body": {
            "type": "VOICE",
            "callId": CALL_ID,
            "leg": LEG_TEXT,
            "additionalDetail": {**SHORT_DETAIL, "timestamp": timestamp},
        },
    }


def test_a_wrap_up():
    assert sent("WRAPUP") == {
        "id": NO_ID,
        "header": header("WRAPUP", "2026-06-08T10:05:00.000Z"),
        "body": {
            "type": "VOICE",
            "callId": CALL_ID,
            "leg": LEG_TEXT,
            "wrapUpCode": "Satisfied",
            "additionalDetail": {**SHORT_DETAIL, "timestamp": "2026-06-08T10:05:00.000Z"},
        },
    }


def test_a_wrap_up_in_the_published_dialect():
    assert sent("WRAPUP", MessageOptions(dialect="published"))["body"] == {
        "type": "WRAPUP",
        "callId": CALL_ID,
        "leg": LEG_TEXT,
        "wrapups": [{"categoryName": "CISCO", "value": "Satisfied"}],
        "additionalDetail": {**SHORT_DETAIL, "timestamp": "2026-06-08T10:05:00.000Z"},
    }


def recording(intent, sender, body):
    head = Header(
        intent=intent,
        channel_session_id="cs-uuid",
        sender=Sender(sender_name=sender),
        timestamp=START,
    )
    return json.loads(Message(id=NO_ID, header=head, body=body).to_json())


def recording_header(intent, sender):
    return {
        "intent": intent,
        "channelSessionId": "cs-uuid",
        "sender": {"type": "CONNECTOR", "senderName": sender},
        "timestamp": "2026-06-08T10:00:00.000Z",
    }


def test_a_voice_recording():
    options = MessageOptions()
    body = VoiceRecording(
        leg_id="abc-123:1005:+18005550199:1718000000",
        voice_recording_url="https://middleware.example/abc-123/recording-file",
        duration_seconds=300,
        file_size=2_400_000,
        recording_id="rec-uuid-5678",
    )
    assert recording("VOICE_RECORDING", options.voice_recording_sender, body) == {
        "id": NO_ID,
        "header": recording_header("VOICE_RECORDING", "CX-Recording-Link-Activities"),
        "body": {
            "legId": "abc-123:1005:+18005550199:1718000000",
            "voiceRecordingUrl": "https://middleware.example/abc-123/recording-file",
            "durationSeconds": 300,
            "fileSize": 2_400_000,
            "recordingId": "rec-uuid-5678",
        },
    }


def test_a_screen_recording():
    options = MessageOptions()
    body = ScreenRecording(
        leg_id="k", screen_recording_url="https://s.example/k", duration_seconds=3.5, resolution="1920x1080"
    )
    assert recording("SCREEN_RECORDING", options.screen_recording_sender, body) == {
        "id": NO_ID,
        "header": recording_header("SCREEN_RECORDING", "CX-Screen-Recording-Link"),
        "body": {
            "legId": "k",
            "screenRecordingUrl": "https://s.example/k",
            "durationSeconds": 3.5,
            "resolution": "1920x1080",
        },
    }


def test_recordings_in_the_published_dialect_are_addresses_of_media():
    voice = VoiceRecordingUrl(
        media_url="https://s.example/k",
        additional_details=VoiceRecordingDetails(leg_id="k", file_size=7, recording_id="r"),
    )
    screen = ScreenRecordingUrl(
        media_url="https://s.example/k",
        additional_details=ScreenRecordingDetails(leg_id="k", resolution="1x1"),
    )
    assert recording("VOICE_RECORDING", "x", voice)["body"] == {
        "type": "URL",
        "mediaUrl": "https://s.example/k",
        "additionalDetails": {"legId": "k", "fileSize": 7, "recordingId": "r"},
    }
    assert recording("SCREEN_RECORDING", "x", screen)["body"] == {
        "type": "URL",
        "mediaUrl": "https://s.example/k",
        "additionalDetails": {"legId": "k", "resolution": "1x1"},
    }
