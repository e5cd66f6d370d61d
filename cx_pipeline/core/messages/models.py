"""The bodies of messages in the guide's shape (guide 18.7 with the fields of 21.5.3), and the whole message."""

from typing import Generic, Literal, Self, TypeVar

from pydantic import Field, model_validator

from cx_pipeline.core.messages.parts import Code, Header, Instant, MessageId, Part, Text

CallType = Literal[
    "RONA", "CONFERENCE", "CONSULT_TRANSFER", "DIRECT_TRANSFER", "CONSULT", "OUTBOUND", "SIMPLE", "TRANSFER"
]
"""Ours, and TRANSFER of the guide's shorter list."""


class _Revised(Part):
    """What says that a message corrects an earlier one."""

    revision: int | None = Field(default=None, ge=0)
    """Left out where it is the first, except in the messages that always say it."""
    supersedes: MessageId | None = None
    """Id of the message that this one replaces."""

    @model_validator(mode="after")
    def _supersedes_something(self) -> Self:
        if bool(self.revision) != (self.supersedes is not None):
            raise ValueError("a revision above 0 needs supersedes, and the first one has none")
        return self


class _OfLeg(_Revised):
    leg_id: Text
    jtapi_id: Text | None = None
    agent_extension: Text | None = None


class FactDetail(_OfLeg):
    """Which leg a hold, a resumption or a wrap-up belongs to, and when it was."""

    timestamp: Instant


class StartedDetail(_OfLeg):
    """A leg as it began."""

    revision: int | None = Field(default=0, ge=0)
    agent_id: Text | None = None
    agent_name: Text | None = None
    start_time: Instant
    call_type: CallType
    direction: Literal["INBOUND", "OUTBOUND", "INTERNAL"] | None = None
    service_identifier: Text | None = None
    customer_identifier: Text | None = None
    enrichment_status: Literal["COMPLETE", "PARTIAL"]


class PlacedHold(Part):
    """A hold whose begin and end are known."""

    start: Instant
    end: Instant


class UnplacedHold(Part):
    """Hold of which only the length is known, from Cisco's record."""

    duration_seconds: int = Field(ge=0)
    is_synthetic: Literal[True] = True


class EndedDetail(StartedDetail):
    """A leg as a whole."""

    end_time: Instant
    duration_seconds: int = Field(ge=0)
    hold_segments: tuple[PlacedHold | UnplacedHold, ...] = ()


class _Voice(Part):
    type: Literal["VOICE"] = "VOICE"
    call_id: Text
    leg: Text
    """Call id, extension, customer and start, joined by colons: for people to read."""


class CallLegStarted(_Voice):
    """Body of CALL_LEG_STARTED."""

    reason_code: Code
    additional_detail: StartedDetail


class CallLegEnded(_Voice):
    """Body of CALL_LEG_ENDED. Reason code SUPERSEDED: the leg was none, another one takes its place."""

    reason_code: Code
    additional_detail: EndedDetail


class HoldChange(_Voice):
    """Body of CALL_HOLD and CALL_RESUME."""

    reason_code: Literal["SUPERSEDED"] | None = None
    """Says that there was no such hold."""
    additional_detail: FactDetail


class WrapUp(_Voice):
    """Body of WRAPUP."""

    wrap_up_code: Text
    wrap_up_data: Text | None = None
    reason_code: Literal["SUPERSEDED"] | None = None
    """Says that there was no such wrap-up."""
    additional_detail: FactDetail


class VoiceRecording(Part):
    """Body of VOICE_RECORDING. `leg_id` is the leg's key, by which links and files are looked up."""

    leg_id: Text
    voice_recording_url: Text
    duration_seconds: float | None = Field(default=None, ge=0)
    file_size: int | None = Field(default=None, ge=0)
    recording_id: Text | None = None


class ScreenRecording(Part):
    """Body of SCREEN_RECORDING."""

    leg_id: Text
    screen_recording_url: Text
    duration_seconds: float | None = Field(default=None, ge=0)
    resolution: Text | None = None


BodyT = TypeVar("BodyT", bound=Part)


class Message(Part, Generic[BodyT]):
    """One message. Its id is made of what it says (`planning`), so that it is the same for ever."""

    id: MessageId
    header: Header
    body: BodyT

    def to_json(self) -> str:
        """The exact text to send; fields that are not known are left out."""
        return self.model_dump_json(by_alias=True, exclude_none=True)
