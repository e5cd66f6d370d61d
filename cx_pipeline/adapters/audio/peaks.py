"""How loud a recording is over time, coarsely: what its picture is drawn of, and who spoke when.

Read in blocks, so that hours take no more memory than minutes. What comes out holds no speech, but tells when there
was some: it is kept in memory only, where the audio itself is sealed.
"""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import soundfile

from cx_pipeline.adapters.crypto.plaintext import PlaintextReader, as_file
from cx_pipeline.adapters.playback.source import ReadableAudio
from cx_pipeline.core.errors import InputError

MOST_POINTS = 2000
"""Points of a picture; a wide screen shows about one a pixel."""
FULL = 255
"""The value of full scale in a picture."""
SHORTEST_FRAME_MS = 20
MOST_FRAMES = 60_000
"""Of levels. From 20 minutes on frames get longer: two hours have such of 120 ms."""
BLOCK_FRAMES = 1 << 18

BELOW_LOUD_DB = 25.0
"""What is this much softer than a channel's loud frames is no speech,"""
SOFTEST_SPEECH_DBFS, LOUDEST_THRESHOLD_DBFS = -55.0, -32.0
"""but the threshold is never outside of these."""
HANGOVER_MS = 400
"""Pauses up to this belong to the speech."""
SHORTEST_SPEECH_MS = 120

_FULL_SCALE = 32_768.0
Levels = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ChannelPeaks:
    """One channel's picture."""

    peak: tuple[int, ...]
    """The loudest sample of each point, 0 to `FULL`."""
    rms: tuple[int, ...]
    """The mean level of each point, likewise."""
    speech_ms: tuple[tuple[int, int], ...]
    """From when to when somebody spoke, sorted and disjoint."""


@dataclass(frozen=True, slots=True)
class AudioPeaks:
    """A recording's picture."""

    duration_ms: int
    channels: tuple[ChannelPeaks, ...]


def peaks_of(audio: ReadableAudio) -> AudioPeaks:
    """The picture of audio in any format that libsndfile reads.

    Raises:
        InputError: it is no audio, or none that can be read.
        StorageUnavailableError, BrokenSealError: as its reader raises them.
    """
    try:
        # A file asks a reader for its size and for bytes by place; no more.
        with soundfile.SoundFile(as_file(cast("PlaintextReader", audio))) as sound:
            return _picture(sound)
    except soundfile.LibsndfileError as error:
        raise InputError(f"this is no audio that can be drawn: {error.error_string}") from None


def _picture(sound: Any) -> AudioPeaks:
    rate_hz, frames = int(sound.samplerate), int(sound.frames)
    frame = max(rate_hz * SHORTEST_FRAME_MS // 1000, -(-frames // MOST_FRAMES), 1)
    loudest, squares = _levels(sound, frame)
    duration_ms = round(frames * 1000 / rate_hz)
    frame_ms = frame * 1000 / rate_hz
    return AudioPeaks(
        duration_ms,
        tuple(
            _channel(loudest[:, channel], squares[:, channel], frame_ms, duration_ms)
            for channel in range(sound.channels)
        ),
    )


def _levels(sound: Any, frame: int) -> tuple[Levels, Levels]:
    """Loudest sample (0 to 1) and mean square of each frame and channel."""
    block = max(BLOCK_FRAMES // frame, 1) * frame
    buffer = np.empty((block, sound.channels), dtype=np.int16)
    loudest, squares = [], []
    while len(samples := sound.read(out=buffer)):
        # Each channel's samples beside each other: numpy is several times quicker so.
        apart = np.ascontiguousarray(_padded(samples, frame).T).reshape(sound.channels, -1, frame)
        low, high = apart.min(axis=2).astype(np.float32), apart.max(axis=2).astype(np.float32)
        loudest.append(np.maximum(high, -low).T / _FULL_SCALE)
        scaled = apart.astype(np.float32)
        squares.append(np.einsum("cfs,cfs->cf", scaled, scaled).T / (frame * _FULL_SCALE**2))
    if not loudest:
        nothing = np.zeros((0, sound.channels), dtype=np.float32)
        return nothing, nothing
    return np.concatenate(loudest), np.concatenate(squares).astype(np.float32)


def _padded(samples: npt.NDArray[np.int16], frame: int) -> npt.NDArray[np.int16]:
    """The last frame, filled up with silence."""
    missing = -len(samples) % frame
    return np.pad(samples, ((0, missing), (0, 0))) if missing else samples


def _channel(loudest: Levels, squares: Levels, frame_ms: float, duration_ms: int) -> ChannelPeaks:
    if not len(loudest):
        return ChannelPeaks((), (), ())
    starts = np.unique(
        np.linspace(0, len(loudest), min(len(loudest), MOST_POINTS), endpoint=False).astype(int)
    )
    lengths = np.diff(np.append(starts, len(loudest)))
    rms = np.sqrt(np.add.reduceat(squares, starts) / lengths)
    return ChannelPeaks(
        peak=_told(np.maximum.reduceat(loudest, starts)),
        rms=_told(rms),
        speech_ms=tuple(
            (round(start * frame_ms), min(round(end * frame_ms), duration_ms))
            for start, end in _speech(squares, frame_ms)
        ),
    )


def _told(values: Levels) -> tuple[int, ...]:
    return tuple(np.clip(np.ceil(values * FULL), 0, FULL).astype(int).tolist())


def _speech(squares: Levels, frame_ms: float) -> list[tuple[int, int]]:
    """Runs of loud frames, from frame to frame: short pauses are bridged, then short noises left out."""
    level_dbfs = 10 * np.log10(np.maximum(squares, 1e-12))
    heard = level_dbfs[level_dbfs > SOFTEST_SPEECH_DBFS]
    if not len(heard):
        return []
    loud_dbfs = float(np.percentile(heard, 90))
    threshold = min(max(loud_dbfs - BELOW_LOUD_DB, SOFTEST_SPEECH_DBFS), LOUDEST_THRESHOLD_DBFS)
    edges = np.diff(np.concatenate(([0], (level_dbfs > threshold).astype(np.int8), [0])))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    apart = (starts[1:] - ends[:-1]) * frame_ms > HANGOVER_MS
    starts, ends = starts[np.append(True, apart)], ends[np.append(apart, True)]
    lasts = (ends - starts) * frame_ms >= min(SHORTEST_SPEECH_MS, frame_ms * len(squares))
    return list(zip(starts[lasts].tolist(), ends[lasts].tolist(), strict=True))
