"""What conversations are told of their recordings: VOICE_RECORDING and SCREEN_RECORDING, each once.

The slot of a link is (leg, intent, 0); without a leg of ours the link's own id stands for it. What a slot once said
stands: a recording that is made anew keeps its address. Only where the leg's key changed so that the old address finds
nothing any more, the new one goes out as the next revision.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from cx_pipeline.core.linking.schema import LINKED, SCREEN, VOICE
from cx_pipeline.core.messages.building import DEFAULTS, MessageOptions
from cx_pipeline.core.messages.models import Message, ScreenRecording, VoiceRecording
from cx_pipeline.core.messages.outbox_row import OutboxRow
from cx_pipeline.core.messages.parts import (
    DESTINATIONS,
    SCREEN_RECORDING,
    VOICE_RECORDING,
    Header,
    Part,
    Sender,
)
from cx_pipeline.core.messages.planning import message_ids
from cx_pipeline.core.messages.published import (
    ScreenRecordingDetails,
    ScreenRecordingUrl,
    VoiceRecordingDetails,
    VoiceRecordingUrl,
)
from cx_pipeline.core.recording.leg_keys import START_TOLERANCE, parse_leg_key

INTENTS = {VOICE: VOICE_RECORDING, SCREEN: SCREEN_RECORDING}
"""The intent of each kind."""

UrlOf = Callable[[str, str, str | None], str | None]
"""The address of a kind, a leg's key and a tenant; None where none can be made."""


def link_messages(
    links: pl.DataFrame,
    candidates: pl.DataFrame,
    newest: Iterable[OutboxRow],
    legs: pl.DataFrame,
    url_of: UrlOf,
    options: MessageOptions = DEFAULTS,
) -> list[OutboxRow]:
    """The messages that links lack, in the order in which they are to leave.

    Args:
        links: RECORDING_LINK_SCHEMA.
        candidates: LINK_CANDIDATE_SCHEMA: how long and how large what is linked is.
        newest: the newest message of each slot of these links (`slots_of`); others do no harm.
        legs: `leg_id`, `call_id` of the links' legs: a link leaves behind the leg's own messages.
        url_of: makes addresses; of a message that is there already none is asked for.
        options: the site's choices.
    """
    written = {(row.leg_id, row.intent): row for row in sorted(newest, key=lambda row: row.revision)}
    calls = dict(legs.select("leg_id", "call_id").iter_rows())
    told = candidates.select("candidate_id", "kind", "duration_ms", "size_bytes", "end_time")
    linked = (
        links.filter(pl.col("state") == LINKED)
        .join(told, on=["candidate_id", "kind"], how="left", suffix="_played")
        .sort("end_time", "start_time", "link_id", nulls_last=True)
    )
    found = (_due(link, written, url_of) for link in linked.iter_rows(named=True))
    due = [each for each in found if each is not None]
    return [_row(each, message_id, calls, options) for each, message_id in zip(due, _ids(due), strict=True)]


def slots_of(links: pl.DataFrame) -> list[str]:
    """The `leg_id`s of all slots in which the messages of these links may stand."""
    linked = links.filter(pl.col("state") == LINKED)
    return pl.concat([linked["leg_id"], linked["link_id"]]).drop_nulls().unique().sort().to_list()


def with_message_ids(links: pl.DataFrame, messages: Iterable[OutboxRow]) -> pl.DataFrame:
    """The links with the ids of the messages that tell of them.

    Args:
        links: RECORDING_LINK_SCHEMA.
        messages: those that the outbox had, and after them those that are new.
    """
    ids = {(row.leg_id, row.intent): row.message_id for row in sorted(messages, key=lambda row: row.revision)}

    def of(link: Mapping[str, Any]) -> str | None:
        if link["state"] != LINKED:
            return None
        slots = ((slot, INTENTS[link["kind"]]) for slot in (link["leg_id"], link["link_id"]))
        return next((ids[slot] for slot in slots if slot in ids), None)

    found = [of(link) for link in links.select("state", "kind", "leg_id", "link_id").iter_rows(named=True)]
    return links.with_columns(pl.Series("message_id", found, pl.String))


def is_found_by(leg_key: str, older_key: str) -> bool:
    """Whether an address with the older key still leads to the leg: same call and extension, starts within 10 s."""
    if leg_key == older_key:
        return True
    new, old = parse_leg_key(leg_key), parse_leg_key(older_key)
    if new is None or old is None:
        return False
    is_same = (new.call_text.lower(), new.extension) == (old.call_text.lower(), old.extension)
    return is_same and abs(new.start_time - old.start_time) <= START_TOLERANCE


@dataclass(frozen=True, slots=True)
class _Due:
    """A message that has to be written: all but its id."""

    link: Mapping[str, Any]
    slot: str
    before: OutboxRow | None
    url: str
    at: datetime

    @property
    def revision(self) -> int:
        return 0 if self.before is None else self.before.revision + 1


def _due(link: Mapping[str, Any], written: Mapping[tuple[str, str], OutboxRow], url_of: UrlOf) -> _Due | None:
    """The link's message, if there is none that leads to the recording."""
    intent = INTENTS[link["kind"]]
    # A slot without a leg may be older than the leg: it goes on.
    slots = [slot for slot in (link["leg_id"], link["link_id"]) if slot is not None]
    before = next((written[slot, intent] for slot in slots if (slot, intent) in written), None)
    if before is not None and is_found_by(link["leg_key"], before.fingerprint):
        return None
    url, at = url_of(link["kind"], link["leg_key"], link["tenant_id"]), _moment(link)
    if url is None or at is None:
        return None
    return _Due(link, slots[0] if before is None else before.leg_id, before, url, at)


def _ids(due: list[_Due]) -> list[str]:
    slots = [(each.slot, INTENTS[each.link["kind"]], 0, each.revision) for each in due]
    schema = {"leg_id": pl.String, "intent": pl.String, "ordinal": pl.Int64, "revision": pl.Int64}
    return message_ids(pl.DataFrame(slots, schema=schema, orient="row")).to_list()


def _row(due: _Due, message_id: str, calls: Mapping[str, str], options: MessageOptions) -> OutboxRow:
    intent = INTENTS[due.link["kind"]]
    ordering_key = calls.get(due.link["leg_id"]) or due.link["cx_call_id"] or due.slot
    return OutboxRow(
        message_id=message_id,
        ordering_key=ordering_key if due.before is None else due.before.ordering_key,
        leg_id=due.slot,
        intent=intent,
        ordinal=0,
        revision=due.revision,
        payload=_message(message_id, due, options).to_json(),
        fingerprint=due.link["leg_key"],
        destination=DESTINATIONS[intent],
    )


def _message(message_id: str, due: _Due, options: MessageOptions) -> Message[Any]:
    link = due.link
    is_voice = link["kind"] == VOICE
    sender = options.voice_recording_sender if is_voice else options.screen_recording_sender
    header = Header(
        intent=INTENTS[link["kind"]],
        conversation_id=link["conversation_id"],
        channel_session_id=link["channel_session_id"],
        sender=Sender(sender_name=sender),
        timestamp=due.at,
    )
    body = _voice_body(link, due.url, options) if is_voice else _screen_body(link, due.url, options)
    return Message[Any](id=message_id, header=header, body=body)


def _voice_body(link: Mapping[str, Any], url: str, options: MessageOptions) -> Part:
    facts = {
        "leg_id": link["leg_key"],
        "duration_seconds": _seconds(link["duration_ms"]),
        "file_size": link["size_bytes"],
        "recording_id": link["recording_id"],
    }
    if options.dialect == "published":
        return VoiceRecordingUrl(media_url=url, additional_details=VoiceRecordingDetails(**facts))
    return VoiceRecording(voice_recording_url=url, **facts)


def _screen_body(link: Mapping[str, Any], url: str, options: MessageOptions) -> Part:
    facts = {"leg_id": link["leg_key"], "duration_seconds": _seconds(link["duration_ms"])}
    if options.dialect == "published":
        return ScreenRecordingUrl(media_url=url, additional_details=ScreenRecordingDetails(**facts))
    return ScreenRecording(screen_recording_url=url, **facts)


def _moment(link: Mapping[str, Any]) -> datetime | None:
    """When the fact was: the activity's end, else the recording's, else the activity's begin."""
    moments = (link["end_time"], link["end_time_played"], link["start_time"])
    return next((moment for moment in moments if moment is not None), None)


def _seconds(duration_ms: int | None) -> float | None:
    return None if duration_ms is None else duration_ms / 1000
