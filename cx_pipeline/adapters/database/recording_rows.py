"""The rows of recordings within a transaction: what is wanted, what replaces what, what goes. Used by `recordings`."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    and_,
    cast,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, UUID, insert

from cx_pipeline.adapters.database.recording_tables import recording, recording_leg
from cx_pipeline.core.recording.mix_plan import MixPlan
from cx_pipeline.core.recording.schema import (
    COMPLETED,
    FAILED,
    OF_FILE,
    QUEUED,
    RECEIVED,
    RULES_PASSED,
    SKIPPED,
)
from cx_pipeline.core.recording.wanted import WantedRecording
from cx_pipeline.core.windows import Window

_BEFORE_MIXING = (RECEIVED, RULES_PASSED, QUEUED)
_ROWS_A_STATEMENT = 1_000


def move(connection: Connection, window: Window, ids: list[str]) -> None:
    """A leg may move to another window, and what is made of it with it."""
    moved = update(recording).values(window_start=window.start)
    connection.execute(
        moved.where(recording.c.recording_id == func.any(ids), recording.c.window_start != window.start)
    )


def bring_back(connection: Connection, wanted: Sequence[WantedRecording]) -> None:
    """A finished recording that another had replaced counts again where it is wanted again: a rule was changed back."""
    ids = [each.recording_id for each in wanted]
    old = select(recording.c.recording_id).where(
        recording.c.recording_id == func.any(ids), recording.c.state == COMPLETED, ~recording.c.is_current
    )
    back = set(connection.execute(old).scalars())
    for each in wanted:
        if each.recording_id in back and each.plan is not None:
            counts = update(recording).values(is_current=True)
            connection.execute(counts.where(recording.c.recording_id == each.recording_id))
            replace_others(connection, each.plan)


def discard_skipped(connection: Connection, wanted: Sequence[WantedRecording], keep_until: datetime) -> None:
    """Finished recordings of legs that are to be skipped after all count no more, and are kept until then at most."""
    skipped = [each.leg_id for each in wanted if each.state == SKIPPED and each.leg_id is not None]
    holds = exists().where(recording_leg.c.recording_id == recording.c.recording_id)
    is_skipped = recording_leg.c.leg_id == func.any(skipped)
    discarded = update(recording).values(
        is_current=False, keep_until=func.least(recording.c.keep_until, keep_until)
    )
    connection.execute(
        discarded.where(
            recording.c.state == COMPLETED,
            recording.c.is_current,
            holds.where(is_skipped),
            ~holds.where(~is_skipped),
        )
    )


def replace_others(connection: Connection, plan: MixPlan) -> None:
    """What the plan's recording takes the place of counts no more."""
    replaced = update(recording).values(is_current=False)
    connection.execute(
        replaced.where(
            recording.c.is_current, recording.c.recording_id != plan.recording_id, _is_replaced_by(plan)
        )
    )


def _is_replaced_by(plan: MixPlan) -> ColumnElement[bool]:
    """Earlier recordings of any of its legs, and those of its files from when no leg was known."""
    files = [each.manifest_id for each in plan.inputs]
    of_its_files = and_(recording.c.kind == OF_FILE, recording.c.manifest_ids.overlap(files))
    legs = [leg.leg_id for leg in plan.legs]
    holds_a_leg = exists().where(
        recording_leg.c.recording_id == recording.c.recording_id, recording_leg.c.leg_id == func.any(legs)
    )
    return or_(of_its_files, holds_a_leg)


def without_poorer(connection: Connection, wanted: Sequence[WantedRecording]) -> list[WantedRecording]:
    """What is wanted, without that which has less to go by than the finished recording that it would replace."""
    legs = {each.recording_id: _legs_of(each) for each in wanted}
    query = (
        select(recording_leg.c.leg_id, recording.c.recording_id, recording.c.manifest_ids)
        .join(recording, recording.c.recording_id == recording_leg.c.recording_id)
        .where(recording.c.state == COMPLETED, recording.c.is_current)
        .where(recording_leg.c.leg_id == func.any([leg for some in legs.values() for leg in some]))
    )
    finished: dict[str, list[tuple[str, frozenset[str]]]] = {}
    for leg_id, recording_id, manifest_ids in connection.execute(query):
        finished.setdefault(leg_id, []).append((recording_id, frozenset(manifest_ids)))

    def is_poorer(each: WantedRecording) -> bool:
        if each.state == SKIPPED:
            return False
        own = frozenset(each.manifest_ids)
        return any(
            each.recording_id != recording_id and (each.plan is None or own < files)
            for leg in legs[each.recording_id]
            for recording_id, files in finished.get(leg, ())
        )

    return [each for each in wanted if not is_poorer(each)]


def _legs_of(each: WantedRecording) -> list[str]:
    planned = [leg.leg_id for leg in each.plan.legs] if each.plan is not None else []
    return planned or ([each.leg_id] if each.leg_id is not None else [])


def forget_unwanted(
    connection: Connection, window: Window, ids: list[str], settled_calls: Collection[str]
) -> None:
    """Delete the window's rows without a file that nobody wants; those of settled calls are not looked at."""
    gone = and_(
        recording.c.window_start == window.start,
        recording.c.path.is_(None),
        recording.c.recording_id != func.all(ids),
        recording.c.call_id.is_(None) | (recording.c.call_id != func.all(list(settled_calls))),
    )
    forgotten = delete(recording).where(gone).returning(recording.c.recording_id)
    removed = list(connection.execute(forgotten).scalars())
    connection.execute(delete(recording_leg).where(recording_leg.c.recording_id == func.any(removed)))


def note_inputs(connection: Connection, wanted: Sequence[WantedRecording], *, is_described: bool) -> None:
    """What each was planned of, also where nothing else of its row changes.

    Of finished ones only once they are described anew (`is_described`): until then the call is not settled.
    """
    rows = [(each.recording_id, each.inputs_hash) for each in wanted]
    given = select(
        func.unnest(cast([row[0] for row in rows], ARRAY(UUID(as_uuid=False)))).label("id"),
        func.unnest(cast([row[1] for row in rows], ARRAY(BigInteger))).label("hash"),
    ).subquery()
    statement = update(recording).values(inputs_hash=given.c.hash)
    connection.execute(
        statement.where(
            recording.c.recording_id == given.c.id,
            recording.c.inputs_hash.is_distinct_from(given.c.hash),
            (recording.c.state == COMPLETED) if is_described else (recording.c.state != COMPLETED),
        )
    )


def want(connection: Connection, window: Window, wanted: Sequence[WantedRecording]) -> None:
    """Insert what is new; what waits takes the newest reason and time, what is finished only its window."""
    for first in range(0, len(wanted), _ROWS_A_STATEMENT):
        _want_some(connection, window, wanted[first : first + _ROWS_A_STATEMENT])


def _want_some(connection: Connection, window: Window, wanted: Sequence[WantedRecording]) -> None:
    rows = insert(recording).values([_row(window, each) for each in wanted])
    may_change = or_(recording.c.state.in_(_BEFORE_MIXING), recording.c.path.is_(None) & _was_missing())
    changes = {
        name: rows.excluded[name]
        for name in ("state", "failure", "failure_detail", "next_attempt_at", "rule_id", "rule_version")
    }
    keeps = rows.excluded.state == QUEUED  # a queued one that failed in passing keeps its time and reason
    statement = rows.on_conflict_do_update(
        index_elements=["recording_id"],
        set_={"window_start": rows.excluded.window_start, "is_current": True, **changes},
        where=may_change & ~(keeps & (recording.c.state == QUEUED)),
    )
    connection.execute(statement)


def _was_missing() -> Any:
    return recording.c.state.in_((RECEIVED, FAILED)) & (recording.c.attempts == 0)


def _row(window: Window, each: WantedRecording) -> dict[str, Any]:
    return {
        "recording_id": each.recording_id,
        "tenant_id": each.tenant_id,
        "kind": each.kind,
        "call_id": each.call_id,
        "leg_id": each.leg_id,
        "window_start": window.start,
        "state": each.state,
        "failure": each.failure,
        "failure_detail": each.failure_detail,
        "next_attempt_at": each.due_at,
        "manifest_ids": list(each.manifest_ids),
        "inputs_hash": each.inputs_hash,
        "rule_id": each.rule_id,
        "rule_version": each.rule_version,
        "start_time": each.plan.start_time if each.plan else None,
        "completed_at": func.now() if each.state == SKIPPED else None,
    }


def note_legs(connection: Connection, plans: Iterable[MixPlan]) -> None:
    """Which legs the recordings hold, and where each begins."""
    rows = [
        {"recording_id": plan.recording_id, "leg_id": leg.leg_id, "offset_ms": leg.offset_ms}
        for plan in plans
        for leg in plan.legs
    ]
    for first in range(0, len(rows), _ROWS_A_STATEMENT):
        statement = insert(recording_leg).values(rows[first : first + _ROWS_A_STATEMENT])
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["recording_id", "leg_id"], set_={"offset_ms": statement.excluded.offset_ms}
            )
        )
