"""Our own recordings as candidates of links."""

from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from cx_pipeline.core.linking.candidates import recording_candidates
from cx_pipeline.core.linking.ownership import activities_near, legs_without_link, owned
from cx_pipeline.core.linking.schema import LINK_CANDIDATE_SCHEMA, RECORDING_LINK_SCHEMA
from cx_pipeline.core.messages.activities import CCM_VOICE_ACTIVITY_SCHEMA
from cx_pipeline.core.recording.leg_keys import parse_leg_key
from cx_pipeline.core.recording.schema import MIXED_RECORDING_SCHEMA, RECORDING_MANIFEST_SCHEMA
from cx_pipeline.core.windows import Window
from cx_pipeline_tests.core.linking.linked import CALL, OTHER_CALL, a_leg, activity, audio_of, leg_id
from cx_pipeline_tests.core.messages.enriched_legs import START, legs

FIRST, SECOND = a_leg(1, 0, 300), a_leg(2, 100, 400, agent_extension="1006")
WINDOW = Window(START, START + timedelta(hours=1))
NO_MANIFESTS = pl.DataFrame(
    schema={
        name: RECORDING_MANIFEST_SCHEMA[name]
        for name in ("manifest_id", "dialog_id", "call_key", "agent_extension", "start_time")
    }
)


def recordings(**otherwise: Any) -> pl.DataFrame:
    facts = {
        "recording_id": "r",
        "tenant_id": "acme",
        "kind": "LEG",
        "state": "COMPLETED",
        "path": "a.wav",
        "start_time": START,
        "duration_ms": 400_000,
        "leg_offsets": [{"leg_id": leg_id(1), "offset_ms": 0}],
        "manifest_ids": ["m"],
    }
    row = {**dict.fromkeys(MIXED_RECORDING_SCHEMA), **facts, **otherwise}
    return pl.DataFrame([row], schema=MIXED_RECORDING_SCHEMA, orient="row")


def test_a_conference_is_a_candidate_for_each_of_its_legs() -> None:
    held = [{"leg_id": leg_id(1), "offset_ms": 0}, {"leg_id": leg_id(2), "offset_ms": 100_000}]
    found = recording_candidates(recordings(kind="CALL", leg_offsets=held), legs(FIRST, SECOND), NO_MANIFESTS)
    assert found["leg_key"].to_list() == [FIRST["leg_key"], SECOND["leg_key"]]
    assert found["candidate_id"].n_unique() == 2
    assert found["start_time"].to_list() == [FIRST["start_time"], SECOND["start_time"]]


@pytest.mark.parametrize(
    "otherwise",
    [{"state": "QUEUED"}, {"state": "SKIPPED", "path": None}, {"state": "FAILED"}, {"path": None}],
)
def test_what_is_not_finished_or_has_no_file_is_none(otherwise: dict[str, Any]) -> None:
    assert recording_candidates(recordings(**otherwise), legs(FIRST), NO_MANIFESTS).is_empty()


@pytest.mark.parametrize("number", ["sip:anna@example.org", "a/b", "a\\b", "a\nb"])
def test_a_key_that_an_address_cannot_bear_goes_without_its_number(number: str) -> None:
    leg = a_leg(1, 0, 300, other_party=number, leg_key=f"{CALL}:1005:{number}:1780912800000")
    found = recording_candidates(recordings(), legs(leg), NO_MANIFESTS)
    key = parse_leg_key(found["leg_key"].item())
    assert key is not None
    assert (key.call_id, key.extension, key.start_time) == (CALL, "1005", START)


def links(*rows: tuple[str, str | None, float | None, float | None]) -> pl.DataFrame:
    """`link_id`, leg, start and end in seconds."""
    known = [
        {
            **dict.fromkeys(RECORDING_LINK_SCHEMA),
            "link_id": name,
            "leg_id": leg,
            "start_time": None if start_s is None else START + timedelta(seconds=start_s),
            "end_time": None if end_s is None else START + timedelta(seconds=end_s),
        }
        for name, leg, start_s, end_s in rows
    ]
    return pl.DataFrame(known, schema=RECORDING_LINK_SCHEMA, orient="row")


def test_a_link_is_its_legs_windows_else_that_in_which_its_activity_ended() -> None:
    given = links(
        ("leg here, ended later", leg_id(1), 0, 3700),
        ("leg elsewhere, ended here", leg_id(2), 0, 100),
        ("no leg, ended here", None, -100, 0),
        ("no leg, ended at the end", None, 0, 3600),
        ("no leg, goes on", None, 3599, None),
        ("no leg, went on before", None, -1, None),
        ("a leg that nobody knows", leg_id(3), 0, 100),
    )
    windows = pl.DataFrame(
        {"leg_id": [leg_id(1), leg_id(2)], "window_start": [WINDOW.start, WINDOW.end]},
        schema_overrides={"window_start": pl.Datetime("us", "UTC")},
    )
    assert owned(given, windows, WINDOW)["link_id"].to_list() == [
        "leg here, ended later",
        "no leg, ended here",
        "no leg, goes on",
        "a leg that nobody knows",
    ]


def test_activities_far_from_the_window_count_only_where_they_name_one_of_its_calls() -> None:
    given = [
        activity("here", 0, 100),
        activity("beside", -900, -500),
        activity("goes on", -90_000, None),
        activity("long ago", -9000, -8000),
        activity("long ago, of a call here", -9000, -8000, call_id=CALL),
        activity("long ago, of a leg here", -9000, -8000, leg_id=leg_id(1)),
        activity("long ago, of a text here", -9000, -8000, leg=f"{CALL}:1005::1780912800000"),
        activity("long ago, of another", -9000, -8000, call_id=OTHER_CALL),
    ]
    frame = pl.DataFrame(given, schema=CCM_VOICE_ACTIVITY_SCHEMA, orient="row")
    near = activities_near(frame, legs(FIRST), WINDOW)["activity_id"].to_list()
    assert near == [
        "here",
        "beside",
        "goes on",
        "long ago, of a call here",
        "long ago, of a leg here",
        "long ago, of a text here",
    ]


def test_another_recorder_is_asked_for_whole_calls_of_which_a_link_is_wanted_and_missing() -> None:
    third = a_leg(3, 0, 300, call_id=OTHER_CALL)
    known = pl.DataFrame([audio_of(FIRST)], schema=LINK_CANDIDATE_SCHEMA, orient="row")
    frame = legs(FIRST, SECOND, third)

    def asked(*told: dict[str, Any], known: pl.DataFrame = known) -> list[str]:
        activities = pl.DataFrame(list(told), schema=CCM_VOICE_ACTIVITY_SCHEMA, orient="row")
        return legs_without_link(frame, known, activities)["leg_id"].to_list()

    assert asked(activity("a", 0, 300, call_id=CALL)) == [leg_id(1), leg_id(2)]
    assert asked(activity("a", 0, 300, leg_id=leg_id(3))) == [leg_id(3)]
    assert asked(activity("a", 0, 300, call_id="of the manager's own")) == [leg_id(1), leg_id(2), leg_id(3)]
    assert asked() == []
    whole = pl.DataFrame([audio_of(FIRST), audio_of(SECOND)], schema=LINK_CANDIDATE_SCHEMA, orient="row")
    assert asked(activity("a", 0, 300, call_id=CALL), known=whole) == []
