"""Calls with real recordings: mixed, sealed and described as the pipeline does it, and stored with their legs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine, insert

from cx_pipeline.adapters.audio.decoding import Int16s
from cx_pipeline.adapters.audio.mixing import MixOrder, make_recording
from cx_pipeline.adapters.crypto.key_ring import KeyRing
from cx_pipeline.adapters.database.message_tables import enriched_leg
from cx_pipeline.adapters.database.recording_keys import RecordingKeys
from cx_pipeline.adapters.database.recordings import Recordings
from cx_pipeline.core.enrichment.schema import ENRICHED_LEG_SCHEMA
from cx_pipeline.core.recording.metadata import recording_metadata
from cx_pipeline.core.recording.mix_plan import LegOffset, Marker, MixPlan, Placement, PlanWarning, Stretch
from cx_pipeline.core.recording.parameters import MixParameters
from cx_pipeline.core.recording.wanted import WantedRecording
from cx_pipeline.core.windows import window_of
from cx_pipeline.settings import Settings
from cx_pipeline_tests.adapters.audio.made_audio import noise, wav_input
from cx_pipeline_tests.adapters.playback.made_recordings import RING_TEXT, MadeRecordings

RATE_HZ = 8000
HOUR = timedelta(hours=1)
START = datetime(2026, 3, 2, 10, 15, tzinfo=UTC)
__all__ = ["RING_TEXT", "START", "RecordedCall", "RecordedCalls", "leg_row", "talk"]


def talk(seconds: float, turns: Sequence[tuple[float, float]], seed: int = 1) -> Int16s:
    """Something like speech during the turns (begin and end in seconds), silence else."""
    frames = round(seconds * RATE_HZ)
    time_s = np.arange(frames) / RATE_HZ
    drawn = np.random.default_rng(seed)
    loudness = drawn.gamma(2.0, 0.32, round(seconds * 7) + 2) * (drawn.random(round(seconds * 7) + 2) > 0.18)
    syllables = np.interp(time_s, np.arange(len(loudness)) / 7, loudness)
    heard = np.zeros(frames)
    for begin, end in turns:
        heard[round(begin * RATE_HZ) : round(end * RATE_HZ)] = 1
    spoken: Int16s = np.round(noise(frames, seed, 0.09) * syllables * heard).astype(np.int16)
    return spoken


_numbers = count(1)


def leg_row(**otherwise: Any) -> dict[str, Any]:
    """A row of `enriched_leg`: an inbound call of five minutes, but for the columns given."""
    start = otherwise.get("start_time", START)
    leg_id, call_id = MadeRecordings.new_id(), otherwise.get("call_id") or MadeRecordings.new_id()
    number = next(_numbers)
    known = {
        "leg_id": leg_id, "call_id": call_id, "tenant_id": "acme", "leg_number": 1, "agent_extension": "1005",
        "root_call_key": f"1_{number}", "status": "COMPLETED", "call_type": "SIMPLE", "direction": "INBOUND",
        "start_time": start, "end_time": start + timedelta(minutes=5), "duration_ms": 300_000, "is_answered": True,
        "is_reportable": True, "is_artefact": False, "origin": "events", "enrichment_status": "COMPLETE",
        "is_decided": True, "customer_identifier": "+18005550199", "service_identifier": "8001",
        "agent_id": "5001", "agent_name": "Anna Muster", "wrap_up": "Satisfied", "cx_call_id": call_id,
    }  # fmt: skip
    row = {**known, **otherwise}
    row["leg_key"] = f"{call_id}:{row['agent_extension']}:x:{round(start.timestamp() * 1000)}"
    assert not set(row) - set(ENRICHED_LEG_SCHEMA)
    return {**row, "window_start": window_of(start, HOUR).start, "high_water": 1, "row_hash": number}


@dataclass(frozen=True)
class RecordedCall:
    """A recording and its legs."""

    recording_id: str
    legs: tuple[dict[str, Any], ...]


@dataclass
class RecordedCalls:
    """Makes them in one database and folder."""

    settings: Settings
    engine: Engine
    folder: Path
    _ring: Any = field(init=False)

    def __post_init__(self) -> None:
        self._ring = KeyRing.load(self.settings)
        self.folder.mkdir(parents=True, exist_ok=True)

    def legs(self, *rows: dict[str, Any]) -> None:
        """Store legs."""
        names = {name for row in rows for name in row}
        filled = [{**dict.fromkeys(names), **row} for row in rows]
        with self.engine.begin() as connection:
            connection.execute(insert(enriched_leg).values(filled))

    def recording(
        self,
        voices: Sequence[Int16s],
        legs: Sequence[dict[str, Any]],
        *,
        channel_names: tuple[str, ...] = (),
        markers: Sequence[tuple[str, float, str]] = (),
        stretches: Sequence[tuple[float, float, str, str]] = (),
        warnings: tuple[PlanWarning, ...] = (),
        parameters: MixParameters | None = None,
        sealing: str = "gcm",
        offsets_ms: Sequence[int] = (),
    ) -> RecordedCall:
        """Mix voices, one a channel, to a recording of some legs that are stored already.

        Args:
            voices: of the channels, equally long.
            legs: rows.
            channel_names: as plans have them; not given: those of one leg.
            markers: kind, second and what the label says beside.
            stretches: begin, end (seconds), type and agent.
            warnings: of the plan.
            parameters: of the mix.
            sealing: how the file is sealed.
            offsets_ms: of the legs; not given: 0.
        """
        recording_id = MadeRecordings.new_id()
        agent = legs[0]["agent_extension"] if legs else "1005"
        inputs = [
            wav_input(self.folder / f"{recording_id[-6:]}-{number}.wav", voice, RATE_HZ)
            for number, voice in enumerate(voices)
        ]
        plan = MixPlan(
            recording_id=recording_id,
            kind="CALL" if len(legs) > 1 else "LEG",
            tenant_id=legs[0]["tenant_id"],
            call_id=legs[0]["call_id"],
            leg_id=legs[0]["leg_id"] if len(legs) == 1 else None,
            legs=tuple(
                LegOffset(leg["leg_id"], offset)
                for leg, offset in zip(legs, offsets_ms or [0] * len(legs), strict=True)
            ),
            start_time=legs[0]["start_time"],
            sample_rate_hz=RATE_HZ,
            channel_names=channel_names or (f"near {agent}", f"far {agent}"),
            frames=len(voices[0]),
            inputs=tuple(inputs),
            placements=tuple(
                Placement(each.manifest_id, 0, 0, each.frames, channel, 0)
                for channel, each in enumerate(inputs)
            ),
            parameters=parameters or MixParameters(),
            markers=tuple(
                Marker(kind, round(at * RATE_HZ), f"{kind.lower()}@0:00 {said}".rstrip())  # type: ignore[arg-type]
                for kind, at, said in markers
            ),
            stretches=tuple(
                Stretch(round(begin * 1000), round(end * 1000), kind, who)  # type: ignore[arg-type]
                for begin, end, kind, who in stretches
            ),
            warnings=warnings,
        )
        self._make(plan, sealing)
        return RecordedCall(recording_id, tuple(legs))

    def _make(self, plan: MixPlan, sealing: str) -> None:
        keys = RecordingKeys(self.engine)
        order = MixOrder(
            plan=plan,
            description={},
            recordings_root=self.settings.recordings_folder,
            stream_roots=(self.folder,),
            sealing=keys.sealing_for(sealing, plan.recording_id, plan.tenant_id, self._ring),  # type: ignore[arg-type]
        )
        rendered = make_recording(order)
        table, window = Recordings(self.engine), window_of(plan.start_time, HOUR)
        wanted = WantedRecording(
            plan.recording_id, plan.tenant_id, plan.kind, "QUEUED",
            tuple(each.manifest_id for each in plan.inputs), plan.call_id, plan.leg_id, rule_id="all", plan=plan,
        )  # fmt: skip
        table.plan(window, [wanted])
        table.completed(plan, rendered, recording_metadata(plan, {}, rendered), None)
