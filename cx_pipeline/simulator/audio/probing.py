"""Looking for known content in one recording, stretch by stretch."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cx_pipeline.simulator.audio.call_files import microseconds
from cx_pipeline.simulator.audio.correlation import Peak, Signal, at_voice_rate, best_place, level_dbfs
from cx_pipeline.simulator.audio.expected import MILLION, Expected, TruthRow, channel_content
from cx_pipeline.simulator.audio.finished import AudioSource, FinishedRecording, OpenAudio
from cx_pipeline.simulator.audio.voices import RATE_HZ, Samples

OFFSET, SWAPPED, WRONG, MISSING, UNSILENCED, UNREADABLE = (
    "OFFSET",
    "SWAPPED",
    "WRONG_CONTENT",
    "MISSING",
    "UNSILENCED_MASK",
    "UNREADABLE",
)
"""Kinds of findings. OFFSET: off by more than 20 ms. SWAPPED: heard on another channel, and not on its own.
WRONG_CONTENT: something else is heard there, or it is heard on another channel as well."""

PROBE_MS = 750
SHORTEST_PROBE_MS = 250
AROUND_MS = 1000
"""How far before and after its place content is looked for."""
FAR_AROUND_MS = 8000
"""And how far, once it was not found there."""
LEAST_FIT = 0.5
"""Correlation from which content counts as found. Content of others reaches 0.3 at most, what was companded, coded or
resampled has 0.9."""
LEAST_FIT_IN_MIX = 0.3
"""Where several voices share a channel, with gains that are not known here."""
TOLERANCE_MS = 20.0
SILENCE_DBFS = -55.0
CLOCK_TOLERANCE_US = 50_000
"""From this error of an estimated clock on, audio at the edges of a recording may be cut off."""
LONG_ENOUGH = 10 * MILLION
"""From this length on a stretch is looked at in its middle too."""
QUIET_RMS = 200.0
"""In 16-bit steps: content that is quieter tells nothing, the voice pauses."""
MOST_NEIGHBOURS = 40
MOST_SAMPLES_AT_ONCE = 30_000_000
"""Of 16 bits: a quarter of an hour of stereo at 16 kHz. Longer recordings are read where they are looked at."""
FULL_SCALE = np.float32(32768)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be."""

    kind: str
    recording_id: str
    row: TruthRow | None
    offset_ms: float | None = None
    fit: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Probe:
    """Content of a stretch, from a moment on."""

    moment: int
    content: Samples
    is_start: bool


class Probing:
    """Collects what is found; `truth` is by leg key."""

    def __init__(self, truth: Mapping[tuple[Any, ...], list[TruthRow]]) -> None:
        self._truth = truth
        self.findings: list[Finding] = []
        self.start_errors_ms: list[float] = []
        self.middle_errors_ms: list[float] = []
        self.clock_errors_ms: list[float] = []
        self.skipped: Counter[str] = Counter()

    def look_at(
        self, recording: FinishedRecording, expected: Sequence[Expected], open_audio: OpenAudio
    ) -> None:
        """Look for all stretches in a recording."""
        self.clock_errors_ms.extend(each.residual / 1000 for each in expected)
        try:
            source = open_audio(recording.path)
        except Exception as error:
            detail = f"{type(error).__name__}: {error}"
            self.findings.append(Finding(UNREADABLE, recording.recording_id, None, detail=detail))
            return
        with source:
            look = _Look(recording, expected, source)
            for each in expected:
                self._stretch(look, each)

    def _stretch(self, look: "_Look", expected: Expected) -> None:
        probes = list(look.probes_of(expected))
        if not probes:
            self.skipped["too short, silent, or moved out of the recording by its clock"] += 1
        for probe in probes:
            self._probe(look, expected, probe)
        for mask in expected.masks:
            level = look.loudest_in(expected, mask)
            if level > SILENCE_DBFS:
                detail = f"{level:.0f} dBFS in a masked span"
                self._found(UNSILENCED, look, expected, None, detail)

    def _probe(self, look: "_Look", expected: Expected, probe: _Probe) -> None:
        around = look.around(expected, probe, AROUND_MS)
        peaks = [best_place(probe.content, channel, AROUND_MS * 8) for channel in around]
        own = peaks[expected.channel] if expected.channel < len(peaks) else Peak(0, 0.0)
        if own.fit >= look.least_fit(expected):
            self._placed(look, expected, probe, own)
            self._only_there(look, expected, peaks)
            return
        others = [(peak.fit, number) for number, peak in enumerate(peaks) if number != expected.channel]
        best = max(others, default=(0.0, -1))
        if best[0] >= LEAST_FIT:
            peak = peaks[best[1]]
            detail = f"heard on channel {best[1]} instead of {expected.channel}"
            self._found(SWAPPED, look, expected, peak, detail)
        elif look.level_at_place(around, expected, probe) < SILENCE_DBFS:
            self._found(MISSING, look, expected, own, "silence where it should be heard")
        else:
            self._not_found(look, expected, probe, own)

    def _placed(self, look: "_Look", expected: Expected, probe: _Probe, peak: Peak) -> None:
        error = peak.lag * 1000 / RATE_HZ
        (self.start_errors_ms if probe.is_start else self.middle_errors_ms).append(error)
        if abs(error) > TOLERANCE_MS:
            where = "at its start" if probe.is_start else "in its middle"
            self._found(OFFSET, look, expected, peak, f"{error:+.1f} ms {where}")

    def _only_there(self, look: "_Look", expected: Expected, peaks: Sequence[Peak]) -> None:
        """What is heard on another channel too, though that one should hold something else."""
        if not look.is_of_two_parties:
            return
        for number, peak in enumerate(peaks):
            if number != expected.channel and peak.fit >= LEAST_FIT:
                self._found(WRONG, look, expected, peak, f"heard on channel {number} as well")

    def _not_found(self, look: "_Look", expected: Expected, probe: _Probe, own: Peak) -> None:
        wider = look.around(expected, probe, FAR_AROUND_MS)
        if expected.channel < len(wider):
            far = best_place(probe.content, wider[expected.channel], FAR_AROUND_MS * 8)
            if far.fit >= look.least_fit(expected):
                self._placed(look, expected, probe, far)
                return
        self._found(WRONG, look, expected, own, self._whose(look, expected, probe))

    def _whose(self, look: "_Look", expected: Expected, probe: _Probe) -> str:
        """Whose content it is, if it is that of another stretch of about that time."""
        channel = look.around(expected, probe, AROUND_MS)[expected.channel]
        start, end = probe.moment, probe.moment + len(probe.content) * MILLION // RATE_HZ
        tried = 0
        for rows in self._truth.values():
            for row in rows:
                is_then = microseconds(row["start_time"]) <= start and end <= microseconds(row["end_time"])
                if row is expected.row or not is_then or tried >= MOST_NEIGHBOURS:
                    continue
                tried += 1
                other = Expected(row, expected.channel, start, end, expected.residual, ())
                if best_place(other.content(start, len(probe.content)), channel, 0).fit >= LEAST_FIT:
                    return f"the {row['side']} end of {row['agent_extension']} in call {row['root_call_key']}"
        return "nobody's of that time"

    def _found(self, kind: str, look: "_Look", expected: Expected, peak: Peak | None, detail: str) -> None:
        offset = None if peak is None else peak.lag * 1000 / RATE_HZ
        fit = None if peak is None else peak.fit
        self.findings.append(Finding(kind, look.recording.recording_id, expected.row, offset, fit, detail))


class _Look:
    """One open recording and what should be in it."""

    def __init__(
        self, recording: FinishedRecording, expected: Sequence[Expected], source: AudioSource
    ) -> None:
        self.recording = recording
        self._expected = expected
        self._source = source
        self._whole: npt.NDArray[Any] | None = None
        self._start = microseconds(recording.start_time)
        self._voices = Counter((each.channel, each.row["side"], each.leg_key) for each in expected)

    @property
    def is_of_two_parties(self) -> bool:
        """Whether each channel holds one side of one leg, and no other hears the same."""
        sides = {(channel, side, key) for channel, side, key in self._voices}
        channels = {channel for channel, _, _ in sides}
        parties = {len(each.row["voices"]) for each in self._expected}
        return len(sides) == len(channels) == 2 and parties <= {1}

    def least_fit(self, expected: Expected) -> float:
        """How well content has to fit on the channel of a stretch."""
        shared = {(side, key) for channel, side, key in self._voices if channel == expected.channel}
        return LEAST_FIT if len(shared) == 1 else LEAST_FIT_IN_MIX

    def probes_of(self, expected: Expected) -> Iterator[_Probe]:
        """Where a stretch is looked at."""
        first, last = self._within(expected)
        if first < last:
            yield from self._probe_at(expected, first, last, is_start=True)
        if last - first >= LONG_ENOUGH:
            yield from self._probe_at(expected, (first + last) // 2, last, is_start=False)

    def _within(self, expected: Expected) -> tuple[int, int]:
        """The part of a stretch that can lie in the recording.

        A clock that was taken to be another one moves audio over the edges of the leg and of its holds, where it is cut.
        """
        if abs(expected.residual) <= CLOCK_TOLERANCE_US:
            return expected.start, expected.end
        length = self._source.frames * MILLION // self._source.samplerate
        first = self._start - expected.place(expected.start) + expected.start
        last = self._start + length - expected.place(expected.end) + expected.end
        moved = abs(expected.residual)
        return max(expected.start + moved, first), min(expected.end - moved, last)

    def _probe_at(self, expected: Expected, moment: int, last: int, *, is_start: bool) -> Iterator[_Probe]:
        """The first place from a moment on, within two seconds, at which there is enough to be found."""
        for later in range(0, 2001, 250):
            begin = moment + later * 1000
            length = min(PROBE_MS, (last - begin) // 1000)
            if length < SHORTEST_PROBE_MS:
                return
            if _is_near(expected.may_be_silent, begin, begin + length * 1000):
                continue
            content = channel_content(self._expected, expected, begin, length * RATE_HZ // 1000)
            if float(np.sqrt(np.mean(np.square(content)))) >= QUIET_RMS:
                yield _Probe(begin, content, is_start)
                return

    def around(self, expected: Expected, probe: _Probe, around_ms: int) -> list[Signal]:
        """The channels of the recording around the place of a probe, at `RATE_HZ`, with silence beyond its ends."""
        begin = expected.place(probe.moment) - around_ms * 1000
        return self.excerpt(begin, len(probe.content) + 2 * around_ms * RATE_HZ // 1000)

    def level_at_place(self, around: Sequence[Signal], expected: Expected, probe: _Probe) -> float:
        """Of what is around a probe the level where it should be heard."""
        if expected.channel >= len(around):
            return float("-inf")
        first = AROUND_MS * RATE_HZ // 1000
        return level_dbfs(around[expected.channel][first : first + len(probe.content)])

    def loudest_in(self, expected: Expected, span: tuple[int, int]) -> float:
        """The level in a span that is masked, less its edges; of the loudest channel."""
        margin = 100_000
        begin, end = expected.place(span[0]) + margin, expected.place(span[1]) - margin
        inside = max(begin, expected.place(expected.start)), min(end, expected.place(expected.end))
        count = (inside[1] - inside[0]) * RATE_HZ // MILLION
        if count < RATE_HZ // 10:
            return float("-inf")
        return level_dbfs(self.excerpt(inside[0], count)[expected.channel])

    def excerpt(self, begin: int, count: int) -> list[Signal]:
        """`count` frames of `RATE_HZ` of each channel from a time on."""
        rate = self._source.samplerate
        first = round((begin - self._start) * rate / MILLION)
        wanted = -(-count * rate // RATE_HZ)
        skipped = min(max(-first, 0), wanted)
        available = min(wanted, self._source.frames - first)
        block = np.zeros((wanted, self._source.channels), dtype=np.float32)
        if available > skipped:
            read = self._read(first + skipped, available - skipped)
            block[skipped : skipped + len(read)] = read
        return [at_voice_rate(block[:, number], rate)[:count] for number in range(block.shape[1])]

    def _read(self, first: int, count: int) -> Signal:
        """Frames of the recording; coded formats seek so slowly that a short recording is read once as a whole."""
        source = self._source
        if source.frames * source.channels <= MOST_SAMPLES_AT_ONCE:
            if self._whole is None:
                source.seek(0)
                self._whole = source.read(source.frames, dtype="int16", always_2d=True)
            return self._whole[first : first + count].astype(np.float32) / FULL_SCALE
        source.seek(first)
        return source.read(count, dtype="float32", always_2d=True)


def _is_near(spans: Sequence[tuple[int, int]], begin: int, end: int) -> bool:
    """Whether one of the spans lies within a quarter of a second of this one."""
    margin = MILLION // 4
    return any(begin < last + margin and first < end + margin for first, last in spans)
