"""The time line of a recording in frames: from moments to frames, and from there to the output, where holds are cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cx_pipeline.core.recording.schema import HOLD_CUT
from cx_pipeline.core.recording.shares import SECOND_US, Share
from cx_pipeline.core.recording.spans import Span, common, length, union, without

OPUS_RATES_HZ = (8_000, 12_000, 16_000, 24_000, 48_000)
MP3_RATES_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_RATES_HZ = {"opus": OPUS_RATES_HZ, "mp3": MP3_RATES_HZ}


@dataclass(frozen=True, slots=True)
class TimeLine:
    """Frames from `origin_us` on at `rate_hz`; `cuts` (frames, sorted, disjoint) are not in the output."""

    origin_us: int
    end_us: int
    rate_hz: int
    cuts: tuple[Span, ...] = ()

    @property
    def length(self) -> int:
        """Frames before cutting."""
        return self.frame(self.end_us)

    @property
    def frames(self) -> int:
        """Frames of the output."""
        return self.length - length(self.cuts)

    def frame(self, moment_us: int) -> int:
        """The frame nearest to a moment; it may lie before or behind the line."""
        return ((moment_us - self.origin_us) * self.rate_hz + SECOND_US // 2) // SECOND_US

    def span(self, moments: Span) -> Span:
        """The frames between two moments."""
        return self.frame(moments[0]), self.frame(moments[1])

    def spans(self, moments: Iterable[Span]) -> tuple[Span, ...]:
        """The frames between each two moments, put together, as far as they are on the line."""
        return common((self.span(each) for each in moments), [(0, self.length)])

    def output(self, frame: int) -> int:
        """Where a frame is in the output; one that was cut is where the cut is."""
        inside = min(max(frame, 0), self.length)
        return inside - sum(min(inside, end) - start for start, end in self.cuts if start < inside)

    def output_ms(self, moment_us: int) -> int:
        """Where a moment is in the output, in milliseconds."""
        return round(self.output(self.frame(moment_us)) * 1000 / self.rate_hz)


def line_of(shares: Sequence[Share], rate_hz: int, hold: str) -> TimeLine:
    """The line from the first share's start to the last one's end.

    Holds are cut where nobody talks: what one agent of a conference holds, another may go on with.
    """
    whole = TimeLine(min(share.start_us for share in shares), max(share.end_us for share in shares), rate_hz)
    if hold != HOLD_CUT:
        return whole
    held = [hold for share in shares for hold in share.holds]
    talking = [part for share in shares for part in without([share.span], share.holds)]
    return TimeLine(whole.origin_us, whole.end_us, rate_hz, whole.spans(without(held, talking)))


def output_rate(asked_hz: int | None, rates_hz: Iterable[int], audio_format: str) -> int:
    """The rate asked for, else the highest of the files; where the format allows few rates, the next higher of them."""
    wanted = asked_hz or max(rates_hz)
    allowed = _RATES_HZ.get(audio_format)
    if allowed is None:
        return wanted
    return next((rate for rate in allowed if rate >= wanted), allowed[-1])


def all_masks(shares: Iterable[Share]) -> tuple[Span, ...]:
    """What must not be heard, of whichever side or agent it was said: a number is heard on all of them."""
    return union(mask for share in shares for mask in share.masks)
