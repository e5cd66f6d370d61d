"""What is said of a written channel: its peak, its level, and how much of it is silence."""

from math import log10

import numpy as np

from cx_pipeline.adapters.audio.decoding import SCALE_INT16, Int16s

STRETCH_MS = 20
"""Silence is told by stretches of so long, the frames of telephony."""
_SILENCE_DBFS = -60.0
_LOUDEST_SILENCE = int(SCALE_INT16 * 10 ** (_SILENCE_DBFS / 20))


class ChannelLevels:
    """Takes the written samples of one channel in order."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._stretch = max(1, sample_rate_hz * STRETCH_MS // 1000)
        self._peak = 0
        self._energy = 0.0
        self._frames = 0
        self._silent_frames = 0

    def add(self, samples: Int16s) -> None:
        """Take more samples. What is left of a whole number of stretches counts as a short one."""
        if not len(samples):
            return
        self._frames += len(samples)
        # Unsigned: the magnitude of -32768 does not fit otherwise.
        magnitudes = np.abs(samples).view(np.uint16)
        whole = len(samples) - len(samples) % self._stretch
        peaks = magnitudes[:whole].reshape(-1, self._stretch).max(axis=1)
        rest = int(magnitudes[whole:].max(initial=0))
        self._peak = max(self._peak, int(peaks.max(initial=0)), rest)
        self._silent_frames += int(np.count_nonzero(peaks <= _LOUDEST_SILENCE)) * self._stretch
        self._silent_frames += (len(samples) - whole) * (rest <= _LOUDEST_SILENCE)
        if self._peak:
            floats = samples.astype(np.float32)
            self._energy += float(np.dot(floats, floats))

    @property
    def peak_dbfs(self) -> float | None:
        """Of the largest sample; null: digital silence."""
        return _decibels(self._peak / SCALE_INT16)

    @property
    def level_dbfs(self) -> float | None:
        """Root mean square of what is not silent (by 0 dBFS = full scale); null: all of it is."""
        heard = self._frames - self._silent_frames
        return _decibels((self._energy / heard) ** 0.5 / SCALE_INT16) if heard else None

    @property
    def silence_share(self) -> float:
        """Share of its time below -60 dBFS, 0 to 1."""
        return self._silent_frames / self._frames if self._frames else 1.0


def _decibels(amplitude: float) -> float | None:
    return 20 * log10(amplitude) if amplitude > 0 else None
