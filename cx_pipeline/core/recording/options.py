"""The numbers by which files find their legs, and plans are made."""

from dataclasses import dataclass
from datetime import timedelta

from cx_pipeline.core.windows import Window


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What matching and planning go by. Durations that are compared with audio are timedeltas of whole microseconds."""

    window: Window
    """The window whose legs are planned."""
    slack: timedelta = timedelta(seconds=60)
    """How far from its leg a recording may lie to be looked at: the largest clock offset that can be found, too."""
    least_clock_samples: int = 4
    """Starts and ends of talk that must agree before a recorder's clock is corrected; two do if they agree closely."""
    clock_tolerance: timedelta = timedelta(milliseconds=250)
    """How far the starts or ends of files may lie around the offset to speak for it."""
