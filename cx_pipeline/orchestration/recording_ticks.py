"""Recordings beside the windows: a run of their own for each window whose legs were computed or whose files came."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import dagster as dg
from pydantic import TypeAdapter, ValidationError

from cx_pipeline.core.job_names import RECORDING_JOB
from cx_pipeline.core.recording.asking import AskingState, recordings_to_ask_for
from cx_pipeline.core.windows import window_of
from cx_pipeline.orchestration.jobs import RECORDING_TAG
from cx_pipeline.orchestration.partitions import is_window
from cx_pipeline.orchestration.resources import Database
from cx_pipeline.orchestration.running import RANGE_END_TAG, RANGE_START_TAG, windows_being_recorded
from cx_pipeline.orchestration.schedules import TRIGGER_TAG
from cx_pipeline.orchestration.waiting import first_found, tick_ends_at
from cx_pipeline.settings import Settings

INTERVAL_S = 3
LANE_TAG = "cx/lane"
COMPUTATIONS_A_TICK = 200
ARRIVALS_A_TICK = 5_000
REQUESTS_A_TICK = 20
FIRST_LOOK_BACK = timedelta(hours=1)
"""So far back the first tick of a deployment looks for computed windows; for older ones there is the backfill."""
_STATE = TypeAdapter(AskingState)


def recording_sensor(
    settings: Settings, partitions: dg.TimeWindowPartitionsDefinition
) -> dg.SensorDefinition:
    """Asks for the recordings of windows of which something is new."""

    @dg.sensor(
        name="recording_sensor",
        job_name=RECORDING_JOB,
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks for the recordings of a window when its legs were computed, when files of it came, and when "
        "something of it is to be tried again.",
    )
    def recording_sensor(
        context: dg.SensorEvaluationContext, database: dg.ResourceParam[Database]
    ) -> dg.SensorResult | dg.SkipReason:
        if not settings.has_recorders:
            return dg.SkipReason("no folder of recorders is set (CX_STREAM_ROOTS)")
        state = _state_of(context.cursor)

        def chosen() -> dict[str, str] | None:
            nonlocal state
            now = datetime.now(UTC)
            state = _read_on(context.instance, database, state, settings, now)
            due = _due(database, settings, now)
            candidates = {*state.pending, *due}
            return (
                recordings_to_ask_for(
                    state,
                    due,
                    valid={key for key in candidates if is_window(partitions, key, now)},
                    busy=windows_being_recorded(context.instance, candidates),
                    limit=REQUESTS_A_TICK,
                )
                or None
            )

        asked = first_found(chosen, tick_ends_at()) or {}
        return dg.SensorResult(
            run_requests=[recording_request(key, run_key) for key, run_key in asked.items()],
            skip_reason=None if asked else f"nothing to ask for; {len(state.pending)} windows wait",
            cursor=_STATE.dump_json(state.asked(asked)).decode(),
        )

    return recording_sensor


def recording_request(key: str, run_key: str) -> dg.RunRequest:
    """A run for the recordings of one window: as a range of one, so that the queue does not keep it from its legs' run."""
    tags = {
        RANGE_START_TAG: key,
        RANGE_END_TAG: key,
        RECORDING_TAG: key,
        LANE_TAG: "recording",
        TRIGGER_TAG: "recording_sensor",
    }
    return dg.RunRequest(run_key=run_key, tags=tags)


def _read_on(
    instance: dg.DagsterInstance, database: Database, state: AskingState, settings: Settings, now: datetime
) -> AskingState:
    """The state with the windows that were computed, and those that files came for, since it was last read."""
    materialised, touched = _computed_after(instance, state.materialised, now)
    arrivals = database.manifest_arrivals()
    if state.arrivals is None:
        return state.after(materialised, arrivals.newest(), touched)
    arrived = arrivals.after(
        state.arrivals,
        ARRIVALS_A_TICK,
        slack=timedelta(seconds=settings.recording_slack_s),
        longest_call=timedelta(hours=settings.max_call_hours),
    )
    touched |= {
        window_of(moment, settings.window_length).key: f"files:{arrived.high_water}"
        for moment in arrived.moments
    }
    return state.after(materialised, arrived.high_water, touched)


def _computed_after(
    instance: dg.DagsterInstance, storage_id: int | None, now: datetime
) -> tuple[int | None, dict[str, str]]:
    """How far computations of legs were read, and the windows that were computed since."""
    since = (now - FIRST_LOOK_BACK).timestamp() if storage_id is None else None
    wanted = dg.AssetRecordsFilter(
        asset_key=dg.AssetKey("enriched_call_legs"), after_storage_id=storage_id, after_timestamp=since
    )
    records: Iterable[dg.EventLogRecord] = instance.fetch_materializations(
        wanted, limit=COMPUTATIONS_A_TICK, ascending=True
    ).records
    touched = {}
    for record in records:
        storage_id = max(record.storage_id, storage_id or 0)
        if record.partition_key is not None:
            touched[record.partition_key] = f"legs:{record.storage_id}"
    return storage_id, touched


def _due(database: Database, settings: Settings, now: datetime) -> dict[str, str]:
    starts = database.manifest_arrivals().windows_due(now)
    keys = {window_of(start, settings.window_length).key for start in starts}
    # Once a minute: what is due and cannot be made would be asked for at every tick.
    return dict.fromkeys(keys, f"due@{now:%Y-%m-%dT%H:%M}")


def _state_of(cursor: str | None) -> AskingState:
    if not cursor:
        return AskingState()
    try:
        return _STATE.validate_json(cursor)
    except ValidationError:
        return AskingState()  # of another version
