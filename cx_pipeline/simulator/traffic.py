"""Simulated traffic: the events as a listener would have reported them, and the legs as they truly were."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import polars as pl

from cx_pipeline.simulator import pace
from cx_pipeline.simulator.frames import report_frame, true_leg_frame, true_leg_rows
from cx_pipeline.simulator.jtapi_reporter import JtapiReporter, Style
from cx_pipeline.simulator.line_journal import LineJournal
from cx_pipeline.simulator.plan import TrafficPlan
from cx_pipeline.simulator.reporting import Disturbance, Stamp, events_from
from cx_pipeline.simulator.reports import MS, Report, Reporter
from cx_pipeline.simulator.scenarios import SCENARIOS, TABLE_SCENARIOS, Scenario
from cx_pipeline.simulator.site import SERVICE_NUMBERS, Agent, Tenant, build_site, directory_of
from cx_pipeline.simulator.story import Habits, SpanOver, Story
from cx_pipeline.simulator.table_reporter import TableReporter
from cx_pipeline.simulator.true_legs import Ledger
from cx_pipeline.simulator.workload import AgentPool, CallKeys, microseconds, start_times

SECOND_US = 1_000_000
KEY_REST_US = 60 * SECOND_US
"""How long a call key rests after a call whose end was reported."""
LONG_KEY_REST_US = 13 * 3600 * SECOND_US
"""And after one whose end may not have been: longer than the correlation's greatest silence."""
FAR_FUTURE_US = 1 << 62
ROWS_A_CHUNK = 200_000
CALLS_A_STEP = 500
TABLE_SHARE_PERCENT = 30
"""Share of the calls that come from the persisted table where both dialects are asked for."""
FIRST_TABLE_KEY = 4_000_000
MIN_CALL_KEYS = 32


@dataclass(frozen=True, slots=True)
class Traffic:
    """What was simulated."""

    events: pl.DataFrame
    """Columns of `EVENT_SCHEMA`, in the order of arrival."""
    legs: pl.DataFrame
    """The true legs, columns of `TRUE_LEG_SCHEMA`."""
    directory: dict[str, list[dict[str, Any]]]
    """The site's directory, in the shape of the directory file."""


def simulate_traffic(plan: TrafficPlan, on_calls: Callable[[int], object] | None = None) -> Traffic:
    """Simulate the calls of a plan. The same plan gives the same frames on every run and machine.

    Args:
        plan: what to simulate.
        on_calls: told now and then how many more calls were played, for a progress bar.

    Raises:
        ConfigurationError: the plan asks for what cannot be (raised when it is made).
    """
    site = build_site(plan)
    simulation = _Simulation(plan, site)
    chunks = list(simulation.play_all(on_calls or _ignore))
    events = events_from(chunks, plan)
    return Traffic(events, true_leg_frame(simulation.legs), directory_of(site))


def _ignore(calls: int) -> None:
    """Nobody watches."""


class _Simulation:
    """Plays call after call, in the order in which they start."""

    def __init__(self, plan: TrafficPlan, site: tuple[Tenant, ...]) -> None:
        self._plan = plan
        self._site = site
        self._span_end = FAR_FUTURE_US if plan.let_calls_finish else microseconds(plan.end)
        self._pools = [AgentPool(tenant) for tenant in site]
        count = plan.call_keys_per_tenant or max(MIN_CALL_KEYS, plan.calls // plan.tenants // 3)
        self._keys = [CallKeys(1, plan.first_call_key, count, tenant.index) for tenant in site]
        self._table_keys = [CallKeys(0, FIRST_TABLE_KEY, count, tenant.index) for tenant in site]
        self._disturbance = Disturbance(plan)
        self.legs: list[tuple[Any, ...]] = []

    def play_all(self, on_calls: Callable[[int], object]) -> Iterator[tuple[pl.DataFrame, list[Stamp]]]:
        """Frames of reports, a few hundred thousand rows each, with the stamp of each call in them."""
        reports: list[Report] = []
        stamps: list[Stamp] = []
        for number, start in enumerate(start_times(self._plan).tolist()):
            self._play(number, start, reports, stamps)
            if number % CALLS_A_STEP == CALLS_A_STEP - 1:
                on_calls(CALLS_A_STEP)
            if len(reports) >= ROWS_A_CHUNK:
                yield report_frame(reports), stamps
                reports, stamps = [], []
        yield report_frame(reports), stamps

    def _play(self, number: int, start: int, reports: list[Report], stamps: list[Stamp]) -> None:
        rng = Random((self._plan.seed << 32) | number)
        tenant = self._site[number % len(self._site)]
        is_table = self._is_from_table(rng)
        scenario = _choose(TABLE_SCENARIOS if is_table else SCENARIOS, rng)
        pool = self._pools[tenant.index]
        cast, start = pool.take(scenario.agents, start, rng)
        if start >= self._span_end:
            # All agents are busy to the end of the span: this caller never comes through.
            for agent in cast:
                pool.give_back(agent, start)
            return
        service_number = SERVICE_NUMBERS[rng.randrange(len(SERVICE_NUMBERS))]
        ledger = Ledger(scenario.direction, _outside(scenario, rng, service_number))
        keys = (self._table_keys if is_table else self._keys)[tenant.index]
        dialect: Reporter
        if is_table:
            dialect = TableReporter(scenario.direction, number)
        else:
            dialect = JtapiReporter(self._style(tenant, rng, number), number)
        reporter = LineJournal(dialect, ledger.outside)
        story = Story(
            start=start,
            span_end=self._span_end,
            reporter=reporter,
            ledger=ledger,
            new_key=lambda: keys.give(start),
            rng=rng,
            service_number=service_number,
            habits=_habits(scenario, rng, is_table=is_table, has_caller=ledger.outside != service_number),
        )
        is_over = _play_to_the_end(story, scenario, cast)
        self._agents_are_free(pool, cast, ledger, start, rng)
        stamp = self._disturbance.stamp_of(
            number, tenant, "jtapi_table" if is_table else "jtapi", reporter.reports
        )
        is_damaged = stamp.has_lost_event or stamp.has_skew
        rest = KEY_REST_US if is_over and not is_table and not is_damaged else LONG_KEY_REST_US
        for key in story.keys:
            keys.keep(key, story.now + rest)
        reports.extend(reporter.reports)
        stamps.append(stamp)
        self._record(story, scenario, stamp, reporter)

    def _is_from_table(self, rng: Random) -> bool:
        drawn = rng.randrange(100)
        if self._plan.dialect == "both":
            return drawn < TABLE_SHARE_PERCENT
        return self._plan.dialect == "table"

    def _style(self, tenant: Tenant, rng: Random, number: int) -> Style:
        return Style(
            writes_numbers=tenant.index % 2 == 1,
            has_core_events=rng.randrange(6) == 0,
            has_agent_connections=rng.randrange(5) == 0,
            has_other_events=self._disturbance.has_other_events(number),
            observation_ends=rng.randrange(10) == 0,
        )

    def _agents_are_free(
        self, pool: AgentPool, cast: list[Agent], ledger: Ledger, start: int, rng: Random
    ) -> None:
        """Each agent of the cast is free after the last share and some work; who took no part is free at once."""
        last = {agent.extension: start for agent in cast}
        for share in ledger.shares:
            end = FAR_FUTURE_US if share.ended_at is None else share.ended_at + pace.wrap_up(rng) * MS
            last[share.agent.extension] = max(last[share.agent.extension], end)
        for agent in cast:
            pool.give_back(agent, last[agent.extension])

    def _record(self, story: Story, scenario: Scenario, stamp: Stamp, lines: LineJournal) -> None:
        if not story.ledger.shares:
            return
        call = {
            "tenant_id": stamp.tenant_id,
            "call_number": stamp.call_number,
            "scenario": scenario.name,
            "source": stamp.source,
            "root_call_key": story.keys[0].normal,
            "call_keys": sorted(key.normal for key in story.keys),
            "service_number": story.service_number if story.ledger.direction == "INBOUND" else None,
        }
        first_fact = story.reporter.reports[0].time
        self.legs.extend(
            true_leg_rows(
                call,
                story.ledger,
                lines.talks_of_call(),
                first_fact=first_fact,
                has_lost_event=stamp.has_lost_event,
                has_skew=stamp.has_skew,
            )
        )


def _play_to_the_end(story: Story, scenario: Scenario, cast: list[Agent]) -> bool:
    """Whether the call was over before the span was."""
    try:
        scenario.act(story, cast)
    except SpanOver:
        return False
    return True


def _choose(scenarios: tuple[Scenario, ...], rng: Random) -> Scenario:
    drawn = rng.randrange(sum(scenario.weight for scenario in scenarios))
    for scenario in scenarios:
        drawn -= scenario.weight
        if drawn < 0:
            return scenario
    raise AssertionError("a number below the sum of weights is used up before the end")


def _outside(scenario: Scenario, rng: Random, service_number: str) -> str | None:
    """The number outside: none where agents are among themselves; the dialled one may stand for the caller."""
    if scenario.direction == "INTERNAL":
        return None
    if scenario.direction == "INBOUND" and rng.randrange(8) == 0:
        return service_number
    return f"+1555{rng.randrange(10_000_000):07d}"


def _habits(scenario: Scenario, rng: Random, *, is_table: bool, has_caller: bool) -> Habits:
    return Habits(
        has_route_point=rng.randrange(4) == 0 and has_caller and not is_table,
        is_talking_at_off_hook=rng.randrange(4) > 0 or scenario.is_talking_at_off_hook,
        # In the table a consult always has a key of its own.
        consult_has_own_key=is_table or rng.randrange(6) > 0,
        lag_ms=10 * rng.randrange(2),
    )
