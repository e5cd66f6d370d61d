"""A live site, made ready: its calls, what Cisco and the recorders keep of them, and what happens when."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl

from cx_pipeline.core.events.schema import UTC_MICROSECONDS
from cx_pipeline.simulator.audio.simulation import plan_files, simulate_audio
from cx_pipeline.simulator.audio.truth import truth_frame
from cx_pipeline.simulator.cisco.records import SimulatedCisco, simulate_records
from cx_pipeline.simulator.cisco.shares import peripheral_ids
from cx_pipeline.simulator.comparison import KEY
from cx_pipeline.simulator.frames import COMPLETED
from cx_pipeline.simulator.live.actions import Action, FileLeft
from cx_pipeline.simulator.live.plan import LivePlan
from cx_pipeline.simulator.live.schedule import schedule_of
from cx_pipeline.simulator.phones import NODE_SHIFT
from cx_pipeline.simulator.site import build_site, directory_of
from cx_pipeline.simulator.traffic import Traffic, simulate_traffic

EXPECTED_SCHEMA = pl.Schema(
    {
        "tenant_id": pl.String(),
        "agent_extension": pl.String(),
        "root_call_key": pl.String(),
        "start_time": UTC_MICROSECONDS,
        "call_number": pl.Int64(),
        "leg_number": pl.Int32(),
        "scenario": pl.String(),
        "end_time": UTC_MICROSECONDS,
        "record_at": UTC_MICROSECONDS,
        "files": pl.List(pl.String()),
    }
)
"""One row for each leg that ends within the span, with its call, and of which there is audio.

`record_at`: when its Cisco record has reached the reporting database, null where none will. `files`: below the folder of
streams; the last of them completes what is known of the leg.
"""
LAST_WORD = timedelta(seconds=1)
"""So long after the span the listener hears what was said in it; what comes later still are doubles."""
_CALL = ("tenant_id", "call_number")
_ONE_LEG = (*_CALL, "leg_number")


@dataclass(frozen=True, slots=True)
class LiveSite:
    """A site that can be played once."""

    plan: LivePlan
    tenants: tuple[str, ...]
    directory: dict[str, list[dict[str, Any]]]
    true_legs: pl.DataFrame
    """As they stand when the span is over."""
    cisco: SimulatedCisco
    """Its rows show in Cisco's views when they have been replicated, so all may be filled in beforehand."""
    audio_truth: pl.DataFrame
    """Columns of `AUDIO_TRUTH_SCHEMA`."""
    expected: pl.DataFrame
    """The legs whose link is awaited, `EXPECTED_SCHEMA`."""
    actions: tuple[Action, ...]
    staging: Path
    """Where the files lie until their recorders leave them."""


def live_site(plan: LivePlan, staging: Path, *, workers: int = 1) -> LiveSite:
    """Simulate the site and write its audio below `staging`.

    What it has to tell begins with the calls that are in progress when the span begins: those that were over by then
    are no part of it.

    Raises:
        ConfigurationError: the plan asks for what cannot be, or the folder cannot be written, or is not empty.
    """
    traffic, call_ends = _calls(plan)
    legs = traffic.legs
    simulate_audio(legs, plan.audio, staging, workers=workers)
    orders = plan_files(legs.to_dicts(), plan.audio, set(legs.select(_ONE_LEG).iter_rows()))
    cisco = simulate_records(legs, plan.records)
    truth = truth_frame(orders)
    over = call_ends.filter(pl.col("call_end") <= plan.ends)
    return LiveSite(
        plan=plan,
        tenants=tenants_of(plan),
        directory=traffic.directory,
        true_legs=legs,
        cisco=cisco,
        audio_truth=truth,
        expected=_expected(plan, legs.join(over, on=list(_CALL), how="semi"), truth, cisco.truth),
        actions=schedule_of(plan, traffic.events, orders),
        staging=staging.resolve(),
    )


def tenants_of(plan: LivePlan) -> tuple[str, ...]:
    """The site's tenants, whenever it begins: for settings that have to be there before."""
    return tuple(sorted(plan.own(tenant.tenant_id) for tenant in build_site(plan.traffic)))


def directory_of_site(plan: LivePlan) -> dict[str, list[dict[str, Any]]]:
    """The site's directory, whenever it begins, in the shape of the directory file."""
    return _own_directory(directory_of(build_site(plan.traffic)), plan)


def cisco_tenants_of(plan: LivePlan) -> dict[str, str]:
    """Tenant by peripheral id, for the settings of the Cisco source."""
    return {
        str(number): tenant for tenant, number in peripheral_ids(list(tenants_of(plan)), plan.records).items()
    }


def files_left(site: LiveSite) -> Iterable[FileLeft]:
    """The recorders' files, in the order in which they come."""
    return (action for action in site.actions if isinstance(action, FileLeft))


def _calls(plan: LivePlan) -> tuple[Traffic, pl.DataFrame]:
    """What is told of calls that were not over when the span begins, and when each ends that goes on as it would have."""
    traffic = simulate_traffic(plan.traffic)
    whole = simulate_traffic(replace(plan.traffic, let_calls_finish=True))
    ends = whole.legs.group_by(_CALL, maintain_order=True).agg(call_end=pl.col("end_time").max())
    lasting = ends.filter(pl.col("call_end") >= plan.begins)
    legs = traffic.legs.join(lasting, on=list(_CALL), how="semi", maintain_order="left")
    events = traffic.events.filter(pl.col("received_at") <= plan.ends + LAST_WORD).join(
        _keys_as_written(legs), on=["tenant_id", "global_call_id"], how="semi", maintain_order="left"
    )
    own = pl.concat_str(pl.col("tenant_id"), pl.lit(f"-{plan.name}"))
    told = Traffic(
        events.with_columns(own).sort("received_at", maintain_order=True),
        legs.with_columns(own),
        _own_directory(traffic.directory, plan),
    )
    return told, ends.with_columns(own)


def _keys_as_written(legs: pl.DataFrame) -> pl.DataFrame:
    """The call keys of the legs in every form in which an event may have them."""
    keys = legs.select("tenant_id", key="call_keys").explode("key").unique(maintain_order=True)
    parts = keys["key"].str.split("_")
    node, number = (parts.list.get(place).cast(pl.Int64) for place in (0, 1))
    writings = [
        keys["key"],
        number.cast(pl.String) + "/" + node.cast(pl.String),
        (node * (1 << NODE_SHIFT) + number).cast(pl.String),
    ]
    return pl.concat([keys.select("tenant_id", global_call_id=writing) for writing in writings])


def _own_directory(
    directory: dict[str, list[dict[str, Any]]], plan: LivePlan
) -> dict[str, list[dict[str, Any]]]:
    return {
        section: [{**entry, "tenant_id": plan.own(entry["tenant_id"])} for entry in entries]
        for section, entries in directory.items()
    }


def _expected(plan: LivePlan, legs: pl.DataFrame, truth: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
    """Of legs of calls that are over: those that ended within the span and can be heard, with what tells of them."""
    files = (
        truth.filter("is_available", ~pl.col("is_in_hold"))
        .group_by(_ONE_LEG, maintain_order=True)
        .agg(files=pl.col("file").unique(maintain_order=True))
    )
    known = records.filter(pl.col("start_time").is_not_null()).select(*KEY, record_at="replicated_at")
    return (
        legs.filter(
            pl.col("status") == COMPLETED,
            pl.col("is_reportable"),
            pl.col("end_time").is_between(plan.begins, plan.ends),
        )
        .join(files, on=list(_ONE_LEG), maintain_order="left")
        .join(known, on=list(KEY), how="left", maintain_order="left")
        .select(EXPECTED_SCHEMA.names())
        .cast(EXPECTED_SCHEMA)
    )
