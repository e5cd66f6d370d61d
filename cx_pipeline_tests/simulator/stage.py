"""Plays single scenarios with given habits, and tells the shape of a call's events: who, on which call, what."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from cx_pipeline.simulator.jtapi_reporter import JtapiReporter, Style
from cx_pipeline.simulator.phones import CallKey
from cx_pipeline.simulator.plan import TrafficPlan
from cx_pipeline.simulator.reports import Reporter
from cx_pipeline.simulator.scenarios import SCENARIOS, Scenario
from cx_pipeline.simulator.site import Agent
from cx_pipeline.simulator.story import Habits, Story
from cx_pipeline.simulator.table_reporter import TableReporter
from cx_pipeline.simulator.true_legs import Ledger

GOLDEN = Path(__file__).parent.parent / "golden"
START = datetime(2024, 1, 15, 9, tzinfo=UTC)
CUSTOMER = "+15550001111"
PLAIN = Style(
    writes_numbers=False,
    has_core_events=False,
    has_agent_connections=False,
    has_other_events=False,
    observation_ends=False,
)
SAYS_NOTHING_OF_THE_COURSE = {
    "CallCtlConnNetworkReachedEv",
    "CallCtlConnNetworkAlertingEv",
    "CallCtlConnAlertingEv",
    "CallCtlConnOfferedEv",
    "TermConnCreatedEv",
}


def plan(**changes: Any) -> TrafficPlan:
    return TrafficPlan(**{"calls": 400, "start": START, "seed": 5, **changes})


def scenario(name: str) -> Scenario:
    return next(scenario for scenario in SCENARIOS if scenario.name == name)


def agents(count: int, *, phones: int = 1) -> list[Agent]:
    return [
        Agent(str(1005 + n), tuple(f"SEP{phone}{1005 + n}" for phone in range(phones))) for n in range(count)
    ]


def play(
    wanted: Scenario,
    *,
    seed: int = 1,
    in_table: bool = False,
    own_key: bool = True,
    off_hook: bool = False,
    route_point: bool = False,
    lag_ms: int = 0,
    style: Style = PLAIN,
    phones: int = 1,
    span_end: int = 1 << 62,
    told: list[int] | None = None,
    journaled: Callable[[Reporter, Story], Reporter] | None = None,
) -> Story:
    """The story, played to its end; `told` gets the times of all reports, also of a story that is cut off.

    `journaled` puts something between the story and the dialect.
    """
    numbers = iter(range(300_000, 300_100))
    story = Story(
        start=1_705_309_200_000_000,
        span_end=span_end,
        reporter=TableReporter(wanted.direction, 1) if in_table else JtapiReporter(style, 1),
        ledger=Ledger(wanted.direction, None if wanted.direction == "INTERNAL" else CUSTOMER),
        new_key=lambda: _key(next(numbers), in_table=in_table),
        rng=Random(seed),
        service_number="8001",
        habits=Habits(
            has_route_point=route_point,
            is_talking_at_off_hook=off_hook or wanted.is_talking_at_off_hook,
            consult_has_own_key=own_key,
            lag_ms=lag_ms,
        ),
    )
    if journaled is not None:
        story.reporter = journaled(story.reporter, story)
    try:
        wanted.act(story, agents(wanted.agents, phones=phones))
    finally:
        if told is not None:
            told.extend(report.time for report in story.reporter.reports)
    return story


def _key(number: int, *, in_table: bool) -> CallKey:
    return CallKey(0, number, str(number)) if in_table else CallKey(1, number, f"1_{number}")


def golden(name: str) -> dict[str, Any]:
    call: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    return call


def events_of(story: Story) -> list[dict[str, Any]]:
    """The reports in the order of time, as golden calls have them."""
    return [
        {name: value for name, value in report._asdict().items() if value is not None}
        for report in sorted(story.reporter.reports, key=lambda report: report.time)
    ]


def shape(events: Iterable[dict[str, Any]]) -> list[tuple[str, ...]]:
    """What happened to whom on which call: extensions, keys and connections are named in their order."""
    parties: dict[str, str] = {}
    keys: dict[str, str] = {}
    connections: dict[str, str] = {}

    def named(names: dict[str, str], value: str | None, prefix: str) -> str:
        return names.setdefault(value, f"{prefix}{len(names) + 1}") if value is not None else "-"

    return [
        (
            event["event_name"],
            named(keys, event["global_call_id"], "call "),
            named(keys, event.get("previous_global_call_id"), "call "),
            *(
                named(parties, event.get(column), "party ")
                for column in ("extension", "calling_extension", "called_extension")
            ),
            named(connections, event.get("connection_id"), "connection ")
            if event.get("source") == "jtapi_table" or "calling_extension" in event
            else "-",
            event.get("direction", "-"),
        )
        for event in events
        if event["event_name"] not in SAYS_NOTHING_OF_THE_COURSE
    ]
