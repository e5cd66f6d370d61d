"""How the simulated Cisco keeps its records: which flavour, by which clock, and with how much of what real ones do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from zoneinfo import ZoneInfo

from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.simulator.cisco.tables import FLAVOURS, UCCE_VERSIONS, Flavour
from cx_pipeline.simulator.settings_text import from_text
from cx_pipeline.simulator.site import TIME_ZONES

PROBABILITIES = (
    "missing",
    "late",
    "ambiguous",
    "no_extension",
    "other_extension",
    "reservations",
    "reused_keys",
    "wrong_talk_time",
    "unseen_hold",
    "wrap_up",
    "odd_wrap_up",
    "dialler",
)
RANGES = ("lag_s", "late_minutes")
MOST_LATE_MINUTES = 7 * 24 * 60
MOST_SKEW = timedelta(hours=1)
MOST_JITTER_MS = 400
"""Times of one instant stay within a second of each other."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What real records do; every field is a probability from 0 to 1 unless it says otherwise."""

    missing: float = 0.0
    """A leg has no record, and never will."""
    late: float = 0.0
    """A record reaches the reporting database `late_minutes` after the leg's end."""
    ambiguous: float = 0.0
    """A record stands there twice, with another wrap-up; or two that end together both lack the extension."""
    no_extension: float = 0.0
    """A record does not say at which extension the agent was."""
    other_extension: float = 0.0
    """A record says another extension than the leg's."""
    reservations: float = 0.0
    """A dialler reserved the agent before the call: a row more, of no leg. UCCE only."""
    reused_keys: float = 0.0
    """The call key was also that of a call hours away, which the listener did not see."""
    wrong_talk_time: float = 0.0
    """Talk and hold are seven seconds to a minute away from the leg's duration."""
    unseen_hold: float = 0.0
    """Cisco counts a hold of which the events say nothing."""
    wrap_up: float = 0.0
    """The agent gave a wrap-up."""
    odd_wrap_up: float = 0.0
    """Share of the wrap-ups with quotes, umlauts, emoji, newlines, semicolons, or three hundred characters."""
    dialler: float = 0.0
    """Share of the outbound calls that a dialler made: its record has the CX call id as last name."""
    lag_s: tuple[int, int] = (0, 0)
    """Least and greatest seconds that a record takes to the reporting database if it is not late."""
    late_minutes: tuple[int, int] = (0, 60)
    """Least and greatest minutes that a late one takes."""
    jitter_ms: int = 0
    """By how much Cisco's times are off, beside the clock's skew: at most this much to either side."""

    def __post_init__(self) -> None:
        for name in PROBABILITIES:
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigurationError(
                    f"trouble {name}={getattr(self, name)}: give a probability from 0 to 1"
                )
        for name, most in zip(RANGES, (MOST_LATE_MINUTES * 60, MOST_LATE_MINUTES), strict=True):
            least, greatest = getattr(self, name)
            if not 0 <= least <= greatest <= most:
                raise ConfigurationError(
                    f"trouble {name}={least}-{greatest}: give two numbers from 0 to {most}"
                )
        if not 0 <= self.jitter_ms <= MOST_JITTER_MS:
            raise ConfigurationError(f"trouble jitter_ms={self.jitter_ms}: give 0 to {MOST_JITTER_MS}")


QUIET = Trouble(wrap_up=0.6)
REALISTIC = Trouble(
    missing=0.01,
    late=0.05,
    ambiguous=0.003,
    no_extension=0.01,
    other_extension=0.005,
    reservations=0.03,
    reused_keys=0.02,
    wrong_talk_time=0.01,
    unseen_hold=0.01,
    wrap_up=0.6,
    odd_wrap_up=0.1,
    dialler=0.5,
    lag_s=(60, 300),
    jitter_ms=300,
)
PRESETS = {"none": QUIET, "realistic": REALISTIC}


@dataclass(frozen=True, slots=True)
class CiscoPlan:
    """How the records are made. The same plan and legs give the same rows on every machine."""

    flavour: Flavour = "ucce"
    version: str = "12.5"
    """Of UCCE; before 12.5 the end of a call is told in local time only."""
    seed: int = 0
    clock_skew: timedelta = timedelta(0)
    """How far Cisco's clock is ahead of the one that stamps the events."""
    trouble: Trouble = field(default_factory=lambda: REALISTIC)
    time_zones: tuple[str, ...] = TIME_ZONES
    """Zones of the central controllers: tenants, in the order of their names, take them in turn."""
    peripheral_ids: Mapping[str, int] | None = None
    """Peripheral id (UCCX: profile id) by tenant. Null: one that is made of the tenant's name."""

    def __post_init__(self) -> None:
        if self.flavour not in FLAVOURS:
            raise ConfigurationError(f"flavour {self.flavour!r}: give one of {', '.join(FLAVOURS)}")
        if self.version not in UCCE_VERSIONS:
            raise ConfigurationError(f"version {self.version!r}: give one of {', '.join(UCCE_VERSIONS)}")
        if self.seed < 0:
            raise ConfigurationError(f"seed {self.seed}: give 0 or more")
        if abs(self.clock_skew) > MOST_SKEW:
            raise ConfigurationError(
                f"skew {self.clock_skew.total_seconds():g} s: give at most {MOST_SKEW.total_seconds():g}"
            )
        if not self.time_zones:
            raise ConfigurationError("time_zones: give at least one")
        for zone in self.time_zones:
            _require_zone(zone)
        ids = list((self.peripheral_ids or {}).values())
        if len(set(ids)) < len(ids):
            raise ConfigurationError("peripheral_ids: give each tenant an id of its own")


def _require_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ConfigurationError(f"time zone {name!r} is not known; write it as Europe/Zurich") from None


def trouble_from_text(text: str, base: Trouble = QUIET) -> Trouble:
    """The trouble that `realistic`, `none` or `missing=0.1,late_minutes=5-60` names; settings change `base`.

    Raises:
        ConfigurationError: an unknown name, or a value that does not fit.
    """
    return from_text(text, base, PRESETS, _value_of)


def _value_of(name: str, value: str) -> float | int | tuple[int, int]:
    try:
        if name in PROBABILITIES:
            return float(value)
        if name in RANGES:
            least, _, greatest = value.partition("-")
            return int(least), int(greatest or least)
        if name == "jitter_ms":
            return int(value)
    except ValueError:
        wanted = "a probability from 0 to 1" if name in PROBABILITIES else "whole numbers, as 5-60"
        raise ConfigurationError(f"trouble {name}={value}: give {wanted}") from None
    known = ", ".join(
        [*PRESETS, *(f"{name}=P" for name in PROBABILITIES), *(f"{name}=A-B" for name in RANGES)]
    )
    raise ConfigurationError(f"trouble {name!r} is not known; give one of: {known}, jitter_ms=N")
