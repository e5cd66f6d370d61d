"""How reports reach us: listeners' stamps, latency, and the noise of a real site. Whole columns, integers only."""

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

import numpy as np
import numpy.typing as npt
import polars as pl

from cx_pipeline.core.events.schema import EVENT_SCHEMA
from cx_pipeline.simulator.plan import Noise, TrafficPlan
from cx_pipeline.simulator.reports import MS, Report
from cx_pipeline.simulator.site import Tenant

SECOND_US = 1_000_000
LATENCY_US = (2_000, 60_000)
LATE_US = (10 * SECOND_US, 1800 * SECOND_US)
LATER_DUPLICATE_US = (50_000, 600 * SECOND_US)
DISPLACED_US = 60 * SECOND_US
SKEW_S = (6, 300)
PARTS_PER_MILLION = 1_000_000
FIRST_LISTENER, SECOND_LISTENER = "listener-a", "listener-b"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What all reports of one call share, and which of them are never made."""

    call_number: int
    tenant_id: str
    source: str
    count: int
    second_listener_offset_us: int
    """0: one listener only."""
    skew_us: int
    lost: tuple[int, ...]
    """Places of lost reports, those of the second listener counted on from `count`."""

    @property
    def has_lost_event(self) -> bool:
        """Whether a report of the call is never made."""
        return bool(self.lost)

    @property
    def has_skew(self) -> bool:
        """Whether a listener of this call has a wrong clock."""
        return self.skew_us > 0


class Disturbance:
    """What happens to the reports of single calls. Draws nothing that the story of a call draws."""

    def __init__(self, plan: TrafficPlan) -> None:
        self._noise = plan.noise
        self._seed = plan.seed

    def has_other_events(self, number: int) -> bool:
        """Whether events that say nothing stand among the call's."""
        return self._rng(number, 1).random() < self._noise.other_events

    def stamp_of(self, number: int, tenant: Tenant, source: str, reports: list[Report]) -> Stamp:
        """The stamp of a call with these reports."""
        noise = self._noise
        is_doubled = noise.second_listener and source == "jtapi"
        count = len(reports)
        rng = self._rng(number, 2)
        is_skewed = rng.random() < noise.skewed
        skew = rng.randrange(SKEW_S[0] * SECOND_US, SKEW_S[1] * SECOND_US) if is_skewed else 0
        all_reports = range(count * (2 if is_doubled else 1))
        return Stamp(
            number,
            tenant.tenant_id,
            source,
            count,
            (150 + 175 * (tenant.index % 7)) * MS if is_doubled else 0,
            skew if count else 0,
            tuple(place for place in all_reports if rng.random() < noise.lost) if noise.lost else (),
        )

    def _rng(self, number: int, purpose: int) -> Random:
        return Random(((self._seed << 32) | number) << 8 | purpose)


def events_from(chunks: Iterable[tuple[pl.DataFrame, list[Stamp]]], plan: TrafficPlan) -> pl.DataFrame:
    """The events in the order of their arrival, columns of `EVENT_SCHEMA`."""
    generator = np.random.Generator(np.random.PCG64([plan.seed, 2]))
    arrived = [_arrive(_stamped(reports, stamps), plan.noise, generator) for reports, stamps in chunks]
    return pl.concat(arrived).sort("order", maintain_order=True).drop("order").rechunk()


def _stamped(reports: pl.DataFrame, stamps: list[Stamp]) -> pl.DataFrame:
    """Reports of all listeners with `event_time`, `true_time` (both integers) and what a call's reports share."""
    counts = np.array([stamp.count for stamp in stamps], dtype=np.int64)
    of_call = np.repeat(np.arange(len(stamps)), counts)
    offset = np.array([stamp.second_listener_offset_us for stamp in stamps], dtype=np.int64)[of_call]
    skew = np.array([stamp.skew_us for stamp in stamps], dtype=np.int64)[of_call]
    is_only_listener = offset == 0
    is_table = np.array([stamp.source == "jtapi_table" for stamp in stamps], dtype=np.bool_)[of_call]
    first = reports.with_columns(
        pl.Series("tenant_id", [stamp.tenant_id for stamp in stamps], dtype=pl.String).gather(of_call),
        pl.Series("source", [stamp.source for stamp in stamps], dtype=pl.String).gather(of_call),
        pl.Series("is_table", is_table),
        pl.Series("is_lost", _lost(stamps, counts, second=False)),
        pl.Series("offset", offset),
        true_time=pl.col("time"),
        # With two listeners it is the second whose clock is wrong.
        event_time=pl.col("time") + pl.Series(np.where(is_only_listener, skew, 0)),
    ).with_columns(listener_id=pl.when(~pl.col("is_table")).then(pl.lit(FIRST_LISTENER)))
    if is_only_listener.all():
        return first.filter(~pl.col("is_lost"))
    second = first.with_columns(
        pl.Series("is_lost", _lost(stamps, counts, second=True)),
        true_time=pl.col("time") + pl.col("offset"),
        event_time=pl.col("time") + pl.col("offset") + pl.Series(skew),
        listener_id=pl.lit(SECOND_LISTENER),
    ).filter(pl.col("offset") > 0)
    return pl.concat([first, second]).filter(~pl.col("is_lost"))


def _lost(stamps: list[Stamp], counts: npt.NDArray[np.int64], *, second: bool) -> npt.NDArray[np.bool_]:
    """Which reports of one listener are never made."""
    lost = np.zeros(int(counts.sum()), dtype=np.bool_)
    starts = np.cumsum(counts) - counts
    for start, stamp in zip(starts.tolist(), stamps, strict=True):
        for place in stamp.lost:
            if (place >= stamp.count) == second:
                lost[start + place % stamp.count] = True
    return lost


def _arrive(stamped: pl.DataFrame, noise: Noise, generator: np.random.Generator) -> pl.DataFrame:
    """Give every event its arrival and its place in the order of arrivals, and double some."""
    height = stamped.height
    received = stamped["true_time"].to_numpy() + generator.integers(*LATENCY_US, height)
    received += _sometimes(noise.late, LATE_US, height, generator)
    twice = np.flatnonzero(_happens(noise.duplicates, height, generator))
    later = _sometimes(0.5, LATER_DUPLICATE_US, len(twice), generator)
    rows = np.concatenate([np.arange(height), twice])
    received = np.concatenate([received, received[twice] + later])
    displaced = generator.integers(-DISPLACED_US, DISPLACED_US, len(rows))
    order = received + np.where(_happens(noise.shuffled, len(rows), generator), displaced, 0)
    return _as_events(
        stamped[rows].with_columns(pl.Series("received_at", received), pl.Series("order", order))
    )


def _happens(probability: float, count: int, generator: np.random.Generator) -> npt.NDArray[np.bool_]:
    return generator.integers(0, PARTS_PER_MILLION, count) < round(probability * PARTS_PER_MILLION)


def _sometimes(
    probability: float, span: tuple[int, int], count: int, generator: np.random.Generator
) -> npt.NDArray[np.int64]:
    """A number out of `span` with this probability, else 0."""
    drawn = generator.integers(*span, count)
    return np.where(_happens(probability, count, generator), drawn, 0)


def _as_events(frame: pl.DataFrame) -> pl.DataFrame:
    columns = [
        pl.col(name).cast(dtype) if name in frame.columns else pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in EVENT_SCHEMA.items()
    ]
    return frame.select(*columns, "order")
