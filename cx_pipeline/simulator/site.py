"""The simulated site: tenants, agents with their phones, service numbers, and the directory that lists them."""

from dataclasses import dataclass
from typing import Any

from cx_pipeline.simulator.plan import MIN_AGENTS, TrafficPlan

TENANT_NAMES = ("red", "blue", "green", "amber", "violet", "grey")
TEAMS = ("Billing", "Service", "Sales", "Technical", "Retention")
TIME_ZONES = ("Europe/Zurich", "America/New_York", "Asia/Karachi")
SERVICE_NUMBERS = ("8001", "8002", "8003", "8004", "8005")
FIRST_NAMES = ("Ada", "Bela", "Carla", "Dev", "Ewa", "Farid", "Gina", "Hugo", "Ines", "Jan", "Kira", "Luca")
LAST_NAMES = ("Abt", "Brun", "Costa", "Diaz", "Egli", "Frei", "Gomes", "Hahn", "Ito", "Joss", "Khan")

EXTENSIONS_OF_FOUR_DIGITS = 6000
EVERY_NTH_HAS_TWO_PHONES = 17
BUSY_HOURS_A_CALL = 0.25
"""Hours of agents' time that a call takes, with what is kept in reserve so that few callers wait."""
BUSIEST_TO_MEAN = 2.4
"""How much busier a day's busiest hour is than its mean."""


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent with one line; two phones bear it where the line is shared."""

    extension: str
    phones: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant of the site. Tenants use the same extensions, service numbers and call keys, as real ones do."""

    index: int
    tenant_id: str
    agents: tuple[Agent, ...]


def build_site(plan: TrafficPlan) -> tuple[Tenant, ...]:
    """The tenants that the plan's load needs."""
    calls_an_hour = plan.calls / max(plan.hours, 1) * (BUSIEST_TO_MEAN if plan.hours > 1 else 1)
    needed = MIN_AGENTS + int(calls_an_hour * BUSY_HOURS_A_CALL / plan.tenants)
    count = plan.agents_per_tenant or needed
    return tuple(_tenant(index, count, plan.tenants) for index in range(plan.tenants))


def _tenant(index: int, agents: int, tenants: int) -> Tenant:
    first = 1001 if agents <= EXTENSIONS_OF_FOUR_DIGITS else 10001
    if tenants == 1:
        name = "default"
    else:
        name = TENANT_NAMES[index] if index < len(TENANT_NAMES) else f"tenant-{index + 1}"
    return Tenant(index, name, tuple(_agent(index, first + number) for number in range(agents)))


def _agent(tenant: int, extension: int) -> Agent:
    phones = 2 if extension % EVERY_NTH_HAS_TWO_PHONES == 0 else 1
    return Agent(
        str(extension), tuple(f"SEP{tenant:02d}{phone:02d}{extension:08d}" for phone in range(phones))
    )


def directory_of(site: tuple[Tenant, ...]) -> dict[str, list[dict[str, Any]]]:
    """The site's directory, in the shape of the directory file: an agent with two phones stands there twice."""
    agents = [
        _agent_entry(tenant, agent, phone)
        for tenant in site
        for agent in tenant.agents
        for phone in agent.phones
    ]
    return {
        "agents": agents,
        "service_numbers": [
            {"tenant_id": tenant.tenant_id, "number": number, "name": f"Line {number}"}
            for tenant in site
            for number in SERVICE_NUMBERS
        ],
        "ranges": [
            {
                "tenant_id": tenant.tenant_id,
                "first_extension": int(tenant.agents[0].extension),
                "last_extension": int(tenant.agents[-1].extension),
            }
            for tenant in site
        ],
        "domains": [
            {"tenant_id": tenant.tenant_id, "domain": f"{tenant.tenant_id}.example"} for tenant in site
        ],
        # Several tenants share node 1 here, so a cluster names a tenant only where there is one.
        "clusters": [{"tenant_id": site[0].tenant_id, "cluster": "1"}] if len(site) == 1 else [],
    }


def _agent_entry(tenant: Tenant, agent: Agent, phone: str) -> dict[str, Any]:
    number = int(agent.extension)
    return {
        "tenant_id": tenant.tenant_id,
        "extension": agent.extension,
        "device": phone,
        "agent_id": agent_id_of(number),
        "agent_name": agent_name_of(number),
        "team": TEAMS[number % len(TEAMS)],
        "time_zone": TIME_ZONES[tenant.index % len(TIME_ZONES)],
    }


def agent_id_of(extension: int) -> str:
    """The id with which the agent of an extension logs in."""
    return str(700_000 + extension)


def agent_name_of(extension: int) -> str:
    """The name of the agent of an extension."""
    return f"{FIRST_NAMES[extension % len(FIRST_NAMES)]} {LAST_NAMES[extension % len(LAST_NAMES)]}"
