"""What conversations are told: once, in the shapes of both dialects, and anew only where an address died."""

import json
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from cx_pipeline.core.linking.matching import match_links
from cx_pipeline.core.linking.messages import is_found_by, link_messages, slots_of, with_message_ids
from cx_pipeline.core.linking.schema import LINK_CANDIDATE_SCHEMA, SCREEN, VOICE
from cx_pipeline.core.linking.signing import plain_url, recording_path
from cx_pipeline.core.messages.activities import CCM_VOICE_ACTIVITY_SCHEMA
from cx_pipeline.core.messages.building import DEFAULTS, MessageOptions
from cx_pipeline.core.messages.outbox_row import OutboxRow
from cx_pipeline.core.messages.parsing import parse
from cx_pipeline_tests.core.linking.linked import TOLERANCE, a_leg, activity, audio_of, leg_id
from cx_pipeline_tests.core.messages.enriched_legs import START, legs

LEG = a_leg(1, 0, 300)
PLAYED = {"duration_ms": 245_500, "size_bytes": 9_600_044}
TOLD = activity("a", 1, 301, leg_id=leg_id(1))


def an_address(kind: str, leg_key: str, tenant_id: str | None) -> str | None:
    return plain_url("https://middleware", f"/{leg_key}/{kind.lower()}")


def told_of(
    *candidates: dict[str, Any],
    told: tuple[dict[str, Any], ...] = (TOLD,),
    leg: dict[str, Any] | None = LEG,
    newest: tuple[OutboxRow, ...] = (),
    options: MessageOptions = DEFAULTS,
    url_of: Any = an_address,
) -> tuple[list[OutboxRow], pl.DataFrame]:
    """The missing messages, and the links."""
    playable = pl.DataFrame(list(candidates), schema=LINK_CANDIDATE_SCHEMA, orient="row")
    activities = pl.DataFrame(list(told), schema=CCM_VOICE_ACTIVITY_SCHEMA, orient="row")
    known = legs(*([] if leg is None else [leg]))
    links = pl.concat(match_links(activities, playable, known, kind, TOLERANCE) for kind in (VOICE, SCREEN))
    return link_messages(links, playable, newest, known, url_of, options), links


def test_a_voice_recording_has_the_bodys_fields_of_the_specification() -> None:
    (row,), _ = told_of(audio_of(LEG, **PLAYED))
    message = json.loads(row.payload)
    assert parse(row.payload).id == row.message_id
    assert message["header"]["timestamp"] == "2026-06-08T10:05:01.000Z"
    assert message["body"] == {
        "legId": LEG["leg_key"],
        "voiceRecordingUrl": an_address(VOICE, LEG["leg_key"], None),
        "durationSeconds": 245.5,
        "fileSize": 9_600_044,
        "recordingId": "0c000000-0000-8000-8000-000000000001",
    }


def test_a_screen_recording_has_a_sender_and_a_slot_of_its_own() -> None:
    rows, _ = told_of(audio_of(LEG), audio_of(LEG, kind=SCREEN, candidate_id="screen", recording_id=None))
    assert {(row.leg_id, row.intent) for row in rows} == {
        (leg_id(1), "VOICE_RECORDING"),
        (leg_id(1), "SCREEN_RECORDING"),
    }
    screen = next(json.loads(row.payload) for row in rows if row.intent == "SCREEN_RECORDING")
    assert screen["header"]["sender"]["senderName"] == "CX-Screen-Recording-Link"
    assert screen["body"] == {
        "legId": LEG["leg_key"],
        "screenRecordingUrl": an_address(SCREEN, LEG["leg_key"], None),
    }


def test_the_published_dialect_sends_urls_with_details() -> None:
    rows, _ = told_of(
        audio_of(LEG, **PLAYED),
        audio_of(LEG, kind=SCREEN, candidate_id="screen"),
        options=MessageOptions(dialect="published"),
    )
    bodies = [json.loads(row.payload)["body"] for row in rows]
    assert [parse(row.payload, "published").id for row in rows] == [row.message_id for row in rows]
    assert {body["type"] for body in bodies} == {"URL"}
    assert {body["mediaUrl"] for body in bodies} == {
        an_address(kind, LEG["leg_key"], None) for kind in (VOICE, SCREEN)
    }


def test_a_message_leaves_behind_those_of_its_leg_and_has_the_same_id_for_ever() -> None:
    first, _ = told_of(audio_of(LEG))
    again, _ = told_of(audio_of(LEG), told=(activity("another", 0, 300, leg_id=leg_id(1)),))
    assert first[0].ordering_key == LEG["call_id"]
    assert first[0].message_id == again[0].message_id


def test_a_link_that_was_told_is_told_no_more_whatever_recording_is_behind_it() -> None:
    rows, _ = told_of(audio_of(LEG))
    again, links = told_of(audio_of(LEG, version="v2", candidate_id="made anew"), newest=tuple(rows))
    assert again == []
    assert with_message_ids(links, rows)["message_id"].to_list() == [rows[0].message_id]


@pytest.mark.parametrize(("moved", "revisions"), [({}, []), ({"start_s": 9.9}, []), ({"start_s": 10.1}, [1])])
def test_an_address_that_leads_nowhere_any_more_is_followed_by_another(
    moved: Any, revisions: list[int]
) -> None:
    rows, _ = told_of(audio_of(LEG))
    leg = a_leg(1, moved.get("start_s", 0), 300)
    again, _ = told_of(audio_of(leg), leg=leg, newest=tuple(rows))
    assert [row.revision for row in again] == revisions
    assert {row.message_id for row in again}.isdisjoint({rows[0].message_id})
    assert all(row.fingerprint == leg["leg_key"] for row in again)


def test_a_link_told_before_its_leg_was_known_goes_on_in_its_old_slot() -> None:
    foreign = audio_of(LEG, leg_id=None, cx_call_id=None, candidate_id="foreign")
    told = (activity("a", 1, 301, call_id="16945106"),)
    rows, links = told_of(foreign, told=told, leg=None)
    assert rows[0].leg_id == links["link_id"].item()
    again, links = told_of(foreign, told=told, newest=tuple(rows))
    assert links["leg_id"].to_list() == [leg_id(1)]
    assert again == []
    assert set(slots_of(links)) == {leg_id(1), rows[0].leg_id}


def test_without_an_address_nothing_is_told() -> None:
    rows, links = told_of(audio_of(LEG), url_of=lambda *_: None)
    assert rows == []
    assert with_message_ids(links, rows)["message_id"].to_list() == [None]


def test_what_is_not_linked_is_not_told() -> None:
    rows, _ = told_of(audio_of(LEG), told=(activity("a", 1, 301),))
    assert rows == []


@pytest.mark.parametrize(
    ("new", "old", "is_found"),
    [
        ("c:1:+1:1780912800000", "c:1:+1:1780912800000", True),
        ("c:1:+1:1780912809000", "c:1:+2:1780912800", True),
        ("c:1:+1:1780912811000", "c:1:+1:1780912800000", False),
        ("c:2:+1:1780912800000", "c:1:+1:1780912800000", False),
        ("d:1:+1:1780912800000", "c:1:+1:1780912800000", False),
        ("no key", "c:1:+1:1780912800000", False),
    ],
)
def test_an_older_address_leads_to_a_leg_of_the_same_call_and_agent_within_ten_seconds(
    new: str, old: str, is_found: bool
) -> None:
    assert is_found_by(new, old) is is_found


def test_paths_of_addresses_are_those_that_the_gateway_serves() -> None:
    (row,), _ = told_of(
        audio_of(LEG), url_of=lambda _, key, __: plain_url("https://middleware/cx", recording_path(key))
    )
    address = json.loads(row.payload)["body"]["voiceRecordingUrl"]
    started_ms = round((START + timedelta(0)).timestamp() * 1000)
    assert address == (
        f"https://middleware/cx/{LEG['call_id']}:1005:%2B18005550199:{started_ms}/recording-file"
    )
