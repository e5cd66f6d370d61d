"""Jobs: what is run together. When it is run stands in `schedules` and `sensors`."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

WINDOW_ASSETS = (
    "raw_jtapi_events",
    "call_legs",
    "calls",
    "quarantined_events",
    "raw_cisco_call_details",
    "enriched_call_legs",
    "cim_messages",
    "raw_ccm_voice_activities",
)
"""In the order in which a run computes them."""

WINDOW_JOB = "window_job"
BACKFILL_JOB = "backfill_job"

MAX_RUNTIME_TAG = "dagster/max_runtime"
PRIORITY_TAG = "dagster/priority"


def window_jobs() -> list[UnresolvedAssetJobDefinition]:
    """The hot path, which the schedule and the sensors ask for, and the backfill, which waits behind it."""
    selection = dg.AssetSelection.assets(*WINDOW_ASSETS)
    return [
        dg.define_asset_job(
            WINDOW_JOB,
            selection=selection,
            tags={PRIORITY_TAG: "10", MAX_RUNTIME_TAG: "600"},
            description="Computes a window: its raw events, its calls and legs, their Cisco details, their messages. "
            "Asked for each minute for the open window, and for any other when something came for it.",
        ),
        dg.define_asset_job(
            BACKFILL_JOB,
            selection=selection,
            tags={PRIORITY_TAG: "-10"},
            description="Computes windows anew, any range in any order, behind what is live.",
        ),
    ]
