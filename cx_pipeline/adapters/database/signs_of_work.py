"""Whether windows are computed at all, and when one last was: what Dagster cannot report when it is dead itself."""

from datetime import UTC, datetime

from sqlalchemy import Engine, func, select

from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.tables import window_computation


def newest_computation_at(engine: Engine) -> datetime | None:
    """When a window was last computed; None if none ever was.

    Raises:
        DatabaseUnavailableError: the database does not answer.
        ConfigurationError: it has not been migrated.
    """
    query = select(func.max(window_computation.c.computed_at))
    with database_errors("to look for computations"), engine.connect() as connection:
        newest: datetime | None = connection.execute(query).scalar()
    return None if newest is None else newest.astimezone(UTC)
