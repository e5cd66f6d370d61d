"""Small sounds, files and plans for the tests of rendering."""

import struct
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import soundfile

from cx_pipeline.adapters.audio.decoding import Int16s
from cx_pipeline.adapters.audio.mixing import MixOrder
from cx_pipeline.adapters.crypto.file_keys import Sealing
from cx_pipeline.core.recording.mix_plan import MixInput, MixPlan, Placement
from cx_pipeline.core.recording.parameters import MixParameters
from cx_pipeline.core.recording.schema import OF_LEG

RECORDING_ID = "6f1f0a52-9a53-8c11-8d5e-0f3a6f6f2b10"
START_TIME = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
WAV_HEADER_BYTES = 44


def tone(frames: int, hz: float = 440.0, rate_hz: int = 8000, amplitude: float = 0.25) -> Int16s:
    time_s = np.arange(frames) / rate_hz
    samples: Int16s = np.round(32767 * amplitude * np.sin(2 * np.pi * hz * time_s)).astype(np.int16)
    return samples


def noise(frames: int, seed: int = 1, amplitude: float = 0.1) -> Int16s:
    """Never silent for long, never the same twice."""
    drawn = np.random.default_rng(seed).normal(0, 32767 * amplitude, frames)
    return np.clip(np.round(drawn), -32767, 32767).astype(np.int16)


def babble(frames: int, seed: int = 1, rate_hz: int = 8000, amplitude: float = 0.1) -> Int16s:
    """Noise in syllables and pauses: about as uneven as speech."""
    time_s = np.arange(frames) / rate_hz
    syllables = np.clip(np.sin(2 * np.pi * 3.3 * time_s + seed), 0, None)
    talking = np.sin(2 * np.pi * 0.13 * time_s + seed) > -0.3
    spoken: Int16s = np.round(noise(frames, seed, amplitude) * syllables * talking).astype(np.int16)
    return spoken


def wav_input(path: Path, samples: Int16s, rate_hz: int = 8000, subtype: str = "PCM_16") -> MixInput:
    """Write a file, and give it as a plan knows it. `samples`: frames, or frames by channels."""
    soundfile.write(path, samples, rate_hz, subtype=subtype, format="WAV")
    content = path.read_bytes()
    return MixInput(
        manifest_id=str(UUID(bytes=path.name.encode().ljust(16, b"\0")[:16])),
        file=str(path),
        encoding=subtype,
        sample_rate_hz=rate_hz,
        channels=1 if samples.ndim == 1 else samples.shape[1],
        frames=len(samples),
        data_offset_bytes=content.index(b"data") + 8,
        size_bytes=len(content),
    )


def placed(source: MixInput, channel: int, output_start: int = 0, **others: Any) -> Placement:
    """The whole file, or what `others` say of it."""
    given = {"source_channel": 0, "source_start": 0, **others}
    given.setdefault("source_frames", source.frames - given["source_start"])
    return Placement(source.manifest_id, channel=channel, output_start=output_start, **given)


def mix_plan(
    inputs: Sequence[MixInput],
    placements: Sequence[Placement],
    frames: int,
    *,
    rate_hz: int = 8000,
    channel_names: tuple[str, ...] = ("near", "far"),
    parameters: MixParameters | None = None,
    **others: Any,
) -> MixPlan:
    given = {"recording_id": RECORDING_ID, "tenant_id": "acme", "start_time": START_TIME, **others}
    return MixPlan(
        kind=OF_LEG,
        call_id="call",
        leg_id="leg",
        legs=(),
        sample_rate_hz=rate_hz,
        channel_names=channel_names,
        frames=frames,
        inputs=tuple(inputs),
        placements=tuple(placements),
        parameters=parameters or MixParameters(),
        **given,
    )


def order_of(plan: MixPlan, folder: Path, **others: Any) -> MixOrder:
    given: dict[str, Any] = {"description": {"agentId": "7"}, "sealing": Sealing("none"), **others}
    return MixOrder(plan=plan, recordings_root=folder / "recordings", stream_roots=(folder,), **given)


def chunks_of(content: bytes) -> dict[bytes, bytes]:
    """The chunks of a RIFF file by their names: a reader that shares nothing with the writer."""
    riff, length, wave = struct.unpack_from("<4sI4s", content)
    assert (riff, length + 8, wave) == (b"RIFF", len(content), b"WAVE")
    found, position = {}, 12
    while position < len(content):
        name, size = struct.unpack_from("<4sI", content, position)
        found[name] = content[position + 8 : position + 8 + size]
        assert len(found[name]) == size
        position += 8 + size + size % 2
    assert position == len(content)
    return found
