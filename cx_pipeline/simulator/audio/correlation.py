"""Where known content lies in a recording: normalised cross-correlation at the rate of the simulated voices."""

from dataclasses import dataclass
from math import gcd

import numpy as np
import numpy.typing as npt
from scipy import signal

from cx_pipeline.simulator.audio.voices import RATE_HZ

_LEAST_SHARE = 0.02
"""Places where the recording has less than this share of its greatest energy are not looked at: silence fits nothing."""

Signal = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Peak:
    """Where the content fits best: `lag` frames (of `RATE_HZ`) after where it was looked for, and how well (0 to 1)."""

    lag: int
    fit: float


def at_voice_rate(samples: Signal, rate_hz: int) -> Signal:
    """The samples of one channel at `RATE_HZ`; filters are centred, so that nothing moves."""
    if rate_hz == RATE_HZ:
        return samples
    common = gcd(RATE_HZ, rate_hz)
    resampled: Signal = signal.resample_poly(samples, RATE_HZ // common, rate_hz // common)
    return resampled


def best_place(content: Signal, recording: Signal, place: int) -> Peak:
    """Where `content` fits `recording` best.

    Args:
        content: what should be heard.
        recording: a stretch of a channel at `RATE_HZ`, longer than the content.
        place: the frame of `recording` at which the content should begin.
    """
    count = len(content)
    if len(recording) < count:
        return Peak(0, 0.0)
    products = signal.correlate(recording, content, mode="valid", method="fft")
    energy = np.concatenate([[0.0], np.cumsum(np.square(recording, dtype=np.float64))])
    own = energy[count:] - energy[:-count]
    wanted = float(np.sum(np.square(content, dtype=np.float64)))
    is_loud = own > max(_LEAST_SHARE * own.max(), 1e-9)
    if wanted <= 0 or not is_loud.any():
        return Peak(0, 0.0)
    fit = np.where(is_loud, products / np.sqrt(np.where(is_loud, own, 1.0) * wanted), 0.0)
    best = int(np.argmax(fit))
    return Peak(best - place, float(fit[best]))


def level_dbfs(samples: Signal) -> float:
    """Mean level of samples (1.0 is full scale); -inf for digital silence or no samples."""
    if not len(samples):
        return float("-inf")
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    return 10 * float(np.log10(power)) if power > 0 else float("-inf")
