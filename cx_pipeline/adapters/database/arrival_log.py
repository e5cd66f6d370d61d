"""The newest arrivals of a window, by what they are."""

from sqlalchemy import Engine, func, select

from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.tables import jtapi_event
from cx_pipeline.core.windows import Window


def newest_arrivals(engine: Engine, window: Window, after: int) -> dict[tuple[str, str], int]:
    """The newest arrival sequence of each (source, event name) in the window, of what arrived after a sequence.

    Raises:
        DatabaseUnavailableError: the database does not answer.
    """
    event = jtapi_event.c
    query = (
        select(event.source, event.event_name, func.max(event.arrival_sequence))
        .where(event.arrival_sequence > after)
        .where(event.event_time >= window.start, event.event_time < window.end)
        .group_by(event.source, event.event_name)
    )
    with database_errors("to read arrivals"), engine.connect() as connection:
        return {(source, name): newest for source, name, newest in connection.execute(query).tuples()}
