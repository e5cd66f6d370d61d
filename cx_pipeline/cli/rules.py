"""`cx-pipeline rules`: what is recorded, and what other rules would change."""

from datetime import timedelta
from pathlib import Path

import click
import polars as pl

from cx_pipeline.adapters.database.connection import open_engine
from cx_pipeline.adapters.directory.loading import load_directory
from cx_pipeline.adapters.recording_rules.loading import rules_in_force
from cx_pipeline.adapters.recording_rules.made_recordings import made_recordings
from cx_pipeline.adapters.recording_rules.table import replace_rules_table
from cx_pipeline.adapters.recording_rules.yaml_file import read_rules_file
from cx_pipeline.adapters.storage.frame_store import FrameStore
from cx_pipeline.cli.rendering.console import count_of, open_console
from cx_pipeline.cli.rendering.rules_report import print_changes, print_rules
from cx_pipeline.core.frames import ENRICHED_CALL_LEGS, RAW_RECORDING_MANIFESTS, RECORDING_DECISIONS
from cx_pipeline.core.recording.evaluation import decide_window
from cx_pipeline.core.recording.rule_comparison import compare_decisions
from cx_pipeline.core.windows import KEY_FORMAT, Window, window_from_key
from cx_pipeline.settings import Settings, load_settings

RULES_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(name="rules")
def rules() -> None:
    """Check the recording rules, and keep them in the database."""


@rules.command(name="check")
@click.argument("file", type=RULES_FILE)
@click.option(
    "--window",
    "key",
    metavar="KEY",
    help="Compare over this window, as 2026-01-31-09:00, with the rules in force.",
)
def check(file: Path, key: str | None) -> None:
    """Check the recording rules in the YAML FILE; with --window, tell what they would record, skip and delete.

    Nothing changes. The rules in force are those that the pipeline used last. Files without a leg are those that the
    window's decisions know.

    Exit codes: 0 the rules are right; 1 they are refused, or the window has no legs yet; 2 wrong use.
    """
    window = None if key is None else _window(key, load_settings().window_length)
    given = read_rules_file(file)
    console = open_console()
    print_rules(console, file.name, given)
    if window is None:
        return
    settings = load_settings()
    engine = open_engine(settings)
    try:
        in_force = rules_in_force(settings, engine)
        directory = load_directory(settings, engine)
        made = made_recordings(engine, window)
    finally:
        engine.dispose()
    if in_force.problem is not None:
        click.echo(f"The rules in force are refused, everything is recorded: {in_force.problem}", err=True)
    legs, manifests, unmatched = _frames(settings, window)
    before, after = (
        decide_window(legs, manifests, each, directory, unmatched=unmatched)
        for each in (in_force.rules, given)
    )
    print_changes(
        console, window, in_force.rules.version, given.version, compare_decisions(before, after, made)
    )


@rules.command(name="load")
@click.argument("file", type=RULES_FILE)
def load(file: Path) -> None:
    """Put the rules of the YAML FILE in the place of those in the database, in one transaction.

    Nothing changes if the file has a fault. They hold from the next computation of a window on, where
    CX_RECORDING_RULES_FILE is not set.

    Exit codes: 0 loaded; 1 the file is refused, or the database does not answer; 2 wrong use.
    """
    given = read_rules_file(file)
    settings = load_settings()
    engine = open_engine(settings)
    try:
        count = replace_rules_table(engine, given)
    finally:
        engine.dispose()
    click.echo(f"{count_of(count, 'rule')} in the database, version {given.version}")
    if settings.recording_rules_file is not None:
        click.echo(
            f"They are not used: CX_RECORDING_RULES_FILE names {settings.recording_rules_file}.", err=True
        )


def _frames(settings: Settings, window: Window) -> tuple[pl.DataFrame, pl.DataFrame, list[str]]:
    """The window's legs, manifests, and the ids of those that belong to no leg."""
    store = FrameStore(settings.frames_root)
    legs = store.read(ENRICHED_CALL_LEGS, window).frame
    manifests, decisions = (
        store.find(each, window) for each in (RAW_RECORDING_MANIFESTS, RECORDING_DECISIONS)
    )
    if manifests is None or decisions is None:
        return legs, RAW_RECORDING_MANIFESTS.schema.to_frame(), []
    without_a_leg = decisions.frame["manifest_id"].drop_nulls().to_list()
    return legs, manifests.frame, without_a_leg


def _window(key: str, length: timedelta) -> Window:
    try:
        return window_from_key(key, length)
    except ValueError:
        raise click.UsageError(
            f"--window {key!r} is no window: write 2026-01-31-09:00 ({KEY_FORMAT})"
        ) from None
