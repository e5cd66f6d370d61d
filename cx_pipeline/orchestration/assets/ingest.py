"""The group `ingest`: what came in, as frames. Assets here read a source and write a frame, and decide nothing."""

from collections.abc import Iterator

import dagster as dg

from cx_pipeline.orchestration.assets.windowed import Windowed
from cx_pipeline.orchestration.attempts import transient_failures_retried
from cx_pipeline.orchestration.checks import (
    LISTENER_CHECKS,
    RAW_CHECKS,
    check_results,
    check_specs,
    results_of_all,
)
from cx_pipeline.orchestration.metadata import frame_figures
from cx_pipeline.orchestration.partitions import moment_of, windows_of
from cx_pipeline.orchestration.resources import Database, Frames
from cx_pipeline.settings import load_settings

GROUP = "ingest"


def raw_jtapi_events(
    context: dg.AssetExecutionContext, database: dg.ResourceParam[Database], frames: dg.ResourceParam[Frames]
) -> Iterator[dg.MaterializeResult[None]]:
    """Every event of every call that has a fact in the window, whatever hour the fact lies in.

    The closure over call keys in the event store: so the legs of a window are a function of this one partition. The
    open window also holds the calls that have not ended. `in_window` tells the window's own facts from the others.
    """
    from cx_pipeline.adapters.storage.frame_store import FrameMark
    from cx_pipeline.core.events.vocabulary import JTAPI_KINDS, Kind
    from cx_pipeline.core.frames import RAW_JTAPI_EVENTS
    from cx_pipeline.core.listening import WATCHED_FOR, listener_verdict
    from cx_pipeline.core.window_checks import schema_verdict

    ended = [name for name, kind in JTAPI_KINDS.items() if kind is Kind.ENDED]
    now, max_silence = moment_of(context), load_settings().correlation_rules.max_silence
    verdicts = []
    with transient_failures_retried():
        for window in windows_of(context):
            is_open = window.is_open(now)
            raw = database.events().read_window(
                window, max_silence=max_silence, is_open=is_open, ending_names=ended
            )
            mark = FrameMark(raw.high_water, is_open)
            receipt = frames.store().write(raw.events, RAW_JTAPI_EVENTS, window, mark)
            verdicts.append((window.key, {"schema": schema_verdict(RAW_JTAPI_EVENTS, raw.events)}))
            context.add_asset_metadata(frame_figures(receipt, mark), partition_key=window.key)
        listeners = listener_verdict(database.heartbeats().newest(now - WATCHED_FOR), now)
    results = check_results("raw_jtapi_events", verdicts)
    results += results_of_all("raw_jtapi_events", {"listener_heartbeat": listeners})
    yield dg.MaterializeResult(check_results=results)


def ingest_assets(windowed: Windowed) -> list[dg.AssetsDefinition]:
    """The assets of this group."""
    return [
        windowed.asset(
            raw_jtapi_events,
            group=GROUP,
            kinds={"postgres", "parquet"},
            checks=check_specs("raw_jtapi_events", RAW_CHECKS, blocking=True)
            + check_specs("raw_jtapi_events", LISTENER_CHECKS, blocking=False),
        )
    ]
