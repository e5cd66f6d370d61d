"""Who had which running recording paused or resumed: written before the recorder is asked."""

from sqlalchemy import Engine, func, insert, update

from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.gateway_tables import recording_control


class RecordingControl:
    """Writes into `recording_control`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def note_asked(
        self,
        *,
        tenant_id: str,
        subject: str,
        call_uuid: str,
        recorder_id: str,
        action: str,
        agent: str | None,
        reason: str | None,
    ) -> int:
        """Note that a recorder will be asked; the row's id.

        Raises:
            DatabaseUnavailableError: the database does not answer.
            ConfigurationError: the database has not been migrated.
        """
        row = insert(recording_control).values(
            tenant_id=tenant_id,
            subject=subject,
            call_uuid=call_uuid,
            recorder_id=recorder_id,
            action=action,
            agent=agent,
            reason=reason,
        )
        with database_errors("to note who controls a recording"), self._engine.begin() as connection:
            return int(connection.execute(row.returning(recording_control.c.control_id)).scalar_one())

    def note_outcome(self, control_id: int, outcome: str) -> None:
        """Note what came of it.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        row = (
            update(recording_control)
            .where(recording_control.c.control_id == control_id)
            .values(outcome=outcome, done_at=func.clock_timestamp())
        )
        with (
            database_errors("to note what came of a recording's control"),
            self._engine.begin() as connection,
        ):
            connection.execute(row)
