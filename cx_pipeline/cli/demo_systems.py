"""The systems around the demo's site: a Cisco reporting database for its calls, and a conversation manager that errs."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any

import polars as pl
from pydantic import HttpUrl, SecretStr
from sqlalchemy import Engine

from cx_pipeline.adapters.ccm.delivery import DeliveryReport, deliver
from cx_pipeline.adapters.database.enriched_legs import EnrichedLegs
from cx_pipeline.adapters.database.outbox_reading import OutboxReading, StoredMessage
from cx_pipeline.cli.demo_site import LONGEST_DEMO, DemoSite
from cx_pipeline.core.enrichment.schema import AMBIGUOUS, COMPLETE, PARTIAL, PENDING
from cx_pipeline.core.messages.outbox_row import DEAD, DELIVERED
from cx_pipeline.settings import Settings
from cx_pipeline.simulator.ccm.authorisation import TOKEN_PATH, ClientCredentials
from cx_pipeline.simulator.ccm.failures import Failures
from cx_pipeline.simulator.ccm.manager import ManagerOptions
from cx_pipeline.simulator.ccm.running import RunningManager, running_ccm
from cx_pipeline.simulator.cisco.comparison import MatchComparison, compare_matches
from cx_pipeline.simulator.cisco.fill import fill
from cx_pipeline.simulator.cisco.plan import REALISTIC, CiscoPlan
from cx_pipeline.simulator.cisco.records import SimulatedCisco, simulate_records
from cx_pipeline.system_settings import CiscoSourceSettings

SOURCE = "simulated"
CLIENT = "cx-pipeline-demo"
TOKEN_LIFETIME_S = 5.0
"""Short, so that tokens run out while messages leave."""
TROUBLE = replace(REALISTIC, late=0.0)
"""What real records do; but none is late, as the demo's day is over and its windows are computed once."""
FAILURES = Failures(error_rate=0.02, drop_rate=0.02, throttle_rate=0.005, retry_after_s=1, seed=1)
"""Some requests fail, and some are taken and not answered: all of these go twice."""
DELIVERY_LIMIT_S = 120.0
ROUND_S = 10.0


@dataclass(frozen=True, slots=True)
class DemoSystems:
    """What runs beside the site, and the settings by which the pipeline reaches it."""

    settings: Settings
    cisco: SimulatedCisco
    manager: RunningManager


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the site's legs and messages."""

    enriched: int
    partial: int
    pending: int
    ambiguous: int
    """Reportable legs by their state; ambiguous ones went out as partial."""
    comparison: MatchComparison
    messages: int
    delivered: int
    retried: int
    dead: int
    ledger_once: int
    """Messages that the conversation manager counts once in effect, as they were written."""
    order_violations: int

    @property
    def wrong_matches(self) -> int:
        """Legs with a record that is not theirs, or that nobody could tell to be theirs."""
        return self.comparison.wrong_matches + self.comparison.guessed

    @property
    def is_right(self) -> bool:
        """Whether nothing was guessed wrong, lost, doubled or sent in the wrong order."""
        is_told_once = self.messages == self.delivered == self.ledger_once and not self.order_violations
        return is_told_once and self.comparison.is_right and not (self.pending or self.dead)


@contextmanager
def running_systems(
    settings: Settings, engine: Engine, site: DemoSite, folder: Path
) -> Iterator[DemoSystems]:
    """Fill Cisco's tables and run the conversation manager, for as long as the context lasts."""
    cisco = simulate_records(site.true_legs, CiscoPlan(seed=site.plan.seed, trouble=TROUBLE))
    fill(engine, cisco)
    secret = SecretStr(secrets.token_urlsafe())
    options = ManagerOptions(
        journal=folder / "conversation_manager.ndjson",
        access=ClientCredentials(CLIENT, secret, TOKEN_LIFETIME_S),
        failures=FAILURES,
    )
    with running_ccm(options) as manager:
        yield DemoSystems(_reaching(settings, cisco, manager.url, secret), cisco, manager)


def _reaching(settings: Settings, cisco: SimulatedCisco, url: str, secret: SecretStr) -> Settings:
    tenants = {str(peripheral): tenant for tenant, peripheral in cisco.peripheral_ids.items()}
    source = CiscoSourceSettings(
        name=SOURCE, flavour=cisco.plan.flavour, connection=SecretStr("embedded"), tenants=tenants
    )
    return settings.model_copy(
        update={
            "cisco_sources": (source,),
            "ccm_url": HttpUrl(url),
            "ccm_oauth_token_url": HttpUrl(f"{url}{TOKEN_PATH}"),
            "ccm_oauth_client_id": CLIENT,
            "ccm_oauth_client_secret": secret,
        }
    )


def deliver_all(settings: Settings, engine: Engine) -> Iterator[DeliveryReport]:
    """Deliver until nothing waits any more, round after round, within a limit."""
    deadline = monotonic() + DELIVERY_LIMIT_S
    reading = OutboxReading(engine)
    while reading.standing(datetime.now().astimezone()).waiting and monotonic() < deadline:
        yield deliver(settings, engine, budget_s=ROUND_S)


def outcome_of(engine: Engine, site: DemoSite, systems: DemoSystems) -> Outcome:
    """Hold what the tables have against the truth, and the outbox against the conversation manager's own count."""
    begun = pl.col("start_time").is_between(site.plan.start, site.plan.start + LONGEST_DEMO)
    legs = EnrichedLegs(engine).of_tenants(site.tenants).filter(begun)
    states = dict(legs.filter("is_reportable").group_by("enrichment_status").len().rows())
    messages = OutboxReading(engine).of_legs(legs["leg_id"].to_list())
    ledger = systems.manager.ledger()
    return Outcome(
        enriched=states.get(COMPLETE, 0),
        partial=states.get(PARTIAL, 0),
        pending=states.get(PENDING, 0),
        ambiguous=states.get(AMBIGUOUS, 0),
        comparison=compare_matches(legs, systems.cisco.truth, site.true_legs),
        messages=len(messages),
        delivered=sum(message.status == DELIVERED for message in messages),
        retried=sum(message.attempts > 1 for message in messages),
        dead=sum(message.status == DEAD for message in messages),
        ledger_once=_once(messages, ledger["by_call"]),
        order_violations=len(ledger["order_violations"]),
    )


def _once(messages: list[StoredMessage], by_call: Mapping[str, Any]) -> int:
    """How many of the messages the conversation manager has once in effect."""
    kept = pl.Series([message_id for ids in by_call.values() for message_id in ids], dtype=pl.String)
    once = set(kept.filter(kept.is_unique()))
    return sum(message.message_id in once for message in messages)
