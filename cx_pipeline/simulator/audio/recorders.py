"""The recorders of a simulated site: their clocks, the form of their files, and how much they are told."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from cx_pipeline.simulator.audio.plan import AudioPlan

PCM, ULAW, ALAW = "PCM_16", "ULAW", "ALAW"


@dataclass(frozen=True, slots=True)
class Recorder:
    """One recorder of a tenant."""

    recorder_id: str
    offset_ms: int
    """How far its clock is ahead of that of the events."""
    drift_ppm: int
    """How many more frames it writes for each million."""
    encodings: tuple[str, ...] = (PCM,)
    knows_call_key: bool = True
    knows_refci: bool = True
    knows_device: bool = True


@dataclass(frozen=True, slots=True)
class Site:
    """The recorders of one tenant."""

    bridges: tuple[Recorder, ...]
    """Those that the phones' bridges send to."""
    gateway: Recorder
    """The one at the border, for SIPREC."""
    switch: Recorder
    """The CX switch, which records its calls itself."""

    def all(self) -> tuple[Recorder, ...]:
        """All of them."""
        return (*self.bridges, self.gateway, self.switch)


def draw_of(seed: int, *identity: object) -> Random:
    """Chance that belongs to a thing, so that what is asked of one thing moves no other."""
    return Random("\x1f".join(map(str, (seed, *identity))))


def sites_of(tenants: list[str], plan: AudioPlan) -> Mapping[str, Site]:
    """The recorders of each tenant."""
    tenants = sorted(tenants)
    older = plan.older_tenants if plan.older_tenants is not None else frozenset(tenants[1::2])
    return {tenant: _site(tenant, plan, is_older=tenant in older) for tenant in tenants}


def _site(tenant: str, plan: AudioPlan, *, is_older: bool) -> Site:
    bridges = tuple(
        _recorder(
            f"{tenant}-fs{number + 1}",
            plan,
            encodings=(ULAW, ALAW) if number % 3 == 2 else (PCM,),
            knows_call_key=not is_older and number % 3 != 1,
            knows_refci=not is_older,
            knows_device=not is_older,
        )
        for number in range(plan.recorders)
    )
    gateway = _recorder(f"{tenant}-sbc", plan, knows_call_key=False, knows_refci=False)
    return Site(bridges, gateway, _recorder(f"{tenant}-switch", plan, knows_refci=False))


def _recorder(
    recorder_id: str,
    plan: AudioPlan,
    *,
    encodings: tuple[str, ...] = (PCM,),
    knows_call_key: bool = True,
    knows_refci: bool = True,
    knows_device: bool = True,
) -> Recorder:
    draw, trouble = draw_of(plan.seed, "recorder", recorder_id), plan.trouble
    return Recorder(
        recorder_id,
        offset_ms=draw.randint(-trouble.clock_offset_ms, trouble.clock_offset_ms),
        drift_ppm=draw.randint(-trouble.drift_ppm, trouble.drift_ppm),
        encodings=encodings,
        knows_call_key=knows_call_key,
        knows_refci=knows_refci,
        knows_device=knows_device,
    )
