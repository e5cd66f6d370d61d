"""What all messages are made of: names of intents and destinations, the form of a time, the header."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
)
from pydantic.alias_generators import to_camel

from cx_pipeline.core.messages.outbox_row import THIRD_PARTY, VOICE, Destination

CALL_LEG_STARTED, CALL_LEG_ENDED = "CALL_LEG_STARTED", "CALL_LEG_ENDED"
CALL_HOLD, CALL_RESUME = "CALL_HOLD", "CALL_RESUME"
WRAPUP = "WRAPUP"
VOICE_RECORDING, SCREEN_RECORDING = "VOICE_RECORDING", "SCREEN_RECORDING"

DESTINATIONS: dict[str, Destination] = {
    CALL_LEG_STARTED: VOICE,
    CALL_LEG_ENDED: VOICE,
    CALL_HOLD: VOICE,
    CALL_RESUME: VOICE,
    WRAPUP: VOICE,
    VOICE_RECORDING: THIRD_PARTY,
    SCREEN_RECORDING: THIRD_PARTY,
}
"""Where the messages of an intent go."""

SUPERSEDED = "SUPERSEDED"
"""Reason code of a message that takes back what an earlier one said."""

CONNECTOR = "CONNECTOR"
"""The type of every sender of ours."""

Dialect = Literal["guide", "published"]
"""Shape of the bodies: the guide's, or that of CX's published object model."""

_TIME_FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def _read(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not _TIME_FORM.fullmatch(value):
        raise ValueError("a time is written as 2026-06-08T10:00:00.000Z")
    return datetime.fromisoformat(value)


@lru_cache(maxsize=1024)
def iso_text(moment: datetime) -> str:
    """A time as messages write it: UTC, milliseconds, Z. What is finer is cut off."""
    # Kept for a while: the messages of a leg say the same few times over and over.
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _cut(moment: datetime) -> datetime:
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


Instant = Annotated[
    AwareDatetime, BeforeValidator(_read), AfterValidator(_cut), PlainSerializer(iso_text, return_type=str)
]
"""A time in UTC, to the millisecond."""

MessageId = Annotated[str, Field(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
Text = Annotated[str, Field(min_length=1)]
Code = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_-]*$")]
"""A word of a list in capitals."""


class Part(BaseModel):
    """A piece of a message: fixed once made, camelCase in JSON, no field that is not declared."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )


class ChannelData(Part):
    """Who called whom, in the channel's own words."""

    channel_customer_identifier: Text | None = None
    service_identifier: Text | None = None


class Sender(Part):
    """Who says it."""

    type: Literal["CONNECTOR"] = "CONNECTOR"
    sender_name: Text


class Header(Part):
    """What all messages have in front (guide 18.7.1). `timestamp` is that of the fact, not of the sending."""

    intent: Text
    conversation_id: Text | None = None
    channel_session_id: Text | None = None
    channel_data: ChannelData | None = None
    sender: Sender
    timestamp: Instant
