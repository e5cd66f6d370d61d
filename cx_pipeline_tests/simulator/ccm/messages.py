"""Messages as plain JSON, written by hand: the reference manager must not be fed by what it is to judge."""

from typing import Any
from uuid import NAMESPACE_URL, uuid5

VOICE = "/conversation-manager/activities/voice"
THIRD_PARTY = "/conversation-manager/activities/third-party"
PLACES = {"CALL_LEG_STARTED": 0, "CALL_HOLD": 60, "CALL_RESUME": 90, "CALL_LEG_ENDED": 300, "WRAPUP": 300}


def id_of(*parts: object) -> str:
    return str(uuid5(NAMESPACE_URL, "/".join(map(str, parts))))


def time_at(seconds: int) -> str:
    return f"2026-06-08T10:{seconds // 60:02d}:{seconds % 60:02d}.000Z"


def message(
    intent: str, leg_id: str = "leg-1", call_id: str = "call-1", revision: int = 0, at: int | None = None
) -> dict[str, Any]:
    """A message of a leg of five minutes, with a hold after one of them."""
    moment = PLACES[intent] if at is None else at
    body = {"type": "VOICE", "callId": call_id, "leg": f"{call_id}:1005::{time_at(0)}"}
    detail: dict[str, Any] = {"legId": leg_id, "agentExtension": "1005"}
    if intent in ("CALL_LEG_STARTED", "CALL_LEG_ENDED"):
        body["reasonCode"] = "INBOUND"
        detail |= {
            "startTime": time_at(0),
            "callType": "SIMPLE",
            "enrichmentStatus": "COMPLETE",
            "revision": revision,
        }
        if intent == "CALL_LEG_ENDED":
            detail |= {"endTime": time_at(moment), "durationSeconds": moment, "holdSegments": []}
    else:
        detail["timestamp"] = time_at(moment)
        if intent == "WRAPUP":
            body["wrapUpCode"] = "Satisfied"
    if revision:
        detail |= {"revision": revision, "supersedes": id_of(leg_id, intent, revision - 1)}
    return {
        "id": id_of(leg_id, intent, revision),
        "header": {
            "intent": intent,
            "sender": {"type": "CONNECTOR", "senderName": "CX-Cisco-Connector"},
            "timestamp": time_at(moment),
        },
        "body": {**body, "additionalDetail": detail},
    }


def recording(channel_session_id: str = "session") -> dict[str, Any]:
    return {
        "id": id_of("recording"),
        "header": {
            "intent": "VOICE_RECORDING",
            "channelSessionId": channel_session_id,
            "sender": {"type": "CONNECTOR", "senderName": "CX-Recording-Link-Activities"},
            "timestamp": time_at(0),
        },
        "body": {"legId": "leg-key", "voiceRecordingUrl": "https://links.example/leg-key"},
    }
