"""A live phase on the terminal: stages in their order, and each exception."""

import io
from collections import Counter
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import polars as pl
from rich.console import Console

from cx_pipeline.cli.rendering.live_report import print_live
from cx_pipeline.simulator.live.end_to_link import DELAY_SCHEMA, EndToLink, Stage, WrongLink
from cx_pipeline.simulator.live.phase import LiveReport
from cx_pipeline.simulator.live.playing import Played

MOMENT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def printed(links: EndToLink) -> str:
    played = Played(Counter(EventHeard=1200, FileLeft=2), most_behind_s=0.3)
    target = io.StringIO()
    report = LiveReport(cast("Any", SimpleNamespace()), played, links)
    print_live(Console(file=target, width=100), report)
    return target.getvalue()


def delays(**leg: object) -> pl.DataFrame:
    row = dict.fromkeys(DELAY_SCHEMA) | {
        "tenant_id": "red-live",
        "agent_extension": "1001",
        "root_call_key": "1_7",
        "scenario": "simple",
        "ended_at": MOMENT,
        "known_at": MOMENT,
    }
    return pl.DataFrame([row | leg], schema=DELAY_SCHEMA)


def test_the_stages_stand_in_their_order_with_median_and_tail() -> None:
    stages = {"link_delivered": Stage(1, 9.5, 9.9), "messages_written": Stage(1, 3.0, 4.0)}
    text = printed(EndToLink(1, 1, 0, (), 9.5, 9.9, stages, delays(leg_id="a", link_delivered_s=9.5)))
    assert "1,200 events, 2 files, at most 0.3 s behind" in text
    assert text.index("messages written") < text.index("link delivered")
    assert "9.5" in text
    assert "no link" not in text


def test_a_missing_link_tells_how_far_its_leg_came() -> None:
    missing = delays(leg_id="a", messages_written_s=1.0, recording_completed_s=2.0)
    assert (
        "1_7 1001 (simple), ended 09:30:00.000, known 09:30:00.000: came as far as recording completed"
        in (printed(EndToLink(1, 0, 1, (), None, None, {}, missing)).replace("\n", " "))
    )
    unknown = printed(EndToLink(1, 0, 1, (), None, None, {}, delays()))
    assert "the leg was not found" in unknown


def test_a_wrong_link_tells_why() -> None:
    wrong = (WrongLink("leg", "message", "it names another leg"),)
    text = printed(EndToLink(0, 0, 0, wrong, None, None, {}, DELAY_SCHEMA.to_frame()))
    assert "message of leg leg: it names another leg" in text
