"""Floats to 16 bit, with triangular dither that is the same for the same recording."""

import hashlib

import numpy as np

from cx_pipeline.adapters.audio.decoding import SCALE_INT16, Floats, Int16s

_HIGHEST, _LOWEST = 32767.0, -32768.0
_DRAWS_A_WORD = 2
_STEP = np.float32(2.0**-16)


class Quantiser:
    """Rounds one channel's samples in order, dithered (TPDF, 2 LSB wide: AES17's), and counts what had to be cut off.

    The dither is drawn from the recording's id and the channel: equal plans give equal bytes.
    """

    def __init__(self, recording_id: str, channel: int) -> None:
        seed = hashlib.sha256(f"{recording_id}\x1f{channel}".encode()).digest()
        self._words = np.random.SFC64(int.from_bytes(seed[:16]))
        self.clipped_frames = 0

    def quantised(self, samples: Floats) -> Int16s:
        """The samples as 16 bit."""
        scaled = samples * np.float32(SCALE_INT16)
        scaled += self._dither(len(samples))
        np.rint(scaled, out=scaled)
        self.clipped_frames += int(np.count_nonzero((scaled > _HIGHEST) | (scaled < _LOWEST)))
        return np.clip(scaled, _LOWEST, _HIGHEST, out=scaled).astype(np.int16)

    def _dither(self, frames: int) -> Floats:
        words = np.asarray(self._words.random_raw(-(-frames // _DRAWS_A_WORD)))
        # Two uniform draws of 16 bit for each sample; their sum is the triangle.
        draws = words.view("<i2").reshape(-1, 2)[:frames]
        dither: Floats = draws[:, 0].astype(np.float32)
        dither += draws[:, 1]
        dither *= _STEP
        return dither
