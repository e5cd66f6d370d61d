"""The definitions of one deployment, put together from its settings. What they are stands in the modules beside."""

import warnings

import dagster as dg

from cx_pipeline.orchestration.alerts import failure_sensors
from cx_pipeline.orchestration.assets.enrichment import enrichment_assets
from cx_pipeline.orchestration.assets.ingest import ingest_assets
from cx_pipeline.orchestration.assets.legs import leg_assets
from cx_pipeline.orchestration.assets.links import link_assets
from cx_pipeline.orchestration.assets.messages import message_assets
from cx_pipeline.orchestration.assets.recordings import recording_assets
from cx_pipeline.orchestration.assets.windowed import Windowed
from cx_pipeline.orchestration.jobs import window_jobs
from cx_pipeline.orchestration.link_ticks import link_sensor
from cx_pipeline.orchestration.maintenance import prune_job
from cx_pipeline.orchestration.outbox import outbox_job, outbox_sensor
from cx_pipeline.orchestration.partitions import window_partitions
from cx_pipeline.orchestration.recording_ticks import recording_sensor
from cx_pipeline.orchestration.resources import (
    Cisco,
    ConversationManager,
    Database,
    Frames,
    Links,
    Recorders,
)
from cx_pipeline.orchestration.schedules import maintenance_schedule, minute_schedule
from cx_pipeline.orchestration.sensors import late_data_sensor, listener_sensor, record_sensor
from cx_pipeline.settings import Settings, load_settings


def build_definitions(settings: Settings | None = None) -> dg.Definitions:
    """Everything that Dagster shows and runs; of the environment's settings, unless a test gives others."""
    settings = settings or load_settings()
    partitions = window_partitions(settings)
    return dg.Definitions(
        assets=_assets(settings, partitions),
        jobs=[*window_jobs(), outbox_job, prune_job],
        schedules=[minute_schedule(settings, partitions), maintenance_schedule()],
        sensors=[
            listener_sensor(settings, partitions),
            late_data_sensor(settings, partitions),
            record_sensor(settings, partitions),
            recording_sensor(settings, partitions),
            link_sensor(settings, partitions),
            outbox_sensor(settings),
            *failure_sensors(),
        ],
        resources={
            "database": dg.ResourceParam[Database](),
            "frames": dg.ResourceParam[Frames](),
            "cisco": dg.ResourceParam[Cisco](),
            "links": dg.ResourceParam[Links](),
            "recorders": dg.ResourceParam[Recorders](),
            "conversation_manager": dg.ResourceParam[ConversationManager](),
        },
        # Steps of one run share a process: a process for each would cost ten seconds a run.
        executor=dg.in_process_executor,
    )


def _assets(settings: Settings, partitions: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    windowed = Windowed(partitions, _backfill_policy(settings))
    with warnings.catch_warnings():
        # Backfill policies and code references may change with Dagster's next release; ours is pinned.
        warnings.simplefilter("ignore", dg.BetaWarning)
        assets = [
            *ingest_assets(windowed),
            *leg_assets(windowed),
            *enrichment_assets(windowed),
            *message_assets(windowed),
            *recording_assets(windowed),
            *link_assets(windowed),
        ]
        return [
            asset
            for asset in dg.with_source_code_references(assets)
            if isinstance(asset, dg.AssetsDefinition)
        ]


def _backfill_policy(settings: Settings) -> dg.BackfillPolicy | None:
    """How many windows a run of a backfill computes.

    Null for one a run: a policy of one would tag the runs as ranges, and the queue would not keep them apart from the
    other runs of their window.
    """
    if settings.backfill_windows_per_run == 1:
        return None
    if settings.backfill_windows_per_run == 0:
        return dg.BackfillPolicy.single_run()
    return dg.BackfillPolicy.multi_run(settings.backfill_windows_per_run)
