"""The directory in the database: read as a whole, replaced as a whole."""

from sqlalchemy import Engine, delete, insert, select, text

from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.tables import (
    directory_agent,
    directory_cluster,
    directory_domain,
    directory_range,
    directory_service_number,
)
from cx_pipeline.adapters.directory.entries import GivenEntry, build_directory
from cx_pipeline.core.directory import Directory

TABLES = {
    "agents": directory_agent,
    "service_numbers": directory_service_number,
    "ranges": directory_range,
    "domains": directory_domain,
    "clusters": directory_cluster,
}
"""The table of each section of a `Directory`."""

# One writer at a time; readers go on. Without it, two writers at once would each keep the other's rows.
_ONE_WRITER = text("LOCK TABLE directory_agent IN SHARE ROW EXCLUSIVE MODE")


def read_directory_tables(engine: Engine) -> Directory:
    """The directory of one instant.

    Raises:
        ConfigurationError: a row is wrong (the message names table, row and column), or there are no tables yet.
        DatabaseUnavailableError: the database does not answer.
    """
    given: dict[str, list[GivenEntry]] = {}
    with database_errors("to read the directory"), engine.connect() as connection:
        connection = connection.execution_options(isolation_level="REPEATABLE READ")
        for section, table in TABLES.items():
            rows = connection.execute(select(table)).mappings()
            given[section] = [
                GivenEntry(
                    f"table {table.name}, row {number}",
                    {name: value for name, value in row.items() if value is not None},
                )
                for number, row in enumerate(rows, start=1)
            ]
    return build_directory(given, "in the database")


def replace_directory_tables(engine: Engine, directory: Directory) -> dict[str, int]:
    """Put `directory` in the place of what the tables hold, in one transaction; the rows of each section.

    Raises:
        ConfigurationError: there are no tables yet.
        DatabaseUnavailableError: the database does not answer; the tables hold what they held.
    """
    counts: dict[str, int] = {}
    with database_errors("to replace the directory"), engine.begin() as connection:
        connection.execute(_ONE_WRITER)
        for section, table in TABLES.items():
            rows = getattr(directory, section).to_dicts()
            connection.execute(delete(table))
            if rows:
                connection.execute(insert(table), rows)
            counts[section] = len(rows)
    return counts
