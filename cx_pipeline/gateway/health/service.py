"""Whether the gateway is fit to serve: all checks, each in its time, at most every few seconds."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

import anyio
import anyio.to_thread
from prometheus_client import Gauge
from sqlalchemy.exc import SQLAlchemyError

from cx_pipeline.core.errors import CxError
from cx_pipeline.core.window_checks import Verdict
from cx_pipeline.gateway.health.checks import DATABASE, SPOOL, Check
from cx_pipeline.gateway.metrics import Metrics

FRESH_S = 3.0
"""So long an answer is given again."""
CHECK_TIMEOUT_S = 3.0
_MOST_THREADS = 8
_AWAY = "does not answer"
_log = logging.getLogger(__name__)

State = Literal["ok", "warning", "down"]


@dataclass(frozen=True, slots=True)
class Readiness:
    """How everything is."""

    is_ready: bool
    verdicts: Mapping[str, Verdict]

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong at all."""
        return all(verdict.passed for verdict in self.verdicts.values())


class HealthService:
    """Looks at what the gateway needs, and at what Dagster cannot report about itself."""

    def __init__(self, checks: Mapping[str, Check], metrics: Metrics) -> None:
        self._checks = checks
        self._threads = anyio.CapacityLimiter(_MOST_THREADS)
        self._under_way: dict[str, asyncio.Task[Verdict]] = {}
        self._lock = asyncio.Lock()
        self._known: Readiness | None = None
        self._known_at = float("-inf")
        self._states = Gauge(
            "cx_gateway_check_passed",
            "1 where a check of /readyz passed.",
            ("check",),
            registry=metrics.registry,
        )
        self._figures = Gauge(
            "cx_gateway_check_figure",
            "Figures of the checks of /readyz: what waits, and for how long.",
            ("check", "figure"),
            registry=metrics.registry,
        )

    async def readiness(self) -> Readiness:
        """How everything is, or was a moment ago."""
        async with self._lock:
            if self._known is None or time.monotonic() - self._known_at > FRESH_S:
                verdicts = await asyncio.gather(*(self._verdict(name) for name in self._checks))
                self._known = _readiness(dict(zip(self._checks, verdicts, strict=True)))
                self._known_at = time.monotonic()
                self._note(self._known)
            return self._known

    async def _verdict(self, name: str) -> Verdict:
        # What hangs is not asked a second time: each asking would leave a thread behind.
        task = self._under_way.get(name)
        if task is None:
            task = asyncio.create_task(self._looked_at(name))
            self._under_way[name] = task
        done, _ = await asyncio.wait({task}, timeout=CHECK_TIMEOUT_S)
        if not done:
            return Verdict(False, _AWAY)
        del self._under_way[name]
        return task.result()

    async def _looked_at(self, name: str) -> Verdict:
        try:
            return await anyio.to_thread.run_sync(
                self._checks[name], limiter=self._threads, abandon_on_cancel=True
            )
        except (CxError, SQLAlchemyError, OSError) as error:
            _log.warning("%s: %s", name, str(error).partition("\n")[0])
            return Verdict(False, _AWAY)
        except Exception:
            _log.exception("the check %s failed", name)
            return Verdict(False, "the check itself failed")

    def _note(self, readiness: Readiness) -> None:
        self._figures.clear()  # what a check no longer tells is not told on
        for name, verdict in readiness.verdicts.items():
            self._states.labels(name).set(verdict.passed)
            for figure, value in verdict.figures.items():
                if isinstance(value, int | float):
                    self._figures.labels(name, figure).set(value)

    async def close(self) -> None:
        """Wait for nobody any more."""
        for task in self._under_way.values():
            task.cancel()


def state_of(verdict: Verdict, *, is_needed: bool) -> State:
    """What a verdict means for the gateway."""
    return "ok" if verdict.passed else "down" if is_needed and verdict.is_grave else "warning"


def _readiness(verdicts: Mapping[str, Verdict]) -> Readiness:
    """The gateway is useless only when it can take nothing in.

    With the database away it still makes events safe in its spool: to be taken out of service then, beside all its
    twins, would lose them. With the storage of recordings away it plays nothing, and takes in everything.
    """
    database, spool = (verdicts.get(name, Verdict(True, "")) for name in (DATABASE, SPOOL))
    has_spool = spool.passed or not spool.is_grave
    return Readiness(database.passed or has_spool, verdicts)


@asynccontextmanager
async def open_health(checks: Mapping[str, Check], metrics: Metrics) -> AsyncIterator[HealthService]:
    """The checks, until the gateway ends."""
    service = HealthService(checks, metrics)
    try:
        yield service
    finally:
        await service.close()
