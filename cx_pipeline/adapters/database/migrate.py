"""Migrations: bring a database to the newest schema. Safe when two do so at once, and after a kill at any instant."""

from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from cx_pipeline.adapters.database.connection import answers_expected
from cx_pipeline.adapters.database.locks import MIGRATION_LOCK
from cx_pipeline.core.errors import ConfigurationError

SCRIPTS = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class Migrated:
    """What a migration did: revisions before and after, and the names of the scripts that ran between them."""

    before: str | None
    after: str | None
    applied: tuple[str, ...]


def migrate(engine: Engine) -> Migrated:
    """Apply the migrations that are missing, all in one transaction.

    Raises:
        DatabaseUnavailableError: the database does not answer.
        ConfigurationError: the database was migrated by a newer release than this.
    """
    with answers_expected(), engine.begin() as connection:
        # Waits for another process that migrates; this one then finds nothing left to do.
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        return _migrate(connection)


def is_migrated(engine: Engine) -> bool:
    """Whether the database has the newest schema.

    Raises:
        DatabaseUnavailableError: the database does not answer.
    """
    with answers_expected(), engine.connect() as connection:
        return _revision(connection) == ScriptDirectory(str(SCRIPTS)).get_current_head()


def _migrate(connection: Connection) -> Migrated:
    scripts = ScriptDirectory(str(SCRIPTS))
    before, head = _revision(connection), scripts.get_current_head()
    if before is not None and before not in {script.revision for script in scripts.walk_revisions()}:
        message = f"the database is at revision {before}, which this release does not know: install the newer release"
        raise ConfigurationError(message)
    configuration = Config(attributes={"connection": connection})
    configuration.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    missing = list(scripts.iterate_revisions(head, before)) if head != before else []
    command.upgrade(configuration, "head")
    return Migrated(before, head, tuple(f"{script.revision} {script.doc}" for script in reversed(missing)))


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
