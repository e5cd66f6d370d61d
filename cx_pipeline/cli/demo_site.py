"""What the demo is made of: the site that it simulates, and the settings and files of its own."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.core.windows import Window, windows_between
from cx_pipeline.settings import Settings
from cx_pipeline.simulator import files
from cx_pipeline.simulator.plan import REALISTIC, TrafficPlan
from cx_pipeline.simulator.traffic import Traffic, simulate_traffic

TENANTS = 2
START_HOUR = 9
LONGEST_DEMO = timedelta(hours=20)
"""Calls that begin so long after the hour's start are of the next day's demo."""
NOISE = replace(REALISTIC, duplicates=0.03, late=0.02, shuffled=0.05, lost=0.0, skewed=0.0)
"""Doubles, late and shuffled arrival, and events that say nothing; but none is lost: all legs can be found."""
OWN_RULES = (
    "max_silence_s",
    "min_reportable_s",
    "match_slack_minutes",
    "replication_lag_minutes",
    "outbound_service_identifiers",
)
OWN_SYSTEMS = (
    "cisco_",
    "ccm_",
    "messages_",
    "stream_",
    "manifest_",
    "fusionpbx_",
    "recording_",
    "recordings_",
    "key_ring",
    "raw_retention",
    "lost_after",
    "gateway_",
    "oidc_",
    "session_",
    "link_",
    "eleveo",
    "screen_",
    "event_sockets",
    "jtapi_ha_mode",
    "consul_",
)


@dataclass(frozen=True, slots=True)
class DemoSite:
    """A simulated site as it lies on disk.

    `event_files`: one for each source. `tenants` are of this plan alone: demos with other calls do not mix with it.
    """

    plan: TrafficPlan
    tenants: tuple[str, ...]
    event_count: int
    true_legs: pl.DataFrame
    event_files: tuple[Path, ...]
    directory_file: Path
    windows: tuple[Window, ...]


def demo_plan(calls: int, seed: int, now: datetime) -> TrafficPlan:
    """Yesterday's hour: past, whatever the time is now, and over long enough for every silence to have run out."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return TrafficPlan(
        calls=calls,
        start=midnight - timedelta(days=1) + timedelta(hours=START_HOUR),
        seed=seed,
        tenants=TENANTS,
        dialect="both",
        noise=NOISE,
        let_calls_finish=True,
    )


def demo_settings(given: Settings, folder: Path, plan: TrafficPlan) -> Settings:
    """The deployment's settings, on the embedded database and with the rules that the simulated truth goes by.

    None of its own systems: not its Cisco, not its conversation manager, not its recorders.
    """
    defaults = {
        name: field.get_default(call_default_factory=True)
        for name, field in Settings.model_fields.items()
        if name in OWN_RULES or name.startswith(OWN_SYSTEMS)
    }
    return given.model_copy(
        update={
            **defaults,
            "home": given.home.expanduser().absolute(),
            "database_url": None,
            "dagster_database_url": None,
            "storage_root": None,
            "directory_file": folder / "directory.yaml",
            "first_window": min(given.first_window, plan.start.replace(hour=0)),
        }
    )


def build_site(plan: TrafficPlan, settings: Settings, folder: Path) -> DemoSite:
    """Simulate the plan and write its events, true legs and directory below `folder`.

    Raises:
        ConfigurationError: the folder cannot be written to.
    """
    traffic = _with_own_tenants(simulate_traffic(plan), f"{plan.calls}-{plan.seed}")
    directory_file = folder / "directory.yaml"
    files.write_directory(traffic.directory, directory_file)
    files.write_true_legs(traffic.legs, folder / "legs.parquet")
    event_files = []
    for source, suffix in (("jtapi", "ndjson"), ("jtapi_table", "csv")):
        path = folder / f"{source}.{suffix}"
        files.write_events(traffic.events.filter(pl.col("source") == source), path)
        event_files.append(path)
    times = traffic.events["event_time"]
    first, last = times.min(), times.max()
    if not (isinstance(first, datetime) and isinstance(last, datetime)):
        raise ConfigurationError("the simulation has no events: ask for more --calls")
    windows = windows_between(first, last + timedelta(microseconds=1), settings.window_length)
    return DemoSite(
        plan=plan,
        tenants=tuple(traffic.events["tenant_id"].unique().sort()),
        event_count=traffic.events.height,
        true_legs=traffic.legs,
        event_files=tuple(event_files),
        directory_file=directory_file,
        windows=tuple(windows),
    )


def remove_files(site: DemoSite, folder: Path) -> None:
    """Delete the simulated events and true legs; the directory stays, for `cx-pipeline explain`."""
    for path in (*site.event_files, folder / "legs.parquet"):
        path.unlink(missing_ok=True)


def _with_own_tenants(traffic: Traffic, suffix: str) -> Traffic:
    own = pl.concat_str(pl.col("tenant_id"), pl.lit(f"-{suffix}"))
    directory: dict[str, list[dict[str, Any]]] = {
        section: [{**entry, "tenant_id": f"{entry['tenant_id']}-{suffix}"} for entry in entries]
        for section, entries in traffic.directory.items()
    }
    return Traffic(traffic.events.with_columns(own), traffic.legs.with_columns(own), directory)
