"""What to simulate: how many calls of which kind, where, when, and how badly they are reported."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.simulator.settings_text import from_text

Dialect = Literal["jtapi", "table", "both"]

PROBABILITIES = ("duplicates", "late", "shuffled", "lost", "skewed", "other_events")


@dataclass(frozen=True, slots=True)
class Noise:
    """How badly the events are reported; every field is a probability from 0 to 1 unless it says otherwise."""

    duplicates: float = 0.0
    """An event comes twice: half of them at the same instant of arrival, half of them later."""
    late: float = 0.0
    """An event arrives ten seconds to half an hour late."""
    shuffled: float = 0.0
    """An event stands up to a minute away from its place in the order of arrival."""
    lost: float = 0.0
    """An event is never reported."""
    skewed: float = 0.0
    """A call is stamped by a listener whose clock is six seconds to five minutes ahead."""
    other_events: float = 0.0
    """A call's events are interleaved with those that say nothing of its course (TermConnCreatedEv and so on)."""
    second_listener: bool = False
    """A second listener stamps the same facts up to 1.2 s later (its offset is that of the tenant)."""

    def __post_init__(self) -> None:
        for name in PROBABILITIES:
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigurationError(
                    f"noise {name}={getattr(self, name)}: give a probability from 0 to 1"
                )


QUIET = Noise()
REALISTIC = Noise(duplicates=0.02, late=0.01, shuffled=0.02, lost=0.0005, skewed=0.002, other_events=0.5)
PRESETS = {"none": QUIET, "realistic": REALISTIC}


def noise_from_text(text: str, base: Noise = QUIET) -> Noise:
    """The noise that `realistic`, `none` or `lost=0.01,second_listener=yes` names; settings change `base`.

    Raises:
        ConfigurationError: an unknown name, or a value that is no probability.
    """
    return from_text(text, base, PRESETS, _noise_value)


def _noise_value(name: str, value: str) -> float | bool:
    known = ", ".join([*PRESETS, *(f"{name}=P" for name in PROBABILITIES), "second_listener=yes"])
    if name == "second_listener" and value in ("yes", "no"):
        return value == "yes"
    if name in PROBABILITIES:
        try:
            return float(value)
        except ValueError:
            raise ConfigurationError(f"noise {name}={value}: give a probability from 0 to 1") from None
    raise ConfigurationError(f"noise {name!r} is not known; give one of: {known}")


@dataclass(frozen=True, slots=True)
class TrafficPlan:
    """What to simulate. The same plan gives the same bytes on every machine."""

    calls: int
    start: datetime
    """When the simulated span begins (with a time zone)."""
    hours: float = 1.0
    seed: int = 0
    tenants: int = 1
    dialect: Dialect = "jtapi"
    noise: Noise = field(default_factory=Noise)
    agents_per_tenant: int | None = None
    """Null: as many as the load needs."""
    call_keys_per_tenant: int | None = None
    """How many call keys there are before they come again; null: about a third of a tenant's calls."""
    first_call_key: int = 167_890
    """Number of the first call key of a call that a listener reports."""
    let_calls_finish: bool = False
    """Whether calls go on after the span's end; else they are in progress when it is over."""

    def __post_init__(self) -> None:
        if self.start.tzinfo is None:
            raise ConfigurationError(
                f"the start {self.start.isoformat()} has no time zone; write it with Z or an offset"
            )
        if self.calls < 1:
            raise ConfigurationError(f"calls {self.calls}: give at least one")
        if not 0 < self.hours <= 24 * 366:
            raise ConfigurationError(f"hours {self.hours:g}: give more than 0 and at most {24 * 366}")
        if self.seed < 0:
            raise ConfigurationError(f"seed {self.seed}: give 0 or more")
        if not 1 <= self.tenants <= 99:
            raise ConfigurationError(f"tenants {self.tenants}: give 1 to 99")
        if self.agents_per_tenant is not None and self.agents_per_tenant < MIN_AGENTS:
            raise ConfigurationError(
                f"agents {self.agents_per_tenant}: give at least {MIN_AGENTS} for a tenant"
            )

    @property
    def end(self) -> datetime:
        """When the simulated span is over."""
        return self.start + timedelta(hours=self.hours)


MIN_AGENTS = 12
"""Fewer could not ring a hunt group while others consult."""
