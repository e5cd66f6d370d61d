"""A day whose Cisco records come late: hour after hour as the schedule and the sensors have it, and all at once again."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import stamina
from sqlalchemy import text

from cx_pipeline.adapters.ccm.delivery import deliver
from cx_pipeline.adapters.database.enriched_legs import EnrichedLegs
from cx_pipeline.adapters.database.event_intake import EventIntake
from cx_pipeline.adapters.database.outbox_reading import OutboxReading
from cx_pipeline.adapters.directory.tables import replace_directory_tables
from cx_pipeline.core.events.intake import prepare
from cx_pipeline.core.scheduling import windows_to_refresh
from cx_pipeline.core.windows import window_from_key
from cx_pipeline.orchestration.build import build_definitions
from cx_pipeline.settings import load_settings
from cx_pipeline.simulator.ccm.failures import Failures
from cx_pipeline.simulator.cisco.comparison import compare_matches
from cx_pipeline.simulator.cisco.fill import fill
from cx_pipeline.simulator.cisco.plan import REALISTIC, CiscoPlan
from cx_pipeline.simulator.cisco.records import SimulatedCisco, simulate_records
from cx_pipeline.simulator.cisco.tables import set_clock
from cx_pipeline_tests.end_to_end.simulated_site import DAY, SimulatedSite, simulated_site
from cx_pipeline_tests.orchestration.telling_site import TellingSite
from cx_pipeline_tests.orchestration.test_ticks import tick

HOURS = int(os.environ.get("CX_STRESS_WINDOWS", "1"))
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
START = DAY + 9 * HOUR
STEP = (30 if HOURS > 1 else 60) * MINUTE
LAST_LOOK = START + (HOURS + 2) * HOUR
LATE = replace(REALISTIC, late=0.6, late_minutes=(0, 90), missing=0.03, ambiguous=0.02, jitter_ms=200)

Clock = Callable[[datetime], None]


@pytest.fixture
def traffic(site: TellingSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimulatedSite:
    found = simulated_site(
        tmp_path,
        noise="duplicates=0.02,late=0.02,shuffled=0.05",
        calls=50 * HOURS,
        start=START,
        hours=HOURS - 0.3,
        seed=11,
        tenants=2,
        let_calls_finish=True,
    )
    monkeypatch.setenv("CX_FIRST_WINDOW", DAY.isoformat())
    replace_directory_tables(site.deployment.engine, found.directory)
    return found


@pytest.fixture
def cisco(site: TellingSite, traffic: SimulatedSite, monkeypatch: pytest.MonkeyPatch) -> SimulatedCisco:
    made = simulate_records(traffic.legs, CiscoPlan(seed=11, trouble=LATE))
    fill(site.deployment.engine, made)
    tenants = {str(peripheral): tenant for tenant, peripheral in made.peripheral_ids.items()}
    source = {"name": "hds", "flavour": "ucce", "connection": "embedded", "tenants": tenants}
    monkeypatch.setenv("CX_CISCO_SOURCES", json.dumps([source]))
    site.deployment.settings = load_settings()
    site.deployment.definitions = build_definitions(site.deployment.settings)
    site.manager.fail(Failures(error_rate=0.03, drop_rate=0.03, seed=5))
    return made


def live_through(site: TellingSite, traffic: SimulatedSite, clock: Clock) -> list[str]:
    """Let time pass: events arrive, records are replicated, and windows are computed as they are asked for."""
    deployment, computed = site.deployment, []
    arrived = traffic.events.sort("received_at")
    now, before = START, START - HOUR
    while (now := now + STEP) <= LAST_LOOK:
        clock(now)
        set_clock(deployment.engine, "ucce", now)
        new = arrived.filter((pl.col("received_at") > before) & (pl.col("received_at") <= now))
        EventIntake(deployment.engine).insert(prepare(new, traffic.directory).usable)
        asked = {window.key for window in windows_to_refresh(now, HOUR, 15 * MINUTE)}
        for sensor in ("late_data_sensor", "record_sensor"):
            asked |= set(tick(deployment, sensor)[0])
        for key in sorted(asked):
            deployment.run(key)
            computed.append(key)
        before = now
    return computed


def state(site: TellingSite) -> tuple[pl.DataFrame, set[tuple[str, str, int, str]]]:
    """The enriched legs, and what the newest message of each kind says; what was taken back counts as never said."""
    legs = EnrichedLegs(site.deployment.engine).of_tenants(["red", "blue"])
    newest = {
        (m.leg_id, m.intent, m.ordinal): m
        for m in OutboxReading(site.deployment.engine).of_legs(legs["leg_id"].to_list())
    }
    said = {(*slot, fingerprint(site, m.message_id)) for slot, m in newest.items()}
    taken_back = {slot for slot in said if slot[3].startswith("-")}
    # A late event made it a leg that nothing is said of: a backfill never says anything of it.
    gone = {leg_id for leg_id, intent, _, _ in taken_back if intent == "CALL_LEG_ENDED"}
    return legs, {slot for slot in said - taken_back if slot[0] not in gone}


def fingerprint(site: TellingSite, message_id: str) -> str:
    query = "SELECT fingerprint FROM outbox_message WHERE message_id = CAST(:id AS uuid)"
    return str(site.deployment.value(query, id=message_id))


@pytest.mark.stress
@pytest.mark.timeout(300 * HOURS + 300)
def test_every_leg_gets_its_record_however_late_and_a_backfill_gives_the_same(
    site: TellingSite, traffic: SimulatedSite, cisco: SimulatedCisco, clock: Clock
):
    with stamina.set_testing(True, attempts=6):
        computed = live_through(site, traffic, clock)
    site.manager.fail(Failures())
    later = datetime.now(UTC) + HOUR  # whatever failed now and then is due
    assert deliver(load_settings(), site.deployment.engine, budget_s=60, clock=lambda: later).is_drained
    legs, said = state(site)
    found = compare_matches(legs, cisco.truth, traffic.legs)
    assert found.is_right, found.differences
    assert found.matched > 40 * HOURS
    decided = legs.filter("is_reportable")["enrichment_status"].value_counts()
    assert set(decided["enrichment_status"]) <= {"COMPLETE", "PARTIAL", "AMBIGUOUS"}
    assert found.missing_expected > 0
    ledger = site.ledger()
    assert ledger["corrections"] > 0, "some records came after the last try"
    assert ledger["order_violations"] == []
    assert ledger["messages"] == site.deployment.value("SELECT count(*) FROM outbox_message")

    windows = sorted({window_from_key(key, HOUR).key for key in computed})
    for key in windows:
        site.deployment.run(key)
    assert state(site)[0].equals(legs)
    assert site.ledger()["receptions"] == ledger["receptions"], "nothing changed, nothing was sent"

    with site.deployment.engine.begin() as connection:
        for table in ("enriched_leg", "outbox_message", "message_leg"):
            connection.execute(text(f"TRUNCATE {table}"))
    for key in reversed(windows):
        site.deployment.run(key)
    again = state(site)
    assert again[0].equals(legs)
    assert again[1] == said
