"""The recordings' states: what each window wants, what came of it, and what may be tried again."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl
from sqlalchemy import Engine, func, select, text, update

from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.locks import RECORDING_WRITE_LOCK
from cx_pipeline.adapters.database.recording_rows import (
    bring_back,
    discard_skipped,
    forget_unwanted,
    move,
    note_inputs,
    note_legs,
    replace_others,
    want,
    without_poorer,
)
from cx_pipeline.adapters.database.recording_tables import recording
from cx_pipeline.adapters.database.snapshot import open_snapshot
from cx_pipeline.core.recording.mix_plan import MixPlan
from cx_pipeline.core.recording.rendered import RenderedFile
from cx_pipeline.core.recording.schema import (
    COMPLETED,
    FAILED,
    MIXED_RECORDING_SCHEMA,
    MIXING,
    NO_KEY,
    QUEUED,
    SKIPPED,
)
from cx_pipeline.core.recording.wanted import WantedRecording
from cx_pipeline.core.windows import Window

LATEST = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RecordedState:
    """How far one recording is."""

    recording_id: str
    state: str
    attempts: int
    next_attempt_at: datetime | None


class Recordings:
    """Writes and reads the table of recordings."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def plan(
        self,
        window: Window,
        wanted: Sequence[WantedRecording],
        *,
        settled_calls: Collection[str] = (),
        discard_at: datetime | None = None,
    ) -> dict[str, RecordedState]:
        """Make the table want what a window wants; how far each of it is, by id. One transaction.

        What is finished or under way stays as it is. Rows of the window that nobody wants any more and that have no
        file go; those that have one stay until a newer recording of the same leg or call takes their place. Nothing
        is wanted in the place of a finished recording that is made of less: its files were deleted in due time. What is
        to be skipped after all counts no more.

        Args:
            window: whose recordings these are.
            wanted: all that it wants, but for what the settled calls do.
            settled_calls: of `settled_calls`: their rows are left alone.
            discard_at: until when finished recordings are kept that are to be skipped after all; not given: as long
                as they would have been.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        with database_errors(f"to plan the recordings of {window.key}"), self._engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": RECORDING_WRITE_LOCK})
            wanted = without_poorer(connection, wanted)
            ids = [each.recording_id for each in wanted]
            forget_unwanted(connection, window, ids, settled_calls)
            want(connection, window, wanted)
            note_legs(connection, [each.plan for each in wanted if each.plan is not None])
            note_inputs(connection, wanted, is_described=False)
            move(connection, window, ids)
            bring_back(connection, wanted)
            discard_skipped(connection, wanted, discard_at or LATEST)
            rows = connection.execute(
                select(
                    recording.c.recording_id,
                    recording.c.state,
                    recording.c.attempts,
                    recording.c.next_attempt_at,
                ).where(recording.c.recording_id == func.any(ids))
            )
            return {row.recording_id: RecordedState(*row) for row in rows}

    def settled_calls(self, window: Window, inputs_hashes: Mapping[str, int]) -> frozenset[str]:
        """The calls of which nothing is left to do: all their rows are finished, and were planned of the same inputs.

        Args:
            window: whose calls they are.
            inputs_hashes: by call, as they are now.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        is_over = recording.c.state.in_((COMPLETED, SKIPPED, FAILED))
        lacks_key = recording.c.failure.is_not_distinct_from(NO_KEY)
        is_finished = is_over & ~lacks_key & (recording.c.window_start == window.start)
        query = (
            select(recording.c.call_id, func.min(recording.c.inputs_hash), func.max(recording.c.inputs_hash))
            .where(recording.c.is_current, recording.c.call_id == func.any(list(inputs_hashes)))
            .group_by(recording.c.call_id)
            .having(func.bool_and(is_finished & recording.c.inputs_hash.is_not(None)))
        )
        with database_errors("to read recordings"), self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return frozenset(
            call_id for call_id, least, greatest in rows if least == greatest == inputs_hashes[call_id]
        )

    def described(self, recording_id: str, details: Mapping[str, Any]) -> None:
        """Note what the description beside a recording says now.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        self._update(recording_id, details=dict(details))

    def brought_up_to_date(self, wanted: Sequence[WantedRecording]) -> None:
        """Note that finished recordings are described by what is known now: their calls may be settled.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        with database_errors("to note recordings"), self._engine.begin() as connection:
            note_inputs(connection, wanted, is_described=True)

    def mixing(self, recording_id: str, state: str = MIXING) -> None:
        """Note that a recording is being made; this counts as an attempt.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        self._update(
            recording_id,
            state=state,
            attempts=recording.c.attempts + 1,
            started_at=func.now(),
            next_attempt_at=None,
        )

    def completed(
        self,
        plan: MixPlan,
        rendered: RenderedFile,
        details: Mapping[str, Any],
        keep_until: datetime | None,
    ) -> None:
        """Note that a recording is made; it takes the place of earlier ones of the same leg or call.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        values = {
            "state": COMPLETED,
            "failure": None,
            "failure_detail": None,
            "is_current": True,
            "next_attempt_at": None,
            "start_time": plan.start_time,
            "duration_ms": plan.duration_ms,
            "layout": plan.parameters.layout,
            "format": plan.parameters.format,
            "sample_rate_hz": plan.sample_rate_hz,
            "channels": plan.channels,
            "encryption": rendered.encryption,
            "path": rendered.path,
            "size_bytes": rendered.size_bytes,
            "audio_bytes": rendered.audio_bytes,
            "sha256": rendered.sha256,
            "md5": rendered.md5,
            "warnings": sorted({warning.code for warning in plan.warnings}),
            "details": dict(details),
            "keep_until": keep_until,
            "completed_at": func.coalesce(recording.c.completed_at, func.now()),
        }
        with database_errors("to note a recording"), self._engine.begin() as connection:
            connection.execute(
                update(recording).values(values).where(recording.c.recording_id == plan.recording_id)
            )
            replace_others(connection, plan)

    def failed(self, recording_id: str, failure: str, detail: str, next_attempt_at: datetime | None) -> None:
        """Note that a recording could not be made: for now (it is queued again), or for good where no attempt follows.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        self._update(
            recording_id,
            state=FAILED if next_attempt_at is None else QUEUED,
            failure=failure,
            failure_detail=detail[:2000],
            next_attempt_at=next_attempt_at,
        )

    def of_window(self, window: Window) -> pl.DataFrame:
        """The recordings that a window wants, `MIXED_RECORDING_SCHEMA`, sorted.

        Raises:
            DatabaseUnavailableError: the database does not answer, or not in time.
        """
        return self._frame("r.window_start = {start} AND r.is_current", start=window.start)

    def of_call(self, call_id: str) -> pl.DataFrame:
        """The recordings of a call, `MIXED_RECORDING_SCHEMA`, sorted.

        Raises:
            DatabaseUnavailableError: the database does not answer, or not in time.
        """
        return self._frame("r.call_id = {call}::uuid AND r.is_current", call=call_id)

    def of_tenants(self, tenants: Sequence[str], windows: Sequence[datetime]) -> pl.DataFrame:
        """The recordings that some tenants' windows (by their start) want, `MIXED_RECORDING_SCHEMA`, sorted.

        Raises:
            DatabaseUnavailableError: the database does not answer, or not in time.
        """
        return self._frame(
            "r.tenant_id = ANY ({tenants}) AND r.window_start = ANY ({windows}) AND r.is_current",
            tenants=list(tenants),
            windows=list(windows),
        )

    def details_of(self, recording_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """What the descriptions beside some finished recordings say, by recording.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        query = select(recording.c.recording_id, recording.c.details).where(
            recording.c.recording_id == func.any(list(recording_ids)), recording.c.details.is_not(None)
        )
        with database_errors("to read recordings"), self._engine.connect() as connection:
            return {row.recording_id: dict(row.details) for row in connection.execute(query)}

    def mixing_seconds(self, tenants: Sequence[str], windows: Sequence[datetime]) -> float:
        """How long the finished recordings of some windows took: of each, from the first begin to the last end.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        span = func.max(recording.c.completed_at) - func.min(recording.c.started_at)
        query = (
            select(func.extract("epoch", span))
            .where(recording.c.tenant_id == func.any(list(tenants)), recording.c.state == COMPLETED)
            .where(recording.c.window_start == func.any(list(windows)), recording.c.is_current)
            .group_by(recording.c.window_start)
        )
        with database_errors("to read recordings"), self._engine.connect() as connection:
            return float(sum(connection.execute(query).scalars()))

    def _frame(self, condition: str, **values: Any) -> pl.DataFrame:
        with open_snapshot(self._engine) as snapshot:
            rows = snapshot.frame(
                f"""
                SELECT r.recording_id::text AS recording_id, r.tenant_id, r.kind, r.call_id::text AS call_id,
                       r.leg_id::text AS leg_id, o.legs, o.offsets, r.manifest_ids, r.state, r.failure, r.rule_id,
                       r.rule_version, r.start_time, r.duration_ms, r.layout, r.format, r.sample_rate_hz, r.channels,
                       r.encryption, r.path, r.size_bytes, r.sha256, r.warnings
                FROM recording AS r LEFT JOIN LATERAL (
                    SELECT array_agg(l.leg_id::text ORDER BY l.offset_ms, l.leg_id) AS legs,
                           array_agg(l.offset_ms ORDER BY l.offset_ms, l.leg_id) AS offsets
                    FROM recording_leg AS l WHERE l.recording_id = r.recording_id
                ) AS o ON true
                WHERE {condition}
                """,  # noqa: S608 - the conditions are ours
                **values,
            )
        offsets = pl.struct(leg_id="legs", offset_ms="offsets")
        listed = (
            rows.select("recording_id", "legs", "offsets")
            .drop_nulls()
            .explode("legs", "offsets")
            .group_by("recording_id", maintain_order=True)
            .agg(offsets.alias("leg_offsets"))
        )
        frame = rows.join(listed, on="recording_id", how="left").with_columns(
            pl.col("leg_offsets").fill_null(pl.lit([], dtype=MIXED_RECORDING_SCHEMA["leg_offsets"]))
        )
        order = ["tenant_id", "call_id", "leg_id", "recording_id"]
        return frame.select(pl.col(name).cast(dtype) for name, dtype in MIXED_RECORDING_SCHEMA.items()).sort(
            order, nulls_last=True
        )

    def _update(self, recording_id: str, **values: Any) -> None:
        statement = update(recording).values(values).where(recording.c.recording_id == recording_id)
        with database_errors("to note a recording's state"), self._engine.begin() as connection:
            connection.execute(statement)
