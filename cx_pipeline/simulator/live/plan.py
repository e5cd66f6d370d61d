"""What a live site is to be: how busy, since when, for how long, and how well it keeps its things."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.simulator.audio.plan import REALISTIC as REALISTIC_AUDIO
from cx_pipeline.simulator.audio.plan import AudioPlan
from cx_pipeline.simulator.cisco.plan import REALISTIC as REALISTIC_RECORDS
from cx_pipeline.simulator.cisco.plan import CiscoPlan
from cx_pipeline.simulator.plan import MIN_AGENTS, Noise, TrafficPlan
from cx_pipeline.simulator.site import BUSY_HOURS_A_CALL

WARM_UP = timedelta(minutes=20)
"""So long calls have been coming when the span begins: then those of every usual length end in it."""
NOISE = Noise(duplicates=0.02, other_events=0.5)
"""Doubles and events that say nothing; nothing is lost or late, as who measures a delay must know where it began."""
RECORDS = replace(
    REALISTIC_RECORDS,
    missing=0.0,
    late=0.0,
    ambiguous=0.0,
    other_extension=0.0,
    reused_keys=0.0,
    lag_s=(2, 10),
)
"""Each leg has a record that can be told to be its own, some seconds after it ended."""
AUDIO = replace(
    REALISTIC_AUDIO,
    missing_side=0.0,
    missing_manifest=0.0,
    died=0.0,
    restart=0.0,
    empty=0.0,
    missing_file=0.0,
    foreign=0.0,
)
"""Wrong clocks, drift, masks, unfinished headers, gateways and switches; but no recorder dies: what was said is there."""
FIRST_CALL_KEY = 200_000
_KEYS_A_SECOND, _SECONDS_APART = 16, 900_000


@dataclass(frozen=True, slots=True)
class LivePlan:
    """A site that is watched for a while. The same plan gives the same events, records and files."""

    begins: datetime
    """When the span that is watched begins (with a time zone)."""
    seconds: float = 90.0
    """How long it lasts."""
    calls_per_hour: int = 600
    tenants: int = 2
    seed: int = 1
    name: str = "live"
    """What its tenants' names end in, so that they do not mix with those of other sites."""
    warm_up: timedelta = WARM_UP

    def __post_init__(self) -> None:
        if self.begins.tzinfo is None:
            raise ConfigurationError(f"the begin {self.begins.isoformat()} has no time zone")
        if not 1 <= self.seconds <= 24 * 3600:
            raise ConfigurationError(f"seconds {self.seconds:g}: give 1 to {24 * 3600}")
        if self.calls_per_hour < 1:
            raise ConfigurationError(f"calls an hour {self.calls_per_hour}: give at least one")

    @property
    def ends(self) -> datetime:
        """When the span that is watched ends: nobody calls or says anything after it."""
        return self.begins + timedelta(seconds=self.seconds)

    @property
    def traffic(self) -> TrafficPlan:
        """The calls, from the warm-up on; those that last are in progress when the span is over."""
        hours = (self.ends - self.begins + self.warm_up) / timedelta(hours=1)
        calls = max(1, round(self.calls_per_hour * hours))
        return TrafficPlan(
            calls=calls,
            start=self.begins - self.warm_up,
            hours=hours,
            seed=self.seed,
            tenants=self.tenants,
            noise=NOISE,
            agents_per_tenant=MIN_AGENTS + int(self.calls_per_hour * BUSY_HOURS_A_CALL / self.tenants),
            call_keys_per_tenant=2 * calls,  # none comes again, so that a key names a call
            first_call_key=self._first_call_key(),
        )

    @property
    def records(self) -> CiscoPlan:
        """How Cisco's records are kept."""
        return CiscoPlan(seed=self.seed, trouble=RECORDS)

    @property
    def audio(self) -> AudioPlan:
        """How calls are recorded."""
        return AudioPlan(seed=self.seed, trouble=AUDIO)

    def own(self, tenant_id: str) -> str:
        """The name by which the site calls a tenant of the simulation."""
        return f"{tenant_id}-{self.name}"

    def _first_call_key(self) -> int:
        """Another one for each span: what the span before left in progress must not go on in this one."""
        return FIRST_CALL_KEY + int(self.begins.timestamp()) % _SECONDS_APART * _KEYS_A_SECOND
