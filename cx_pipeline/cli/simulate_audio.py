"""`cx-pipeline simulate audio`: the files that recorders would have left of simulated traffic."""

import os
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from cx_pipeline.core.errors import ConfigurationError


@click.command()
@click.option(
    "--legs",
    "legs_file",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="File *.parquet of the true legs, as simulate traffic --legs-out writes it.",
)
@click.option(
    "--out",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder of streams, with a folder for each day: one of CX_STREAM_ROOTS.",
)
@click.option(
    "--truth-out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File *.parquet of the truth: what lies where in which file.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same bytes."
)
@click.option("--recorders", type=click.IntRange(1, 99), default=3, show_default=True, help="Of each tenant.")
@click.option(
    "--percent",
    type=click.FloatRange(0, 100),
    default=100.0,
    show_default=True,
    help="Share of the calls that are recorded.",
)
@click.option(
    "--noise",
    "noise_texts",
    multiple=True,
    metavar="NOISE",
    help="none, realistic (the default), or a list as missing_side=0.01,missing_manifest=0.01,died=0.01,"
    "unfinished_header=0.01,empty=0.01,missing_file=0.01,overlap=0.01,restart=0.01,mask=0.02,siprec=0.05,efswitch=0.05,"
    "foreign=0.01,clock_offset_ms=3000,drift_ppm=200,setup_ms=5-60; may be given again to change single ones.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=min(2, os.cpu_count() or 1),
    show_default=True,
    help="Processes that write.",
)
def audio(
    legs_file: Path,
    folder: Path,
    truth_out: Path | None,
    seed: int,
    recorders: int,
    percent: float,
    noise_texts: tuple[str, ...],
    workers: int,
) -> None:
    """Write near and far files of simulated calls, with manifests, wrong clocks and real faults.

    An hour of a call takes about 115 MB. The folder must not hold the same files already.
    """
    from cx_pipeline.simulator import files
    from cx_pipeline.simulator.audio.plan import AudioPlan

    try:
        plan = AudioPlan(seed=seed, recorders=recorders, trouble=_trouble(noise_texts))
        if truth_out is not None:
            files.require_suffix(truth_out, (".parquet",))
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from error
    simulated = _simulate(legs_file, plan, folder, percent, workers)
    if truth_out is not None:
        files.write_true_legs(simulated.truth, truth_out)
        click.echo(f"{simulated.truth.height:,} stretches of audio in {truth_out}")
    click.echo(_summary(simulated, folder))


def _trouble(texts: tuple[str, ...]) -> Any:
    from cx_pipeline.simulator.audio.plan import REALISTIC, trouble_from_text

    trouble = REALISTIC
    for text in texts:
        trouble = trouble_from_text(text, trouble)
    return trouble


def _simulate(legs_file: Path, plan: Any, folder: Path, percent: float, workers: int) -> Any:
    from cx_pipeline.simulator import files
    from cx_pipeline.simulator.audio.simulation import share_of_calls, simulate_audio

    legs = files.read_true_legs(legs_file)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        done = progress.add_task("files", total=None)
        return simulate_audio(
            legs,
            plan,
            folder,
            recorded=None if percent == 100 else share_of_calls(legs, percent, plan.seed),
            workers=workers,
            on_files=lambda more: progress.advance(done, more),
        )


def _summary(simulated: Any, folder: Path) -> str:
    """What was written, and of how many legs there is nothing for which reason."""
    reasons = simulated.unrecorded["reason"].value_counts(sort=True)
    lines = [
        f"{simulated.files:,} files ({simulated.hours:,.1f} h of audio, {simulated.size_bytes / 1e6:,.0f} MB) "
        f"and {simulated.manifests:,} manifests in {folder}"
    ]
    if reasons.height:
        told = ", ".join(f"{count:,} {reason}" for reason, count in reasons.iter_rows())
        lines.append(f"legs without a recording: {told}")
    return "\n".join(lines)
