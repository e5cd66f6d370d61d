"""Which windows newly arrived manifests touch, and in which windows recordings are due."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, func, select, text

from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.recording_tables import recording, recording_manifest

_TOUCHED = text(
    """
    WITH arrived AS (
        SELECT tenant_id, agent_extension, calling_number, called_number, start_time,
               coalesce(end_time, start_time) AS end_time
        FROM recording_manifest WHERE arrival_sequence > :after AND arrival_sequence <= :up_to
    )
    SELECT e.window_start FROM arrived AS m JOIN enriched_leg AS e
      ON e.tenant_id = m.tenant_id AND e.agent_extension = m.agent_extension
     AND e.start_time BETWEEN m.start_time - :longest AND m.end_time + :slack AND e.end_time >= m.start_time - :slack
    UNION
    SELECT e.window_start FROM arrived AS m JOIN enriched_leg AS e
      ON e.tenant_id = m.tenant_id AND e.customer_identifier = ANY (ARRAY[m.calling_number, m.called_number])
     AND e.start_time BETWEEN m.start_time - :longest AND m.end_time + :slack AND e.end_time >= m.start_time - :slack
    WHERE m.agent_extension IS NULL
    UNION SELECT end_time FROM arrived
    """
)
"""By the phone, or by the number of whom it was talked to: each in a form that an index serves."""
_UNFINISHED = text("state NOT IN ('COMPLETED', 'SKIPPED', 'FAILED') AND is_current")
"""In the words of the index `recording_unfinished`."""


@dataclass(frozen=True, slots=True)
class ArrivedManifests:
    """How far arrivals were read, and moments in the windows that they touch."""

    high_water: int
    moments: tuple[datetime, ...]


class ManifestArrivals:
    """Reads what arrived, for the sensor."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def newest(self) -> int:
        """The newest arrival; 0 if there is none.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        query = select(func.coalesce(func.max(recording_manifest.c.arrival_sequence), 0))
        with database_errors("to read manifests"), self._engine.connect() as connection:
            newest: int = connection.execute(query).scalar_one()
        return newest

    def after(
        self, sequence: int, limit: int, *, slack: timedelta, longest_call: timedelta
    ) -> ArrivedManifests:
        """What arrived after a sequence, at most `limit` manifests: the windows of their legs, and their own.

        Args:
            sequence: how far was read.
            limit: how many manifests.
            slack: how far from its leg a file may lie.
            longest_call: how far before its file a leg may have begun.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        arrived = recording_manifest.c.arrival_sequence
        some = select(arrived).where(arrived > sequence).order_by(arrived).limit(limit).subquery()
        with database_errors("to read manifests"), self._engine.connect() as connection:
            up_to = connection.execute(select(func.max(some.c.arrival_sequence))).scalar_one()
            if up_to is None:
                return ArrivedManifests(sequence, ())
            moments: Sequence[datetime] = (
                connection.execute(
                    _TOUCHED,
                    {"slack": slack, "longest": longest_call, "after": sequence, "up_to": up_to},
                )
                .scalars()
                .all()
            )
        return ArrivedManifests(up_to, tuple(sorted(moment.astimezone(UTC) for moment in moments)))

    def windows_due(self, now: datetime) -> list[datetime]:
        """Starts of the windows with a recording that is to be looked at again by now.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        table = recording
        query = (
            select(table.c.window_start)
            .distinct()
            .where(_UNFINISHED)
            .where(func.coalesce(table.c.next_attempt_at, now) <= now)
        )
        with database_errors("to read recordings"), self._engine.connect() as connection:
            return sorted(start.astimezone(UTC) for start in connection.execute(query).scalars())
