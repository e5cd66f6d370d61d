"""What the reference manager makes of messages: a conversation for each call, and the list of voice activities."""

from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

_LISTED = ("CALL_LEG_STARTED", "CALL_LEG_ENDED")
_DETAILS = ("agentExtension", "agentId", "startTime", "endTime")


def conversation_of(call_id: str) -> dict[str, str]:
    """The conversation and the channel session of a call: the same on every run."""
    return {
        "conversationId": str(uuid5(NAMESPACE_URL, f"conversation:{call_id}")),
        "channelSessionId": str(uuid5(NAMESPACE_URL, f"channel-session:{call_id}")),
    }


class VoiceActivities:
    """The voice legs that messages told of, as the newest of them told it."""

    def __init__(self) -> None:
        self._legs: dict[str, dict[str, Any]] = {}
        self._starts: list[dict[str, Any]] | None = None

    def tell(self, message: dict[str, Any]) -> None:
        """Take in one message; those that are not about a leg as a whole change nothing."""
        if message["header"]["intent"] not in _LISTED:
            return
        body = message["body"]
        detail = body["additionalDetail"]
        leg_id = detail["legId"]
        self._starts = None
        if body["reasonCode"] == "SUPERSEDED":
            self._legs.pop(leg_id, None)
            return
        entry = self._legs.setdefault(leg_id, {"id": str(uuid5(NAMESPACE_URL, f"voice-activity:{leg_id}"))})
        entry |= conversation_of(body["callId"])
        entry |= {"callId": body["callId"], "leg": body["leg"], "legId": leg_id}
        entry |= {name: detail[name] for name in _DETAILS if name in detail}
        entry |= {"channel": "CISCO_VOICE", "reasonCode": body["reasonCode"]}

    def between(self, start: datetime, end: datetime) -> list[dict[str, Any]]:
        """The legs that were going on at some time in [start, end), by their start."""
        if self._starts is None:
            self._starts = sorted(self._legs.values(), key=lambda leg: (leg["startTime"], leg["legId"]))
        return [
            leg
            for leg in self._starts
            if datetime.fromisoformat(leg["startTime"]) < end
            and ("endTime" not in leg or datetime.fromisoformat(leg["endTime"]) >= start)
        ]
