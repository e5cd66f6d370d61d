"""The group `link`: which recording belongs to which voice activity, told to the conversation it belongs to."""

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from cx_pipeline.orchestration.assets.messages import DELIVERY_BUDGET_S, LINK_GROUP
from cx_pipeline.orchestration.assets.windowed import Windowed
from cx_pipeline.orchestration.attempts import transient_failures_retried
from cx_pipeline.orchestration.checks import LINK_CHECKS, RAW_CHECKS, check_results, check_specs
from cx_pipeline.orchestration.metadata import counts_table, frame_figures
from cx_pipeline.orchestration.partitions import moment_of, windows_of
from cx_pipeline.orchestration.resources import ConversationManager, Database, Frames, Links

if TYPE_CHECKING:
    from datetime import datetime

    from cx_pipeline.adapters.linking.window_links import LinkReport
    from cx_pipeline.adapters.storage.frame_store import FrameStore
    from cx_pipeline.core.windows import Window


def recording_links(
    context: dg.AssetExecutionContext,
    database: dg.ResourceParam[Database],
    frames: dg.ResourceParam[Frames],
    links: dg.ResourceParam[Links],
    conversation_manager: dg.ResourceParam[ConversationManager],
) -> Iterator[dg.MaterializeResult[None]]:
    """For each voice activity of the window: the recording that is its own, by what that was told, and how surely.

    Where an id ties them the conversation is told at once, once; what only time could decide, or what fits twice, is
    shown here and told to nobody. A recording that is made anew keeps its link.
    """
    from cx_pipeline.adapters.storage.frame_store import FrameMark
    from cx_pipeline.core.frames import RECORDING_LINKS
    from cx_pipeline.core.linking.verdicts import link_verdicts
    from cx_pipeline.core.window_checks import schema_verdict

    now, verdicts, pushed = moment_of(context), [], 0
    with transient_failures_retried():
        for window in windows_of(context):
            report, high_water = _linked(database, frames.store(), links, window, now)
            pushed += report.pushed
            mark = FrameMark(high_water, window.is_open(now))
            receipt = frames.store().write(report.links, RECORDING_LINKS, window, mark)
            found = {"schema": schema_verdict(RECORDING_LINKS, report.links)}
            expected = report.figures.get("expected", 0)
            verdicts.append((window.key, found | dict(link_verdicts(report.links, expected))))
            figures = frame_figures(receipt, mark) | {"pushed": report.pushed} | dict(report.figures)
            context.add_asset_metadata(
                figures | {"links": counts_table(report.links, "kind", "state", "method", "reason")},
                partition_key=window.key,
            )
        delivery: dict[str, Any] = {}
        if pushed:
            delivered = conversation_manager.deliver(database.engine(), DELIVERY_BUDGET_S)
            delivery = {f"delivery_{name}": value for name, value in dataclasses.asdict(delivered).items()}
    yield dg.MaterializeResult(metadata=delivery, check_results=check_results("recording_links", verdicts))


def _linked(
    database: Database, store: "FrameStore", links: Links, window: "Window", now: "datetime"
) -> "tuple[LinkReport, int]":
    """What the window's frames link, and the mark of the list that it goes by.

    Of recordings that are not made yet, and of a list that was not read, there is nothing.
    """
    from cx_pipeline.core.frames import ENRICHED_CALL_LEGS, MIXED_RECORDINGS, RAW_CCM_VOICE_ACTIVITIES

    listed = store.find(RAW_CCM_VOICE_ACTIVITIES, window)
    mixed = store.find(MIXED_RECORDINGS, window)
    report = links.link(
        database.engine(),
        window,
        activities=RAW_CCM_VOICE_ACTIVITIES.schema.to_frame() if listed is None else listed.frame,
        legs=store.read(ENRICHED_CALL_LEGS, window).frame,
        recordings=MIXED_RECORDINGS.schema.to_frame() if mixed is None else mixed.frame,
        now=now,
    )
    return report, 0 if listed is None else listed.mark.high_water


def link_assets(windowed: Windowed) -> list[dg.AssetsDefinition]:
    """The asset of links; the list that it goes by stands among the messages."""
    return [
        windowed.asset(
            recording_links,
            group=LINK_GROUP,
            kinds={"polars", "postgres", "http"},
            deps=["mixed_recordings", "raw_ccm_voice_activities"],
            checks=check_specs("recording_links", RAW_CHECKS, blocking=True)
            + check_specs("recording_links", LINK_CHECKS, blocking=False),
        )
    ]
