"""A placement's samples at the rate of the output: read, resampled, faded. In order, and sample-exact."""

from dataclasses import dataclass

import numpy as np
import soxr

from cx_pipeline.adapters.audio.decoding import Floats, Int16s
from cx_pipeline.adapters.audio.reading import AudioInputs
from cx_pipeline.core.recording.mix_plan import Placement


@dataclass(frozen=True, slots=True)
class PlacedSpan:
    """A placement with the span of output frames that it fills, to `output_end` excluded."""

    placement: Placement
    source_rate_hz: int
    output_rate_hz: int

    @property
    def output_start(self) -> int:
        """First frame of the output."""
        return self.placement.output_start

    @property
    def frames(self) -> int:
        """Of the output; of a source at another rate the nearest whole number."""
        source = self.placement.source_frames
        if self.source_rate_hz == self.output_rate_hz:
            return source
        return (2 * source * self.output_rate_hz + self.source_rate_hz) // (2 * self.source_rate_hz)

    @property
    def output_end(self) -> int:
        """The frame behind the last one."""
        return self.output_start + self.frames

    @property
    def is_plain(self) -> bool:
        """Whether its samples go out as they came in."""
        placement = self.placement
        is_faded = placement.fade_in > 0 or placement.fade_out > 0
        return self.source_rate_hz == self.output_rate_hz and placement.gain == 1.0 and not is_faded


def exact_samples(span: PlacedSpan, inputs: AudioInputs, offset: int, frames: int) -> Int16s:
    """Samples of a plain span, from the frame `offset` of it."""
    placement = span.placement
    return inputs.opened(placement.manifest_id).int16(
        placement.source_channel, placement.source_start + offset, frames
    )


class PlacedStream:
    """The samples of a span from its first to its last frame; full scale is 1."""

    def __init__(self, span: PlacedSpan, inputs: AudioInputs) -> None:
        self._span, self._inputs = span, inputs
        self._read_frames = 0
        self._given_frames = 0
        self._ready = np.zeros(0, dtype=np.float32)
        # Its output lies in time as its input does; it only holds back what it cannot know yet.
        self._resampler = (
            None
            if span.source_rate_hz == span.output_rate_hz
            else soxr.ResampleStream(
                span.source_rate_hz, span.output_rate_hz, 1, dtype="float32", quality="HQ"
            )
        )

    def read(self, frames: int) -> Floats:
        """The next frames; never more than the span has."""
        samples = self._source(frames) if self._resampler is None else self._resampled(frames)
        placement = self._span.placement
        if placement.gain != 1.0:
            samples = samples * np.float32(placement.gain)
        if placement.fade_in or placement.fade_out:
            samples = samples * self._envelope(frames)
        self._given_frames += frames
        return samples

    def _source(self, frames: int) -> Floats:
        placement = self._span.placement
        samples = self._inputs.opened(placement.manifest_id).float32(
            placement.source_channel, placement.source_start + self._read_frames, frames
        )
        self._read_frames += frames
        return samples

    def _resampled(self, frames: int) -> Floats:
        parts, count = [self._ready], len(self._ready)
        while count < frames and self._read_frames < self._span.placement.source_frames:
            parts.append(self._next_part(frames))
            count += len(parts[-1])
        samples = np.concatenate(parts)
        if count < frames:  # the resampler rounded the other way
            samples = np.concatenate([samples, np.zeros(frames - count, dtype=np.float32)])
        self._ready = samples[frames:].copy()
        return samples[:frames]

    def _next_part(self, frames: int) -> Floats:
        span = self._span
        wanted = frames * span.source_rate_hz // span.output_rate_hz + 1
        left = span.placement.source_frames - self._read_frames
        samples = self._source(min(wanted, left))
        if self._resampler is None:
            return samples
        resampled: Floats = self._resampler.resample_chunk(samples, last=wanted >= left)
        return resampled

    def _envelope(self, frames: int) -> Floats:
        """Straight lines from silence and to it."""
        position = np.arange(self._given_frames, self._given_frames + frames, dtype=np.float64) + 0.5
        envelope = np.ones(frames)
        if self._span.placement.fade_in:
            envelope = np.minimum(envelope, position / self._span.placement.fade_in)
        if self._span.placement.fade_out:
            envelope = np.minimum(envelope, (self._span.frames - position) / self._span.placement.fade_out)
        return envelope.astype(np.float32)
