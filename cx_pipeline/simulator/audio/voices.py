"""What a voice says at a moment: like speech to a level meter, unlike any other voice, and made again at will.

A voice speaks in syllables of 160 ms, counted from 1970. Which of 4,096 syllables it speaks, and how loudly, is a hash of
the voice and the count; so any stretch of any voice can be made without what came before it. Syllables are noise between
250 and 3,300 Hz with a soft beginning and end, some are pauses.
"""

from functools import cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

RATE_HZ = 8000
SYLLABLE = 1280
"""Frames."""
SYLLABLES = 4096
LOWEST_HZ, HIGHEST_HZ = 250, 3300
RMS = 3000.0
"""Of a loud syllable, in 16-bit steps: about -21 dBFS."""
LEVELS = (1.0, 1.0, 0.8, 0.7, 0.55, 0.4, 0.25, 0.0)
"""How loud a syllable is; the last one is a pause."""
QUIETEST, LOUDEST = 0.35, 1.0
"""Voices differ by this factor."""

Samples = npt.NDArray[np.float32]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_FADE = 160
_MOST = 32767


def voice_key(seed: int, tenant_id: str, call_number: int, party: str) -> int:
    """The key of a party's voice in one call: a number of 64 bits."""
    identity = "\x1f".join((str(seed), tenant_id, str(call_number), party))
    return int.from_bytes(blake2b(identity.encode(), digest_size=8).digest(), "big")


def first_frame(time_us: int) -> int:
    """The frame that is said at a time (microseconds since 1970)."""
    return (time_us * RATE_HZ + 500_000) // 1_000_000


def said(key: int, first: int, count: int) -> Samples:
    """What the voice says.

    Args:
        key: of `voice_key`.
        first: frame since 1970, at `RATE_HZ`.
        count: how many frames.

    Returns:
        Samples in 16-bit steps, at most about a quarter of full scale.
    """
    begin, end = first // SYLLABLE, (first + count + SYLLABLE - 1) // SYLLABLE
    drawn = _mixed(np.arange(begin, end, dtype=np.uint64) * _GOLDEN + np.uint64(key))
    levels = np.asarray(LEVELS, dtype=np.float32) * _loudness(key)
    syllables = _syllables()[(drawn % np.uint64(SYLLABLES)).astype(np.intp)]
    syllables *= levels[((drawn >> np.uint64(40)) % np.uint64(len(LEVELS))).astype(np.intp)][:, np.newaxis]
    skipped = first - begin * SYLLABLE
    return syllables.ravel()[skipped : skipped + count]


def as_steps(samples: Samples) -> npt.NDArray[np.int16]:
    """Samples as 16-bit integers."""
    steps = np.rint(samples)
    if samples.size and max(samples.max(), -samples.min()) > _MOST:
        np.clip(steps, -_MOST, _MOST, out=steps)
    return steps.astype(np.int16)


def _loudness(key: int) -> np.float32:
    return np.float32(QUIETEST + (LOUDEST - QUIETEST) * (key % 1009) / 1008)


def _mixed(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """SplitMix64's finaliser: each bit of the result depends on each bit of the number."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * _MIX_1
    numbers = (numbers ^ (numbers >> np.uint64(27))) * _MIX_2
    return numbers ^ (numbers >> np.uint64(31))


@cache
def _syllables() -> Samples:
    """All syllables: the same on every machine, since Philox is a counter and not a state."""
    noise = np.random.Generator(np.random.Philox(key=1)).standard_normal((SYLLABLES, SYLLABLE))
    spectrum = np.fft.rfft(noise)
    hertz = np.fft.rfftfreq(SYLLABLE, 1 / RATE_HZ)
    spectrum *= (hertz >= LOWEST_HZ) & (hertz <= HIGHEST_HZ)
    # Speech has more of its power below 1 kHz.
    spectrum /= np.sqrt(1 + (hertz / 800) ** 2)
    shaped = np.fft.irfft(spectrum, SYLLABLE)
    shaped *= RMS / np.sqrt(np.mean(shaped**2, axis=1, keepdims=True))
    fade = np.ones(SYLLABLE)
    fade[:_FADE] = np.sin(np.linspace(0, np.pi / 2, _FADE)) ** 2
    fade[-_FADE:] = fade[:_FADE][::-1]
    return (shaped * fade).astype(np.float32)
