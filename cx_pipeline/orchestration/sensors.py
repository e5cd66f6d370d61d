"""Sensors: what data brings about. What is decided stands in `cx_pipeline.core.scheduling`; here it is read and asked."""

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import TypeAdapter, ValidationError

from cx_pipeline.core.job_names import WINDOW_JOB
from cx_pipeline.core.scheduling import (
    LateState,
    as_of,
    late_windows_to_ask_for,
    newest_call_end,
    record_request,
    silence_ran_out,
    windows_to_refresh,
)
from cx_pipeline.core.windows import Window, window_from_key, window_of
from cx_pipeline.orchestration.partitions import is_window
from cx_pipeline.orchestration.resources import Database
from cx_pipeline.orchestration.running import windows_with_a_run
from cx_pipeline.orchestration.schedules import TRIGGER_TAG
from cx_pipeline.orchestration.waiting import first_found, tick_ends_at
from cx_pipeline.settings import Settings

if TYPE_CHECKING:
    from cx_pipeline.adapters.database.event_store import EventStore

LISTENER_INTERVAL_S = 3
"""Below the daemon's own five seconds, which it never is earlier than."""
LATE_INTERVAL_S = 15
RECORD_INTERVAL_S = 30
ARRIVALS_A_STEP = 20_000
READING_BUDGET_S = 20.0
"""A tick has 60 s in all; what is not read by then is read by the next one."""
REQUESTS_A_TICK = 20
RECORDS_EXPECTED = timedelta(minutes=2)
"""So long after a leg's end its record is looked for at each tick; then each minute."""
WINDOWS_A_TICK = 500

MAX_RECORD_AGE = timedelta(hours=26)
"""A little more than the last time that a window is looked at again for its records."""

_LATE_STATE = TypeAdapter(LateState)


def listener_sensor(settings: Settings, partitions: dg.TimeWindowPartitionsDefinition) -> dg.SensorDefinition:
    """Asks for the open window as soon as a call ended, so that nobody waits for the minute."""

    @dg.sensor(
        name="listener_sensor",
        job_name=WINDOW_JOB,
        minimum_interval_seconds=LISTENER_INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks for the open window when a call ended in it, and while records of such calls are about to come, "
        "unless a run is at it.",
    )
    def listener_sensor(
        context: dg.SensorEvaluationContext, database: dg.ResourceParam[Database]
    ) -> dg.SensorResult | dg.SkipReason:
        now = datetime.now(UTC)
        window = window_of(now, settings.window_length)
        if not is_window(partitions, window.key, now):
            return dg.SkipReason(f"{window.key} lies before the first window")
        arrivals = _Arrivals(database.events(), window, int(context.cursor or 0))
        until = tick_ends_at()
        end = first_found(arrivals.newest_end, until)
        if end is None and not _waits_for_a_record(database, settings, window):
            return dg.SensorResult(
                skip_reason="no call ended in the open window", cursor=str(arrivals.read_up_to)
            )
        is_free = first_found(lambda: not windows_with_a_run(context.instance, [window.key]) or None, until)
        if not is_free:
            # The cursor stays: the next tick asks.
            return dg.SkipReason(f"a run is at the window {window.key}")
        why = f"records@{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}" if end is None else str(end)
        request = dg.RunRequest(
            partition_key=window.key, run_key=f"{window.key}:{why}", tags={TRIGGER_TAG: "listener_sensor"}
        )
        return dg.SensorResult(run_requests=[request], cursor=str(arrivals.read_up_to))

    return listener_sensor


def late_data_sensor(
    settings: Settings, partitions: dg.TimeWindowPartitionsDefinition
) -> dg.SensorDefinition:
    """Asks for windows for which something arrived after they were computed, or whose silent calls may be closed."""

    @dg.sensor(
        name="late_data_sensor",
        job_name=WINDOW_JOB,
        minimum_interval_seconds=LATE_INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks for the windows that late events touch, once for each high-water mark; and, once their "
        "longest silence ran out, for windows in which calls were left open.",
    )
    def late_data_sensor(
        context: dg.SensorEvaluationContext, database: dg.ResourceParam[Database]
    ) -> dg.SensorResult:
        now = datetime.now(UTC)
        state = _read_on(database.events(), _state_of(context.cursor), settings, now)
        state = state.without_computed(_marks(database, state, settings))
        silent = _silent_windows(database, settings, now)
        scheduled = {window.key for window in _scheduled(settings, now)}
        candidates = [*state.pending, *silent]
        valid = {key for key in candidates if is_window(partitions, key, now)}
        busy = windows_with_a_run(context.instance, valid - scheduled)
        late = late_windows_to_ask_for(
            state, valid=valid, scheduled=scheduled, busy=busy, limit=REQUESTS_A_TICK
        )
        requests = [_request(key, f"{key}:{mark}") for key, mark in late.items()]
        requests += [
            _request(key, run_key) for key, run_key in silent.items() if key in valid - busy - set(late)
        ]
        return dg.SensorResult(
            run_requests=requests,
            skip_reason=None if requests else f"nothing to ask for; {len(state.pending)} windows wait",
            cursor=_LATE_STATE.dump_json(state).decode(),
        )

    return late_data_sensor


def record_sensor(settings: Settings, partitions: dg.TimeWindowPartitionsDefinition) -> dg.SensorDefinition:
    """Asks for windows that the minute does not compute any more, of which legs still wait for their Cisco record."""

    @dg.sensor(
        name="record_sensor",
        job_name=WINDOW_JOB,
        minimum_interval_seconds=RECORD_INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks for windows of which legs wait for their Cisco record: each minute until the last try, "
        "then a few times within a day.",
    )
    def record_sensor(
        context: dg.SensorEvaluationContext, database: dg.ResourceParam[Database]
    ) -> dg.SensorResult | dg.SkipReason:
        if not settings.cisco_sources:
            return dg.SkipReason("no Cisco source is set")
        now = datetime.now(UTC)
        last_try = settings.enrichment_rules.last_try
        waiting = database.enriched_legs().windows_without_records(now - MAX_RECORD_AGE, now)
        scheduled = {window.key for window in _scheduled(settings, now)}
        wanted: dict[str, str] = {}
        for start, last_end in sorted(waiting.items(), reverse=True):
            window = Window(start.astimezone(UTC), start.astimezone(UTC) + settings.window_length)
            run_key = record_request(window, last_end, now, last_try)
            if run_key is not None and window.key not in scheduled and is_window(partitions, window.key, now):
                wanted[window.key] = run_key
        busy = windows_with_a_run(context.instance, wanted)
        requests = [
            dg.RunRequest(partition_key=key, run_key=run_key, tags={TRIGGER_TAG: "record_sensor"})
            for key, run_key in wanted.items()
            if key not in busy
        ]
        return dg.SensorResult(
            run_requests=requests[:REQUESTS_A_TICK],
            skip_reason=None
            if requests
            else f"nothing to ask for; legs of {len(waiting)} windows have no record",
        )

    return record_sensor


def _waits_for_a_record(database: Database, settings: Settings, window: Window) -> bool:
    """Whether a leg of the window ended so lately that its record may come any moment: nobody tells of that."""
    if not settings.cisco_sources:
        return False
    now = datetime.now(UTC)
    return window.start in database.enriched_legs().windows_without_records(now - RECORDS_EXPECTED, now)


class _Arrivals:
    """What arrived since a tick read last, for one window."""

    def __init__(self, events: "EventStore", window: Window, sequence: int) -> None:
        self._events, self._window = events, window
        self.read_up_to = sequence

    def newest_end(self) -> int | None:
        """Read on; the newest of these arrivals that may have ended a call in the window."""
        deadline = time.monotonic() + READING_BUDGET_S
        end: int | None = None
        while time.monotonic() < deadline:
            arrived = self._events.arrived_after(self.read_up_to, ARRIVALS_A_STEP, length=self._window.length)
            if arrived.high_water == self.read_up_to:
                break
            self.read_up_to = arrived.high_water
            facts = arrived.windows.get(self._window, ())
            newest = newest_call_end({(fact.source, fact.event_name): fact.newest for fact in facts})
            end = newest or end
        return end


def _read_on(events: "EventStore", state: LateState, settings: Settings, now: datetime) -> LateState:
    """The state with what arrived since, read in steps until there is no more or the tick has to end."""
    deadline = time.monotonic() + READING_BUDGET_S
    settled_before = min(window.start for window in _scheduled(settings, now))
    while time.monotonic() < deadline:
        late = events.windows_touched(
            state.sequence,
            ARRIVALS_A_STEP,
            length=settings.window_length,
            max_silence=settings.correlation_rules.max_silence,
            settled_before=settled_before,
        )
        if late.high_water == state.sequence:
            break
        state = state.after(late.high_water, {window.key: mark for window, mark in late.windows.items()})
    return state


def _request(key: str, run_key: str) -> dg.RunRequest:
    return dg.RunRequest(partition_key=key, run_key=run_key, tags={TRIGGER_TAG: "late_data_sensor"})


def _scheduled(settings: Settings, now: datetime) -> list[Window]:
    return windows_to_refresh(now, settings.window_length, timedelta(minutes=settings.settle_minutes))


def _silent_windows(database: Database, settings: Settings, now: datetime) -> dict[str, str]:
    """Windows whose calls may be closed by silence now, with the run key for it."""
    from cx_pipeline.adapters.database.window_ledger import WindowLedger

    max_silence = settings.correlation_rules.max_silence
    left_open = WindowLedger(database.engine()).with_calls_left_open(now, max_silence, WINDOWS_A_TICK)
    return {
        each.window.key: f"{each.window.key}:silent:{as_of(each.window, now, max_silence):%Y-%m-%dT%H:%M}"
        for each in left_open
        if silence_ran_out(each.window, each.began_after, now, max_silence)
    }


def _marks(database: Database, state: LateState, settings: Settings) -> dict[str, int]:
    from cx_pipeline.adapters.database.window_ledger import WindowLedger

    starts = {key: window_from_key(key, settings.window_length).start for key in state.pending}
    marks = WindowLedger(database.engine()).high_water_marks(list(starts.values()))
    return {key: marks[start] for key, start in starts.items() if start in marks}


def _state_of(cursor: str | None) -> LateState:
    if not cursor:
        return LateState()
    try:
        return _LATE_STATE.validate_json(cursor)
    except ValidationError:
        return LateState()  # of another version: read all arrivals again; what is computed asks for nothing
