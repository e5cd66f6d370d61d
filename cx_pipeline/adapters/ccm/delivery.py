"""The deliverer: takes what is due from the outbox and sends it, in order within a call, many calls at once.

Sending happens on an event loop; a thread visits the database. A visit writes what came of the messages answered
since the last one and claims the next ones, in one transaction: under load many messages share a commit, and a call
that hangs holds up nobody but itself.
"""

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import datetime, timedelta
from time import monotonic

from sqlalchemy import Engine

from cx_pipeline.adapters.ccm.client import base_url, open_sender
from cx_pipeline.adapters.ccm.delivery_run import DeliveryReport, DeliveryRun
from cx_pipeline.adapters.database.outbox_delivery import DeliveryLedger, StepHook
from cx_pipeline.settings import Settings

__all__ = ["BUDGET_S", "STEPS", "Deliverer", "DeliveryReport", "deliver"]

BUDGET_S = 10.0
_SIGNALS_SEEN_S = 0.25

STEPS = (
    "before claim",
    "after claim",
    "before mark",
    "after mark",
    "before commit",
    "after commit",
    "before send",
    "after send",
    "before answer",
    "after answer",
)
"""What `on_step` is called with. "after send": the whole request is on its way; "after answer": all of it was read."""


class Deliverer:
    """Delivers for a while, once. Any number of them may work on one outbox at the same time."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        *,
        clock: Callable[[], datetime] | None = None,
        jitter: Callable[[], float] = random.random,
        on_step: StepHook | None = None,
    ) -> None:
        """Make one; nothing is connected yet.

        Args:
            settings: those of the conversation manager.
            engine: of the outbox.
            clock: the present moment; by default the database's, so that all deliverers have the same.
            jitter: 0 to 1, by chance.
            on_step: called with each of `STEPS`; for tests.

        Raises:
            ConfigurationError: no conversation manager is set.
        """
        base_url(settings)
        self._settings, self._clock, self._jitter, self._on_step = settings, clock, jitter, on_step
        self._ledger = DeliveryLedger(engine, on_step)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_stopped = False
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Let the run end soon: it takes nothing new, and cuts off what does not end within its grace.

        From any thread, at any time.
        """
        self._is_stopped = True
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has closed: the run is over
                self._loop.call_soon_threadsafe(self._stopping.set)

    async def run(self, budget_s: float) -> DeliveryReport:
        """Deliver until nothing is due, the destination has failed too often, or the time is over.

        Raises:
            ConfigurationError: the settings cannot be used.
            DatabaseUnavailableError: the database is away; what was claimed goes again when its lease is over.
        """
        self._loop = asyncio.get_running_loop()
        if self._is_stopped:
            self._stopping.set()
        clock = self._clock or _clock_from(await asyncio.to_thread(self._ledger.now))
        async with open_sender(self._settings, self._on_step) as sender:
            run = DeliveryRun(
                self._ledger,
                sender,
                clock=clock,
                jitter=self._jitter,
                concurrency=self._settings.ccm_concurrency,
                longest_send_s=self._settings.ccm_total_timeout_s,
                stopping=self._stopping,
            )
            return await run.deliver(budget_s)


def deliver(
    settings: Settings,
    engine: Engine,
    *,
    budget_s: float = BUDGET_S,
    clock: Callable[[], datetime] | None = None,
    jitter: Callable[[], float] = random.random,
    on_step: StepHook | None = None,
) -> DeliveryReport:
    """Deliver for at most `budget_s` seconds; arguments and errors are those of `Deliverer`.

    The event loop lives in a thread of its own: the exception that a signal raises comes up in this one, and the
    other ends in order.
    """
    deliverer = Deliverer(settings, engine, clock=clock, jitter=jitter, on_step=on_step)
    with ThreadPoolExecutor(1, thread_name_prefix="deliverer") as pool:
        try:
            report = pool.submit(lambda: asyncio.run(deliverer.run(budget_s)))
            # A signal that the system gave to another thread wakes nobody here: look now and then.
            while not report.done():
                wait([report], timeout=_SIGNALS_SEEN_S)
            return report.result()
        finally:
            deliverer.stop()


def _clock_from(start: datetime) -> Callable[[], datetime]:
    """The present moment, counted on from `start`."""
    began = monotonic()
    return lambda: start + timedelta(seconds=monotonic() - began)
