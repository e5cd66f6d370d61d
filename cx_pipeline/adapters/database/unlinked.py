"""Which windows have recordings whose conversation came to be known after the window was linked."""

from datetime import UTC, datetime

from sqlalchemy import Engine, text

from cx_pipeline.adapters.database.failures import database_errors

_WINDOWS = text(
    """
    SELECT r.window_start, max(m.delivered_at) AS told_at
    FROM recording AS r
    JOIN recording_leg AS h ON h.recording_id = r.recording_id
    JOIN outbox_message AS m ON m.leg_id = h.leg_id AND m.intent = 'CALL_LEG_STARTED' AND m.status = 'DELIVERED'
    WHERE r.completed_at >= :since AND r.raw_deleted_at IS NULL AND r.state = 'COMPLETED' AND r.is_current
      AND NOT EXISTS (
          SELECT FROM recording_link AS l WHERE l.leg_id = h.leg_id AND l.kind = 'VOICE' AND l.matched_at > m.delivered_at
      )
    GROUP BY r.window_start
    """
)


def windows_told_late(engine: Engine, since: datetime) -> dict[datetime, datetime]:
    """Windows, by their start, with finished recordings that are not linked; and when their messages were taken.

    Meant are recordings of legs whose messages the conversation manager took after the leg was last linked.

    Args:
        engine: of the application's database.
        since: recordings that were finished before are not looked at.

    Raises:
        DatabaseUnavailableError: the database does not answer.
    """
    with database_errors("to look for recordings without a link"), engine.connect() as connection:
        rows = connection.execute(_WINDOWS, {"since": since})
        return {start.astimezone(UTC): told_at.astimezone(UTC) for start, told_at in rows}
