"""All that is known of one recording and its call, for the page that shows it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Engine, Table, select, text

from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.gateway_tables import recording_link, screen_recording
from cx_pipeline.adapters.database.message_tables import enriched_leg
from cx_pipeline.adapters.database.recording_tables import recording, recording_leg
from cx_pipeline.core.recording.schema import COMPLETED

TIMEOUT_S = 10
MOST_ROWS = 200
"""Of one kind; a call with more legs than this shows its first."""

Row = dict[str, Any]

_RECORDING = (
    "recording_id", "tenant_id", "kind", "call_id", "leg_id", "state", "start_time", "duration_ms",
    "layout", "format", "sample_rate_hz", "channels", "encryption", "audio_bytes", "warnings", "rule_id",
    "rule_version", "details", "completed_at",
)  # fmt: skip
_OTHER = ("recording_id", "kind", "leg_id", "is_current", "start_time", "duration_ms", "completed_at")
_LEG = (
    "leg_id", "leg_key", "leg_number", "call_id", "agent_extension", "agent_id", "agent_name", "call_type", "direction",
    "start_time", "end_time", "duration_ms", "held_ms", "hold_segments", "is_answered", "is_artefact", "participants",
    "conference_id", "consult_source", "consult_target", "transferred_from", "transferred_to", "other_party", "start_reason",
    "end_reason", "service_identifier", "customer_identifier", "wrap_up", "queue_s", "ring_s", "work_s",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A recording and what belongs to it. Columns as the tables name them."""

    recording: Row | None
    """None where another recorder's audio is played, of which there is no row."""
    offsets_ms: dict[str, int]
    """By leg: where it begins in the recording."""
    legs: tuple[Row, ...]
    """All legs of the call, in the order of their numbers; none where the call is not known."""
    others: tuple[Row, ...] = ()
    """The call's other finished recordings, also those that were replaced."""
    leg_ids_of_others: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By recording: the legs that it holds."""
    links: tuple[Row, ...] = ()
    """Conversations that were told of the recording's legs."""
    screens: tuple[Row, ...] = ()
    """Screen recordings of the recording's legs."""

    @property
    def own_legs(self) -> tuple[Row, ...]:
        """The legs that are heard in the recording."""
        return tuple(leg for leg in self.legs if leg["leg_id"] in self.offsets_ms)


class RecordedCalls:
    """Reads recordings with their calls."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, playable_id: str, leg_id: str | None, tenant_id: str) -> RecordedCall:
        """What is known of something that is played.

        Args:
            playable_id: the recording's id, or another recorder's name of it.
            leg_id: the leg that it was asked for by, if by one.
            tenant_id: whose it is; nothing of another tenant is told.

        Raises:
            DatabaseUnavailableError: the database does not answer, or not in time.
        """
        with database_errors("to read a recording"), self._engine.connect() as connection:
            connection.execute(
                text("SELECT set_config('statement_timeout', :limit, true)"), {"limit": str(TIMEOUT_S * 1000)}
            )
            found = _Reading(connection, tenant_id)
            row = found.recording(playable_id) if _is_uuid(playable_id) else None
            return found.call_of(row, leg_id if _is_uuid(leg_id) else None)


@dataclass(frozen=True, slots=True)
class _Reading:
    connection: Connection
    tenant_id: str

    def recording(self, recording_id: str) -> Row | None:
        rows = self._rows(recording, _RECORDING, recording.c.recording_id == recording_id)
        return rows[0] if rows else None

    def call_of(self, row: Row | None, leg_id: str | None) -> RecordedCall:
        if row is None:
            offsets = {leg_id: 0} if leg_id else {}
            call_id = self._call_of_leg(leg_id) if leg_id else None
        else:
            offsets, call_id = self._offsets(row), row["call_id"]
        legs = self._legs(call_id) if call_id else ()
        others = self._others(call_id, row["recording_id"]) if row and call_id else ()
        return RecordedCall(
            recording=row,
            offsets_ms=offsets,
            legs=legs,
            others=others,
            leg_ids_of_others=self._legs_of([each["recording_id"] for each in others]),
            links=self._links(list(offsets)),
            screens=self._screens(list(offsets)),
        )

    def _rows(self, table: Table, names: Sequence[str], *conditions: ColumnElement[bool]) -> tuple[Row, ...]:
        query = select(*(table.c[name] for name in names)).where(
            table.c.tenant_id == self.tenant_id, *conditions
        )
        order = [table.c[name] for name in ("leg_number", "start_time") if name in names]
        rows = self.connection.execute(query.order_by(*order).limit(MOST_ROWS))
        return tuple(dict(each) for each in rows.mappings())

    def _offsets(self, row: Row) -> dict[str, int]:
        query = select(recording_leg.c.leg_id, recording_leg.c.offset_ms)
        rows = self.connection.execute(query.where(recording_leg.c.recording_id == row["recording_id"]))
        found = {each.leg_id: each.offset_ms for each in rows}
        return found or ({row["leg_id"]: 0} if row["leg_id"] else {})

    def _call_of_leg(self, leg_id: str) -> str | None:
        rows = self._rows(enriched_leg, ("call_id",), enriched_leg.c.leg_id == leg_id)
        return rows[0]["call_id"] if rows else None

    def _legs(self, call_id: str) -> tuple[Row, ...]:
        return self._rows(enriched_leg, _LEG, enriched_leg.c.call_id == call_id)

    def _others(self, call_id: str, recording_id: str) -> tuple[Row, ...]:
        return self._rows(
            recording,
            _OTHER,
            recording.c.call_id == call_id,
            recording.c.recording_id != recording_id,
            recording.c.state == COMPLETED,
            recording.c.path.is_not(None),
        )

    def _legs_of(self, recording_ids: list[str]) -> dict[str, tuple[str, ...]]:
        query = select(recording_leg.c.recording_id, recording_leg.c.leg_id)
        rows = self.connection.execute(query.where(recording_leg.c.recording_id.in_(recording_ids)))
        found: dict[str, tuple[str, ...]] = {}
        for recording_id, leg_id in rows:
            found[recording_id] = (*found.get(recording_id, ()), leg_id)
        return found

    def _links(self, leg_ids: list[str]) -> tuple[Row, ...]:
        names = ("kind", "state", "conversation_id", "method", "matched_at")
        return self._rows(recording_link, names, recording_link.c.leg_id.in_(leg_ids))

    def _screens(self, leg_ids: list[str]) -> tuple[Row, ...]:
        names = ("screen_id", "leg_id", "agent_extension", "start_time")
        return self._rows(screen_recording, names, screen_recording.c.leg_id.in_(leg_ids))


def _is_uuid(value: str | None) -> bool:
    try:
        UUID(value or "")
    except ValueError:
        return False
    return True
