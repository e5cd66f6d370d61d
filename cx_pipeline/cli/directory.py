"""`cx-pipeline directory`: who and what the numbers of a site are."""

from pathlib import Path

import click

from cx_pipeline.adapters.database.connection import open_engine
from cx_pipeline.adapters.directory.tables import replace_directory_tables
from cx_pipeline.adapters.directory.yaml_file import read_directory_file
from cx_pipeline.settings import load_settings


@click.group(name="directory")
def directory() -> None:
    """Keep the directory of agents, service numbers, ranges, domains and clusters."""


@directory.command(name="load")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def load(file: Path) -> None:
    """Put the YAML FILE in the place of the directory in the database, in one transaction.

    Values are text as it stands there: an extension 01005 keeps its zero. Nothing changes if the file has a fault.
    """
    given = read_directory_file(file)
    engine = open_engine(load_settings())
    try:
        counts = replace_directory_tables(engine, given)
    finally:
        engine.dispose()
    click.echo(
        f"{sum(counts.values()):,} entries: {', '.join(f'{count:,} {name}' for name, count in counts.items())}"
    )
