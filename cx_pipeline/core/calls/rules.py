"""The numbers that the correlation goes by, with the specification's defaults."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class CorrelationRules:
    """Tolerances and limits of the correlation (specification of correlation, sections 1 to 4)."""

    max_silence: timedelta = timedelta(hours=12)
    """A call key that was silent for longer begins another call; a leg still open for longer is closed."""
    listener_tolerance: timedelta = timedelta(seconds=2)
    """The same fact from different listeners within this span is one fact."""
    clock_skew_tolerance: timedelta = timedelta(seconds=5)
    """An event that claims to be later than its arrival by more than this is capped to its arrival."""
    ending_grace: timedelta = timedelta(seconds=5)
    """An ending fact within this span after a call's end belongs to that call."""
    merge_tolerance: timedelta = timedelta(seconds=2)
    """Around a transfer, conference or merge, talk that resumes within this span is the same leg."""
    transfer_near_conference: timedelta = timedelta(seconds=10)
    """A feature reason TRANSFER within this span of a conference makes it a consult transfer."""
    min_reportable: timedelta = timedelta(0)
    """Answered legs shorter than this stay in the table, but nothing is due for them."""


DEFAULT_RULES = CorrelationRules()
