"""Which messages have to be written: what the legs call for, compared with what the outbox has.

A slot is one place for a message: (leg, intent, ordinal). Its revisions count from 0 without gaps, and each names the
one before. Nothing in a slot is ever changed or removed, so that the same facts give the same plan on every machine.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import polars as pl

from cx_pipeline.core.identity import name_of, uuid_of
from cx_pipeline.core.messages.building import DEFAULTS, Conversation, Draft, MessageOptions, messages_of
from cx_pipeline.core.messages.outbox_row import OutboxRow
from cx_pipeline.core.messages.parts import (
    CALL_HOLD,
    CALL_LEG_ENDED,
    CALL_LEG_STARTED,
    CALL_RESUME,
    DESTINATIONS,
    WRAPUP,
)
from cx_pipeline.core.messages.taking_back import is_taken_back, taken_back

Slot = tuple[str, int]
"""Intent and ordinal, of one leg."""

_ENDED: Slot = (CALL_LEG_ENDED, 0)
_PLACES = {CALL_LEG_STARTED: 0, CALL_HOLD: 1, CALL_RESUME: 1, CALL_LEG_ENDED: 2, WRAPUP: 3}


@dataclass(frozen=True, slots=True)
class _Due:
    """A message that has to be written: all but its id."""

    ordering_key: str
    leg_id: str
    slot: Slot
    before: OutboxRow | None
    source: Draft | OutboxRow
    """What it is made of: what the facts call for, or the message that it takes back."""
    fingerprint: str

    @property
    def revision(self) -> int:
        return 0 if self.before is None else self.before.revision + 1


def plan(
    changed: pl.DataFrame,
    state: Iterable[OutboxRow],
    gone: Collection[str],
    conversations: Mapping[str, Conversation],
    options: MessageOptions = DEFAULTS,
) -> list[OutboxRow]:
    """The messages that have to be written, in the order in which they are to leave.

    Args:
        changed: the due legs that may call for others than were written, `ENRICHED_LEG_SCHEMA`.
        state: the newest message of each slot of these legs and of those that are gone; other rows do no harm.
        gone: ids of legs that vanished, or that may have no messages any more (`digests.legs_without_messages`). One that
            is in `changed` is there again, and not gone.
        conversations: what is known of the conversations, by CX call id.
        options: the site's choices.
    """
    newest: dict[str, dict[Slot, OutboxRow]] = defaultdict(dict)
    for row in state:
        slot = row.intent, row.ordinal
        if row.intent in _PLACES and _is_newer(row, newest[row.leg_id].get(slot)):
            newest[row.leg_id][slot] = row
    legs = changed.sort("start_time", "leg_id").to_dicts()
    present = {leg["leg_id"] for leg in legs}
    lost = sorted(set(gone) - present)
    due = [message for leg_id in lost for message in _of_gone(newest[leg_id])]
    for leg in legs:
        due += _of_leg(leg, newest[leg["leg_id"]], options)
    return [
        _row(message, message_id, conversations) for message, message_id in zip(due, _ids(due), strict=True)
    ]


def message_ids(slots: pl.DataFrame) -> pl.Series:
    """The ids of messages: UUIDs over `leg_id`, `intent`, `ordinal` and `revision`."""
    parts = [pl.col(name) for name in ("leg_id", "intent", "ordinal", "revision")]
    return uuid_of(slots.select(name_of(pl.lit("message"), *parts)).to_series())


def fingerprint_of(draft: Draft) -> str:
    """A hash of what a message says, whatever its id, its revision and its conversation."""
    return blake2b(draft.message.to_json().encode(), digest_size=16).hexdigest()


def _is_newer(row: OutboxRow, other: OutboxRow | None) -> bool:
    return other is None or row.revision > other.revision


def _of_gone(written: Mapping[Slot, OutboxRow]) -> list[_Due]:
    ended = written.get(_ENDED)
    return [] if ended is None or is_taken_back(ended.payload) else [_taking_back(ended)]


def _of_leg(leg: Mapping[str, Any], written: Mapping[Slot, OutboxRow], options: MessageOptions) -> list[_Due]:
    # Whoever was told that the leg is none needs all of it again, not its end alone.
    is_back = _ENDED in written and is_taken_back(written[_ENDED].payload)
    drafts = {(draft.intent, draft.ordinal): draft for draft in messages_of(leg, options)}
    due = []
    for slot, draft in drafts.items():
        before, fingerprint = written.get(slot), fingerprint_of(draft)
        if before is None or is_back or before.fingerprint != fingerprint:
            due.append(_Due(leg["call_id"], leg["leg_id"], slot, before, draft, fingerprint))
    due += [
        _taking_back(row)
        for slot, row in written.items()
        if slot not in drafts and not is_taken_back(row.payload)
    ]
    return sorted(due, key=lambda message: _place(message.slot))


def _place(slot: Slot) -> tuple[int, int, str]:
    intent, ordinal = slot
    return _PLACES[intent], ordinal, intent


def _taking_back(row: OutboxRow) -> _Due:
    return _Due(row.ordering_key, row.leg_id, (row.intent, row.ordinal), row, row, f"-{row.fingerprint}")


def _ids(due: list[_Due]) -> list[str]:
    slots = [(message.leg_id, *message.slot, message.revision) for message in due]
    schema = {"leg_id": pl.String, "intent": pl.String, "ordinal": pl.Int64, "revision": pl.Int64}
    return message_ids(pl.DataFrame(slots, schema=schema, orient="row")).to_list()


def _row(due: _Due, message_id: str, conversations: Mapping[str, Conversation]) -> OutboxRow:
    intent, ordinal = due.slot
    return OutboxRow(
        message_id=message_id,
        ordering_key=due.ordering_key,
        leg_id=due.leg_id,
        intent=intent,
        ordinal=ordinal,
        revision=due.revision,
        payload=_payload(due, message_id, conversations),
        fingerprint=due.fingerprint,
        destination=DESTINATIONS[intent],
    )


def _payload(due: _Due, message_id: str, conversations: Mapping[str, Conversation]) -> str:
    before = due.before
    if isinstance(due.source, OutboxRow):
        return taken_back(due.source, message_id, conversations)
    message = due.source.message
    header, body = message.header, message.body
    if conversation := conversations.get(body.call_id):
        header = header.model_copy(
            update={
                "conversation_id": conversation.conversation_id,
                "channel_session_id": conversation.channel_session_id,
            }
        )
    if before is not None:
        revised = {"revision": due.revision, "supersedes": before.message_id}
        body = body.model_copy(
            update={"additional_detail": body.additional_detail.model_copy(update=revised)}
        )
    return message.model_copy(update={"id": message_id, "header": header, "body": body}).to_json()
