"""`cx-pipeline migrate`: bring the application's database to the newest schema."""

import click

from cx_pipeline.settings import load_settings


@click.command()
def migrate() -> None:
    """Make or change the tables of the application's database, as this release wants them.

    Uses CX_DATABASE_URL, or the embedded PostgreSQL below CX_HOME, which is made and started if need be. Safe to run
    again, and by several at once. Exit code 1: the database cannot be reached or is newer than this release.
    """
    # Drivers load here, not at `--help`.
    from cx_pipeline.adapters.database.connection import open_engine
    from cx_pipeline.adapters.database.migrate import migrate as migrate_database

    engine = open_engine(load_settings())
    try:
        done = migrate_database(engine)
    finally:
        engine.dispose()
    for script in done.applied:
        click.echo(f"applied {script}")
    click.echo(f"the database is at revision {done.after}" + ("" if done.applied else ": nothing to do"))
