"""Activities, candidates and their links for tests: in seconds after a start, with columns otherwise as wanted."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import polars as pl

from cx_pipeline.core.linking.matching import match_links
from cx_pipeline.core.linking.schema import LINK_CANDIDATE_SCHEMA, VOICE
from cx_pipeline.core.messages.activities import CCM_VOICE_ACTIVITY_SCHEMA
from cx_pipeline_tests.core.messages.enriched_legs import START, leg, legs

TOLERANCE = timedelta(seconds=5)
CALL = "7c1d2e3f-0000-8000-8000-00000000000a"
OTHER_CALL = "7c1d2e3f-0000-8000-8000-00000000000b"

Row = Mapping[str, Any]


def leg_id(number: int) -> str:
    return f"0b8a4f3e-6d1c-8a55-9f00-{number:012d}"


def a_leg(number: int, start_s: float, end_s: float | None, **otherwise: Any) -> dict[str, Any]:
    """A leg of extension 1005 in `CALL`."""
    start = START + timedelta(seconds=start_s)
    facts = {
        "leg_id": leg_id(number),
        "call_id": CALL,
        "cx_call_id": otherwise.get("call_id", CALL),
        "root_call_key": "1_167890",
        "jtapi_id": "16945106",
        "agent_extension": "1005",
        "start_time": start,
        "end_time": None if end_s is None else START + timedelta(seconds=end_s),
        **otherwise,
    }
    key = f"{facts['call_id']}:{facts['agent_extension']}:+18005550199:{round(start.timestamp() * 1000)}"
    return leg(**{"leg_key": key, **facts})


def audio_of(row: Row, **otherwise: Any) -> dict[str, Any]:
    """What can be played of a leg."""
    names = ("leg_id", "leg_key", "cx_call_id", "tenant_id", "agent_extension", "start_time", "end_time")
    facts = {
        "candidate_id": f"audio of {row['leg_id'][-3:]}",
        "kind": VOICE,
        "backend": "efswitch",
        "recording_id": f"0c000000-0000-8000-8000-{row['leg_id'][-12:]}",
        "call_key": row["root_call_key"],
        "version": "v1",
    }
    unknown = set(otherwise) - set(LINK_CANDIDATE_SCHEMA)
    assert not unknown, unknown
    return {
        **dict.fromkeys(LINK_CANDIDATE_SCHEMA),
        **{name: row[name] for name in names},
        **facts,
        **otherwise,
    }


def activity(name: str, start_s: float | None, end_s: float | None, **otherwise: Any) -> dict[str, Any]:
    """A voice activity of extension 1005; without a leg id and a call id, where none are given."""
    facts = {
        "activity_id": name,
        "conversation_id": "conversation",
        "channel_session_id": "session",
        "agent_extension": "1005",
        "start_time": None if start_s is None else START + timedelta(seconds=start_s),
        "end_time": None if end_s is None else START + timedelta(seconds=end_s),
        "raw": "{}",
    }
    unknown = set(otherwise) - set(CCM_VOICE_ACTIVITY_SCHEMA)
    assert not unknown, unknown
    return {**dict.fromkeys(CCM_VOICE_ACTIVITY_SCHEMA), **facts, **otherwise}


def links_of(
    activities: Sequence[Row],
    candidates: Sequence[Row],
    known_legs: Sequence[dict[str, Any]] = (),
    *,
    kind: str = VOICE,
    tolerance: timedelta = TOLERANCE,
) -> dict[str, dict[str, Any]]:
    """The links, by activity."""
    links = match_links(
        pl.DataFrame(list(activities), schema=CCM_VOICE_ACTIVITY_SCHEMA, orient="row"),
        pl.DataFrame(list(candidates), schema=LINK_CANDIDATE_SCHEMA, orient="row"),
        legs(*known_legs),
        kind,
        tolerance,
    )
    return {row["activity_id"]: row for row in links.to_dicts()}
