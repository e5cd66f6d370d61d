"""From the end of a call to its link: how long it took, where the time went, and whether each link is the right one."""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from cx_pipeline.adapters.database.outbox_reading import StoredMessage
from cx_pipeline.core.events.schema import UTC_MICROSECONDS
from cx_pipeline.core.messages.outbox_row import DELIVERED
from cx_pipeline.core.messages.parts import VOICE_RECORDING
from cx_pipeline.simulator.ccm.conversations import conversation_of
from cx_pipeline.simulator.comparison import leg_pairs
from cx_pipeline.simulator.live.outcome import LiveOutcome
from cx_pipeline.simulator.live.playing import Played
from cx_pipeline.simulator.live.site import LiveSite

STAGES = (
    "messages_written",
    "messages_delivered",
    "recording_asked",
    "mixing_begun",
    "recording_completed",
    "link_written",
    "link_delivered",
)
"""In the order in which they come about; messages and recordings do not wait for each other."""
DELAY_SCHEMA = pl.Schema(
    {
        "tenant_id": pl.String(),
        "agent_extension": pl.String(),
        "root_call_key": pl.String(),
        "start_time": UTC_MICROSECONDS,
        "scenario": pl.String(),
        "leg_id": pl.String(),
        "ended_at": UTC_MICROSECONDS,
        "record_at": UTC_MICROSECONDS,
        "files_at": UTC_MICROSECONDS,
        "known_at": UTC_MICROSECONDS,
        **{f"{stage}_s": pl.Float64() for stage in STAGES},
    }
)
"""One row for each leg whose link is awaited.

`known_at`: the latest of its end, its record's and its files' arrival: from then on all is there that its link needs. The
columns in seconds count from it, and are null for what did not come about; below 0 for what did not wait for all.
"""
_ONE_LEG = ("tenant_id", "call_number", "leg_number")
LegName = tuple[str, int, int]
ENDED = "CALL_LEG_ENDED"


@dataclass(frozen=True, slots=True)
class Stage:
    """Seconds from the moment when all was known, over the legs that came so far."""

    count: int
    median_s: float
    p95_s: float


@dataclass(frozen=True, slots=True)
class WrongLink:
    """A link that leads somewhere else than it should."""

    leg_id: str
    message_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class EndToLink:
    """What was measured."""

    expected: int
    """Legs that ended within the span, with their calls, and of which there is audio."""
    links: int
    """Those of them whose conversation was told of a recording."""
    missing: int
    wrong: tuple[WrongLink, ...]
    """Among all links of the site, awaited ones or others."""
    p50_s: float | None
    p95_s: float | None
    """From the latest of end, record and files to the delivered link; null without links."""
    stages: Mapping[str, Stage]
    """By names of `STAGES`."""
    delays: pl.DataFrame
    """`DELAY_SCHEMA`."""

    @property
    def wrong_links(self) -> int:
        """How many links are wrong."""
        return len(self.wrong)

    @property
    def is_right(self) -> bool:
        """Whether each awaited link is there, and no link is wrong."""
        return not (self.missing or self.wrong)


def measure(site: LiveSite, played: Played, outcome: LiveOutcome, streams: Path) -> EndToLink:
    """Hold what the tables have against what truly happened, and take the times.

    Args:
        site: the site that was played.
        played: when its files were left.
        outcome: what the tables have of its tenants.
        streams: the folder below which the files were left.
    """
    names = _names_of_legs(site, outcome)
    links = [
        message
        for message in outcome.messages
        if message.intent == VOICE_RECORDING and message.delivered_at is not None
    ]
    delays = _delays(site, played, outcome, names, links)
    delivered = delays["link_delivered_s"].drop_nulls()
    return EndToLink(
        expected=delays.height,
        links=delivered.len(),
        missing=delays.height - delivered.len(),
        wrong=tuple(_wrong(site, outcome, names, links, streams.resolve())),
        p50_s=_quantile(delivered, 0.5),
        p95_s=_quantile(delivered, 0.95),
        stages={
            stage: Stage(values.len(), _quantile(values, 0.5) or 0.0, _quantile(values, 0.95) or 0.0)
            for stage in STAGES
            if (values := delays[f"{stage}_s"].drop_nulls()).len()
        },
        delays=delays,
    )


def _quantile(values: pl.Series, quantile: float) -> float | None:
    found = values.quantile(quantile, interpolation="linear")
    return None if found is None else round(found, 2)


def _names_of_legs(site: LiveSite, outcome: LiveOutcome) -> dict[str, LegName]:
    """Which true leg each leg that was found is."""
    true_legs = site.true_legs.with_row_index("true_row")
    found = outcome.legs.with_row_index("found_row")
    pairs = leg_pairs(true_legs, found)
    paired = pairs.join(true_legs, on="true_row").join(found.select("found_row", "leg_id"), on="found_row")
    return {leg_id: (*name,) for leg_id, *name in paired.select("leg_id", *_ONE_LEG).iter_rows()}


def _delays(
    site: LiveSite,
    played: Played,
    outcome: LiveOutcome,
    names: Mapping[str, LegName],
    links: list[StoredMessage],
) -> pl.DataFrame:
    ids = {name: leg_id for leg_id, name in names.items()}
    moments = _moments(outcome, links)
    rows = []
    for leg in site.expected.iter_rows(named=True):
        leg_id = ids.get((leg["tenant_id"], leg["call_number"], leg["leg_number"]))
        files_at = max(
            (played.files_at[file] for file in leg["files"] if file in played.files_at), default=None
        )
        known_at = max(moment for moment in (leg["end_time"], leg["record_at"], files_at) if moment)
        reached = moments.get(leg_id, {}) if leg_id else {}
        since = {
            f"{stage}_s": (reached[stage] - known_at).total_seconds() for stage in STAGES if stage in reached
        }
        rows.append(
            {**leg, "leg_id": leg_id, "ended_at": leg["end_time"], "files_at": files_at, "known_at": known_at}
            | since
        )
    return pl.DataFrame([{name: row.get(name) for name in DELAY_SCHEMA} for row in rows], schema=DELAY_SCHEMA)


def _moments(outcome: LiveOutcome, links: list[StoredMessage]) -> dict[str, dict[str, datetime]]:
    """By leg: when each stage was first reached."""
    found: dict[str, dict[str, datetime]] = defaultdict(dict)

    def reach(leg_id: str, stage: str, moment: datetime | None) -> None:
        if moment is not None:
            found[leg_id][stage] = min(moment, found[leg_id].get(stage, moment))

    for message in outcome.messages:
        if message.intent == ENDED:
            reach(message.leg_id, "messages_written", message.created_at)
            reach(message.leg_id, "messages_delivered", message.delivered_at)
    for recording in outcome.recordings:
        reach(recording["leg_id"], "recording_asked", recording["received_at"])
        reach(recording["leg_id"], "mixing_begun", recording["started_at"])
        reach(recording["leg_id"], "recording_completed", recording["completed_at"])
    for link in links:
        reach(link.leg_id, "link_written", link.created_at)
        if link.status == DELIVERED:
            reach(link.leg_id, "link_delivered", link.delivered_at)
    return found


def _wrong(
    site: LiveSite,
    outcome: LiveOutcome,
    names: Mapping[str, LegName],
    links: list[StoredMessage],
    streams: Path,
) -> list[WrongLink]:
    legs = {leg["leg_id"]: leg for leg in outcome.legs.iter_rows(named=True)}
    heard: dict[str, set[LegName]] = defaultdict(set)
    for file, *name in site.audio_truth.select("file", *_ONE_LEG).iter_rows():
        heard[str(streams / file)].add((*name,))
    recordings = {each["recording_id"]: each for each in outcome.recordings}
    behind = {link["leg_id"]: recordings.get(link["recording_id"]) for link in outcome.links}
    wrong = []
    for link in links:
        reason = _told_wrongly(link, legs[link.leg_id])
        reason = reason or _heard_wrongly(names.get(link.leg_id), behind.get(link.leg_id), heard)
        if reason is not None:
            wrong.append(WrongLink(link.leg_id, link.message_id, reason))
    return wrong


def _told_wrongly(link: StoredMessage, leg: Mapping[str, Any]) -> str | None:
    """Whether the message is of another leg, or goes to another conversation, than it should."""
    message = json.loads(link.payload)
    if message["body"]["legId"] != leg["leg_key"]:
        return "it names another leg"
    conversation = message["header"].get("conversationId")
    if conversation not in (None, conversation_of(leg["cx_call_id"])["conversationId"]):
        return "it goes to another conversation"
    return None


def _heard_wrongly(
    name: LegName | None, recording: Mapping[str, Any] | None, heard: Mapping[str, set[LegName]]
) -> str | None:
    """Whether what is behind the link was recorded of another leg: each file must hold the leg, or at least its call."""
    if name is None:
        return "there was no such leg"
    if recording is None or not recording["files"]:
        return "nothing is known of the recording behind it"
    of_files = [heard.get(file, set()) for file in recording["files"]]
    if not all(any(other[:2] == name[:2] for other in others) for others in of_files):
        return "a file of another call is in its recording"
    if not any(name in others for others in of_files):
        return "its recording holds another leg of the call"
    return None
