"""The recorders of the demo's site: their files with all that goes wrong, recording rules, a key ring; and what came of it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree

import polars as pl
import soundfile
import yaml
from sqlalchemy import Engine

from cx_pipeline.adapters.crypto.key_ring import KeyRing
from cx_pipeline.adapters.crypto.key_ring_file import change_ring_file
from cx_pipeline.adapters.crypto.plaintext import PlaintextReader, as_file
from cx_pipeline.adapters.crypto.ring_keys import DEFAULT_TENANT, new_key
from cx_pipeline.adapters.database.enriched_legs import EnrichedLegs
from cx_pipeline.adapters.database.recordings import Recordings
from cx_pipeline.adapters.mixing.finished_audio import FinishedAudio
from cx_pipeline.cli.demo_keys import RING_FILE
from cx_pipeline.cli.demo_site import DemoSite
from cx_pipeline.core.recording.percentages import HUNDREDTHS, sampling_numbers
from cx_pipeline.core.recording.schema import COMPLETED, FAILED, SKIPPED
from cx_pipeline.settings import Settings
from cx_pipeline.simulator.audio.comparison import AudioComparison, compare_recordings
from cx_pipeline.simulator.audio.finished import FinishedRecording
from cx_pipeline.simulator.audio.plan import AudioPlan
from cx_pipeline.simulator.audio.simulation import SimulatedAudio, simulate_audio

SHORTEST_KEPT_S = 15
RULE_FILE, STREAMS = "recording-rules.yaml", "streams"
WRITERS = 2


@dataclass(frozen=True, slots=True)
class DemoRecorders:
    """What the recorders left, and the settings by which the pipeline finds it."""

    settings: Settings
    audio: SimulatedAudio


@dataclass(frozen=True, slots=True)
class RecordingOutcome:
    """What became of the legs' recordings.

    `excluded`: recorded, and not kept by a rule. `lost`: to be recorded, and not there. `audio_hours` of finished
    recordings; `mix_seconds` from the first one's begin to the last one's end, for each window.
    """

    recordings: int
    excluded: int
    lost: int
    audio_hours: float
    mix_seconds: float
    comparison: AudioComparison
    rows: pl.DataFrame
    """`MIXED_RECORDING_SCHEMA`."""

    @property
    def is_right(self) -> bool:
        """Whether each recording holds the right voices, in time and on their channels, and none is missing unsaid."""
        unsaid = self.rows.filter((pl.col("state") == FAILED) & pl.col("failure").is_null()).height
        unfinished = self.rows.filter(~pl.col("state").is_in([COMPLETED, SKIPPED, FAILED])).height
        return self.comparison.is_right and not (unsaid or unfinished)


@contextmanager
def recording_site(
    settings: Settings, site: DemoSite, folder: Path, percent: float, *, keep: bool
) -> Iterator[DemoRecorders]:
    """Write rules, key ring and the recorders' files below `folder`; the files go with the context.

    Only the sampled share of calls is recorded at all, as a recorder that asks for the rules would know at once.
    """
    streams = folder / STREAMS
    rmtree(streams, ignore_errors=True)
    rules = folder / RULE_FILE
    rules.write_text(yaml.safe_dump({"rules": _rules(site, percent)}, sort_keys=False), encoding="utf-8")
    ring = folder / RING_FILE
    if not ring.exists():
        key_id, key = new_key(datetime.now(UTC))
        change_ring_file(ring, lambda keys: keys.with_key(DEFAULT_TENANT, key_id, key))
    try:
        audio = simulate_audio(
            site.true_legs,
            AudioPlan(seed=site.plan.seed),
            streams,
            recorded=site.true_legs.filter(is_sampled(site.true_legs, percent)),
            workers=WRITERS,
        )
        reaching = settings.model_copy(
            update={"stream_roots": (streams,), "recording_rules_file": rules, "key_ring_file": ring}
        )
        yield DemoRecorders(reaching, audio)
    finally:
        if not keep:
            rmtree(streams, ignore_errors=True)


def recordings_of(engine: Engine, site: DemoSite, recorders: DemoRecorders) -> RecordingOutcome:
    """Listen to every recording, and hold it against what was truly said."""
    table, settings = Recordings(engine), recorders.settings
    windows = [window.start for window in site.windows]
    rows = table.of_tenants(site.tenants, windows)
    made = rows.filter(pl.col("state") == COMPLETED)
    details = table.details_of(made["recording_id"].to_list())
    finished = FinishedAudio(settings, engine, KeyRing.load(settings))
    sealed_by = {row["path"]: (row["recording_id"], row["encryption"]) for row in made.iter_rows(named=True)}

    def opened(path: str) -> _Sound:
        recording_id, encryption = sealed_by[path]
        return _Sound(finished.open(recording_id, path, encryption))

    found = EnrichedLegs(engine).of_tenants(site.tenants)
    kept = found.join(rows.filter(pl.col("state") == SKIPPED), on="leg_id", how="anti")
    return RecordingOutcome(
        recordings=made.height,
        excluded=rows.filter(pl.col("state") == SKIPPED).height,
        lost=rows.filter(pl.col("state") == FAILED).height,
        audio_hours=round(int(made["duration_ms"].sum()) / 3_600_000, 3),
        mix_seconds=round(table.mixing_seconds(site.tenants, windows), 2),
        comparison=compare_recordings(
            map(FinishedRecording.from_metadata, details.values()), kept, recorders.audio.truth, opened
        ),
        rows=rows,
    )


class _Sound(soundfile.SoundFile):  # type: ignore[misc]
    """A recording that is open for listening; its file is closed with it."""

    def __init__(self, source: AbstractContextManager[PlaintextReader]) -> None:
        self._below = ExitStack()
        super().__init__(as_file(self._below.enter_context(source)))

    def close(self) -> None:
        super().close()
        self._below.close()


def _rules(site: DemoSite, percent: float) -> list[dict[str, object]]:
    """A share of each tenant's calls; short talks are discarded afterwards; the tenants want different files."""
    rules: list[dict[str, object]] = []
    for number, tenant in enumerate(site.tenants):
        parameters = {"format": "flac", "normalise": True} if number % 2 else {"layout": "stereo"}
        rules += [
            {
                "tenant": tenant,
                "id": "short",
                "name": f"Talks under {SHORTEST_KEPT_S} seconds",
                "type": "DURATION",
                "condition": {"max_s": SHORTEST_KEPT_S},
                "action": "SKIP",
                "priority": 20,
            },
            {
                "tenant": tenant,
                "id": "sample",
                "name": f"{percent:g} of a hundred calls",
                "type": "PERCENTAGE",
                "condition": {"percentage": percent},
                "action": "RECORD",
                "priority": 10,
                "parameters": parameters,
            },
            {"tenant": tenant, "id": "rest", "name": "The rest", "type": "DEFAULT", "action": "SKIP"},
        ]
    return rules


def is_sampled(calls: pl.DataFrame, percent: float) -> pl.Series:
    """Whether the calls (`tenant_id`, `root_call_key`) are of the share that is recorded."""
    return sampling_numbers(calls) < percent * HUNDREDTHS / 100
