"""Loudness of one channel by ITU-R BS.1770-4, measured block by block, and the gain that follows from it.

The weighting filters are pyloudnorm's; their state is carried from block to block, and of what they give only the
energy of each tenth of a second is kept: 1.2 MB for four hours.
"""

from dataclasses import dataclass
from math import inf, log10
from typing import Any

import numpy as np
import numpy.typing as npt

from cx_pipeline.adapters.audio.decoding import SCALE_INT16, Floats

TARGET_LUFS = -23.0
"""EBU R 128."""
CEILING_DBFS = -1.0
LARGEST_GAIN_DB = 20.0
_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
_OFFSET_LU = -0.691
_HOPS_A_SECOND = 10
_HOPS_A_BLOCK = 4
_DITHER_AND_ROUNDING = 1.5 / SCALE_INT16
"""By so much a written sample may lie above the computed one."""

Doubles = npt.NDArray[np.float64]


class LoudnessMeter:
    """Takes the samples of one channel in order; knows its gated loudness and its peak so far."""

    def __init__(self, sample_rate_hz: int) -> None:
        from scipy.signal import sosfilt  # takes longer to import than all else here, and few want it

        self._filter = sosfilt
        self._rate = sample_rate_hz
        self._sections = _weighting(sample_rate_hz)
        self._state = np.zeros((len(self._sections), 2))
        self._hops: list[Doubles] = []
        self._hop_count = 0
        self._open = np.zeros(0)
        """Squares of the hop that is not whole yet."""
        self.peak = 0.0
        """Largest magnitude; full scale is 1."""

    def add(self, samples: Floats) -> None:
        """Take more samples."""
        if not len(samples):
            return
        self.peak = max(self.peak, float(samples.max()), -float(samples.min()))
        weighted, self._state = self._filter(self._sections, samples.astype(np.float64), zi=self._state)
        np.square(weighted, out=weighted)
        squares = np.concatenate([self._open, weighted]) if len(self._open) else weighted
        ends = self._hop_ends(len(squares))
        if len(ends):
            starts = np.concatenate([[0], ends[:-1]])
            self._hops.append(np.add.reduceat(squares[: ends[-1]], starts))
            self._hop_count += len(ends)
            squares = squares[ends[-1] :]
        self._open = squares.copy()

    def loudness_lufs(self) -> float | None:
        """The gated loudness; null where nothing is louder than the absolute gate.

        What is shorter than a gating block counts as one.
        """
        powers = self._powers()
        loud = powers[_lufs(powers) >= _ABSOLUTE_GATE_LUFS]
        if not len(loud):
            return None
        gate = max(_ABSOLUTE_GATE_LUFS, float(_lufs(loud.mean())) + _RELATIVE_GATE_LU)
        return float(_lufs(loud[_lufs(loud) > gate].mean()))

    def _hop_ends(self, available: int) -> npt.NDArray[np.int64]:
        """Where hops end within what is available, counted from the open hop's start."""
        begun = self._hop_start(self._hop_count)
        count = (begun + available) * _HOPS_A_SECOND // self._rate - self._hop_count
        numbers = np.arange(self._hop_count + 1, self._hop_count + count + 1, dtype=np.int64)
        ends: npt.NDArray[np.int64] = self._hop_start(numbers) - begun
        return ends

    def _hop_start(self, number: Any) -> Any:
        return number * self._rate // _HOPS_A_SECOND

    def _powers(self) -> Doubles:
        """Mean square of each gating block: four hops, beginning at each hop."""
        hops = np.concatenate([*self._hops, np.zeros(0)])
        if len(hops) < _HOPS_A_BLOCK:
            frames = self._hop_start(self._hop_count) + len(self._open)
            return np.array([(hops.sum() + self._open.sum()) / max(frames, 1)])
        sums = np.convolve(hops, np.ones(_HOPS_A_BLOCK), mode="valid")
        return sums * _HOPS_A_SECOND / (_HOPS_A_BLOCK * self._rate)


@dataclass(frozen=True, slots=True)
class Gain:
    """What a channel is multiplied by to come to the target."""

    db: float
    limited_by: str | None
    """`ceiling`, `largest_gain` or `smallest_gain` where that kept it from the target."""

    @property
    def factor(self) -> float:
        """Linear."""
        return float(10 ** (self.db / 20))


def normalising_gain(loudness_lufs: float | None, peak: float) -> Gain:
    """The gain to `TARGET_LUFS` that lifts no sample above `CEILING_DBFS`; silence is left alone.

    Args:
        loudness_lufs: as measured; null: silence.
        peak: largest magnitude; full scale is 1.
    """
    if loudness_lufs is None:
        return Gain(0.0, None)
    wanted = TARGET_LUFS - loudness_lufs
    gain = Gain(wanted, None)
    if wanted > LARGEST_GAIN_DB:
        gain = Gain(LARGEST_GAIN_DB, "largest_gain")
    elif wanted < -LARGEST_GAIN_DB:
        gain = Gain(-LARGEST_GAIN_DB, "smallest_gain")
    headroom = 10 ** (CEILING_DBFS / 20) - _DITHER_AND_ROUNDING
    highest = 20 * log10(headroom / peak) if peak else inf
    return Gain(highest, "ceiling") if highest < gain.db else gain


def _lufs(power: Doubles | np.float64) -> Doubles:
    with np.errstate(divide="ignore"):
        return np.asarray(_OFFSET_LU + 10 * np.log10(power))


def _weighting(sample_rate_hz: int) -> Doubles:
    import pyloudnorm  # imports SciPy's filters

    filters = pyloudnorm.Meter(sample_rate_hz)._filters.values()
    return np.array([np.concatenate([stage.b, stage.a]) for stage in filters])
