"""Simulated calls of every kind with their audio, taken from files to finished recordings by the product's own functions."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import soundfile

from cx_pipeline.adapters.audio.mixing import MixOrder, make_recording
from cx_pipeline.adapters.freeswitch.manifest_files import read_manifest_file
from cx_pipeline.adapters.freeswitch.probing import with_files
from cx_pipeline.adapters.freeswitch.storage_watch import StorageWatch
from cx_pipeline.core.calls.correlate import correlate
from cx_pipeline.core.calls.rules import DEFAULT_RULES
from cx_pipeline.core.directory import Directory
from cx_pipeline.core.enrichment.schema import ENRICHED_LEG_SCHEMA
from cx_pipeline.core.recording.evaluation import decide_window
from cx_pipeline.core.recording.manifest import Manifest, identified
from cx_pipeline.core.recording.matching import SegmentMatches, match_segments
from cx_pipeline.core.recording.mix_plan import MixPlan
from cx_pipeline.core.recording.options import PlanOptions
from cx_pipeline.core.recording.planning import MissingRecording, plan_window
from cx_pipeline.core.recording.rules import rule_set
from cx_pipeline.core.recording.schema import RECORDING_MANIFEST_SCHEMA
from cx_pipeline.core.recording.wanted import files_without_leg
from cx_pipeline.core.windows import Window
from cx_pipeline.simulator.audio.comparison import AudioComparison, compare_recordings
from cx_pipeline.simulator.audio.finished import AudioSource, FinishedRecording
from cx_pipeline.simulator.audio.plan import AudioPlan, AudioTrouble
from cx_pipeline.simulator.audio.simulation import SimulatedAudio, simulate_audio
from cx_pipeline_tests.end_to_end.simulated_site import DAY, simulated_site

START, HOURS = DAY + timedelta(hours=9), 1
HOUR, SLACK = timedelta(hours=1), timedelta(minutes=1)
RECORD_ALL = rule_set({}, "test", [])
TROUBLE = AudioTrouble(
    missing_side=0.02,
    missing_manifest=0.02,
    died=0.02,
    unfinished_header=0.05,
    empty=0.02,
    missing_file=0.02,
    overlap=0.04,
    restart=0.04,
    mask=0.06,
    siprec=0.1,
    efswitch=0.1,
    foreign=0.05,
    clock_offset_ms=3000,
    drift_ppm=200,
    setup_ms=(5, 60),
)


@dataclass(frozen=True)
class WindowOfSite:
    """What the recording side computes for one window."""

    legs: pl.DataFrame
    manifests: pl.DataFrame
    decisions: pl.DataFrame
    matches: SegmentMatches
    plans: tuple[MixPlan, ...]
    missing: tuple[MissingRecording, ...]


@dataclass(frozen=True)
class RecordedSite:
    """A site, its audio, and what was made of it. `legs` are `ENRICHED_LEG_SCHEMA`, those that were to be recorded."""

    audio: SimulatedAudio
    legs: pl.DataFrame
    windows: tuple[WindowOfSite, ...]
    streams: Path
    out: Path

    @property
    def plans(self) -> Iterator[MixPlan]:
        """Of all windows."""
        return (plan for window in self.windows for plan in window.plans)

    @property
    def missing(self) -> Iterator[MissingRecording]:
        """Of all windows."""
        return (missing for window in self.windows for missing in window.missing)

    def compared(self, recordings: Iterable[FinishedRecording]) -> AudioComparison:
        """The recordings, held against the truth."""
        return compare_recordings(recordings, self.decided_legs, self.audio.truth, self.open_audio)

    @property
    def decided_legs(self) -> pl.DataFrame:
        """The legs that were to be recorded."""
        wanted = pl.concat(window.decisions for window in self.windows).filter(pl.col("action") == "RECORD")
        return self.legs.join(wanted.select("leg_id").drop_nulls(), on="leg_id", how="semi")

    def open_audio(self, path: str) -> AudioSource:
        """Opens a recording below `out`."""
        source: AudioSource = soundfile.SoundFile(self.out / path)
        return source

    def rendered(self, plan: MixPlan) -> FinishedRecording:
        """Make the recording of a plan."""
        made = make_recording(MixOrder(plan, {}, self.out, (self.streams,)))
        return FinishedRecording(
            recording_id=plan.recording_id,
            path=made.path,
            kind=plan.kind,
            start_time=plan.start_time,
            leg_ids=tuple(leg.leg_id for leg in plan.legs),
            channel_names=plan.channel_names,
            clock_offset_ms=plan.clock_offset_ms,
            hold=plan.parameters.hold,
        )


def recorded_site(
    folder: Path, *, seed: int, trouble: AudioTrouble = TROUBLE, per_kind: int = 2, **parameters: object
) -> RecordedSite:
    """Simulate a site, and go the way from events and files to plans, window by window.

    Args:
        folder: for everything.
        seed: of calls and audio.
        trouble: of the recorders.
        per_kind: how many calls of each kind and source are recorded, the shortest ones.
        parameters: of the decisions, instead of the default's (`layout`, `hold` and so on).
    """
    folder.mkdir(exist_ok=True)
    site = simulated_site(
        folder,
        noise="realistic,lost=0,skewed=0",
        calls=700,
        start=START,
        hours=HOURS,
        seed=seed,
        tenants=2,
        dialect="both",
        let_calls_finish=True,
    )
    streams = folder / "streams"
    chosen = _of_every_kind(site.legs, per_kind)
    audio = simulate_audio(site.legs, AudioPlan(seed=seed, trouble=trouble), streams, recorded=chosen)
    found = correlate(site.events, DEFAULT_RULES, site.directory, START + timedelta(hours=HOURS + 24))
    # What is not recorded at all is no business of these tests.
    names = ["tenant_id", "root_call_key", "agent_extension", "start_time"]
    legs = enriched(found.legs.join(chosen.select(names), on=names, how="semi"))
    manifests = manifests_below(streams)
    windows = tuple(
        _window(
            Window(START + hour * HOUR, START + (hour + 1) * HOUR),
            legs,
            manifests,
            site.directory,
            parameters,
        )
        for hour in range(HOURS + 4)
    )
    assert sum(window.legs.height for window in windows) == legs.height
    return RecordedSite(audio, legs, windows, streams, folder / "out")


def _of_every_kind(legs: pl.DataFrame, per_kind: int) -> pl.DataFrame:
    """The legs of the shortest calls of each kind and source."""
    calls = legs.group_by("call_number").agg(
        pl.col("scenario", "source").first(), length=pl.col("end_time").max() - pl.col("start_time").min()
    )
    place = pl.int_range(pl.len()).over("scenario", "source")
    chosen = calls.sort("length", "call_number").filter(place < per_kind)
    return legs.join(chosen, on="call_number", how="semi")


def enriched(legs: pl.DataFrame) -> pl.DataFrame:
    """Legs as they are while no Cisco record has come."""
    hold = pl.element().struct
    segments = pl.col("hold_segments").list.eval(
        pl.struct(
            start_time=hold.field("start_time"),
            end_time=hold.field("end_time"),
            duration_ms=(hold.field("end_time") - hold.field("start_time")).dt.total_milliseconds(),
            is_synthetic=pl.lit(value=False),
        )
    )
    told = {"hold_segments": segments, "cx_call_id": pl.col("call_id"), "is_decided": pl.lit(value=True)}
    return legs.with_columns(**told).select(
        (pl.col(name) if name in legs.columns or name in told else pl.lit(None).alias(name)).cast(dtype)
        for name, dtype in ENRICHED_LEG_SCHEMA.items()
    )


def manifests_below(streams: Path) -> pl.DataFrame:
    """All manifests of a folder with what their files tell, `RECORDING_MANIFEST_SCHEMA`."""
    paths = sorted(path for path in streams.rglob("*.json*"))
    read = [read_manifest_file(str(path), [streams]) for path in paths]
    usable = [manifest for manifest in read if isinstance(manifest, Manifest)]
    assert len(usable) == len(paths), [each for each in read if not isinstance(each, Manifest)][:3]
    found = with_files(identified(usable), [streams], StorageWatch())
    return found.select(RECORDING_MANIFEST_SCHEMA.names())


def _window(
    window: Window,
    legs: pl.DataFrame,
    manifests: pl.DataFrame,
    directory: Directory,
    parameters: dict[str, object],
) -> WindowOfSite:
    ended = legs.filter(pl.col("end_time").is_between(window.start, window.end, closed="left"))
    near = manifests.filter(
        pl.col("start_time") < window.end + SLACK,
        pl.col("end_time").fill_null(_long_ago(window)) > window.start - timedelta(hours=12),
    )
    options = PlanOptions(window)
    matches = match_segments(ended, near, options)
    unmatched = files_without_leg(near, matches.pairs)
    decisions = decide_window(
        ended,
        near,
        RECORD_ALL,
        directory,
        unmatched=unmatched,
    )
    recorded = pl.col("action") == "RECORD"
    decisions = decisions.with_columns(
        pl.when(recorded).then(pl.lit(value)).otherwise(name).cast(decisions.schema[name]).alias(name)
        for name, value in parameters.items()
    )
    planned = plan_window(ended, near, decisions, matches, options)
    return WindowOfSite(ended, near, decisions, matches, planned.plans, planned.missing)


def _long_ago(window: Window) -> datetime:
    return window.start
