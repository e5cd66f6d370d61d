"""A simulated site: what its listeners reported, who works there, and what truly happened."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from cx_pipeline.adapters.directory.yaml_file import read_directory_file
from cx_pipeline.core.directory import Directory
from cx_pipeline.simulator.files import write_directory
from cx_pipeline.simulator.plan import TrafficPlan, noise_from_text
from cx_pipeline.simulator.traffic import simulate_traffic

DAY = datetime(2026, 3, 2, tzinfo=UTC)


@dataclass(frozen=True)
class SimulatedSite:
    """`events` in the order of their arrival, the `legs` as they were, and the `directory` that the site keeps."""

    events: pl.DataFrame
    legs: pl.DataFrame
    directory: Directory
    directory_file: Path


def simulated_site(folder: Path, *, noise: str, **plan: Any) -> SimulatedSite:
    """Simulate; the directory goes the way of every directory, through a file below `folder`."""
    traffic = simulate_traffic(TrafficPlan(noise=noise_from_text(noise), **{"start": DAY, **plan}))
    file = folder / "directory.yaml"
    write_directory(traffic.directory, file)
    return SimulatedSite(traffic.events, traffic.legs, read_directory_file(file), file)
