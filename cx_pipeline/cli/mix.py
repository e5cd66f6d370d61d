"""`cx-pipeline mix`: recorders' files to one recording for each call, by hand and without a database."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import Progress

from cx_pipeline.cli.main import EXIT_FOUND_PROBLEMS
from cx_pipeline.cli.rendering.console import open_console
from cx_pipeline.core.errors import CxError
from cx_pipeline.core.recording.parameters import MixParameters
from cx_pipeline.core.recording.schema import (
    FORMATS,
    HOLD_CUT,
    HOLD_MUSIC,
    HOLD_SILENCE,
    MONO,
    MULTICHANNEL,
    STEREO,
)
from cx_pipeline.settings import load_settings

if TYPE_CHECKING:
    import polars as pl

    from cx_pipeline.adapters.crypto.file_keys import Sealing
    from cx_pipeline.core.recording.manifest import Manifest
    from cx_pipeline.core.recording.mix_plan import MixPlan
    from cx_pipeline.core.recording.rendered import RenderedFile

LARGEST_FADE_MS = 1000


@dataclass(frozen=True, slots=True)
class Refused:
    """A manifest, or the recording of a call, of which nothing came, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Mixed:
    """A recording that was made."""

    plan: "MixPlan"
    rendered: "RenderedFile"


@dataclass(frozen=True, slots=True)
class _Workshop:
    """What every recording of one command has in common."""

    parameters: MixParameters
    out: Path
    roots: tuple[Path, ...]
    secret: bytes | None


@click.command(name="mix")
@click.argument(
    "manifests", metavar="MANIFEST…", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path)
)
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder of recordings."
)
@click.option("--layout", type=click.Choice([STEREO, MONO, MULTICHANNEL]), default=STEREO, show_default=True)
@click.option(
    "--hold",
    type=click.Choice([HOLD_SILENCE, HOLD_CUT, HOLD_MUSIC]),
    default=HOLD_SILENCE,
    show_default=True,
    help="What becomes of a second or more in which no file of an agent is.",
)
@click.option(
    "--hold-fade-ms",
    type=click.IntRange(0, LARGEST_FADE_MS),
    default=0,
    show_default=True,
    help="Fade at each cut; 50 is the guide's.",
)
@click.option("--normalise", is_flag=True, help="Bring each channel's speech to -23 LUFS.")
@click.option(
    "--sample-rate",
    "sample_rate_hz",
    type=click.IntRange(8_000, 192_000),
    metavar="HZ",
    help="The highest of the files if not given.",
)
@click.option("--format", "audio_format", type=click.Choice(FORMATS), default=FORMATS[0], show_default=True)
@click.option(
    "--root",
    "roots",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder below which the files lie; may be given again. Else CX_STREAM_ROOTS, else where the manifests lie.",
)
@click.option(
    "--key-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Seal by AES-256-CFB with the key in this file, the IV being the first 16 bytes. Plain if not given.",
)
def mix(
    manifests: Sequence[Path],
    out: Path,
    layout: str,
    hold: str,
    hold_fade_ms: int,
    normalise: bool,
    sample_rate_hz: int | None,
    audio_format: str,
    roots: Sequence[Path],
    key_file: Path | None,
) -> None:
    """Mix the files that MANIFESTs tell of: one recording for each call, from its earliest file's start on.

    A folder stands for all manifests (*.json) below it. Files belong to one call by call key, dialog or refci. There
    are no legs here: recorders' clocks are taken as they are, and holds are where an agent's files leave something out.

    Exit codes: 0 done; 1 a manifest or a file was refused, or something cannot be read or written; 2 wrong use.
    """
    from cx_pipeline.adapters.crypto.key_file import read_key_file
    from cx_pipeline.cli.rendering.mix_report import print_mixed

    paths = list(_manifest_paths(manifests))
    parameters = MixParameters(
        layout=layout,
        sample_rate_hz=sample_rate_hz,
        hold=hold,
        hold_fade_ms=hold_fade_ms,
        is_normalised=normalise,
        format=audio_format,
    )
    secret = None if key_file is None else read_key_file(key_file)
    workshop = _Workshop(parameters, out, _roots(roots, paths), secret)
    told, refused = _read(paths, workshop.roots)
    mixed, failed = _mixed(told, workshop)
    print_mixed(open_console(), out, mixed, [*refused, *failed])
    if refused or failed:
        sys.exit(EXIT_FOUND_PROBLEMS)


def _manifest_paths(given: Sequence[Path]) -> Iterator[Path]:
    """The files, and those below the folders; each once."""
    seen: set[Path] = set()
    for path in given:
        for each in sorted(path.rglob("*.json")) if path.is_dir() else [path]:
            if (real := each.resolve()) not in seen:
                seen.add(real)
                yield real


def _roots(given: Sequence[Path], manifests: Sequence[Path]) -> tuple[Path, ...]:
    """The folders out of which no file is opened."""
    chosen = tuple(given) or load_settings().stream_roots or tuple({path.parent for path in manifests})
    return tuple(sorted({root.resolve() for root in chosen}))


def _read(paths: Sequence[Path], roots: tuple[Path, ...]) -> tuple["pl.DataFrame", list[Refused]]:
    """The manifests with what their files tell (`RECORDING_MANIFEST_SCHEMA`), and those that cannot be used."""
    import polars as pl

    from cx_pipeline.adapters.freeswitch.stream_files import probe
    from cx_pipeline.core.recording.manifest import manifest_frame
    from cx_pipeline.core.recording.schema import RECORDING_MANIFEST_SCHEMA, SCREEN

    rows: list[dict[str, Any]] = []
    found, refused = {}, []
    for path in paths:
        manifest = _parsed(path)
        if isinstance(manifest, Refused):
            refused.append(manifest)
            continue
        facts = probe(manifest.file_path, roots)
        if manifest.recording_type == SCREEN:
            refused.append(Refused(str(path), "SCREEN: it tells of a screen's picture, which is not mixed"))
        elif facts.file_problem is not None:
            refused.append(Refused(str(path), f"{facts.file_problem}: {manifest.file_path}"))
        else:
            found[manifest.manifest_id] = manifest, facts
    for manifest, facts in found.values():
        told = manifest_frame([manifest]).row(0, named=True)
        seen = {name: getattr(facts, name) for name in RECORDING_MANIFEST_SCHEMA if hasattr(facts, name)}
        rows.append(told | seen | {"file_path": facts.real_path})
    return pl.DataFrame(rows, schema=RECORDING_MANIFEST_SCHEMA, orient="row"), refused


def _parsed(path: Path) -> "Manifest | Refused":
    from cx_pipeline.core.recording.manifest import (
        LARGEST_MANIFEST_BYTES,
        ManifestRefusedError,
        decode_manifest,
        parse_manifest,
    )

    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_MANIFEST_BYTES + 1)
        return parse_manifest(decode_manifest(content), manifest_path=str(path))
    except ManifestRefusedError as error:
        return Refused(str(path), str(error))
    except OSError as error:
        return Refused(str(path), f"it cannot be read: {error.strerror}")


def _mixed(told: "pl.DataFrame", workshop: _Workshop) -> tuple[list[Mixed], list[Refused]]:
    """The recording of each call; a call of which none can be made costs only its own."""
    from cx_pipeline.adapters.audio.mixing import MixOrder, make_recording
    from cx_pipeline.core.recording.by_hand import calls_of_manifests, plan_by_hand

    calls = calls_of_manifests(told)
    mixed, failed = [], []
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        for call in progress.track(calls, description="recordings"):
            try:
                plan = plan_by_hand(call, workshop.parameters)
                order = MixOrder(
                    plan, _description(call), workshop.out, workshop.roots, _sealing(plan, workshop)
                )
                mixed.append(Mixed(plan, make_recording(order)))
            except CxError as error:
                failed.append(Refused(_name_of(call), str(error)))
                if error.is_transient:  # what is away or full is so for all that follow
                    break
    return mixed, failed


def _sealing(plan: "MixPlan", workshop: _Workshop) -> "Sealing":
    from cx_pipeline.adapters.crypto.file_keys import FileKey, Sealing

    if workshop.secret is None:
        return Sealing("none")
    return Sealing("cfb", FileKey(plan.recording_id, plan.tenant_id, workshop.secret))


def _description(call: "pl.DataFrame") -> dict[str, Any]:
    """What the manifests tell of the call, by the guide's names (19.5.6)."""

    def first(column: str) -> Any:
        return next(iter(call[column].drop_nulls()), None)

    is_outbound = first("direction") == "OUTBOUND"
    return {
        "globalCallId": first("call_key"),
        "agentExtension": first("agent_extension"),
        "customerNumber": first("called_number" if is_outbound else "calling_number"),
        "calledNumber": first("called_number"),
        "direction": first("direction"),
    }


def _name_of(call: "pl.DataFrame") -> str:
    return f"the call of {call['manifest_path'][0]}"
