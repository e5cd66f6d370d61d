"""`cx-pipeline keys import` and `open`: old archives sealed anew, and a sealed file opened by who has the ring."""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from cx_pipeline.adapters.crypto.file_keys import FileKey
from cx_pipeline.adapters.crypto.key_file import read_key_file
from cx_pipeline.adapters.crypto.key_ring import KeyRing
from cx_pipeline.adapters.crypto.new_files import new_file
from cx_pipeline.adapters.crypto.published_key import is_published
from cx_pipeline.adapters.crypto.seal_header import LONGEST_TENANT_BYTES, MAGIC, is_sealed
from cx_pipeline.adapters.crypto.sealed import SealedReader, read_header
from cx_pipeline.adapters.database.connection import open_engine
from cx_pipeline.adapters.database.recording_keys import RecordingKeys
from cx_pipeline.cli.main import EXIT_FOUND_PROBLEMS
from cx_pipeline.cli.rendering.console import count_of
from cx_pipeline.core.errors import InputError
from cx_pipeline.settings import load_settings

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def tenant_of(_context: click.Context, _option: click.Parameter, value: str) -> str:
    """The value of an option or argument that names a tenant."""
    if not value.strip() or not value.isprintable() or len(value.encode()) > LONGEST_TENANT_BYTES:
        raise click.BadParameter("a tenant's id is a printable text")
    return value


@click.command(name="import")
@click.argument(
    "paths", metavar="PATH…", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path)
)
@click.option("--legacy-key-file", "key_file", required=True, type=_FILE, help="The archive's key.")
@click.option("--tenant", "tenant_id", required=True, callback=tenant_of, help="Whose recordings they are.")
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the sealed copies.",
)
def import_archives(paths: Sequence[Path], key_file: Path, tenant_id: str, out: Path) -> None:
    """Seal recordings of the installed base (AES-256-CFB) anew: files, or folders with all below them.

    The originals are only read. Each copy is compared with its original before it has its name; run it again, and what
    is there already is left as it is.

    Exit codes: 0 all are sealed; 1 some were left, each with its reason, or the database does not answer; 2 wrong use.
    """
    # Polars loads here, not at `--help`.
    from cx_pipeline.adapters.crypto.resealing import Resealed, archive_files, reseal

    secret = read_key_file(key_file)
    if is_published(secret):
        click.echo(
            f"Warning: {key_file} holds the key that was printed in the recorder's documentation. Whoever has a copy "
            "of these files can play them: delete the originals once the sealed copies are in their place.",
            err=True,
        )
    settings = load_settings()
    ring = KeyRing.required(settings)
    ring.active_key_id(tenant_id)
    engine = open_engine(settings)
    files, counts, console = list(archive_files(paths)), Counter[str](), Console(stderr=True)
    try:
        stored = RecordingKeys(engine)

        def key_for(file_id: str) -> FileKey:
            return stored.key_for(file_id, tenant_id, ring)

        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            for source, place in progress.track(files, description="files"):
                done: Resealed = reseal(source, out / place, secret, tenant_id, key_for)
                counts[done.outcome] += 1
                if done.outcome == "left":
                    click.echo(f"Left: {source}: {done.reason}", err=True)
                else:
                    click.echo(f"{source}: {done.file_id}")
    finally:
        engine.dispose()
    told = f"{counts['sealed']:,} sealed, {counts['there']:,} there already, {counts['left']:,} left"
    click.echo(f"{count_of(len(files), 'file')}: {told}.")
    if counts["left"]:
        sys.exit(EXIT_FOUND_PROBLEMS)


@click.command(name="open")
@click.argument("sealed", metavar="SEALED", type=_FILE)
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; a new one.",
)
def open_sealed(sealed: Path, out: Path) -> None:
    """Write what the file SEALED holds into a new file that only you may read.

    Exit codes: 0 written; 1 the file was changed, its key is gone, or there is a file of that name; 2 wrong use.
    """
    settings = load_settings()
    ring = KeyRing.required(settings)
    with sealed.open("rb") as file:
        if not is_sealed(file.read(len(MAGIC))):
            raise InputError(
                f"{sealed} is no sealed file: cx-pipeline keys import opens those of the installed base"
            )
        engine = open_engine(settings)
        try:
            key = RecordingKeys(engine).open_key(read_header(file).file_id, ring)
        finally:
            engine.dispose()
        reader = SealedReader(file, key)
        with new_file(out) as target:
            for block in reader:
                target.write(block)
    click.echo(f"{out}: {reader.size_bytes:,} bytes of recording {key.file_id}, tenant {key.tenant_id}.")
