"""What the conversation manager is told of one leg: its messages, in their order."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from cx_pipeline.core.enrichment.schema import COMPLETE, OUTBOUND, PARTIAL
from cx_pipeline.core.messages.models import (
    CallLegEnded,
    CallLegStarted,
    EndedDetail,
    FactDetail,
    HoldChange,
    Message,
    PlacedHold,
    StartedDetail,
    UnplacedHold,
    WrapUp,
)
from cx_pipeline.core.messages.parts import (
    CALL_HOLD,
    CALL_LEG_ENDED,
    CALL_LEG_STARTED,
    CALL_RESUME,
    WRAPUP,
    ChannelData,
    Dialect,
    Header,
    Part,
    Sender,
    iso_text,
)
from cx_pipeline.core.messages.published import CATEGORY, PublishedWrapUp, WrapUpValue

NO_ID = "00000000-0000-0000-0000-000000000000"
"""Id of a message that has none yet."""

_SHORTER = {"CONSULT_TRANSFER": "TRANSFER", "DIRECT_TRANSFER": "TRANSFER"}
_UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class MessageOptions:
    """What a site may choose of its messages."""

    when: Literal["enriched", "ended"] = "enriched"
    """`ended`: a leg's messages are due at once, and corrected when its record comes."""
    short_call_types: bool = False
    dialect: Dialect = "guide"
    sender_name: str = "CX-Cisco-Connector"
    voice_recording_sender: str = "CX-Recording-Link-Activities"
    screen_recording_sender: str = "CX-Screen-Recording-Link"


DEFAULTS = MessageOptions()


class Conversation(Protocol):
    """The conversation of a call, as the conversation manager's list told."""

    @property
    def conversation_id(self) -> str | None:
        """Id of the conversation."""

    @property
    def channel_session_id(self) -> str | None:
        """Id of its channel session."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message as the facts call for it: without id, revision 0, no conversation named."""

    intent: str
    ordinal: int
    """Which of several of the same intent in the leg: the number of the hold, from 0."""
    message: Message[Any]


def messages_of(leg: Mapping[str, Any], options: MessageOptions = DEFAULTS) -> list[Draft]:
    """The messages of one completed leg, in the order in which they are to arrive.

    Args:
        leg: a row of ENRICHED_LEG_SCHEMA.
        options: the site's choices.
    """
    return _Leg(leg, options).drafts()


class _Leg:
    """A leg, and what all its messages say of it."""

    def __init__(self, row: Mapping[str, Any], options: MessageOptions) -> None:
        self.row = row
        self.options = options
        self.start: datetime = row["start_time"]
        self.end: datetime = row["end_time"]
        self.customer = self._text("customer_identifier")
        self.service = self._text("service_identifier")
        call_id = row["cx_call_id"] or row["call_id"]
        extension = self._text("agent_extension")
        self.voice = {
            "call_id": call_id,
            "leg": f"{call_id}:{extension or ''}:{self.customer or ''}:{iso_text(self.start)}",
        }
        self.identity = {
            "leg_id": row["leg_id"],
            "jtapi_id": self._text("jtapi_id"),
            "agent_extension": extension,
        }

    def drafts(self) -> list[Draft]:
        holds = [change for number, hold in enumerate(self._placed()) for change in self._hold(number, hold)]
        return [self._started(), *holds, self._ended(), *self._wrap_up()]

    def _started(self) -> Draft:
        reason = self.row["start_reason"] or self.row["direction"] or _UNKNOWN
        detail = StartedDetail(**self._particulars())
        body = CallLegStarted(**self.voice, reason_code=reason, additional_detail=detail)
        return self._draft(CALL_LEG_STARTED, self.start, body)

    def _ended(self) -> Draft:
        detail = EndedDetail(
            **self._particulars(),
            end_time=self.end,
            duration_seconds=_seconds(self.row["cisco_duration_ms"], self.row["duration_ms"]),
            hold_segments=(*self._placed(), *self._unplaced()),
        )
        body = CallLegEnded(**self.voice, reason_code=self._end_reason(), additional_detail=detail)
        return self._draft(CALL_LEG_ENDED, self.end, body)

    def _hold(self, number: int, hold: PlacedHold) -> list[Draft]:
        changes = ((CALL_HOLD, hold.start), (CALL_RESUME, hold.end))
        return [self._draft(intent, at, self._hold_change(at), number) for intent, at in changes]

    def _hold_change(self, at: datetime) -> HoldChange:
        return HoldChange(**self.voice, additional_detail=FactDetail(**self.identity, timestamp=at))

    def _wrap_up(self) -> list[Draft]:
        code = self._text("wrap_up")
        if code is None:
            return []
        detail = FactDetail(**self.identity, timestamp=self.end)
        body: Part
        if self.options.dialect == "published":
            chosen = (WrapUpValue(category_name=CATEGORY, value=code),)
            body = PublishedWrapUp(**self.voice, wrapups=chosen, additional_detail=detail)
        else:
            body = WrapUp(**self.voice, wrap_up_code=code, additional_detail=detail)
        return [self._draft(WRAPUP, self.end, body)]

    def _draft(self, intent: str, at: datetime, body: Part, ordinal: int = 0) -> Draft:
        known = self.customer or self.service
        header = Header(
            intent=intent,
            channel_data=ChannelData(
                channel_customer_identifier=self.customer, service_identifier=self.service
            )
            if known
            else None,
            sender=Sender(sender_name=self.options.sender_name),
            timestamp=at,
        )
        return Draft(intent, ordinal, Message(id=NO_ID, header=header, body=body))

    def _particulars(self) -> dict[str, Any]:
        call_type = self.row["call_type"]
        return {
            **self.identity,
            "agent_id": self._text("agent_id"),
            "agent_name": self._text("agent_name"),
            "start_time": self.start,
            "call_type": _SHORTER.get(call_type, call_type) if self.options.short_call_types else call_type,
            "direction": self.row["direction"],
            "service_identifier": self.service,
            "customer_identifier": self.customer,
            "enrichment_status": COMPLETE if self.row["enrichment_status"] == COMPLETE else PARTIAL,
        }

    def _end_reason(self) -> str:
        reason: str = self.row["end_reason"] or _UNKNOWN
        if reason != "DIALOG_ENDED":
            return reason
        return OUTBOUND if self.row["direction"] == OUTBOUND else "NORMAL_CLEARING"

    def _placed(self) -> list[PlacedHold]:
        return [
            PlacedHold(start=hold["start_time"], end=hold["end_time"] or self.end)
            for hold in self.row["hold_segments"] or ()
            if hold["start_time"] is not None
        ]

    def _unplaced(self) -> list[UnplacedHold]:
        return [
            UnplacedHold(duration_seconds=_seconds(hold["duration_ms"]))
            for hold in self.row["hold_segments"] or ()
            if hold["start_time"] is None
        ]

    def _text(self, name: str) -> str | None:
        """A value that is known; blank ones are not."""
        value: str | None = self.row[name]
        return value if value and value.strip() else None


def _seconds(*durations_ms: int | None) -> int:
    """The first duration that is known, in whole seconds, half of one rounded up."""
    known = next((duration for duration in durations_ms if duration is not None), 0)
    return (max(known, 0) + 500) // 1000
