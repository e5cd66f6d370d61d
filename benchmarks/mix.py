"""How fast pairs of voices become recordings, against SoX in the same run, and how much memory a long call takes.

    python benchmarks/mix.py [--pairs 100] [--minutes 5] [--hours 4] [--folder FOLDER]

Makes pairs of mono files (8 kHz, 16 bit) and mixes each to a stereo WAV file, plain, and with level and 16 kHz. SoX
(`sox -M near far out`, and with `rate 16000 norm -1`) is a process for each file, ours is one warm process of the pool;
the two take turns in batches. Ours also hashes inputs and output, describes, and forces everything to disk; the time
of the hashes is told apart. Then a call of some hours is mixed in a process of its own, whose growth is printed.
"""

import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from uuid import UUID

import click
import numpy as np
import numpy.typing as npt

from cx_pipeline.adapters.audio.mixing import MixOrder, make_recording
from cx_pipeline.adapters.audio.pool import MixPool
from cx_pipeline.adapters.audio.wav_writer import WavForm, wav_header
from cx_pipeline.core.recording.mix_plan import MixInput, MixPlan, Placement
from cx_pipeline.core.recording.parameters import MixParameters

RATE_HZ = 8_000
TARGET_RATIO = {"plain stereo": 2.0, "level and 16 kHz": 1.0}
TARGET_GROWTH_MB = 150
BATCH = 10
TIMEOUT_S = 600.0


@dataclass
class Work:
    """One way to mix, and what it took so far."""

    name: str
    sox_effects: tuple[str, ...]
    rate_hz: int
    parameters: MixParameters
    sox_s: float = 0.0
    ours_s: float = 0.0
    hash_s: float = 0.0
    files: int = field(default=0)


def speech(seconds: float, seed: int) -> npt.NDArray[np.int16]:
    """Noise in syllables and pauses."""
    frames = round(seconds * RATE_HZ)
    time_s = np.arange(frames) / RATE_HZ
    syllables = np.clip(np.sin(2 * np.pi * 3.3 * time_s + seed), 0, None)
    drawn = np.random.default_rng(seed).normal(0, 3000, frames)
    spoken: npt.NDArray[np.int16] = np.clip(drawn * syllables, -32767, 32767).astype(np.int16)
    return spoken


def make_input(path: Path, seconds: float, seed: int) -> MixInput:
    """A file of so many seconds, a minute or less again and again."""
    piece = speech(min(seconds, 60.0), seed)
    repeats = max(1, round(seconds * RATE_HZ / len(piece)))
    frames = repeats * len(piece)
    header = wav_header(WavForm(RATE_HZ, 1, frames))
    with path.open("wb") as file:
        file.write(header)
        for _ in range(repeats):
            file.write(piece.tobytes())
    name = path.stem
    size = path.stat().st_size
    return MixInput(name, str(path), "PCM_16", RATE_HZ, 1, frames, len(header), size)


def order_of(pair: Sequence[MixInput], number: int, work: Work, root: Path) -> MixOrder:
    """The pair as an order."""
    placements = tuple(
        Placement(each.manifest_id, 0, 0, each.frames, channel, 0) for channel, each in enumerate(pair)
    )
    plan = MixPlan(
        recording_id=str(UUID(int=number)),
        kind="LEG",
        tenant_id="benchmark",
        call_id=None,
        leg_id=None,
        legs=(),
        start_time=datetime(2026, 3, 1, tzinfo=UTC),
        sample_rate_hz=work.rate_hz,
        channel_names=("near", "far"),
        frames=pair[0].frames * work.rate_hz // RATE_HZ,
        inputs=tuple(pair),
        placements=placements,
        parameters=work.parameters,
    )
    return MixOrder(plan, {}, root, (Path(pair[0].file).parent,))


def run_sox(pairs: Sequence[Sequence[MixInput]], work: Work, folder: Path) -> None:
    """One process a pair."""
    started = perf_counter()
    for number, (near, far) in enumerate(pairs):
        command = ["sox", "-M", near.file, far.file, str(folder / f"{number}.wav"), *work.sox_effects]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    work.sox_s += perf_counter() - started


def run_ours(pool: MixPool, orders: Sequence[MixOrder], work: Work) -> None:
    """One warm process for all."""
    started = perf_counter()
    for outcome in pool.run(orders):
        if outcome.rendered is None:
            raise SystemExit(f"{outcome.failure}: {outcome.error}")
        work.hash_s += outcome.rendered.hash_s
    work.ours_s += perf_counter() - started
    work.files += len(orders)


def batches(pairs: Sequence[Sequence[MixInput]]) -> Iterator[tuple[int, Sequence[Sequence[MixInput]]]]:
    """The pairs a few at a time, so that both programs meet the same moods of the machine."""
    for first in range(0, len(pairs), BATCH):
        yield first, pairs[first : first + BATCH]


def compare(work: Work, pairs: Sequence[Sequence[MixInput]], folder: Path, *, has_sox: bool) -> None:
    """Mix all pairs by both programs, and print what it took."""
    with MixPool(1, TIMEOUT_S) as pool:
        for _ in pool.run([order_of(pairs[0], 10**6, work, folder / "warm")]):
            pass
        for first, batch in batches(pairs):
            outputs = folder / "outputs"
            outputs.mkdir()
            orders = [order_of(pair, first + n, work, outputs) for n, pair in enumerate(batch)]
            if has_sox:
                run_sox(batch, work, outputs)
                os.sync()
            run_ours(pool, orders, work)
            os.sync()
            shutil.rmtree(outputs)
    audio_s = pairs[0][0].frames / RATE_HZ * work.files
    bare_s = work.ours_s - work.hash_s
    print(
        f"{work.name:<18} ours {work.files / bare_s:>7.1f} files/s without hashes, {work.files / work.ours_s:.1f} with ("
        f"{audio_s / work.ours_s:,.0f} times real time)",
        flush=True,
    )
    if has_sox:
        ratio = work.sox_s / bare_s
        print(
            f"{'':<18} SoX  {work.files / work.sox_s:>7.1f} files/s  ours is {ratio:.2f} times SoX "
            f"(target {TARGET_RATIO[work.name]:g})",
            flush=True,
        )


def status_bytes(name: str) -> int:
    """A figure of this process's memory."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) * 1024


def print_growth(orders_file: Path) -> None:
    """Mix the first order to warm up, then the second, and print seconds and bytes of growth."""
    warm_up, order = pickle.loads(orders_file.read_bytes())
    make_recording(warm_up)
    before, started = status_bytes("VmRSS"), perf_counter()
    Path("/proc/self/clear_refs").write_text("5")
    make_recording(order)
    print(perf_counter() - started, status_bytes("VmHWM") - before)


def measure_growth(works: Sequence[Work], hours: float, pair: Sequence[MixInput], folder: Path) -> None:
    """Mix a long call each way, in a process of its own."""
    long = [make_input(folder / f"long-{side}.wav", hours * 3600, side) for side in (1, 2)]
    for work in works:
        orders = [order_of(each, number, work, folder / "grown") for number, each in enumerate((pair, long))]
        (folder / "orders").write_bytes(pickle.dumps(orders))
        command = [sys.executable, __file__, "--growth-of", str(folder / "orders")]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        seconds, growth = float(told[0]), int(told[1])
        print(
            f"{work.name:<18} {hours:g} h call: {seconds:.1f} s, {growth / 1e6:.1f} MB of growth "
            f"(target {TARGET_GROWTH_MB})",
            flush=True,
        )
        shutil.rmtree(folder / "grown")


@click.command(help=__doc__)
@click.option("--pairs", default=100, show_default=True)
@click.option("--minutes", default=5.0, show_default=True)
@click.option("--hours", default=4.0, show_default=True, help="Of the long call; 0: none.")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="Where to work.")
@click.option("--growth-of", type=click.Path(path_type=Path), hidden=True)
def main(pairs: int, minutes: float, hours: float, folder: Path | None, growth_of: Path | None) -> None:
    """Print the figures."""
    if growth_of is not None:
        print_growth(growth_of)
        return
    works = (
        Work("plain stereo", (), RATE_HZ, MixParameters()),
        Work("level and 16 kHz", ("rate", "16000", "norm", "-1"), 16_000, MixParameters(is_normalised=True)),
    )
    has_sox = shutil.which("sox") is not None
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        work_folder = Path(temporary)
        inputs = [
            [
                make_input(work_folder / f"{number}-{side}.wav", minutes * 60, 2 * number + side)
                for side in (0, 1)
            ]
            for number in range(pairs)
        ]
        print(
            f"{pairs} pairs of {minutes:g} min, mono, 8 kHz; one warm process{'' if has_sox else '; no SoX here'}"
        )
        for work in works:
            compare(work, inputs, work_folder, has_sox=has_sox)
        if hours:
            measure_growth(works, hours, inputs[0], work_folder)


if __name__ == "__main__":
    main()
