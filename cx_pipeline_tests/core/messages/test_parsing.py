import json

import pytest

from cx_pipeline.core.errors import InputError
from cx_pipeline.core.messages.building import MessageOptions, messages_of
from cx_pipeline.core.messages.parsing import MODELS, parse
from cx_pipeline.core.messages.parts import DESTINATIONS
from cx_pipeline_tests.core.messages.enriched_legs import hold, leg

ID = "0b8a4f3e-6d1c-8a55-9f00-00000000000a"


def started():
    return json.loads(messages_of(leg())[0].message.to_json())


def recording(**header):
    return {
        "id": ID,
        "header": {
            "intent": "VOICE_RECORDING",
            "sender": {"type": "CONNECTOR", "senderName": "x"},
            "timestamp": "2026-06-08T10:00:00.000Z",
            **header,
        },
        "body": {"legId": "k", "voiceRecordingUrl": "https://s.example/k"},
    }


def with_value(message, path, value):
    """The message with one field otherwise; `...` leaves it out."""
    *folders, name = path.split(".")
    part = message
    for folder in folders:
        part = part[folder]
    if value is ...:
        del part[name]
    else:
        part[name] = value
    return message


@pytest.mark.parametrize("dialect", MODELS)
def test_what_is_built_is_read_again_as_it_was(dialect):
    for draft in messages_of(leg(hold_segments=[hold(10, 20)]), MessageOptions(dialect=dialect)):
        assert parse(draft.message.to_json(), dialect) == draft.message


@pytest.mark.parametrize("dialect", MODELS)
def test_every_intent_has_a_model_and_a_destination(dialect):
    assert set(MODELS[dialect]) == set(DESTINATIONS)


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("id", "17", "id: String should match pattern"),
        ("id", ..., "id: Field required"),
        ("header.sender", ..., "header.sender: Field required"),
        ("header.sender.type", "AGENT", "header.sender.type"),
        ("header.timestamp", "2026-06-08T10:00:00Z", "header.timestamp"),
        ("header.timestamp", 1780912800, "header.timestamp"),
        ("header.intent", "CALL_LEG_PAUSED", "header.intent must be one of CALL_LEG_STARTED"),
        ("header.intent", ..., "header.intent must be one of"),
        ("body.callId", "", "body.callId"),
        ("body.reasonCode", "inbound", "body.reasonCode"),
        ("body.note", "x", "body.note: Extra inputs are not permitted"),
        ("body.additionalDetail.legId", ..., "body.additionalDetail.legId: Field required"),
        ("body.additionalDetail.leg_id", "x", "body.additionalDetail.leg_id: Extra"),
        ("body.additionalDetail.callType", "CHAT", "body.additionalDetail.callType"),
        ("body.additionalDetail.revision", "0", "body.additionalDetail.revision"),
        ("body.additionalDetail.revision", 1, "a revision above 0 needs supersedes"),
        ("body.additionalDetail.supersedes", ID, "the first one has none"),
    ],
)
def test_what_is_wrong_is_named(path, value, named):
    with pytest.raises(InputError) as caught:
        parse(json.dumps(with_value(started(), path, value)))
    assert named in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "17", '{"header": []}', b"\xff"])
def test_what_is_no_message_is_refused(text):
    with pytest.raises(InputError):
        parse(text)


def test_a_value_that_is_wrong_is_not_repeated():
    message = with_value(started(), "body.reasonCode", "s3cret word")
    with pytest.raises(InputError) as caught:
        parse(json.dumps(message))
    assert "s3cret" not in str(caught.value)


def test_a_recording_needs_the_channel_session():
    assert parse(json.dumps(recording(channelSessionId="cs"))).body.leg_id == "k"
    with pytest.raises(InputError, match=r"header\.channelSessionId: Field required"):
        parse(json.dumps(recording()))


def test_a_shape_of_the_other_dialect_is_refused():
    with pytest.raises(InputError, match=r"body\.mediaUrl: Field required"):
        parse(json.dumps(recording(channelSessionId="cs")), "published")
