"""Which hours of FusionPBX's call records were read, and when."""

from collections.abc import Collection
from datetime import UTC, datetime

from sqlalchemy import Engine, select
from sqlalchemy.dialects.postgresql import insert

from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.recording_tables import xml_cdr_hour


class XmlCdrHours:
    """Reads and writes it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def read_at(self, first: datetime, last: datetime) -> dict[datetime, datetime]:
        """When each hour that begins in `[first, last]` was read; those that were not are left out.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        table = xml_cdr_hour
        query = select(table.c.hour_start, table.c.read_at).where(table.c.hour_start.between(first, last))
        with database_errors("to see which call records were read"), self._engine.connect() as connection:
            return {
                hour.astimezone(UTC): read_at.astimezone(UTC) for hour, read_at in connection.execute(query)
            }

    def note(self, hours: Collection[datetime], read_at: datetime) -> None:
        """Keep that hours were read, with all that was there then.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        if not hours:
            return
        row = insert(xml_cdr_hour)
        kept = row.on_conflict_do_update(
            index_elements=["hour_start"], set_={"read_at": row.excluded.read_at}
        )
        with database_errors("to note which call records were read"), self._engine.begin() as connection:
            connection.execute(kept, [{"hour_start": hour, "read_at": read_at} for hour in hours])
