"""The group `record`: what the recorders left, what is to be kept of it, and the finished recordings."""

import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from cx_pipeline.orchestration.assets.windowed import Windowed
from cx_pipeline.orchestration.attempts import transient_failures_retried
from cx_pipeline.orchestration.checks import (
    DECISION_CHECKS,
    MANIFEST_CHECKS,
    RAW_CHECKS,
    RECORDING_CHECKS,
    check_results,
    check_specs,
)
from cx_pipeline.orchestration.metadata import counts_table, frame_figures
from cx_pipeline.orchestration.partitions import moment_of, windows_of
from cx_pipeline.orchestration.resources import Database, Frames, Recorders
from cx_pipeline.orchestration.schedules import TRIGGER_TAG
from cx_pipeline.settings import load_settings

if TYPE_CHECKING:
    from datetime import datetime

    import polars as pl

    from cx_pipeline.adapters.mixing.window_mixing import MixingReport
    from cx_pipeline.adapters.storage.frame_store import FrameStore
    from cx_pipeline.core.recording.matching import SegmentMatches
    from cx_pipeline.core.recording.options import PlanOptions
    from cx_pipeline.core.recording.wanted import Patience, WantedRecording
    from cx_pipeline.core.windows import Window

GROUP = "record"
TOLD_EVERY = 25
"""After so many recordings a run says how far it is."""


def raw_recording_manifests(
    context: dg.AssetExecutionContext,
    database: dg.ResourceParam[Database],
    frames: dg.ResourceParam[Frames],
    recorders: dg.ResourceParam[Recorders],
) -> Iterator[dg.MaterializeResult[None]]:
    """What the recorders say they left and what the files themselves tell: all that may belong to the window's calls.

    Read from the folders of the recorders (only what is new), from the gateway's intake and from FusionPBX. A manifest
    that does not parse is quarantined; one whose file is missing, empty, unreadable or elsewhere keeps that reason.
    """
    from cx_pipeline.adapters.storage.frame_store import FrameMark
    from cx_pipeline.core.frames import RAW_RECORDING_MANIFESTS
    from cx_pipeline.core.recording.verdicts import manifest_verdicts
    from cx_pipeline.core.window_checks import schema_verdict

    now = moment_of(context)
    verdicts = []
    with transient_failures_retried():
        for window in windows_of(context):
            read = recorders.manifests(database.engine(), window, now)
            mark = FrameMark(read.high_water, window.is_open(now))
            receipt = frames.store().write(read.manifests, RAW_RECORDING_MANIFESTS, window, mark)
            found = {"schema": schema_verdict(RAW_RECORDING_MANIFESTS, read.manifests)}
            verdicts.append((window.key, found | manifest_verdicts(read.manifests, read.figures)))
            figures = frame_figures(receipt, mark) | dict(read.figures)
            context.add_asset_metadata(
                figures | {"files": counts_table(read.manifests, "recording_type", "side", "file_problem")},
                partition_key=window.key,
            )
    yield dg.MaterializeResult(check_results=check_results("raw_recording_manifests", verdicts))


def recording_decisions(
    context: dg.AssetExecutionContext,
    database: dg.ResourceParam[Database],
    frames: dg.ResourceParam[Frames],
) -> Iterator[dg.MaterializeResult[None]]:
    """For each leg that ended, and each file without a leg: whether it is to be recorded, by which rule, and how."""
    from cx_pipeline.adapters.storage.frame_store import FrameMark
    from cx_pipeline.core.frames import ENRICHED_CALL_LEGS, RAW_RECORDING_MANIFESTS, RECORDING_DECISIONS
    from cx_pipeline.core.recording.evaluation import decide_window
    from cx_pipeline.core.recording.verdicts import rules_verdict
    from cx_pipeline.core.recording.wanted import files_without_leg
    from cx_pipeline.core.window_checks import schema_verdict

    verdicts = []
    with transient_failures_retried():
        loaded, directory = database.recording_rules(), database.directory()
        for window in windows_of(context):
            legs = frames.store().read(ENRICHED_CALL_LEGS, window)
            manifests = frames.store().read(RAW_RECORDING_MANIFESTS, window)
            matches = _matches(legs.frame, manifests.frame, window)
            decisions = decide_window(
                legs.frame,
                manifests.frame,
                loaded.rules,
                directory,
                unmatched=files_without_leg(manifests.frame, matches.pairs),
            )
            mark = FrameMark(legs.mark.high_water + manifests.mark.high_water, legs.mark.is_open)
            receipt = frames.store().write(decisions, RECORDING_DECISIONS, window, mark)
            found = {
                "schema": schema_verdict(RECORDING_DECISIONS, decisions),
                "rules": rules_verdict(loaded.problem),
            }
            verdicts.append((window.key, found))
            figures = frame_figures(receipt, mark) | {"rule_set": loaded.rules.version}
            by_rule = counts_table(decisions, "action", "rule_name")
            context.add_asset_metadata(figures | {"decisions": by_rule}, partition_key=window.key)
    yield dg.MaterializeResult(check_results=check_results("recording_decisions", verdicts))


def mixed_recordings(
    context: dg.AssetExecutionContext,
    database: dg.ResourceParam[Database],
    frames: dg.ResourceParam[Frames],
    recorders: dg.ResourceParam[Recorders],
) -> Iterator[dg.MaterializeResult[None]]:
    """One recording for each leg that is to have one: both voices in time, holds marked, sealed and described.

    Planned first, then rendered by a few worker processes. What cannot be made stands here with its reason; what
    failed in passing is tried again later. The same legs, rules and files never make two recordings.
    """
    from cx_pipeline.adapters.storage.frame_store import FrameMark
    from cx_pipeline.core.frames import MIXED_RECORDINGS
    from cx_pipeline.core.recording.verdicts import recording_verdicts
    from cx_pipeline.core.windows import as_mark

    now = moment_of(context)
    is_asked_by_a_person = TRIGGER_TAG not in context.run.tags
    verdicts = []
    with transient_failures_retried():
        for window in windows_of(context):
            wanted, settled = _wanted(database, frames.store(), window, now, is_all=is_asked_by_a_person)
            report = recorders.mix(
                database.engine(),
                window,
                wanted,
                now,
                retry_failed=is_asked_by_a_person,
                settled_calls=settled,
                on_progress=_progress(context, window),
            )
            rows = database.recordings().of_window(window)
            mark = FrameMark(as_mark(now), window.is_open(now))
            receipt = frames.store().write(rows, MIXED_RECORDINGS, window, mark)
            verdicts.append((window.key, recording_verdicts(rows)))
            figures = frame_figures(receipt, mark) | _mixing_figures(report)
            context.add_asset_metadata(
                figures | {"recordings": counts_table(rows, "state", "failure")}, partition_key=window.key
            )
    yield dg.MaterializeResult(check_results=check_results("mixed_recordings", verdicts))


def _wanted(
    database: Database, store: "FrameStore", window: "Window", now: "datetime", *, is_all: bool
) -> "tuple[list[WantedRecording], frozenset[str]]":
    """What the window wants, but for the calls of which nothing is left to do since they were last planned; and these."""
    import polars as pl

    from cx_pipeline.core.frames import ENRICHED_CALL_LEGS, RAW_RECORDING_MANIFESTS, RECORDING_DECISIONS
    from cx_pipeline.core.recording.call_digests import call_digests
    from cx_pipeline.core.recording.planning import plan_window
    from cx_pipeline.core.recording.wanted import wanted_recordings

    legs = store.read(ENRICHED_CALL_LEGS, window).frame
    manifests = store.read(RAW_RECORDING_MANIFESTS, window).frame
    decisions = store.read(RECORDING_DECISIONS, window).frame
    matches = _matches(legs, manifests, window)
    hashes = dict(call_digests(legs, manifests, decisions, matches).iter_rows())
    settled = frozenset() if is_all else database.recordings().settled_calls(window, hashes)
    is_open = ~pl.col("call_id").is_in(list(settled)).fill_null(value=False)
    legs, decisions = legs.filter(is_open), decisions.filter(is_open)
    plans = plan_window(legs, manifests, decisions, matches, _plan_options(window))
    wanted = wanted_recordings(
        plans.plans, plans.missing, decisions, matches.pairs, legs, _patience(), now, hashes
    )
    return wanted, settled


def _patience() -> "Patience":
    from cx_pipeline.core.recording.wanted import Patience

    settings = load_settings()
    return Patience(
        other_side=timedelta(seconds=settings.recording_slack_s),
        lost_after=timedelta(minutes=settings.lost_after_minutes),
    )


def _matches(legs: "pl.DataFrame", manifests: "pl.DataFrame", window: "Window") -> "SegmentMatches":
    from cx_pipeline.core.recording.matching import match_segments

    return match_segments(legs, manifests, _plan_options(window))


def _plan_options(window: "Window") -> "PlanOptions":
    from cx_pipeline.core.recording.options import PlanOptions

    return PlanOptions(slack=timedelta(seconds=load_settings().recording_slack_s), window=window)


def _progress(context: dg.AssetExecutionContext, window: "Window") -> Any:
    def told(done: int, wanted: int) -> None:
        if done % TOLD_EVERY == 0 or done == wanted:
            context.log.info(f"{done} of {wanted} recordings of {window.key}")

    return told


def _mixing_figures(report: "MixingReport") -> dict[str, Any]:
    figures = {
        f"mixing_{name}": value for name, value in dataclasses.asdict(report).items() if name != "failures"
    }
    return figures | {"mixing_audio_hours_a_second": round(report.audio_hours_a_second, 3)}


def recording_assets(windowed: Windowed) -> list[dg.AssetsDefinition]:
    """The assets of this group."""
    return [
        windowed.asset(
            raw_recording_manifests,
            group=GROUP,
            kinds={"file", "parquet"},
            checks=check_specs("raw_recording_manifests", RAW_CHECKS, blocking=True)
            + check_specs("raw_recording_manifests", MANIFEST_CHECKS, blocking=False),
        ),
        windowed.asset(
            recording_decisions,
            group=GROUP,
            kinds={"polars", "parquet"},
            deps=["enriched_call_legs", "raw_recording_manifests"],
            lineage="enriched_call_legs",
            checks=check_specs("recording_decisions", RAW_CHECKS, blocking=True)
            + check_specs("recording_decisions", DECISION_CHECKS, blocking=False),
        ),
        windowed.asset(
            mixed_recordings,
            group=GROUP,
            kinds={"file", "postgres"},
            deps=["recording_decisions", "raw_recording_manifests"],
            checks=check_specs("mixed_recordings", RECORDING_CHECKS, blocking=False),
        ),
    ]
