"""Jobs: what is run together. When it is run stands in `schedules` and `sensors`."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from cx_pipeline.core.job_names import BACKFILL_JOB, LINK_JOB, RECORDING_JOB, WINDOW_JOB

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

RECORDING_ASSETS = ("raw_recording_manifests", "recording_decisions", "mixed_recordings")
"""Computed by runs of their own, so that neither legs nor messages ever wait for audio."""

LINKS = "recording_links"
"""Computed last by either: whichever comes second, the messages or the audio, is followed by the link at once."""


MAX_RUNTIME_TAG = "dagster/max_runtime"
PRIORITY_TAG = "dagster/priority"
RECORDING_TAG = "cx/recording"
"""Holds the window's key on runs that make recordings: the queue keeps two of one window apart by it."""


def window_jobs() -> list[UnresolvedAssetJobDefinition]:
    """The hot path and the recordings beside it, which schedule and sensors ask for, and the backfill behind them."""
    selection = dg.AssetSelection.assets(*WINDOW_ASSETS, LINKS)
    return [
        dg.define_asset_job(
            WINDOW_JOB,
            selection=selection,
            tags={PRIORITY_TAG: "10", MAX_RUNTIME_TAG: "600"},
            description="Computes a window: its raw events, its calls and legs, their Cisco details, their messages. "
            "Asked for each minute for the open window, and for any other when something came for it.",
        ),
        dg.define_asset_job(
            RECORDING_JOB,
            selection=dg.AssetSelection.assets(*RECORDING_ASSETS, LINKS),
            tags={PRIORITY_TAG: "0", MAX_RUNTIME_TAG: "3600"},
            description="Makes a window's recordings of what the recorders left. Asked for whenever the window's legs "
            "were computed, files came, or something is to be tried again.",
        ),
        dg.define_asset_job(
            LINK_JOB,
            selection=dg.AssetSelection.assets("raw_ccm_voice_activities", LINKS),
            tags={PRIORITY_TAG: "5", MAX_RUNTIME_TAG: "600"},
            description="Reads a window's list of voice activities again and links what it can. Asked for when messages "
            "of a window that the minute does not compute any more were delivered at last.",
        ),
        dg.define_asset_job(
            BACKFILL_JOB,
            selection=dg.AssetSelection.assets(*WINDOW_ASSETS, *RECORDING_ASSETS, LINKS),
            tags={PRIORITY_TAG: "-10"},
            description="Computes windows anew, any range in any order, behind what is live.",
        ),
    ]
