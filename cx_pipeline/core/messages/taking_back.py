"""Taking back what was said: the message before, once more, with the reason code SUPERSEDED."""

import json
from collections.abc import Mapping
from typing import Any

from cx_pipeline.core.messages.building import Conversation
from cx_pipeline.core.messages.outbox_row import OutboxRow
from cx_pipeline.core.messages.parts import SUPERSEDED


def is_taken_back(payload: str) -> bool:
    """Whether a message that was written takes back the one before."""
    body: dict[str, Any] = json.loads(payload)["body"]
    return bool(body.get("reasonCode") == SUPERSEDED or body.get("wrapups") == [])


def taken_back(before: OutboxRow, message_id: str, conversations: Mapping[str, Conversation]) -> str:
    """The payload that takes back a message.

    It is made of what was sent, field by field, whatever version and options made that.
    """
    message = json.loads(before.payload)
    body = message["body"]
    if "wrapups" in body:
        body["wrapups"] = []
    else:
        body["reasonCode"] = SUPERSEDED
    revised = {"revision": before.revision + 1, "supersedes": before.message_id}
    body["additionalDetail"] = {**body["additionalDetail"], **revised}
    conversation = conversations.get(body["callId"])
    if conversation is not None:
        message["header"] = _in_conversation(message["header"], conversation)
    return json.dumps({**message, "id": message_id}, ensure_ascii=False, separators=(",", ":"))


def _in_conversation(header: dict[str, Any], conversation: Conversation) -> dict[str, Any]:
    names = {
        "conversationId": conversation.conversation_id,
        "channelSessionId": conversation.channel_session_id,
    }
    return {**header, **{name: value for name, value in names.items() if value is not None}}
