"""A live phase from begin to end: a site made ready, played, and its links waited for."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import sleep as real_sleep
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Engine

from cx_pipeline.simulator.cisco.fill import fill
from cx_pipeline.simulator.live.door import open_door
from cx_pipeline.simulator.live.end_to_link import EndToLink, measure
from cx_pipeline.simulator.live.outcome import read_outcome
from cx_pipeline.simulator.live.plan import LivePlan
from cx_pipeline.simulator.live.playing import Clock, Played, Player, Sleep, now_in_utc
from cx_pipeline.simulator.live.site import LiveSite, live_site

GRACE_S = 60.0
"""So long after the last word links are waited for."""
LOOK_EVERY_S = 1.0
PREPARATION = timedelta(seconds=5)
"""What it takes to make a site ready; a site that takes longer begins behind, and says so."""


@dataclass(frozen=True, slots=True)
class LiveReport:
    """What a live phase brought."""

    site: LiveSite
    played: Played
    links: EndToLink


def soon(**plan: Any) -> LivePlan:
    """A plan that begins as soon as it can be made ready."""
    return LivePlan(begins=now_in_utc() + PREPARATION, **plan)


def run_live(
    plan: LivePlan,
    engine: Engine,
    *,
    gateway_url: str,
    token: SecretStr | None,
    streams: Path,
    staging: Path,
    grace_s: float = GRACE_S,
    on_ready: Callable[[LiveSite], object] = lambda _: None,
    on_actions: Callable[[int], object] = lambda _: None,
) -> LiveReport:
    """Play a site against the running product, and wait until each link is there or the grace is over.

    Args:
        plan: the site; the product's settings know its tenants (`tenants_of`, `cisco_tenants_of`, `directory_of_site`).
        engine: the product's database, which plays Cisco's too.
        gateway_url: of the gateway that runs.
        token: with the scopes of listeners and recorders.
        streams: the folder in which recorders leave their files, one of the product's.
        staging: a folder that is not scanned, on the same file system if possible.
        grace_s: how long links are waited for once the span is over.
        on_ready: told of the site before it is played.
        on_actions: told how many more actions are done.

    Raises:
        ConfigurationError: the gateway refuses what it is told, or a folder cannot be written.
        DestinationUnavailableError: the gateway is away for long.
        DatabaseUnavailableError: the database does not answer.
    """
    site = live_site(plan, staging)
    fill(engine, site.cisco)
    on_ready(site)
    with open_door(gateway_url, token) as door:
        played = Player(door, streams, on_actions).play(site)
    return LiveReport(site, played, await_links(site, played, engine, streams, grace_s))


def await_links(
    site: LiveSite,
    played: Played,
    engine: Engine,
    streams: Path,
    grace_s: float,
    clock: Clock = now_in_utc,
    sleep: Sleep = real_sleep,
) -> EndToLink:
    """Measure again and again, until no link is missing or `grace_s` is over."""
    deadline = clock() + timedelta(seconds=grace_s)
    while True:
        links = measure(site, played, read_outcome(engine, site.tenants), streams)
        if not links.missing or clock() >= deadline:
            return links
        sleep(LOOK_EVERY_S)
