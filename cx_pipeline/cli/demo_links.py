"""The demo's links: each is followed as a supervisor's browser would, and what it plays is held against its leg."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import httpx
import polars as pl
from sqlalchemy import Engine

from cx_pipeline.adapters.database.enriched_legs import EnrichedLegs
from cx_pipeline.adapters.database.outbox_reading import OutboxReading, StoredMessage
from cx_pipeline.core.messages.outbox_row import DELIVERED
from cx_pipeline.core.messages.parts import VOICE_RECORDING
from cx_pipeline.core.recording.schema import COMPLETED
from cx_pipeline.simulator.ccm.conversations import conversation_of

FIRST_BYTES = 4096
_TIMEOUT_S = 30.0
_PARTIAL = 206


@dataclass(frozen=True, slots=True)
class LinkOutcome:
    """What became of the links.

    `expected`: legs whose recording is finished. `wrong`: told to another conversation than the leg's, or playing something
    else than the leg's recording. `playing`: the whole file came, as it was sealed, and a part of it when asked for.
    """

    expected: int
    links: int
    wrong: int
    playing: int

    @property
    def is_right(self) -> bool:
        """Whether each leg with a recording has a link, and each link plays that recording."""
        return self.expected == self.links == self.playing and not self.wrong


def follow_links(
    engine: Engine, tenants: tuple[str, ...], recordings: pl.DataFrame, gateway_url: str
) -> LinkOutcome:
    """Follow every link that was delivered for some tenants' legs.

    Args:
        engine: of the application's database.
        tenants: whose.
        recordings: theirs, `MIXED_RECORDING_SCHEMA`.
        gateway_url: where the gateway listens: links lead to where people reach it.
    """
    of_leg = {
        share["leg_id"]: row
        for row in recordings.filter(pl.col("state") == COMPLETED).iter_rows(named=True)
        for share in row["leg_offsets"]
    }
    found = EnrichedLegs(engine).of_tenants(tenants).filter(pl.col("leg_id").is_in(list(of_leg)))
    legs = {row["leg_id"]: row for row in found.iter_rows(named=True)}
    links = [
        message
        for message in OutboxReading(engine).of_legs(list(legs))
        if message.intent == VOICE_RECORDING and message.status == DELIVERED
    ]
    wrong = playing = 0
    with httpx.Client(base_url=gateway_url, timeout=_TIMEOUT_S, trust_env=False) as client:
        for link in links:
            leg = legs[link.leg_id]
            heard = _played(client, json.loads(link.payload)["body"]["voiceRecordingUrl"])
            is_its_own = heard is not None and heard == of_leg[link.leg_id]["sha256"]
            playing += heard is not None
            wrong += not is_its_own or not _is_told_to_its_conversation(link, leg)
    return LinkOutcome(expected=len(legs), links=len(links), wrong=wrong, playing=playing)


def _played(client: httpx.Client, url: str) -> str | None:
    """Hash of what a link plays; None if it does not play whole and in parts."""
    address = urlsplit(url)
    path = f"{address.path}?{address.query}"
    first = client.get(path, headers={"Range": f"bytes=0-{FIRST_BYTES - 1}"})
    digest, head = sha256(), b""
    with client.stream("GET", path) as whole:
        if not whole.is_success or first.status_code != _PARTIAL:
            return None
        for block in whole.iter_bytes():
            head = head if len(head) >= FIRST_BYTES else head + block
            digest.update(block)
    return digest.hexdigest() if head[: len(first.content)] == first.content else None


def _is_told_to_its_conversation(link: StoredMessage, leg: Mapping[str, Any]) -> bool:
    """Whether the link went to the conversation that the conversation manager has for the leg's call."""
    message = json.loads(link.payload)
    own = conversation_of(leg["cx_call_id"])
    is_of_leg = message["body"]["legId"] == leg["leg_key"]
    return bool(is_of_leg and message["header"]["channelSessionId"] == own["channelSessionId"])
