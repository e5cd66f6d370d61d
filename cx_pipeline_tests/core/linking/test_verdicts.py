"""When the links of a window are worth a warning."""

import polars as pl
import pytest

from cx_pipeline.core.linking.column_descriptions import LINK_COLUMNS
from cx_pipeline.core.linking.schema import (
    AMBIGUOUS,
    LINK_CANDIDATE_SCHEMA,
    LINKED,
    RECORDING_LINK_SCHEMA,
    UNMATCHED,
)
from cx_pipeline.core.linking.verdicts import expected_links, link_verdicts
from cx_pipeline.core.messages.activities import CCM_VOICE_ACTIVITY_SCHEMA
from cx_pipeline_tests.core.linking.linked import CALL, a_leg, activity, audio_of, leg_id
from cx_pipeline_tests.core.messages.enriched_legs import legs


def links(*states: str, message_id: str | None = "m") -> pl.DataFrame:
    rows = [
        {
            **dict.fromkeys(RECORDING_LINK_SCHEMA),
            "activity_id": str(number),
            "kind": "VOICE",
            "leg_id": str(number),
            "state": state,
            "message_id": message_id if state == LINKED else None,
        }
        for number, state in enumerate(states)
    ]
    return pl.DataFrame(rows, schema=RECORDING_LINK_SCHEMA, orient="row")


@pytest.mark.parametrize(
    ("linked", "expected", "passed"),
    [(0, 0, True), (19, 20, True), (18, 20, False), (1, 19, True), (95, 100, True)],
)
def test_the_rate_warns_below_nineteen_in_twenty_where_there_are_enough(
    linked: int, expected: int, passed: bool
) -> None:
    verdict = link_verdicts(links(*[LINKED] * linked, UNMATCHED), expected)["link_rate"]
    assert verdict.passed is passed
    assert not verdict.is_grave


def test_links_that_cannot_be_told_say_what_to_set() -> None:
    verdict = link_verdicts(links(LINKED, message_id=None), 1)["link_rate"]
    assert not verdict.passed
    assert "CX_LINK_KEY" in verdict.description


def test_ambiguous_links_warn_and_name_the_first() -> None:
    verdict = link_verdicts(links(LINKED, AMBIGUOUS), 2)["ambiguous_links"]
    assert (verdict.passed, verdict.is_grave) == (False, False)
    assert "first 1" in verdict.description
    assert link_verdicts(links(LINKED), 1)["ambiguous_links"].passed


def test_expected_are_legs_with_a_recording_that_an_activity_names() -> None:
    by_id, by_call, by_text = (
        a_leg(1, 0, 10),
        a_leg(2, 0, 10, agent_extension="2"),
        a_leg(3, 0, 10, agent_extension="3"),
    )
    silent, unknown = a_leg(4, 0, 10, agent_extension="4"), a_leg(5, 0, 10, agent_extension="5")
    told = [
        activity("a", 0, 10, leg_id=leg_id(1), agent_extension=None),
        activity("b", 0, 10, call_id=CALL, agent_extension="2"),
        activity("c", 0, 10, leg=by_text["leg_key"], agent_extension=None),
        activity("d", 0, 10, call_id=CALL, agent_extension="4"),
    ]
    known = [by_id, by_call, by_text, silent, unknown]
    assert (
        expected_links(
            pl.DataFrame(told, schema=CCM_VOICE_ACTIVITY_SCHEMA, orient="row"),
            pl.DataFrame(
                [audio_of(leg) for leg in known if leg is not silent],
                schema=LINK_CANDIDATE_SCHEMA,
                orient="row",
            ),
            legs(*known),
        )
        == 3
    )


def test_each_column_of_a_link_is_described() -> None:
    assert set(LINK_COLUMNS) == set(RECORDING_LINK_SCHEMA)
