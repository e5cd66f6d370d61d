"""What the conversation manager is told of the legs (group `enrich`), and what it tells of its conversations (`link`)."""

import dataclasses
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import dagster as dg

from cx_pipeline.orchestration.assets.windowed import Windowed
from cx_pipeline.orchestration.attempts import transient_failures_retried
from cx_pipeline.orchestration.checks import (
    OUTBOX_CHECKS,
    RAW_CHECKS,
    check_results,
    check_specs,
    results_of_all,
)
from cx_pipeline.orchestration.metadata import frame_figures
from cx_pipeline.orchestration.partitions import moment_of, windows_of
from cx_pipeline.orchestration.resources import ConversationManager, Database, Frames
from cx_pipeline.settings import load_settings

if TYPE_CHECKING:
    import polars as pl

    from cx_pipeline.adapters.database.outbox import PlanCounts, PlanState
    from cx_pipeline.core.messages.outbox_row import OutboxRow
    from cx_pipeline.core.windows import Window

GROUP = "enrich"
LINK_GROUP = "link"
LEGS_A_PLAN = 10_000
DELIVERY_BUDGET_S = 10.0
"""So long a run delivers; what is left goes at the next tick, by the outbox sensor or by `cx-pipeline outbox run`."""


def cim_messages(
    context: dg.AssetExecutionContext,
    database: dg.ResourceParam[Database],
    frames: dg.ResourceParam[Frames],
    conversation_manager: dg.ResourceParam[ConversationManager],
) -> Iterator[dg.MaterializeResult[None]]:
    """The messages that the window's legs call for, written to the outbox, and delivered as far as ten seconds allow.

    What changed since a message left goes out once more, as a correction that names the one before; what did not is
    not sent again. At least once on the wire, in order within a call.
    """
    from cx_pipeline.core.frames import ENRICHED_CALL_LEGS
    from cx_pipeline.core.messages.verdicts import outbox_verdicts

    now, is_set = moment_of(context), conversation_manager.is_set
    with transient_failures_retried():
        for window in windows_of(context):
            figures: dict[str, object] = {"conversation_manager_is_set": is_set}
            if is_set:
                figures |= _plan(database, window, frames.store().read(ENRICHED_CALL_LEGS, window).frame)
            context.add_asset_metadata(figures, partition_key=window.key)
        report = conversation_manager.deliver(database.engine(), DELIVERY_BUDGET_S) if is_set else None
        standing = database.outbox_reading().standing(now)
    delivery = (
        {f"delivery_{name}": value for name, value in dataclasses.asdict(report).items()} if report else {}
    )
    verdicts = outbox_verdicts(standing, now, has_stopped=report is not None and report.is_stopped)
    yield dg.MaterializeResult(
        metadata=delivery | {"waiting": standing.waiting, "dead": standing.dead},
        check_results=results_of_all("cim_messages", verdicts),
    )


def _plan(database: Database, window: "Window", legs: "pl.DataFrame") -> dict[str, int]:
    """Compare what the legs that the window still owns call for with the outbox, and write the difference; counts.

    A part of the legs at a time: planning is one at a time, and a backfill must not hold up the open window.
    """
    still_own = database.enriched_legs().ids_of(window).to_frame()
    owned = legs.join(still_own, on="leg_id", how="semi", maintain_order="left")
    counts: Counter[str] = Counter(changed=0, vanished=0, written=0)
    for part in owned.iter_slices(LEGS_A_PLAN) if len(owned) else [owned]:
        counts.update(dataclasses.asdict(_plan_part(database, part)))
    return dict(counts)


def _plan_part(database: Database, legs: "pl.DataFrame") -> "PlanCounts":
    import polars as pl

    from cx_pipeline.core.messages.digests import digests, legs_without_messages
    from cx_pipeline.core.messages.planning import plan

    options = load_settings().message_options

    def planned(state: "PlanState") -> "list[OutboxRow]":
        changed = legs.filter(pl.col("leg_id").is_in(state.changed))
        conversations = database.conversations().of_calls(changed["cx_call_id"].unique().to_list())
        return plan(changed, state.newest, state.vanished, conversations, options)

    return database.outbox().plan(digests(legs, options), planned, withdrawn=legs_without_messages(legs))


def raw_ccm_voice_activities(
    context: dg.AssetExecutionContext,
    database: dg.ResourceParam[Database],
    frames: dg.ResourceParam[Frames],
    conversation_manager: dg.ResourceParam[ConversationManager],
) -> Iterator[dg.MaterializeResult[None]]:
    """The conversation manager's own list of voice legs, with the conversation and channel session of each.

    Read after this run's messages went out, so that what they began is there already. A list that cannot be read is
    an error, never an empty list.
    """
    from cx_pipeline.adapters.storage.frame_store import FrameMark
    from cx_pipeline.core.enrichment.reading import judged_at
    from cx_pipeline.core.frames import CALL_LEGS, RAW_CCM_VOICE_ACTIVITIES
    from cx_pipeline.core.messages.activities import CCM_VOICE_ACTIVITY_SCHEMA
    from cx_pipeline.core.messages.reading import span_of_activities
    from cx_pipeline.core.window_checks import schema_verdict
    from cx_pipeline.core.windows import as_mark

    now, verdicts = moment_of(context), []
    with transient_failures_retried():
        for window in windows_of(context):
            legs = frames.store().read(CALL_LEGS, window)
            activities = CCM_VOICE_ACTIVITY_SCHEMA.to_frame()
            if conversation_manager.is_set:
                activities = conversation_manager.voice_activities(
                    *span_of_activities(window, legs.frame, now)
                )
            mark = FrameMark(as_mark(judged_at(window, now, SETTLED)), legs.mark.is_open)
            receipt = frames.store().write(activities, RAW_CCM_VOICE_ACTIVITIES, window, mark)
            learned = database.conversations().learn(activities)
            verdicts.append((window.key, {"schema": schema_verdict(RAW_CCM_VOICE_ACTIVITIES, activities)}))
            figures = frame_figures(receipt, mark) | {"conversations_learned": learned}
            context.add_asset_metadata(figures, partition_key=window.key)
    yield dg.MaterializeResult(check_results=check_results("raw_ccm_voice_activities", verdicts))


SETTLED = timedelta(hours=1)
"""So long after a window's end its list is taken to change: the frame of an old window bears the same mark for ever."""


def message_assets(windowed: Windowed) -> list[dg.AssetsDefinition]:
    """The assets of these groups."""
    return [
        windowed.asset(
            cim_messages,
            group=GROUP,
            kinds={"postgres", "http"},
            deps=["enriched_call_legs"],
            checks=check_specs("cim_messages", OUTBOX_CHECKS, blocking=False),
        ),
        windowed.asset(
            raw_ccm_voice_activities,
            group=LINK_GROUP,
            kinds={"http", "parquet"},
            deps=["cim_messages"],
            checks=check_specs("raw_ccm_voice_activities", RAW_CHECKS, blocking=True),
        ),
    ]
