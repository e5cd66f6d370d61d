"""Simulated audio: the folder that recorders would have left of simulated calls, and the truth about it."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread

import polars as pl

from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.simulator.audio.call_files import CallFacts, Leg, files_of_call, foreign_file
from cx_pipeline.simulator.audio.faults import with_faults
from cx_pipeline.simulator.audio.manifests import with_path, write_manifest
from cx_pipeline.simulator.audio.orders import FileOrder
from cx_pipeline.simulator.audio.plan import AudioPlan
from cx_pipeline.simulator.audio.recorders import Site, draw_of, sites_of
from cx_pipeline.simulator.audio.truth import truth_frame, unrecorded_frame
from cx_pipeline.simulator.audio.wav_files import is_written, write_wav
from cx_pipeline.simulator.frames import TRUE_LEG_SCHEMA

US_AN_HOUR = 3_600_000_000
ORDERS_A_TASK = 16
RECORDED_BY = ("tenant_id", "root_call_key", "agent_extension", "start_time")
"""What names a leg of `recorded`."""


@dataclass(frozen=True, slots=True)
class SimulatedAudio:
    """What the recorders left."""

    plan: AudioPlan
    truth: pl.DataFrame
    """Columns of `AUDIO_TRUTH_SCHEMA`."""
    unrecorded: pl.DataFrame
    """Columns of `UNRECORDED_SCHEMA`."""
    files: int
    """Audio files."""
    manifests: int
    hours: float
    """Of audio, each file counted."""
    size_bytes: int


def simulate_audio(
    legs: pl.DataFrame,
    plan: AudioPlan,
    folder: Path,
    *,
    recorded: pl.DataFrame | None = None,
    workers: int = 1,
    on_files: Callable[[int], object] | None = None,
) -> SimulatedAudio:
    """Write the files and manifests of true legs. The same legs and plan give the same bytes on every machine.

    Args:
        legs: columns of `TRUE_LEG_SCHEMA`; talks that last still leave nothing.
        plan: recorders, clocks, and what goes wrong.
        folder: one of the configured stream roots; it is made if need be.
        recorded: legs to record (`RECORDED_BY`), null for all; where the switch records a call, all its legs.
        workers: processes that write.
        on_files: told now and then how many more files were done, for a progress bar.

    Raises:
        ConfigurationError: these are no true legs, or the folder holds such files already, or cannot be written.
    """
    rows = _rows(legs)
    chosen = _chosen(rows, recorded)
    orders = plan_files(rows, plan, chosen)
    folder = folder.resolve()
    sizes = _write_all(orders, folder, workers, on_files or _ignore)
    truth = truth_frame(orders)
    written = [order for order in orders if is_written(order)]
    return SimulatedAudio(
        plan=plan,
        truth=truth,
        unrecorded=unrecorded_frame(rows, truth, chosen),
        files=len(written),
        manifests=sum(has_manifest for _, has_manifest in sizes),
        hours=sum((order.end - order.start) * len(order.channels) for order in written) / US_AN_HOUR,
        size_bytes=sum(size for size, _ in sizes),
    )


def share_of_calls(legs: pl.DataFrame, percent: float, seed: int) -> pl.DataFrame:
    """The legs of about this share of the calls, for `recorded`."""
    calls = legs.select("tenant_id", "call_number").unique(maintain_order=True)
    is_chosen = [
        draw_of(seed, "is recorded", tenant, number).random() * 100 < percent
        for tenant, number in calls.iter_rows()
    ]
    return legs.join(calls.filter(pl.Series(is_chosen)), on=["tenant_id", "call_number"], how="semi")


def plan_files(rows: list[Leg], plan: AudioPlan, chosen: set[tuple[str, int, int]]) -> list[FileOrder]:
    """What each file is to hold, with what goes wrong; nothing is written."""
    sites = sites_of(sorted({leg["tenant_id"] for leg in rows}), plan)
    calls: dict[tuple[str, int], list[Leg]] = defaultdict(list)
    for leg in rows:
        if leg["talks"]:
            calls[leg["tenant_id"], leg["call_number"]].append(leg)
    taken: set[str] = set()
    return [
        with_path(order, plan.seed, taken)
        for (tenant, number), legs in sorted(calls.items())
        for order in _files_of(legs, tenant, number, sites[tenant], plan, chosen)
    ]


def _files_of(
    legs: list[Leg], tenant: str, number: int, site: Site, plan: AudioPlan, chosen: set[tuple[str, int, int]]
) -> Iterator[FileOrder]:
    if not any(_name(leg) in chosen for leg in legs):
        return
    for place, files in enumerate(files_of_call(CallFacts(legs, site, plan))):
        owners = {(s.leg.tenant_id, s.leg.call_number, s.leg.leg_number) for f in files for s in f.stretches}
        if owners & chosen:
            draw = draw_of(plan.seed, "fault", tenant, number, place)
            yield from with_faults(files, draw, plan.trouble)
    if draw_of(plan.seed, "is foreign", tenant, number).random() < plan.trouble.foreign:
        yield foreign_file(legs, site, plan, number)


def _name(leg: Leg) -> tuple[str, int, int]:
    return leg["tenant_id"], leg["call_number"], leg["leg_number"]


def _rows(legs: pl.DataFrame) -> list[Leg]:
    lacking = [name for name in TRUE_LEG_SCHEMA if name not in legs.columns]
    if lacking:
        raise ConfigurationError(
            f"these are no true legs of this version: {', '.join(lacking)} missing; "
            "make them with cx-pipeline simulate traffic --legs-out FILE.parquet"
        )
    return legs.select(TRUE_LEG_SCHEMA.names()).to_dicts()


def _chosen(rows: list[Leg], recorded: pl.DataFrame | None) -> set[tuple[str, int, int]]:
    if recorded is None:
        return {_name(leg) for leg in rows}
    wanted = set(recorded.select(RECORDED_BY).iter_rows())
    return {_name(leg) for leg in rows if tuple(leg[name] for name in RECORDED_BY) in wanted}


def _ignore(files: int) -> None:
    """Nobody watches."""


def _write_all(
    orders: list[FileOrder], folder: Path, workers: int, on_files: Callable[[int], object]
) -> list[tuple[int, bool]]:
    """Size of each file, and whether it has a manifest."""
    tasks = [orders[first : first + ORDERS_A_TASK] for first in range(0, len(orders), ORDERS_A_TASK)]
    write = partial(write_files, folder)
    written: list[tuple[int, bool]] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for done in _each(write, tasks, workers):
            written.extend(done)
            on_files(len(done))
    except OSError as error:
        raise ConfigurationError(f"cannot write the audio below {folder}: {error}") from error
    return written


def _each(
    write: Callable[[list[FileOrder]], list[tuple[int, bool]]], tasks: list[list[FileOrder]], workers: int
) -> Iterable[list[tuple[int, bool]]]:
    if workers < 2 or len(tasks) < 2:
        yield from map(write, tasks)
        return
    # Polars' threads do not live through a fork.
    with ProcessPoolExecutor(workers, get_context("spawn"), initializer=_end_with_parent) as pool:
        yield from pool.map(write, tasks)


def _end_with_parent() -> None:
    """A pool's processes wait for work for ever if the one that began them is killed."""
    parent = parent_process()
    if parent is not None:
        Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def write_files(folder: Path, orders: list[FileOrder]) -> list[tuple[int, bool]]:
    """Write files and then their manifests, as a recorder does."""
    written = []
    for order in orders:
        size = write_wav(order, folder)
        written.append((size, write_manifest(order, folder, size)))
    return written
