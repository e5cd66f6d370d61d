"""`cx-pipeline keys`: the keys of recordings. No command prints a secret."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import click
from rich.console import Console
from rich.progress import Progress

from cx_pipeline.adapters.crypto.key_file import read_key_file
from cx_pipeline.adapters.crypto.key_ring import KeyRing
from cx_pipeline.adapters.crypto.key_ring_file import change_ring_file
from cx_pipeline.adapters.crypto.ring_keys import DEFAULT_TENANT, KeyUse, RingKeys, TenantKeys, new_key
from cx_pipeline.adapters.database.connection import open_engine
from cx_pipeline.adapters.database.recording_keys import RecordingKeys, StoredKey
from cx_pipeline.cli.key_archives import import_archives, open_sealed, tenant_of
from cx_pipeline.cli.main import EXIT_FOUND_PROBLEMS
from cx_pipeline.cli.rendering.console import count_of, open_console, time_of_day
from cx_pipeline.cli.rendering.keys_report import print_failures, print_keys
from cx_pipeline.core.errors import ConfigurationError, KeyMissingError
from cx_pipeline.settings import Settings, load_settings

TENANT = click.argument("tenant_id", metavar="TENANT", callback=tenant_of)


@click.group(name="keys")
def keys() -> None:
    """Make, list, rotate and destroy the keys of recordings; seal old archives anew.

    The tenants' keys are in the file that CX_KEY_RING_FILE names (or in CX_KEY_RING); the key of each recording is in
    the database, wrapped by its tenant's. TENANT `*` stands for all tenants without keys of their own.
    """


@keys.command(name="create")
@TENANT
@click.option(
    "--for",
    "use",
    type=click.Choice(["files", "cfb"]),
    default="files",
    show_default=True,
    help="What it is for: the keys of files, or recordings in the installed base's format.",
)
@click.option(
    "--from-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A key of your own: hexadecimal, base64 or 32 bytes.",
)
@click.option("--replace", is_flag=True, help="Make it the active one in the place of another, which stays.")
def create(tenant_id: str, use: str, from_file: Path | None, *, replace: bool) -> None:
    """Make the first key of TENANT, in the ring that CX_KEY_RING_FILE names; the file is made where there is none.

    Exit codes: 0 made; 1 the tenant has one already, or the ring cannot be written; 2 wrong use.
    """
    secret = None if from_file is None else read_key_file(from_file)
    path = _ring_file(load_settings())
    key_id = _add_key(path, tenant_id, "cfb" if use == "cfb" else "wrap", secret, may_replace=replace)
    click.echo(f"Key {key_id} of tenant {tenant_id} is in {path}, and active.")
    click.echo("Keep a copy of that file in a safe place: without it no recording can be played again.")


@keys.command(name="list")
def list_keys() -> None:
    """List the keys of the ring by name, and how many files each stands for.

    Exit codes: 0 done; 1 files want a key that the ring has not, or the database does not answer; 2 wrong use.
    """
    with _recording_keys() as (ring, stored):
        missing = print_keys(open_console(), ring, stored.usage())
    if missing:
        click.echo(f"The ring lacks {count_of(missing, 'key')} that files want: put it back.", err=True)
        sys.exit(EXIT_FOUND_PROBLEMS)


@keys.command(name="rotate")
@TENANT
@click.option(
    "--only-rewrap", is_flag=True, help="No new key: wrap what an older one wraps by the active one."
)
def rotate(tenant_id: str, *, only_rewrap: bool) -> None:
    """Make a new key for TENANT, and wrap the keys of its files by it. No recording is touched.

    Old keys stay in the ring: `keys drop` takes one out that no file wants. Where several machines have a copy of the
    ring, take two steps: `keys create --replace`, hand the file out, then `keys rotate --only-rewrap`. That also goes
    on where a rotation was interrupted.

    Exit codes: 0 all is wrapped by the new key; 1 some is not, or the database does not answer; 2 wrong use.
    """
    settings = load_settings()
    if not only_rewrap:
        path = _ring_file(settings)
        _require_own_keys(KeyRing.load(settings), tenant_id)
        key_id = _add_key(path, tenant_id, "wrap", None, may_replace=True)
        click.echo(f"Key {key_id} of tenant {tenant_id} is in {path}, and active.")
    with _recording_keys() as (ring, stored):
        done, failures = _rewrap(ring, stored, tenant_id)
    click.echo(f"{count_of(done, 'file')}: their keys are wrapped by {ring.active_key_id(tenant_id)} now.")
    if failures:
        print_failures(open_console(), failures)
        sys.exit(EXIT_FOUND_PROBLEMS)


@keys.command(name="drop")
@TENANT
@click.argument("key_id", metavar="KEY")
@click.option("--yes", is_flag=True, help="Do not ask.")
def drop(tenant_id: str, key_id: str, *, yes: bool) -> None:
    """Take the old KEY of TENANT out of the ring, where no file's key is wrapped by it any more.

    Then what copies of the database still hold of erased files cannot be opened either. End all processes first that
    read the ring before the rotation: what they seal by the old key could never be opened.

    Exit codes: 0 it is out; 1 files want it, it is active, or it is not there; 2 wrong use.
    """
    path = _ring_file(load_settings())
    with _recording_keys() as (_, stored):
        count = sum(each.file_count for each in stored.usage() if each.key_id == key_id)
    if count:
        raise ConfigurationError(
            f"key {key_id} is wanted by {count_of(count, 'file')}: cx-pipeline keys rotate {tenant_id} first"
        )
    if not yes:
        click.confirm(f"Take key {key_id} of tenant {tenant_id} out of {path} for good?", abort=True)
    change_ring_file(path, lambda ring: ring.without_key(tenant_id, key_id))
    click.echo(f"Key {key_id} of tenant {tenant_id} is no longer in {path}.")


@keys.command(name="destroy")
@click.argument("recording_id", metavar="RECORDING_ID", type=click.UUID)
@click.option("--by", required=True, help="Who asks for it.")
@click.option("--reason", required=True, help="Why.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def destroy(recording_id: UUID, by: str, reason: str, *, yes: bool) -> None:
    """Erase a recording for good, by destroying its key: no copy of the file can be opened again.

    Exit codes: 0 it is erased; 1 it has no key of its own, or the answer was no; 2 wrong use.
    """
    if not by.strip() or not reason.strip():
        raise click.UsageError("--by and --reason must say something")
    engine = open_engine(load_settings())
    try:
        stored = RecordingKeys(engine)
        found = stored.stored(str(recording_id))
        if found is not None and found.destroyed_at is None and not yes:
            question = f"Erase recording {recording_id} of tenant {found.tenant_id} for good, for {reason!r}?"
            click.confirm(question, abort=True)
        click.echo(_erasure(stored.destroy(str(recording_id), by=by, reason=reason)))
    finally:
        engine.dispose()


def _erasure(key: StoredKey) -> str:
    when = time_of_day(key.destroyed_at, with_date=True, with_ms=False)
    return f"The key of recording {key.file_id} was destroyed at {when} UTC by {key.destroyed_by}: {key.destroyed_reason}"


def _rewrap(ring: KeyRing, stored: RecordingKeys, tenant_id: str) -> tuple[int, list[str]]:
    console, done = Console(stderr=True), 0
    failures: list[str] = []
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("files", total=stored.count_to_rewrap(tenant_id, ring))
        for step in stored.rotate(tenant_id, ring):
            done += step.rewrapped
            failures.extend(step.failures)
            progress.advance(task, step.rewrapped + len(step.failures))
    return done, failures


def _add_key(path: Path, tenant_id: str, use: KeyUse, secret: bytes | None, *, may_replace: bool) -> str:
    key_id, key = new_key(datetime.now(UTC), secret)

    def added(ring: RingKeys) -> RingKeys:
        before = ring.tenants.get(tenant_id, TenantKeys())
        there = before.active_cfb if use == "cfb" else before.active
        if there is not None and not may_replace:
            message = f"tenant {tenant_id} has key {there} already: --replace makes another one active"
            raise ConfigurationError(message)
        return ring.with_key(tenant_id, key_id, key, use)

    change_ring_file(path, added)
    return key_id


def _require_own_keys(ring: KeyRing | None, tenant_id: str) -> None:
    """Rotating a tenant that lives on the default's key would quietly give it a key of its own."""
    if ring is None or tenant_id not in ring.keys.tenants or ring.owner_of(tenant_id) != tenant_id:
        raise KeyMissingError(
            f"tenant {tenant_id} has no key of its own in the ring: cx-pipeline keys create {tenant_id} makes one, "
            f"cx-pipeline keys rotate '{DEFAULT_TENANT}' rotates that of all others"
        )


def _ring_file(settings: Settings) -> Path:
    if settings.key_ring is not None:
        raise ConfigurationError(
            "the keys come from CX_KEY_RING, which no command can change: make them in a file (CX_KEY_RING_FILE), and "
            "hand over its content"
        )
    if settings.key_ring_file is None:
        raise ConfigurationError("CX_KEY_RING_FILE must name the file of the key ring")
    return settings.key_ring_file


@contextmanager
def _recording_keys() -> Iterator[tuple[KeyRing, RecordingKeys]]:
    settings = load_settings()
    ring = KeyRing.required(settings)
    engine = open_engine(settings)
    try:
        yield ring, RecordingKeys(engine)
    finally:
        engine.dispose()


keys.add_command(import_archives)
keys.add_command(open_sealed)
