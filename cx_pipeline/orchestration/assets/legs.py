"""The group `correlate`: call events become calls and legs, in frames and in the tables."""

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from cx_pipeline.orchestration.assets.windowed import Windowed
from cx_pipeline.orchestration.attempts import transient_failures_retried
from cx_pipeline.orchestration.checks import (
    LEG_BLOCKING_CHECKS,
    LEG_WARNING_CHECKS,
    check_results,
    check_specs,
)
from cx_pipeline.orchestration.metadata import OWNERS, described, frame_figures, lineage_of, window_figures
from cx_pipeline.orchestration.partitions import moment_of, windows_of
from cx_pipeline.orchestration.resources import Database, Frames
from cx_pipeline.settings import load_settings

if TYPE_CHECKING:
    from cx_pipeline.adapters.storage.frame_store import FrameMark, StoredFrame
    from cx_pipeline.core.window_computation import WindowLegs

GROUP = "correlate"
UPSTREAM = "raw_jtapi_events"
DESCRIPTIONS = {
    "call_legs": "One row for each agent's unbroken share in a call that ended in the window; in the open window also "
    "of those in progress. Each keeps the events and rules that decided its start, end and type.",
    "calls": "One row for each call: its keys, parties, type, start and end.",
    "quarantined_events": "Events of the window that the correlation could not use: the reason, and the row as it came.",
}


def call_legs(
    context: dg.AssetExecutionContext, database: dg.ResourceParam[Database], frames: dg.ResourceParam[Frames]
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
    """Correlate the windows' raw partitions; write what passes the blocking checks, and nothing of what does not."""
    from cx_pipeline.core.frames import RAW_JTAPI_EVENTS
    from cx_pipeline.core.window_computation import compute_window

    now, rules = moment_of(context), load_settings().correlation_rules
    verdicts = []
    with transient_failures_retried():
        directory = database.directory()
        for window in windows_of(context):
            raw = frames.store().read(RAW_JTAPI_EVENTS, window)
            legs = compute_window(
                raw.frame, window, rules=rules, directory=directory, now=now, had_open_calls=raw.mark.is_open
            )
            verdicts.append((window.key, legs.verdicts))
            if not legs.may_be_written:
                break
            _write(context, database, frames, legs, raw)
    yield from check_results("call_legs", verdicts)
    if all(
        verdict.passed for name in LEG_BLOCKING_CHECKS for _, found in verdicts if (verdict := found[name])
    ):
        yield from (dg.MaterializeResult(asset_key=name) for name in DESCRIPTIONS)


def _write(
    context: dg.AssetExecutionContext,
    database: Database,
    frames: Frames,
    legs: "WindowLegs",
    raw: "StoredFrame",
) -> None:
    from cx_pipeline.adapters.storage.frame_store import FrameMark

    mark = FrameMark(raw.mark.high_water, legs.is_open)
    written = _write_tables(context, database, legs, mark)
    for contract, frame in legs.frames():
        receipt = frames.store().write(frame, contract, legs.window, mark)
        figures = frame_figures(receipt, mark)
        if contract.name == "call_legs":
            figures |= window_figures(legs) | written
        context.add_asset_metadata(figures, asset_key=contract.name, partition_key=legs.window.key)


def _write_tables(
    context: dg.AssetExecutionContext, database: Database, legs: "WindowLegs", mark: "FrameMark"
) -> dict[str, int]:
    """What the write did, as figures. A window that a newer computation has written already is left to that one."""
    from cx_pipeline.core.errors import StaleWriterError

    try:
        written = database.legs().write_window(
            legs.window,
            legs.correlation,
            legs.open_call_keys,
            high_water=mark.high_water,
            is_open=mark.is_open,
            run_id=context.run.run_id,
            other_calls=legs.other_calls,
        )
    except StaleWriterError as error:
        context.log.warning(str(error))
        return {}
    return {f"legs_{what}": count for what, count in dataclasses.asdict(written).items()}


def leg_assets(windowed: Windowed) -> list[dg.AssetsDefinition]:
    """The assets of this group: one step, as all three come from one pass over the events."""
    specs = [
        dg.AssetSpec(
            name,
            deps=[UPSTREAM],
            description=description,
            group_name=GROUP,
            kinds={"polars", "parquet"} if name == "quarantined_events" else {"polars", "postgres"},
            owners=OWNERS,
            metadata={**described(name), **lineage_of(name, UPSTREAM)},
            skippable=True,  # what fails a blocking check is not materialised
        )
        for name, description in DESCRIPTIONS.items()
    ]
    return [
        dg.multi_asset(
            name="call_legs",
            specs=specs,
            partitions_def=windowed.partitions,
            backfill_policy=windowed.backfill_policy,
            check_specs=check_specs("call_legs", LEG_BLOCKING_CHECKS, blocking=True)
            + check_specs("call_legs", LEG_WARNING_CHECKS, blocking=False),
        )(call_legs)
    ]
