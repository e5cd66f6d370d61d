"""Faults put into the engine on purpose: the comparison with what truly happened catches each of them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from cx_pipeline.core.calls import cleaning, grouping, holds, legs, relations, timing
from cx_pipeline.core.calls.connections import NEVER
from cx_pipeline.core.calls.correlate import correlate
from cx_pipeline.core.calls.rules import DEFAULT_RULES
from cx_pipeline.core.calls.segments import Segments
from cx_pipeline.core.events.vocabulary import JTAPI_KINDS, Kind
from cx_pipeline.simulator.comparison import Comparison, compare
from cx_pipeline_tests.end_to_end.simulated_site import DAY, SimulatedSite, simulated_site

START, HOURS = DAY + timedelta(hours=9), 1


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> SimulatedSite:
    folder = tmp_path_factory.mktemp("site")
    noise = "duplicates=0.02,shuffled=0.02,second_listener=yes"
    # Fewer call keys than the hour needs: some of them come again.
    return simulated_site(
        folder, noise=noise, calls=700, start=START, hours=HOURS, seed=3, call_keys_per_tenant=750
    )


def comparison(site: SimulatedSite) -> Comparison:
    found = correlate(site.events, DEFAULT_RULES, site.directory, START + timedelta(hours=HOURS))
    return compare(site.legs, found.legs)


def holds_end_when_the_agent_talks_on_any_connection(patch: pytest.MonkeyPatch) -> None:
    def next_talk(steps: pl.DataFrame, held: np.ndarray) -> np.ndarray:
        numbered = steps.with_row_index("position").with_columns(pl.col("position").cast(pl.Int64))
        talks = numbered.filter(pl.col("kind") == Kind.TALKING).select("call", "extension", talk="time")
        later = numbered[held].join(talks, on=["call", "extension"]).filter(pl.col("talk") >= pl.col("time"))
        first = later.group_by("position").agg(pl.min("talk"))
        found = numbered[held].join(first, on="position", how="left", maintain_order="left")
        return found["talk"].fill_null(NEVER).to_numpy()

    patch.setattr(holds, "_next_talk", next_talk)


def talk_that_goes_on_after_a_merge_is_another_leg(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(legs, "_is_merge", lambda gaps, _merges, _tolerance: np.zeros(len(gaps), dtype=np.bool_))


def ringing_is_not_heard(patch: pytest.MonkeyPatch) -> None:
    for name in ("CallCtlTermConnRingingEv", "TermConnRingingEv"):
        patch.setitem(JTAPI_KINDS, name, Kind.OTHER)


def a_call_key_lives_for_ever(patch: pytest.MonkeyPatch) -> None:
    def lives_once(facts: pl.DataFrame, _rules: object) -> tuple[np.ndarray, Any]:
        keys = Segments.of(facts["key"].to_numpy())
        return np.ones(keys.count, dtype=np.bool_), keys

    patch.setattr(grouping, "_living_once", lives_once)


def a_conference_is_never_a_transfer(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(relations, "_transfers_in_disguise", lambda conferences, _of, _rules: conferences.clear())


def an_outgoing_call_starts_at_off_hook(patch: pytest.MonkeyPatch) -> None:
    real = timing._answers
    at_off_hook = pl.col("time").alias("answered_at")

    def answers(begun: pl.DataFrame, of: timing.CallFacts) -> pl.DataFrame:
        found = real(begun, of)
        return (
            found.join(begun.select("leg", "time"), on="leg", how="left")
            .with_columns(at_off_hook)
            .drop("time")
        )

    patch.setattr(timing, "_answers", answers)


def what_two_listeners_report_are_two_facts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(cleaning, "_one_listener", lambda frame, _tolerance: frame)


def nobody_consults_anybody(patch: pytest.MonkeyPatch) -> None:
    real = relations._consults
    patch.setattr(relations, "_consults", lambda *given: real(*given).clear())


FAULTS = {
    holds_end_when_the_agent_talks_on_any_connection: "hold_segments",
    talk_that_goes_on_after_a_merge_is_another_leg: "end_time",
    ringing_is_not_heard: "ring_time",
    a_call_key_lives_for_ever: "participants",
    a_conference_is_never_a_transfer: "conference_id",
    an_outgoing_call_starts_at_off_hook: "start_time",
    what_two_listeners_report_are_two_facts: "rona_reason",
    nobody_consults_anybody: "consult_target",
}
"""Each with a field of the leg in which it shows."""


def test_the_engine_as_it_is_finds_what_truly_happened(site: SimulatedSite) -> None:
    result = comparison(site)
    assert result.is_equal, (result.differences, result.missing, result.unexpected)


@pytest.mark.parametrize(("fault", "field"), FAULTS.items(), ids=[fault.__name__ for fault in FAULTS])
def test_a_fault_in_the_engine_is_caught(
    site: SimulatedSite,
    fault: Callable[[pytest.MonkeyPatch], None],
    field: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fault(monkeypatch)
    result = comparison(site)
    assert not result.is_equal
    assert field in result.differences["field"]
