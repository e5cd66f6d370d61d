"""A mix plan as audio: blocks of interleaved 16 bit frames, at constant memory whatever the length.

A channel whose placements are plain (equal rate, no gain, no fade, nothing to normalise) is put together of the files'
own samples, bit by bit. The others are computed in floats, inside a block only, and dithered.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from cx_pipeline.adapters.audio.decoding import EXACT_ENCODINGS, Floats, Int16s
from cx_pipeline.adapters.audio.levels import ChannelLevels
from cx_pipeline.adapters.audio.loudness import Gain, LoudnessMeter, normalising_gain
from cx_pipeline.adapters.audio.placed_audio import PlacedSpan, PlacedStream, exact_samples
from cx_pipeline.adapters.audio.quantising import Quantiser
from cx_pipeline.adapters.audio.reading import AudioInputs
from cx_pipeline.core.errors import InputError
from cx_pipeline.core.recording.mix_plan import MixPlan
from cx_pipeline.core.recording.rendered import ChannelFigures

_BLOCK_FRAMES = 65_536
_MOST_KEPT_BYTES = 48_000_000
"""What is measured before it is written is kept in between, up to so much; else it is computed twice."""
_UNCHANGED = Gain(0.0, None)
_FLOAT_BYTES = 4


class Rendering:
    """Renders a plan once. `figures` and `clipped_frames` are right when all blocks were taken.

    Raises:
        InputError: the plan names frames that are not there, or a file is not the one that was planned.
    """

    def __init__(self, plan: MixPlan, inputs: AudioInputs) -> None:
        _require_possible(plan)
        self._plan = plan
        kept = plan.frames * plan.channels * _FLOAT_BYTES <= _MOST_KEPT_BYTES
        self._channels = [_Channel(plan, number, inputs, is_kept=kept) for number in range(plan.channels)]

    def blocks(self) -> Iterator[npt.NDArray[np.int16]]:
        """Blocks of frames, each an array of frames by channels. The array is used again for the next block."""
        spans = list(_block_spans(self._plan))
        if self._plan.parameters.is_normalised:
            for channel in self._channels:
                channel.measure(spans)
        buffer = np.empty((max((n for _, n in spans), default=0), self._plan.channels), dtype=np.int16)
        for start, frames in spans:
            for number, channel in enumerate(self._channels):
                buffer[:frames, number] = channel.written(start, frames)
            yield buffer[:frames]

    @property
    def figures(self) -> tuple[ChannelFigures, ...]:
        """Of each channel."""
        return tuple(channel.figures(self._plan) for channel in self._channels)

    @property
    def clipped_frames(self) -> int:
        """How many samples were cut off at full scale, over all channels."""
        return sum(channel.clipped_frames for channel in self._channels)


class _Channel:
    def __init__(self, plan: MixPlan, number: int, inputs: AudioInputs, *, is_kept: bool) -> None:
        self._number, self._inputs = number, inputs
        self._rate = plan.sample_rate_hz
        self._spans = [
            PlacedSpan(each, inputs.planned(each.manifest_id).sample_rate_hz, self._rate)
            for each in sorted(plan.placements, key=lambda each: each.output_start)
            if each.channel == number
        ]
        self._is_exact = all(
            span.is_plain and inputs.planned(span.placement.manifest_id).encoding in EXACT_ENCODINGS
            for span in self._spans
        )
        self._is_kept = is_kept
        self._kept: dict[int, Floats] = {}
        self._streams: dict[int, PlacedStream] = {}
        self._levels, self._quantiser = ChannelLevels(self._rate), Quantiser(plan.recording_id, number)
        self._loudness_lufs: float | None = None
        self._gain = _UNCHANGED
        self._clipped_sums = 0

    @property
    def clipped_frames(self) -> int:
        return self._quantiser.clipped_frames + self._clipped_sums

    def measure(self, spans: list[tuple[int, int]]) -> None:
        """Listen to the whole channel, and choose its gain."""
        meter = LoudnessMeter(self._rate)
        for start, frames in spans:
            samples = self._floats(start, frames)
            meter.add(samples)
            if self._is_kept:
                self._kept[start] = samples
        self._streams.clear()
        self._clipped_sums = 0
        self._loudness_lufs = meter.loudness_lufs()
        self._gain = normalising_gain(self._loudness_lufs, meter.peak)

    def written(self, start: int, frames: int) -> Int16s:
        """The channel's frames as they go into the file."""
        if self._is_exact and self._gain.db == 0.0:
            samples = self._exact(start, frames)
        else:
            floats = self._kept.pop(start) if start in self._kept else self._floats(start, frames)
            samples = self._quantiser.quantised(floats * np.float32(self._gain.factor))
            samples[~self._is_placed(start, frames)] = 0  # no dither where nothing sounds
        self._levels.add(samples)
        return samples

    def figures(self, plan: MixPlan) -> ChannelFigures:
        return ChannelFigures(
            name=plan.channel_names[self._number],
            loudness_lufs=_rounded(self._loudness_lufs),
            peak_dbfs=_rounded(self._levels.peak_dbfs),
            gain_db=round(self._gain.db, 2),
            limited_by=self._gain.limited_by,
            silence_share=round(self._levels.silence_share, 4),
            level_dbfs=_rounded(self._levels.level_dbfs),
        )

    def _exact(self, start: int, frames: int) -> Int16s:
        overlaps = list(self._overlaps(start, frames))
        if not overlaps:
            return np.zeros(frames, dtype=np.int16)
        if len(overlaps) == 1 and overlaps[0][2] - overlaps[0][1] == frames:
            return self._samples_of(overlaps[0], start)
        total = np.zeros(frames, dtype=np.int32)
        for overlap in overlaps:
            _, begin, end = overlap
            total[begin - start : end - start] += self._samples_of(overlap, start)
        clipped = np.clip(total, -32768, 32767)
        self._clipped_sums += int(np.count_nonzero(clipped != total))
        return clipped.astype(np.int16)

    def _samples_of(self, overlap: tuple[PlacedSpan, int, int], start: int) -> Int16s:
        span, begin, end = overlap
        return exact_samples(span, self._inputs, begin - span.output_start, end - begin)

    def _floats(self, start: int, frames: int) -> Floats:
        total = np.zeros(frames, dtype=np.float32)
        for span, begin, end in self._overlaps(start, frames):
            if begin == span.output_start:
                self._streams[id(span)] = PlacedStream(span, self._inputs)
            total[begin - start : end - start] += self._streams[id(span)].read(end - begin)
            if end == span.output_end:
                del self._streams[id(span)]
        return total

    def _is_placed(self, start: int, frames: int) -> npt.NDArray[np.bool_]:
        placed = np.zeros(frames, dtype=np.bool_)
        for _, begin, end in self._overlaps(start, frames):
            placed[begin - start : end - start] = True
        return placed

    def _overlaps(self, start: int, frames: int) -> Iterator[tuple[PlacedSpan, int, int]]:
        """The spans that sound in a block, and from where to where."""
        for span in self._spans:
            begin, end = max(span.output_start, start), min(span.output_end, start + frames)
            if begin < end:
                yield span, begin, end


def _block_spans(plan: MixPlan) -> Iterator[tuple[int, int]]:
    """First frame and length of each block: whole seconds, so that stretches of levels end where blocks do."""
    step = plan.sample_rate_hz * max(1, _BLOCK_FRAMES // plan.sample_rate_hz)
    for start in range(0, plan.frames, step):
        yield start, min(step, plan.frames - start)


def _require_possible(plan: MixPlan) -> None:
    inputs = {each.manifest_id: each for each in plan.inputs}
    for each in plan.placements:
        source = inputs.get(each.manifest_id)
        if (
            source is None
            or each.output_start < 0
            or each.source_start < 0
            or not 0 <= each.channel < plan.channels
            or each.source_channel >= source.channels
            or each.source_start + each.source_frames > source.frames
        ):
            raise InputError(
                f"the plan of recording {plan.recording_id} places frames that are not there: {each}"
            )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
