"""What Eleveo recorded of legs, as candidates of links."""

from datetime import timedelta
from pathlib import Path

import pytest

from cx_pipeline.adapters.eleveo.candidates import eleveo_candidates
from cx_pipeline.core.errors import ConfigurationError, DestinationUnavailableError
from cx_pipeline.core.linking.schema import LINK_CANDIDATE_SCHEMA
from cx_pipeline.settings import Settings
from cx_pipeline.simulator.eleveo.behaviour import Behaviour
from cx_pipeline.simulator.eleveo.running import RunningEleveo
from cx_pipeline_tests.adapters.eleveo.conftest import HELD, KEY, START, couple, legs, settings_of


def test_the_couples_of_a_leg_are_one_candidate_of_it(eleveo: RunningEleveo, settings: Settings) -> None:
    frame = eleveo_candidates(settings, legs({}))
    assert frame.schema == LINK_CANDIDATE_SCHEMA
    (row,) = frame.iter_rows(named=True)
    expected = {
        "backend": "eleveo", "kind": "VOICE", "tenant_id": "red", "cx_call_id": "cx-1", "call_key": "1_7",
        "leg_key": KEY, "agent_extension": "1001", "start_time": START,
        "end_time": START + timedelta(seconds=10), "duration_ms": 10_000,
    }  # fmt: skip
    assert row["leg_id"].endswith("1")
    assert {name: row[name] for name in expected} == expected
    assert eleveo_candidates(settings, legs({})).equals(frame)


def test_only_calls_of_its_tenant_that_ended_are_asked_for_each_once(
    eleveo: RunningEleveo, settings: Settings
) -> None:
    frame = legs(
        {},
        {"leg_id": "second", "jtapi_id": "8/1"},
        {"leg_id": "lasting", "call_id": "b", "end_time": None, "jtapi_id": "9/1"},
        {"leg_id": "other tenant", "call_id": "c", "tenant_id": "blue", "jtapi_id": "10/1"},
    )
    eleveo_candidates(settings, frame)
    assert sorted(eleveo.seen.searched) == ["7/1", "8/1"]


def test_no_legs_ask_for_nothing(eleveo: RunningEleveo, settings: Settings) -> None:
    assert eleveo_candidates(settings, legs({}).clear()).is_empty()
    assert not eleveo.seen.requests


def test_no_more_calls_are_looked_up_at_once_than_is_set(eleveo: RunningEleveo, tmp_path: Path) -> None:
    eleveo.behaviour.answer_s = 0.02
    rows = [{"call_id": f"c{n}", "jtapi_id": f"{n}/1", "root_call_key": f"1_{n}"} for n in range(12)]
    eleveo_candidates(settings_of(eleveo, tmp_path, concurrency=3), legs(*rows))
    assert eleveo.seen.requests["search"] == 12
    assert eleveo.seen.most_at_once == 3


def test_one_call_that_cannot_be_looked_up_leaves_nothing_said_of_the_others(
    eleveo: RunningEleveo, settings: Settings
) -> None:
    eleveo.behaviour.plan("search", "error", "error", "error")
    rows = [{"call_id": f"c{n}", "jtapi_id": f"{n}/1", "root_call_key": f"1_{n}"} for n in range(5)]
    eleveo.behaviour.error_every = 1
    with pytest.raises(DestinationUnavailableError):
        eleveo_candidates(settings, legs({}, *rows))


def test_errors_now_and_then_do_no_harm(eleveo: RunningEleveo, tmp_path: Path) -> None:
    eleveo.behaviour.error_every = 3
    settings = settings_of(eleveo, tmp_path, concurrency=1)  # else one call might get all errors, by chance
    rows = [{"call_id": f"c{n}", "jtapi_id": f"{n}/1", "root_call_key": f"1_{n}"} for n in range(8, 20)]
    assert len(eleveo_candidates(settings, legs({}, *rows))) == 1


def test_a_call_whose_id_was_used_again_is_not_taken_for_the_earlier_one(
    eleveo: RunningEleveo, settings: Settings
) -> None:
    again = [couple(9, "1_7", 5 * 3600, 5 * 3600 + 10)]
    eleveo.begin_anew([*HELD, *again], Behaviour(knows_times=False))
    assert eleveo_candidates(settings, legs({}))["start_time"].to_list() == [START]


def test_a_site_s_own_words_and_clock_are_understood(eleveo: RunningEleveo, tmp_path: Path) -> None:
    words = {"HOLD": "couple.held", "RETRIEVE": "couple.resumed"}
    eleveo.begin_anew(HELD, Behaviour(words=words, clock_offset_ms=-3000))
    reasons = {"start_reasons": {"couple.resumed": "RETRIEVE"}, "end_reasons": {"couple.held": "HOLD"}}
    assert len(eleveo_candidates(settings_of(eleveo, tmp_path), legs({}))) == 3
    (row,) = eleveo_candidates(settings_of(eleveo, tmp_path, **reasons), legs({})).iter_rows(named=True)
    assert row["leg_id"] is not None
    assert row["start_time"] == START - timedelta(seconds=3)


def test_without_an_eleveo_nothing_can_be_asked() -> None:
    with pytest.raises(ConfigurationError, match="CX_ELEVEO is not set"):
        eleveo_candidates(Settings(_env_file=None), legs({}))
