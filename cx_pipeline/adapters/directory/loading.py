"""Where a deployment's directory comes from."""

from sqlalchemy import Engine

from cx_pipeline.adapters.directory.tables import read_directory_tables
from cx_pipeline.adapters.directory.yaml_file import read_directory_file
from cx_pipeline.core.directory import Directory
from cx_pipeline.settings import Settings


def load_directory(settings: Settings, engine: Engine) -> Directory:
    """The directory: of `CX_DIRECTORY_FILE` if it is set, else of the database's tables.

    Raises:
        ConfigurationError: the file or the tables are wrong.
        DatabaseUnavailableError: the database does not answer.
    """
    if settings.directory_file is not None:
        return read_directory_file(settings.directory_file)
    return read_directory_tables(engine)
