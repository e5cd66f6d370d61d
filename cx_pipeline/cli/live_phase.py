"""A deployment of its own for a live site: brought up in a folder, played in real time, and ended."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from cx_pipeline.adapters.database.connection import open_engine
from cx_pipeline.adapters.database.embedded import start_embedded, stop_embedded
from cx_pipeline.adapters.database.migrate import migrate
from cx_pipeline.adapters.processes.supervisor import Supervisor
from cx_pipeline.cli.live_deployment import live_deployment
from cx_pipeline.cli.running_site import running_site
from cx_pipeline.settings import Settings
from cx_pipeline.simulator.ccm.running import running_ccm
from cx_pipeline.simulator.cisco.tables import create_tables
from cx_pipeline.simulator.live.phase import LiveReport, run_live, soon

SITE = "site"


def play_live_site(
    home: Path,
    *,
    seconds: float,
    warm_up_s: float,
    grace_s: float,
    calls_per_hour: int = 600,
    seed: int = 1,
    on_up: Callable[[str], object] = lambda _: None,
    after: Callable[[Settings, LiveReport], object] = lambda _settings, _report: None,
) -> LiveReport:
    """Bring up database, gateway, code server, web UI and daemon, play a site against them, wait for its links, end all.

    Args:
        home: folder of this deployment alone; what lies there is added to.
        seconds: how long the site is watched.
        warm_up_s: so long everything runs before: a deployment is asked how it is, not how it begins.
        grace_s: how long links are waited for once the site is silent.
        calls_per_hour: how busy the site is; all of its calls are recorded.
        seed: same seed, same calls.
        on_up: told the gateway's address when all is up.
        after: told the settings and the report while all is up still.
    """
    given = Settings(home=home, gateway_port=0, _env_file=None)
    with _database(given) as engine, running_ccm() as manager:
        plan = {"seconds": seconds, "calls_per_hour": calls_per_hour, "seed": seed}
        deployment = live_deployment(given, soon(**plan), home / SITE, manager.url)
        with running_site(
            deployment.settings,
            host="127.0.0.1",
            port=0,
            prepared=lambda supervisor: _guard(deployment.settings, supervisor),
            is_alone=True,
        ) as site:
            on_up(site.gateway_url)
            time.sleep(warm_up_s)
            report = run_live(
                soon(**plan),
                engine,
                gateway_url=site.gateway_url,
                token=deployment.token,
                streams=deployment.streams,
                staging=deployment.staging,
                grace_s=grace_s,
            )
            after(deployment.settings, report)
    return report


@contextmanager
def _database(settings: Settings) -> Iterator[Engine]:
    """The embedded server, migrated, with Cisco's tables, which are empty still."""
    start_embedded(settings)
    try:
        engine = open_engine(settings)
        try:
            migrate(engine)
            create_tables(engine, "ucce")
            yield engine
        finally:
            engine.dispose()
    finally:
        stop_embedded(settings)


def _guard(settings: Settings, supervisor: Supervisor) -> None:
    """Have the database end with the rest if this process is killed."""
    supervisor.guard(start_embedded(settings).pid)
