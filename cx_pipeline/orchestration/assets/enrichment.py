"""The group `enrich`: Cisco's records of the window's legs, and the legs with what their records tell."""

import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from cx_pipeline.orchestration.assets.windowed import Windowed
from cx_pipeline.orchestration.attempts import transient_failures_retried
from cx_pipeline.orchestration.checks import (
    ENRICHED_BLOCKING_CHECKS,
    ENRICHED_WARNING_CHECKS,
    RAW_CHECKS,
    check_results,
    check_specs,
)
from cx_pipeline.orchestration.metadata import (
    enrichment_figures,
    frame_figures,
)
from cx_pipeline.orchestration.partitions import moment_of, windows_of
from cx_pipeline.orchestration.resources import Cisco, Database, Frames
from cx_pipeline.settings import load_settings

if TYPE_CHECKING:
    from datetime import datetime

    import polars as pl

    from cx_pipeline.adapters.storage.frame_store import FrameMark, FrameStore
    from cx_pipeline.core.enrichment.enrich import Enrichment
    from cx_pipeline.core.enrichment.outages import OutageFacts
    from cx_pipeline.core.windows import Window

GROUP = "enrich"
BEFORE_THE_WINDOW = timedelta(minutes=10)
"""A call whose end fell into a silence just before the window is looked at, too."""


def raw_cisco_call_details(
    context: dg.AssetExecutionContext,
    frames: dg.ResourceParam[Frames],
    cisco: dg.ResourceParam[Cisco],
) -> Iterator[dg.MaterializeResult[None]]:
    """Cisco's records of the window's legs, as they came: from UCCE or UCCX, one normalised frame of both.

    Read by time (the window, and where its legs ended), not by call: so records of calls that nobody heard of are
    there too. A source that does not answer fails this asset: "could not read" is never "empty".
    """
    from cx_pipeline.adapters.storage.frame_store import FrameMark
    from cx_pipeline.core.enrichment.reading import judged_at
    from cx_pipeline.core.frames import CALL_LEGS, RAW_CISCO_CALL_DETAILS
    from cx_pipeline.core.window_checks import schema_verdict
    from cx_pipeline.core.windows import as_mark

    now, rules = moment_of(context), load_settings().enrichment_rules
    verdicts = []
    with transient_failures_retried():
        for window in windows_of(context):
            legs = frames.store().read(CALL_LEGS, window)
            read = cisco.read_window(frames.store(), window, legs.frame["end_time"], now)
            mark = FrameMark(as_mark(judged_at(window, now, rules.last_try)), legs.mark.is_open)
            receipt = frames.store().write(read.records, RAW_CISCO_CALL_DETAILS, window, mark)
            verdicts.append((window.key, {"schema": schema_verdict(RAW_CISCO_CALL_DETAILS, read.records)}))
            figures = frame_figures(receipt, mark) | {
                "is_whole_read": read.is_whole,
                "read_at": _as_metadata(now),
            }
            context.add_asset_metadata(figures, partition_key=window.key)
    yield dg.MaterializeResult(check_results=check_results("raw_cisco_call_details", verdicts))


def enriched_call_legs(
    context: dg.AssetExecutionContext, database: dg.ResourceParam[Database], frames: dg.ResourceParam[Frames]
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
    """Each leg with its Cisco record, or the reason why it has none: COMPLETE, PENDING, AMBIGUOUS or PARTIAL.

    A record serves one leg and a leg takes one record; what cannot be told apart is shown, never guessed. Calls of
    which only records tell, as no listener was up, have legs of their own.
    """
    from cx_pipeline.core.enrichment.enrich import enrich
    from cx_pipeline.core.enrichment.verdicts import enrichment_verdicts
    from cx_pipeline.core.frames import CALL_LEGS, CALLS, RAW_CISCO_CALL_DETAILS
    from cx_pipeline.core.windows import moment_of_mark

    settings, store = load_settings(), frames.store()
    verdicts = []
    with transient_failures_retried():
        directory = database.directory()
        for window in windows_of(context):
            legs = store.read(CALL_LEGS, window).frame
            records = store.read(RAW_CISCO_CALL_DETAILS, window)
            read_at = moment_of_mark(records.mark.high_water)
            enrichment = enrich(
                legs,
                store.read(CALLS, window).frame,
                records.frame,
                directory,
                settings.enrichment_rules,
                read_at=read_at,
                has_source=bool(settings.cisco_sources),
                outage=_outage_facts(database, window, records.frame, read_at),
            )
            found = enrichment_verdicts(enrichment, legs)
            verdicts.append((window.key, found))
            if not all(found[name].passed for name in ENRICHED_BLOCKING_CHECKS):
                break
            _write(context, database, store, window, enrichment, records.mark)
    yield from check_results("enriched_call_legs", verdicts)
    if all(found[name].passed for _, found in verdicts for name in ENRICHED_BLOCKING_CHECKS):
        yield dg.MaterializeResult()


def _outage_facts(
    database: Database, window: "Window", records: "pl.DataFrame", read_at: "datetime"
) -> "OutageFacts | None":
    """What is known of the times in and around the window at which nobody listened; null where somebody did."""
    from cx_pipeline.core.enrichment.heartbeat_gaps import GAP_TOLERANCE, gaps
    from cx_pipeline.core.enrichment.outages import OutageFacts
    from cx_pipeline.core.enrichment.reading import keys_in_all_forms

    first, last = window.start - BEFORE_THE_WINDOW, min(window.end, read_at)
    if last <= first:
        return None
    heartbeats = database.heartbeats()
    found = gaps(heartbeats.between(first, last), GAP_TOLERANCE, (first, last))
    if found.is_empty():
        return None
    silence = load_settings().correlation_rules.max_silence
    known = heartbeats.keys_with_events(keys_in_all_forms(records), first - silence, last + BEFORE_THE_WINDOW)
    return OutageFacts(found, known, window)


def _write(
    context: dg.AssetExecutionContext,
    database: Database,
    store: "FrameStore",
    window: "Window",
    enrichment: "Enrichment",
    mark: "FrameMark",
) -> None:
    from cx_pipeline.core.frames import ENRICHED_CALL_LEGS
    from cx_pipeline.core.windows import moment_of_mark

    written = database.enriched_legs().write_window(window, enrichment.legs, high_water=mark.high_water)
    receipt = store.write(enrichment.legs, ENRICHED_CALL_LEGS, window, mark)
    figures: dict[str, Any] = frame_figures(receipt, mark) | enrichment_figures(enrichment)
    figures["judged_at"] = _as_metadata(moment_of_mark(mark.high_water))
    figures |= {f"rows_{what}": count for what, count in dataclasses.asdict(written).items()}
    context.add_asset_metadata(figures, partition_key=window.key)


def _as_metadata(moment: "datetime") -> dg.TimestampMetadataValue:
    return dg.MetadataValue.timestamp(moment)


def enrichment_assets(windowed: Windowed) -> list[dg.AssetsDefinition]:
    """The assets of this group."""
    return [
        windowed.asset(
            raw_cisco_call_details,
            group=GROUP,
            kinds={"sql", "parquet"},
            deps=["call_legs"],
            checks=check_specs("raw_cisco_call_details", RAW_CHECKS, blocking=True),
        ),
        windowed.asset(
            enriched_call_legs,
            group=GROUP,
            kinds={"polars", "postgres"},
            deps=["call_legs", "calls", "raw_cisco_call_details"],
            lineage="call_legs",
            may_be_missing=True,
            checks=check_specs("enriched_call_legs", ENRICHED_BLOCKING_CHECKS, blocking=True)
            + check_specs("enriched_call_legs", ENRICHED_WARNING_CHECKS, blocking=False),
        ),
    ]
