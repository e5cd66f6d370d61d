"""The search for calls: one page of legs, each with what became of its recording, for people and as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from cx_pipeline.adapters.database.call_search import CALL_TYPES, FoundLeg, Place
from cx_pipeline.gateway.pages import wording
from cx_pipeline.gateway.pages.call_query import CallQuery
from cx_pipeline.gateway.pages.leg_recordings import FAILED_STATE, MISSING, LegRecording, leg_recordings
from cx_pipeline.gateway.pages.service import PagesService

PAGE_ROWS = 50
MOST_LOOKS = 8
"""So often a page is filled up where rules leave out what the database could not."""


@dataclass(frozen=True, slots=True)
class FoundCall:
    """One row of the page."""

    leg: dict[str, Any]
    recording: LegRecording


@dataclass(frozen=True, slots=True)
class CallsFound:
    """One page."""

    calls: tuple[FoundCall, ...]
    next_place: Place | None
    """Behind which the next page begins; None: there is none."""


def find_calls(pages: PagesService, query: CallQuery, tenant_id: str | None, now: datetime) -> CallsFound:
    """One page of what a search finds.

    Args:
        pages: the room.
        query: without errors.
        tenant_id: whose legs; None: anybody's.
        now: the time.

    Raises:
        DatabaseUnavailableError: the database does not answer, or the search took too long.
    """
    found: list[FoundCall] = []
    after = query.after
    for _ in range(MOST_LOOKS):
        legs = pages.search.legs(query.wanted, tenant_id, PAGE_ROWS + 1, after)
        for call in _with_recordings(pages, legs[:PAGE_ROWS], now):
            if not query.is_missing_only or call.recording.state in (MISSING, FAILED_STATE):
                found.append(call)
        if len(legs) <= PAGE_ROWS:
            return _cut(found, None)
        after = legs[PAGE_ROWS - 1].place
        if len(found) >= PAGE_ROWS:
            break
    return _cut(found, after)


def _with_recordings(pages: PagesService, legs: Sequence[FoundLeg], now: datetime) -> list[FoundCall]:
    if not legs:
        return []
    known = pages.rules.now()
    told = leg_recordings(legs, known.rules, known.directory, pages.lost_after, now)
    return [FoundCall(found.leg, recording) for found, recording in zip(legs, told, strict=True)]


def _cut(found: list[FoundCall], after: Place | None) -> CallsFound:
    """A page of the rows; what a look found beyond it comes again on the next one."""
    if len(found) <= PAGE_ROWS:
        return CallsFound(tuple(found), after)
    last = found[PAGE_ROWS - 1].leg
    return CallsFound(tuple(found[:PAGE_ROWS]), Place(last["start_time"], last["leg_id"]))


def page_values(query: CallQuery, found: CallsFound | None) -> dict[str, Any]:
    """What the template is filled in with; `found` is None where the search was not understood."""
    calls = found.calls if found is not None else ()
    next_place = found.next_place if found is not None else None
    return {
        "query": query,
        "calls": [_row(call) for call in calls],
        "is_searched": found is not None,
        "next_url": _url(query, next_place) if next_place is not None else None,
        "first_url": _url(query, None) if query.after is not None else None,
        "types": [(name, wording.CALL_TYPES[name]) for name in CALL_TYPES],
        "searched": query.described(),
    }


def as_json(query: CallQuery, found: CallsFound) -> dict[str, Any]:
    """The page for programs."""
    wanted = query.wanted
    return {
        "from": _iso(wanted.start),
        "to": _iso(wanted.end),
        "calls": [_document(call) for call in found.calls],
        "next": _url(query, found.next_place) if found.next_place is not None else None,
    }


def _url(query: CallQuery, after: Place | None) -> str:
    return f"/calls?{urlencode(query.link(after))}"


def _row(call: FoundCall) -> dict[str, Any]:
    """In words."""
    leg = call.leg
    is_outbound = leg["direction"] == "OUTBOUND"
    return {
        "leg": leg,
        "recording": call.recording,
        "url": quote(call.recording.path, safe="/:@") if call.recording.path is not None else None,
        "customer": leg["customer_identifier"] or leg["other_party"],
        "called": None if is_outbound else leg["service_identifier"],
        "type": wording.CALL_TYPES.get(leg["call_type"] or "", leg["call_type"]),
        "direction": wording.DIRECTIONS.get(leg["direction"] or "", leg["direction"]),
        "rona": wording.RONA_REASONS.get(leg["rona_reason"] or ""),
    }


def _document(call: FoundCall) -> dict[str, Any]:
    leg, recording = call.leg, call.recording
    return {
        "legId": leg["leg_id"],
        "legKey": leg["leg_key"],
        "callId": leg["call_id"],
        "tenantId": leg["tenant_id"],
        "startTime": _iso(leg["start_time"]),
        "endTime": _iso(leg["end_time"]),
        "duration": leg["duration_ms"],
        "agentExtension": leg["agent_extension"],
        "agentId": leg["agent_id"],
        "agentName": leg["agent_name"],
        "customerNumber": leg["customer_identifier"] or leg["other_party"],
        "calledNumber": leg["service_identifier"],
        "callType": leg["call_type"],
        "direction": leg["direction"],
        "wrapUp": leg["wrap_up"],
        "recording": {
            "state": recording.state,
            "text": recording.text,
            "recordingId": recording.recording_id,
            "ruleId": recording.rule_id,
            "reason": recording.reason,
            "url": quote(recording.path, safe="/:@") if recording.path is not None else None,
        },
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
