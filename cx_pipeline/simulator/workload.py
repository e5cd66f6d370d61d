"""When calls come, who is free to take them, and which call keys the switch gives out."""

from datetime import datetime, timedelta
from heapq import heappop, heappush
from random import Random

import numpy as np
import numpy.typing as npt

from cx_pipeline.simulator.phones import CallKey
from cx_pipeline.simulator.plan import TrafficPlan
from cx_pipeline.simulator.site import Agent, Tenant

MICROSECONDS_A_MINUTE = 60_000_000
LOAD_BY_HOUR = (3, 2, 2, 2, 3, 5, 12, 30, 62, 90, 100, 95, 78, 82, 94, 92, 80, 62, 44, 30, 20, 12, 8, 5)
"""Calls of a contact centre's day by hour (UTC), the busiest hour is 100."""

EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def start_times(plan: TrafficPlan) -> npt.NDArray[np.int64]:
    """When each call starts, sorted: a day's curve with unrest from minute to minute. Integer arithmetic only."""
    generator = np.random.Generator(np.random.PCG64([plan.seed, 1]))
    minutes = max(1, int(plan.hours * 60))
    first = microseconds(plan.start)
    of_hour = np.array(LOAD_BY_HOUR, dtype=np.int64)
    hours = (first // MICROSECONDS_A_MINUTE + np.arange(minutes)) // 60
    weights = of_hour[hours % 24] * generator.integers(70, 131, minutes)
    ends = np.cumsum(weights)
    drawn = generator.integers(0, ends[-1], plan.calls)
    minute = np.searchsorted(ends, drawn, side="right")
    length = np.minimum(MICROSECONDS_A_MINUTE, microseconds(plan.end) - first)
    within = generator.integers(0, length, plan.calls)
    return np.sort(first + minute * MICROSECONDS_A_MINUTE + within)


class AgentPool:
    """Who is free: an agent has one call at a time, and some work after it."""

    def __init__(self, tenant: Tenant) -> None:
        self._free = list(tenant.agents)
        self._busy: list[tuple[int, str, Agent]] = []

    def take(self, count: int, time: int, rng: Random) -> tuple[list[Agent], int]:
        """`count` agents who are free, and when they all are: at `time`, or later where the caller has to wait."""
        while self._busy and (self._busy[0][0] <= time or len(self._free) < count):
            free_at, _, agent = heappop(self._busy)
            time = max(time, free_at)
            self._free.append(agent)
        return [self._take_one(rng) for _ in range(count)], time

    def _take_one(self, rng: Random) -> Agent:
        index = rng.randrange(len(self._free))
        self._free[index], self._free[-1] = self._free[-1], self._free[index]
        return self._free.pop()

    def give_back(self, agent: Agent, free_at: int) -> None:
        """The agent is busy until `free_at`."""
        heappush(self._busy, (free_at, agent.extension, agent))


class CallKeys:
    """Call keys of one tenant and node, given out in turn; they come again once the call is long over."""

    def __init__(self, node: int, first: int, count: int, writing: int) -> None:
        self._node = node
        self._first = first
        self._count = count
        self._writing = writing
        self._next = 0
        self._taken_until: dict[int, int] = {}

    def give(self, time: int) -> CallKey:
        """The next key that is free at `time`; where all are in use the switch takes more of them."""
        for _ in range(self._count):
            offset = self._next
            self._next = (self._next + 1) % self._count
            if self._taken_until.get(offset, -1) <= time:
                return self._key(offset)
        self._next = self._count
        self._count *= 2
        return self.give(time)

    def keep(self, key: CallKey, until: int) -> None:
        """The key is not given out before `until`."""
        self._taken_until[key.number - self._first] = until

    def _key(self, offset: int) -> CallKey:
        number = self._first + offset
        self._taken_until[offset] = 1 << 62
        if self._node == 0:
            return CallKey(0, number, str(number))
        writings = (f"{self._node}_{number}", f"{number}/{self._node}", str((self._node << 24) | number))
        return CallKey(self._node, number, writings[self._writing % len(writings)])
