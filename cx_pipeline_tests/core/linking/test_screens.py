"""Screen recordings: names of files, and whose legs they are."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from cx_pipeline.core.linking.schema import SCREEN
from cx_pipeline.core.linking.screens import (
    SCREEN_SCHEMA,
    ScreenName,
    legs_of_screens,
    screen_candidates,
    screen_name,
)
from cx_pipeline_tests.core.linking.linked import CALL, OTHER_CALL, a_leg, leg_id
from cx_pipeline_tests.core.messages.enriched_legs import START, legs

AT = datetime(2024, 6, 10, 6, 13, 20, tzinfo=UTC)
LEG = a_leg(1, 0, 300)


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        (
            "550e8400-e29b-41d4-a716-446655440000_5001_1718000000.mp4",
            ScreenName("550e8400-e29b-41d4-a716-446655440000", "5001", AT),
        ),
        ("16945106_5001_1718000000000.mp4", ScreenName("16945106", "5001", AT)),
        ("1_167890_5001_1718000000.mp4", ScreenName("1_167890", "5001", AT)),
        ("5001_1718000000.mp4", None),
        ("a_5001_17.mp4", None),
        ("a__1718000000.mp4", None),
        ("a_5001_1718000000.avi", None),
        ("a_5001_1718000000.mp4.part", None),
        ("a\n_5001_1718000000.mp4", None),
        ("", None),
    ],
)
def test_a_name_is_read_from_the_right(name: str, facts: ScreenName | None) -> None:
    assert screen_name(name) == facts


def a_screen(name: str, dialog: str, start_s: float, **otherwise: Any) -> dict[str, Any]:
    facts = {
        "screen_id": name,
        "dialog_id": dialog,
        "agent_extension": "1005",
        "start_time": START + timedelta(seconds=start_s),
        "path": f"2026-06-08/{name}.mp4",
        "size_bytes": 1000,
        "modified_at": START,
    }
    return {**dict.fromkeys(SCREEN_SCHEMA), **facts, **otherwise}


def screens(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=SCREEN_SCHEMA, orient="row")


@pytest.mark.parametrize(
    ("screen", "leg"),
    [
        (a_screen("a", CALL, 4), leg_id(1)),
        (a_screen("a", "16945106", -4), leg_id(1)),
        (a_screen("a", "1_167890", 4), leg_id(1)),
        (a_screen("a", CALL, 7), None),
        (a_screen("a", CALL, 4, agent_extension="1006"), None),
        (a_screen("a", "another", 0), None),
    ],
)
def test_a_screen_is_of_the_leg_of_its_dialog_and_agent_that_began_with_it(
    screen: dict[str, Any], leg: str | None
) -> None:
    found = legs_of_screens(screens(screen), legs(LEG), 5_000_000)
    assert found["leg_id"].to_list() == ([] if leg is None else [leg])


def test_of_two_tenants_with_equal_keys_at_equal_times_it_is_nobodys() -> None:
    twin = a_leg(2, 1, 301, call_id=OTHER_CALL, tenant_id="other")
    assert legs_of_screens(screens(a_screen("a", "16945106", 0)), legs(LEG, twin), 5_000_000).is_empty()


def test_candidates_bear_the_key_of_their_leg_or_of_their_dialog() -> None:
    rows = screens(a_screen("a", CALL, 4, leg_id=leg_id(1), tenant_id="acme"), a_screen("b", "dialog", 4))
    found = screen_candidates(rows, legs(LEG)).sort("candidate_id")
    assert found["kind"].to_list() == [SCREEN, SCREEN]
    started_ms = round(START.timestamp() * 1000) + 4000
    assert found["leg_key"].to_list() == [LEG["leg_key"], f"dialog:1005::{started_ms}"]
    assert found["leg_id"].to_list() == [leg_id(1), None]
